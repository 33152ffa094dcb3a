//! What can go wrong with the store, and the way out.

use std::path::Path;

use nix::{
    errno::Errno,
    unistd::{AccessFlags, access},
};
use towpath_core::{
    journal::Broken,
    names::DeploymentNumber,
    path::{Refusal, UnreadableEvent},
};

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The decision was no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The lease is somebody else's now.
    #[error("another worker has taken {0} over")]
    Fenced(DeploymentNumber),
    /// The file cannot be opened.
    #[error("could not open the journal {path}: {why}")]
    Open {
        /// Where.
        path: String,
        /// Why.
        why: String,
    },
    /// There is no room left.
    #[error("could not write to the journal: the disk is full")]
    Full,
    /// It may not be written.
    #[error("could not write to the journal: it is read-only")]
    ReadOnly,
    /// Another process holds it for too long.
    #[error("could not write to the journal: another process keeps it locked")]
    Busy,
    /// Its own schema is not what this version knows.
    #[error("could not bring the journal's schema up to date: {0}")]
    Schema(String),
    /// A record is not what was written.
    #[error("the journal is damaged: {0}")]
    Broken(#[from] Broken),
    /// A record is from another version.
    #[error("the journal is not readable: {0}")]
    Unreadable(#[from] UnreadableEvent),
    /// A row is not what was written.
    #[error("the journal holds {what} that cannot be read: {why}")]
    BadRow {
        /// What.
        what: &'static str,
        /// Why.
        why: String,
    },
    /// Anything else that the database says.
    #[error("the journal's database failed: {0}")]
    Database(sqlx::Error),
}

impl StoreError {
    pub(super) fn opening(path: &Path, error: sqlx::Error) -> StoreError {
        match StoreError::from(error) {
            // SQLite says no more than that it cannot, where it would have to make files beside the journal.
            StoreError::Database(_) if is_read_only(path) => StoreError::ReadOnly,
            StoreError::Database(error) => StoreError::Open {
                path: path.display().to_string(),
                why: error.to_string(),
            },
            other => other,
        }
    }

    /// The way out.
    pub fn help(&self) -> String {
        match self {
            StoreError::Refused(refusal) => refusal.help(),
            StoreError::Fenced(_) => "nothing to do: the other worker goes on with it".into(),
            StoreError::Open { .. } => {
                "check that the data directory exists and is yours, or name another: --data DIR"
                    .into()
            }
            StoreError::Full => {
                "make room on that disk and run the command again; nothing was lost".into()
            }
            StoreError::ReadOnly => {
                "make the data directory writable for you, or name another: --data DIR".into()
            }
            StoreError::Busy => "end the process that keeps it, then run the command again".into(),
            StoreError::Schema(_) => {
                "use the version of towpath that wrote it, or a newer one".into()
            }
            StoreError::Broken(_) | StoreError::BadRow { .. } => {
                "`towpath journal verify` says where; restore the data directory from a backup"
                    .into()
            }
            StoreError::Unreadable(_) => {
                "use the version of towpath that wrote it, or a newer one".into()
            }
            StoreError::Database(_) => "`towpath journal verify` checks the journal".into(),
        }
    }

    /// A stable code.
    pub fn code(&self) -> &'static str {
        match self {
            StoreError::Refused(refusal) => refusal.code(),
            StoreError::Fenced(_) => "store::fenced",
            StoreError::Open { .. } => "store::open",
            StoreError::Full => "store::disk-full",
            StoreError::ReadOnly => "store::read-only",
            StoreError::Busy => "store::busy",
            StoreError::Schema(_) => "store::schema",
            StoreError::Broken(_) => "store::broken",
            StoreError::Unreadable(_) => "store::unreadable",
            StoreError::BadRow { .. } => "store::bad-row",
            StoreError::Database(_) => "store::database",
        }
    }
}

fn is_read_only(path: &Path) -> bool {
    let directory = path.parent().unwrap_or(path);
    matches!(
        access(directory, AccessFlags::W_OK),
        Err(Errno::EROFS | Errno::EACCES)
    )
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> StoreError {
        // SQLite's primary result codes: https://www.sqlite.org/rescode.html; extended codes hold them in the low byte.
        let code = match &error {
            sqlx::Error::Database(error) => error.code().and_then(|code| code.parse::<i32>().ok()),
            _ => None,
        };
        match code.map(|code| code & 0xff) {
            Some(5 | 6) => StoreError::Busy,
            Some(8) => StoreError::ReadOnly,
            Some(13) => StoreError::Full,
            _ => StoreError::Database(error),
        }
    }
}
