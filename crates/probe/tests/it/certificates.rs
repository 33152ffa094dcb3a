//! Certificates that the tests make: an authority, and servers' that it signed.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use tokio_rustls::rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use towpath_probe::Settings;

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

    /// The settings of somebody who trusts it and nobody else.
    pub fn settings(&self) -> Settings {
        Settings {
            authorities: Some(self.file()),
            ..Settings::default()
        }
    }

    /// Its own certificate.
    pub fn file(&self) -> PathBuf {
        self.directory.path().join("authority.pem")
    }

    /// A certificate for names, and its key, that ends in so many days.
    fn signed(&self, names: &[&str], days: i64) -> (rcgen::Certificate, KeyPair) {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        let midnight = |days| {
            let day = date(days);
            date_time_ymd(
                day.year().into(),
                day.month().unsigned_abs(),
                day.day().unsigned_abs(),
            )
        };
        params.not_before = midnight(-30);
        params.not_after = midnight(days);
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    /// How a server speaks TLS with such a certificate.
    pub fn tls(&self, names: &[&str], days: i64) -> Arc<ServerConfig> {
        let (certificate, key) = self.signed(names, days);
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key);
        Arc::new(config.unwrap())
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

/// The day that is so many days from now, as findings tell it.
pub fn told(days: i64) -> String {
    date(days).to_string()
}

fn date(days: i64) -> jiff::civil::Date {
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    today.checked_add(days.days()).unwrap()
}
