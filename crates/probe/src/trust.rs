//! Whom we trust over TLS: one configuration for all that is asked, rustls with ring.

use std::{fmt, io, path::PathBuf, sync::Arc};

use jiff::Timestamp;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, UnixTime, pem, pem::PemObject},
    time_provider::TimeProvider,
};

use crate::Settings;

/// Why a prober could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file of certificate authorities could not be read.
    #[error("read certificate authorities from {}", .path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A client for HTTP could not be made.
    #[error("make a client for HTTP")]
    Client(#[from] reqwest::Error),
    /// TLS could not be set up.
    #[error("set up TLS")]
    Tls(#[from] rustls::Error),
}

/// The certificate authorities that are trusted, and how TLS is spoken.
#[derive(Debug)]
pub(crate) struct Trust {
    pub(crate) roots: Vec<CertificateDer<'static>>,
    pub(crate) config: ClientConfig,
}

impl Trust {
    pub(crate) fn new(settings: &Settings) -> Result<Self, Error> {
        let roots = match &settings.authorities {
            Some(path) => read(path)?,
            // What it cannot read it leaves out. On a machine without any authorities only TLS fails, and says so.
            None => rustls_native_certs::load_native_certs().certs,
        };
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(roots.iter().cloned());
        let clock = Arc::new(Clock(settings.now));
        let config = ClientConfig::builder_with_details(ring::default_provider().into(), clock)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(store)
            .with_no_client_auth();
        Ok(Trust { roots, config })
    }
}

fn read(path: &PathBuf) -> Result<Vec<CertificateDer<'static>>, Error> {
    let failed = |error| Error::Authorities {
        path: path.clone(),
        source: match error {
            pem::Error::Io(error) => error,
            other => io::Error::other(other.to_string()),
        },
    };
    CertificateDer::pem_file_iter(path)
        .and_then(|certificates| certificates.collect())
        .map_err(failed)
}

/// Our clock, for rustls.
struct Clock(fn() -> Timestamp);

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let since = (self.0)().duration_since(Timestamp::UNIX_EPOCH);
        Some(UnixTime::since_unix_epoch(since.try_into().ok()?))
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_there_is_told() {
        let settings = Settings {
            authorities: Some("/no/such/file.pem".into()),
            ..Settings::default()
        };
        let error = Trust::new(&settings).unwrap_err();
        assert!(error.to_string().contains("/no/such/file.pem"), "{error}");
    }

    #[test]
    fn times_of_the_clock_are_those_of_tls() {
        let clock = Clock(|| Timestamp::from_second(86_400).unwrap());
        assert_eq!(clock.current_time().unwrap().as_secs(), 86_400);
    }
}
