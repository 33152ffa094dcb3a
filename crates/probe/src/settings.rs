//! What a prober is told once.

use std::{path::PathBuf, time::Duration};

use jiff::Timestamp;

/// What a prober is told once.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long one thing may take to answer, with all that is asked of it.
    pub timeout: Duration,
    /// The clock: signatures are dated by it, and certificates are judged by it.
    pub now: fn() -> Timestamp,
    /// What we call ourselves to servers that are asked over HTTP.
    pub user_agent: String,
    /// A PEM file of the certificate authorities to trust instead of the system's. Without it they are the system's,
    /// or those of the file that `SSL_CERT_FILE` names.
    pub authorities: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            timeout: Duration::from_secs(10),
            now: Timestamp::now,
            user_agent: concat!("towpath/", env!("CARGO_PKG_VERSION")).into(),
            authorities: None,
        }
    }
}
