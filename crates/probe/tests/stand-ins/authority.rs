//! Certificates that the tests make: an authority, and servers' that it signed.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

/// Who signs the certificates of a test, and the directory with its own.
pub struct Authority {
    directory: tempfile::TempDir,
    issuer: Issuer<'static, KeyPair>,
}

/// A server's certificate and key, as files.
pub struct Pair {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Authority {
    pub fn new() -> Authority {
        let directory = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        let name = directory.path().display().to_string();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let own = params.self_signed(&key).unwrap();
        fs::write(directory.path().join("authority.pem"), own.pem()).unwrap();
        let issuer = Issuer::new(params, key);
        Authority { directory, issuer }
    }

    /// Its own certificate.
    pub fn file(&self) -> PathBuf {
        self.directory.path().join("authority.pem")
    }

    /// A certificate for names, and its key, that ends at the beginning of the day that is so many days from now.
    pub fn signed(&self, names: &[&str], days: i64) -> (rcgen::Certificate, KeyPair) {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = midnight(-30).into();
        params.not_after = midnight(days).into();
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    /// Files with such a certificate and its key.
    pub fn files(&self, directory: &Path, names: &[&str], days: i64) -> Pair {
        let (certificate, key) = self.signed(names, days);
        let pair = Pair {
            certificate: directory.join("server.pem"),
            key: directory.join("server.key"),
        };
        fs::write(&pair.certificate, certificate.pem()).unwrap();
        fs::write(&pair.key, key.serialize_pem()).unwrap();
        pair
    }
}

/// When the day begins that is so many days from now, in UTC.
fn midnight(days: i64) -> SystemTime {
    const DAY: u64 = 24 * 60 * 60;
    let today = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() / DAY;
    let day = today.checked_add_signed(days).unwrap();
    SystemTime::UNIX_EPOCH + Duration::from_secs(day * DAY)
}
