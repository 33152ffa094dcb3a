//! Why an environment's values cannot be had. Nothing in an error is a value.

use std::path::PathBuf;

use towpath_core::config::Unfilled;
use towpath_secrets::{file::FileError, provider::ProviderError};

/// Why an environment's values cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The secret file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The keys that open it.
    #[error("could not read the keys in {}: {why}", place)]
    Identities {
        /// The variable or file.
        place: String,
        /// Why.
        why: String,
    },
    /// There are no keys.
    #[error("there is no key to open {}", path.display())]
    NoIdentity {
        /// The secret file.
        path: PathBuf,
    },
    /// A developer's own values.
    #[error("could not read {}: {why}", path.display())]
    Overrides {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// A reference is none, or did not bring a value.
    #[error("could not fetch {key} from {reference}: {source}")]
    Elsewhere {
        /// The key.
        key: String,
        /// The reference, which holds no value.
        reference: String,
        /// Why.
        source: ProviderError,
    },
    /// A reference is not written as one.
    #[error("{key} is kept at {reference:?}, which is no reference: {why}")]
    BadReference {
        /// The key.
        key: String,
        /// What is written.
        reference: String,
        /// Why.
        why: String,
    },
    /// Values are missing, or are not what they must be.
    #[error("{environment} cannot be used: {}", list(.unfilled))]
    Unfilled {
        /// The environment.
        environment: String,
        /// Which, and why.
        unfilled: Vec<Unfilled>,
        /// One of them that is gone from the secret file though the file's ledger knows it, and the file.
        lost: Option<(String, PathBuf)>,
    },
}

fn list(unfilled: &[Unfilled]) -> String {
    let one = |one: &Unfilled| format!("{} {}", one.key, one.why);
    unfilled.iter().map(one).collect::<Vec<_>>().join("; ")
}

impl ConfigError {
    /// A stable code.
    pub fn code(&self) -> &'static str {
        match self {
            ConfigError::File(_) => "secrets::file",
            ConfigError::Identities { .. } | ConfigError::NoIdentity { .. } => "secrets::no-key",
            ConfigError::Overrides { .. } => "config::overrides",
            ConfigError::Elsewhere { .. } => "secrets::elsewhere",
            ConfigError::BadReference { .. } => "secrets::bad-reference",
            ConfigError::Unfilled { .. } => "config::missing",
        }
    }

    /// The way out.
    pub fn help(&self) -> String {
        match self {
            ConfigError::File(error) => error.help(),
            ConfigError::Identities { .. } => {
                "a key file has a line AGE-SECRET-KEY-1… for each key; `towpath secret keygen` makes one".into()
            }
            ConfigError::NoIdentity { .. } => {
                "name your key file with SOPS_AGE_KEY_FILE; `towpath secret keygen` makes a key, and who has one already lets you in with `towpath secret rekey`".into()
            }
            ConfigError::Overrides { .. } => "mend the file, or move it away".into(),
            ConfigError::Elsewhere { source, .. } => source.help().to_owned(),
            ConfigError::BadReference { .. } => "the guide's page on secrets has them all".into(),
            ConfigError::Unfilled {
                environment,
                lost: Some((key, path)),
                ..
            } => format!(
                "{} held {key}, and it was taken out by something else than Towpath: `git log -p` of that file shows when; `towpath secret doctor {environment}` looks at it",
                path.display()
            ),
            ConfigError::Unfilled {
                environment,
                unfilled,
                ..
            } => {
                let key = unfilled.first().map_or("KEY", |one| one.key.as_str());
                format!("`towpath config show {environment} --why {key}` tells where a value is looked for; `towpath secret set {environment} {key}` sets a secret")
            }
        }
    }

    /// Whether it may be had when it is asked for again.
    pub fn is_passing(&self) -> bool {
        matches!(self, ConfigError::Elsewhere { source, .. } if source.is_retryable())
    }
}
