//! Why something could not be reached, told in one sentence each.

use std::{
    error::Error,
    fmt,
    io::{self, ErrorKind},
    time::Duration,
};

use jiff::Timestamp;
use rustls::{CertificateError, pki_types::UnixTime};
use tokio::{net::lookup_host, time::timeout};
use url::Url;

use crate::{Finding, certificate::day};

/// How long a name is looked up again to tell why it could not be reached.
const LOOK_UP: Duration = Duration::from_secs(2);

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Address {
    pub(crate) fn new(host: impl Into<String>, port: u16) -> Self {
        let host = host.into();
        Address { host, port }
    }

    /// Where a URL leads, if it has a host, with this port where it names none and its scheme has none.
    pub(crate) fn of(url: &Url, port: u16) -> Option<Self> {
        let port = url.port_or_known_default().unwrap_or(port);
        Some(Address::new(url.host_str()?, port))
    }

    /// Whether its host has no address.
    async fn is_nowhere(&self) -> bool {
        let looked_up = timeout(LOOK_UP, lookup_host((self.name(), self.port))).await;
        matches!(looked_up, Ok(Err(_)))
    }

    /// The host without the brackets that URLs put around IPv6.
    pub(crate) fn name(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Why something could not be reached, or gave no answer that can be understood.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("there is no host named {0}")]
    NoSuchName(String),
    #[error("{0} refuses the connection: nothing listens there")]
    Refused(Address),
    #[error("{at} did not answer within {}", seconds(.within))]
    Late { at: String, within: Duration },
    #[error("the certificate of {at} expired on {on}")]
    Expired { at: Address, on: String },
    #[error("the certificate of {at} is not to be trusted: {why}")]
    Untrusted { at: Address, why: String },
    #[error("{at} does not speak TLS as it should: {why}")]
    Tls { at: Address, why: String },
    #[error("{at} could not be asked: {why}")]
    Other { at: String, why: String },
}

impl From<Trouble> for Finding {
    fn from(trouble: Trouble) -> Self {
        Finding::red(trouble.to_string())
    }
}

impl Trouble {
    /// What an error of a library means that tried to reach an address.
    pub(crate) async fn of(at: &Address, error: &(dyn Error + Send + Sync + 'static)) -> Self {
        if let Some(error) = cause::<rustls::Error>(error) {
            return Trouble::of_tls(at.clone(), error);
        }
        let why = match cause::<io::Error>(error).map(io::Error::kind) {
            Some(ErrorKind::ConnectionRefused) => return Trouble::Refused(at.clone()),
            Some(ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe) => {
                "it hung up".into()
            }
            Some(ErrorKind::PermissionDenied) => "we are not permitted to".into(),
            // The system has no kind of its own for this. A name that cannot be looked up now could not be before.
            _ if at.is_nowhere().await => return Trouble::NoSuchName(at.host.clone()),
            _ => innermost(error).to_string(),
        };
        let at = at.to_string();
        Trouble::Other { at, why }
    }

    /// The reason alone, for those who know better where it was.
    pub(crate) fn why(&self) -> String {
        match self {
            Trouble::Late { within, .. } => format!("it did not within {}", seconds(within)),
            Trouble::Untrusted { why, .. }
            | Trouble::Tls { why, .. }
            | Trouble::Other { why, .. } => why.clone(),
            other => other.to_string(),
        }
    }

    fn of_tls(at: Address, error: &rustls::Error) -> Self {
        let rustls::Error::InvalidCertificate(error) = error else {
            let why = error.to_string();
            return Trouble::Tls { at, why };
        };
        let why = match error {
            CertificateError::ExpiredContext { not_after, .. } => {
                let on = moment(*not_after).map_or("a day that cannot be read".into(), day);
                return Trouble::Expired { at, on };
            }
            CertificateError::NotValidYetContext { not_before, .. } => match moment(*not_before) {
                Some(moment) => format!("it holds from {} on", day(moment)),
                None => "it does not hold yet".into(),
            },
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                format!("it is not for {}", at.name())
            }
            CertificateError::UnknownIssuer => "nobody who is trusted here has signed it".into(),
            CertificateError::BadSignature => "the signature on it is wrong".into(),
            CertificateError::BadEncoding => "it cannot be read".into(),
            CertificateError::Revoked => "it was revoked".into(),
            other => other.to_string(),
        };
        Trouble::Untrusted { at, why }
    }
}

/// The first error of a type in a chain of causes. What an [`io::Error`] wraps is no cause of it to the standard
/// library, but its like.
pub(crate) fn cause<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    if let Some(found) = error.downcast_ref() {
        return Some(found);
    }
    let wrapped = error.downcast_ref().and_then(io::Error::get_ref);
    let within = wrapped.and_then(|wrapped| cause(wrapped));
    within.or_else(|| cause(error.source()?))
}

/// The last cause of all: those before it say less each, and may quote URLs.
pub(crate) fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    match error.source() {
        Some(source) => innermost(source),
        None => error,
    }
}

fn moment(time: UnixTime) -> Option<Timestamp> {
    Timestamp::from_second(i64::try_from(time.as_secs()).ok()?).ok()
}

/// A duration as people say it.
fn seconds(duration: &Duration) -> String {
    match duration.as_secs_f64() {
        1.0 => "1 second".into(),
        seconds => format!("{seconds} seconds"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_found_behind_io_errors() {
        let inner = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let outer = io::Error::other(io::Error::other(inner));
        assert!(cause::<rustls::Error>(&outer).is_some());
        assert!(cause::<fmt::Error>(&outer).is_none());
    }

    #[test]
    fn times_are_said_as_people_say_them() {
        let late = |milliseconds| Trouble::Late {
            at: "db:5432".into(),
            within: Duration::from_millis(milliseconds),
        };
        assert_eq!(
            late(1_000).to_string(),
            "db:5432 did not answer within 1 second"
        );
        assert_eq!(
            late(2_500).to_string(),
            "db:5432 did not answer within 2.5 seconds"
        );
    }

    #[test]
    fn addresses_are_those_of_urls() {
        let of = |url: &str| Address::of(&url.parse().unwrap(), 7).map(|at| at.to_string());
        assert_eq!(of("https://a.test/b").as_deref(), Some("a.test:443"));
        assert_eq!(of("tcp://a.test").as_deref(), Some("a.test:7"));
        assert_eq!(of("tcp://[::1]:9").as_deref(), Some("[::1]:9"));
        assert_eq!(of("unix:///a/b"), None);
        assert_eq!(Address::new("[::1]", 9).name(), "::1");
    }
}
