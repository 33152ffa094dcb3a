//! What only these tests do with certificates: trusting an authority, and speaking TLS themselves.

use std::sync::Arc;

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use tokio_rustls::rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use towpath_probe::Settings;

pub use crate::authority::Authority;

impl Authority {
    /// The settings of somebody who trusts it and nobody else.
    pub fn settings(&self) -> Settings {
        Settings {
            authorities: Some(self.file()),
            ..Settings::default()
        }
    }

    /// How a server speaks TLS with a certificate for names that ends in so many days.
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
}

/// The day that is so many days from now, as findings tell it.
pub fn told(days: i64) -> String {
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    today.checked_add(days.days()).unwrap().to_string()
}
