//! Asks a vendor's thing behind an environment whether it is there and what the catalogue says it is: an account, a
//! bucket, an issuer, a database, a mail server, a page. This crate knows nothing of manifests: it is told a
//! [`Subject`] and answers with a [`Finding`].
//!
//! Nothing is changed anywhere by asking, and nothing secret is in an answer.
//!
//! ```no_run
//! # async fn ask() -> Result<(), towpath_probe::Error> {
//! use towpath_probe::{Prober, Settings, Subject};
//!
//! let prober = Prober::new(Settings::default())?;
//! let subject = Subject {
//!     kind: Some("resend".into()),
//!     id: Some("mail.example.test".into()),
//!     credentials: [("RESEND_API_KEY".to_owned(), "re_123".into())].into(),
//!     ..Subject::default()
//! };
//! let finding = prober.probe(&subject).await;
//! println!("{}: {}", finding.health, finding.reason);
//! # Ok(())
//! # }
//! ```

mod call;
mod certificate;
mod finding;
mod kind;
mod prober;
mod scrub;
mod secret;
mod settings;
mod sigv4;
mod subject;
mod trouble;
mod trust;

pub use self::{
    finding::{Finding, Health},
    kind::{KINDS, Kind, Known},
    prober::Prober,
    secret::Secret,
    settings::Settings,
    subject::Subject,
    trust::Error,
};
