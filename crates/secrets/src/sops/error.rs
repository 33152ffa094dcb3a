//! Why a secret file is refused. No error holds a value.

/// Why a secret file is refused, or could not be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SopsError {
    /// It is not text of its format.
    #[error("it is not {format}: {why}")]
    Malformed {
        /// YAML, JSON or dotenv.
        format: &'static str,
        /// Where and why.
        why: String,
    },
    /// It has nothing of SOPS in it.
    #[error("it has no `sops` metadata: it is not encrypted, or was cut off")]
    NotSealed,
    /// What SOPS keeps about the file is not as it should be.
    #[error("its `sops` metadata is damaged: {0}")]
    Metadata(String),
    /// It uses something of SOPS that is not supported.
    #[error("it uses {0}, which is not supported here")]
    Unsupported(String),
    /// None of the keys opens it.
    #[error("none of your keys opens it; it opens with those of {}", list(.0))]
    NoKey(Vec<String>),
    /// A value is not as it was written, or not where it was written.
    #[error("the value at {0} was changed, or was moved here from another place")]
    Value(String),
    /// A value that must be encrypted is not.
    #[error("the value at {0} is not encrypted")]
    Clear(String),
    /// The code over all values is wrong.
    #[error(
        "its values are not those that were written together: one was removed, added, or put in another order"
    )]
    Mac,
    /// A value in clear could be read in two ways.
    #[error("the value at {0} is in clear and could be read in several ways; write it in quotes")]
    Ambiguous(String),
    /// A path leads through a value.
    #[error("{0} is no map")]
    NoMap(String),
    /// The format cannot hold it.
    #[error("{0}")]
    Unwritable(String),
    /// Nobody could open it.
    #[error("nobody could open it: name at least one recipient")]
    NoRecipient,
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    NoRandomness,
}

fn list(names: &[String]) -> String {
    match names {
        [] => "nobody that is known here".into(),
        names => names.join(", "),
    }
}
