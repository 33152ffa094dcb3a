//! Why a secret file cannot be used, and the way out.

use std::path::PathBuf;

use crate::sops::SopsError;

/// Why a secret file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is not as it was written, or not for us.
    #[error("could not use {}: {source}", path.display())]
    Sops {
        /// The file.
        path: PathBuf,
        /// Why.
        source: SopsError,
    },
    /// It could not be read or written.
    #[error("could not {what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is another environment's, or another project's.
    #[error("{} holds the secrets of {found}, not of {wanted}", path.display())]
    Elsewhere {
        /// The file.
        path: PathBuf,
        /// Whose secrets it holds.
        found: String,
        /// Whose were wanted.
        wanted: String,
    },
    /// Its ledger was changed by somebody else.
    #[error("the ledger of {} is not as it was written", path.display())]
    Ledger {
        /// The file.
        path: PathBuf,
    },
    /// There is no such secret.
    #[error("there is no secret {0}")]
    NoSuchKey(String),
    /// A rotation is under way.
    #[error("a rotation of {0} is under way")]
    Rotating(String),
    /// None is.
    #[error("no rotation of {0} is under way")]
    NotRotating(String),
    /// The new value is the old one.
    #[error("the new value of {0} is the one that it has")]
    SameValue(String),
    /// A name that variables cannot have.
    #[error("{0:?} cannot be the name of a secret")]
    BadKey(String),
    /// A value that no secret has.
    #[error("the value of {key} {why}")]
    BadValue {
        /// The secret.
        key: String,
        /// Why.
        why: &'static str,
    },
}

impl FileError {
    /// The way out.
    pub fn help(&self) -> String {
        match self {
            FileError::Sops { source, .. } => match source {
                SopsError::NoKey(_) => "name your key file with SOPS_AGE_KEY_FILE, or ask somebody who can open it to add you: `towpath secret rekey`".into(),
                SopsError::NotSealed => "`towpath secret import` takes values from a file that is not encrypted".into(),
                SopsError::NoRecipient => "add names from [recipients] to `recipients` of the environment".into(),
                SopsError::NoRandomness => "check that /dev/urandom can be read".into(),
                _ => "take back an earlier state of the file, such as `git checkout FILE`; do not use any part of this one".into(),
            },
            FileError::Io { .. } => "check the path, the disk and your permissions".into(),
            FileError::Elsewhere { .. } => "each environment has a file of its own: `secrets = \"…\"` says which; `towpath secret import` copies values".into(),
            FileError::Ledger { .. } => "take back an earlier state of the file, or have it written anew: `towpath secret doctor --mend`".into(),
            FileError::NoSuchKey(_) => "`towpath secret list` shows those that there are".into(),
            FileError::Rotating(key) => format!("finish it with `towpath secret rotate ENVIRONMENT {key} --finish`, or take it back with `--abort`"),
            FileError::NotRotating(key) => format!("begin one: `towpath secret rotate ENVIRONMENT {key}`"),
            FileError::SameValue(_) => "give another one".into(),
            FileError::BadKey(_) => "use letters, digits and underscores, not starting with a digit".into(),
            FileError::BadValue { .. } => "give another one".into(),
        }
    }
}
