//! Why a secret that is kept elsewhere did not come. No error holds a value, a token, or an address that is signed.

use std::time::Duration;

/// What kind of trouble it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// It is not there.
    NotFound,
    /// It may be there, but not for us.
    Denied,
    /// Nobody answered, or somebody who could not just now. The only kind that another attempt may help.
    Unreachable,
    /// There was no answer in time.
    TimedOut,
    /// It came, and cannot be a value.
    Malformed,
    /// We do not know whom to ask, or as whom.
    Unconfigured,
}

/// Why a secret that is kept elsewhere did not come. The message completes "could not …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {why}", verb(.kind))]
pub struct ProviderError {
    kind: Kind,
    why: String,
    help: &'static str,
}

fn verb(kind: &Kind) -> &'static str {
    match kind {
        Kind::NotFound => "find the value",
        Kind::Denied => "be let in",
        Kind::Unreachable => "reach who keeps the value",
        Kind::TimedOut => "get the value in time",
        Kind::Malformed => "use the value",
        Kind::Unconfigured => "ask for the value",
    }
}

impl ProviderError {
    /// What kind of trouble it was.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether another attempt may help.
    pub fn is_retryable(&self) -> bool {
        self.kind == Kind::Unreachable
    }

    /// The way out, in a line.
    pub fn help(&self) -> &str {
        self.help
    }

    /// With another way out than that of its kind.
    pub(super) fn with_help(mut self, help: &'static str) -> Self {
        self.help = help;
        self
    }

    pub(super) fn not_found(why: impl Into<String>) -> Self {
        let help = "look at how the reference is written, and whether the secret was made there";
        Self::new(Kind::NotFound, why, help)
    }

    pub(super) fn denied(why: impl Into<String>) -> Self {
        let help = "sign in again, or ask whoever keeps the secret to let you read it";
        Self::new(Kind::Denied, why, help)
    }

    pub(super) fn unreachable(why: impl Into<String>) -> Self {
        let help = "look at the network and at the address of the server, then try again";
        Self::new(Kind::Unreachable, why, help)
    }

    pub(super) fn timed_out(within: Duration) -> Self {
        let why = format!("there was no answer within {} s", within.as_secs_f32());
        Self::new(Kind::TimedOut, why, "try again, or allow more time")
    }

    pub(super) fn malformed(why: impl Into<String>) -> Self {
        let help = "look at what is stored there: a value is text of at most 1 MiB";
        Self::new(Kind::Malformed, why, help)
    }

    pub(super) fn unconfigured(why: impl Into<String>, help: &'static str) -> Self {
        Self::new(Kind::Unconfigured, why, help)
    }

    fn new(kind: Kind, why: impl Into<String>, help: &'static str) -> Self {
        let why = line(&why.into());
        ProviderError { kind, why, help }
    }
}

/// The first line of what somebody else says, without what a terminal would obey, and not too long.
pub(super) fn line(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    let plain = line.chars().filter(|letter| !letter.is_control());
    plain.take(400).collect()
}

/// The cause behind all causes, in a line.
pub(super) fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    line(&error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_plain_line() {
        let error = ProviderError::denied("no\u{1b}[31m way\nsecond line");
        assert_eq!(error.to_string(), "be let in: no[31m way");
        assert!(!error.help().is_empty());
    }

    #[test]
    fn only_who_is_not_reached_may_be_asked_again() {
        assert!(ProviderError::unreachable("x").is_retryable());
        assert!(!ProviderError::timed_out(Duration::from_millis(1500)).is_retryable());
        let error = ProviderError::timed_out(Duration::from_millis(1500));
        assert_eq!(
            error.to_string(),
            "get the value in time: there was no answer within 1.5 s"
        );
    }
}
