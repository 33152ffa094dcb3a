//! What can go wrong with a database whichever way it is used: finding, opening, locking, writing.

use std::{io, path::PathBuf, time::Duration};

/// Why a database could not be used. Completes "could not …".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// The URL is not one of a database.
    #[error("read the database URL: {problem}")]
    Url {
        /// What is wrong with it; never the URL, which may hold a password.
        problem: String,
    },
    /// The URL's engine is not supported.
    #[error("use a {scheme} database: this version applies migrations to SQLite only")]
    Engine {
        /// The URL's scheme.
        scheme: String,
    },
    /// There is no such file.
    #[error("find the database {}", path.display())]
    Absent {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be opened or made.
    #[error("open the database {}: {message}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system or the database said.
        message: String,
    },
    /// It may only be read.
    #[error("write to the database {}: {message}", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
        /// What the database said.
        message: String,
    },
    /// Somebody else has been writing to it for too long.
    #[error("get a turn in the database {}: {message}", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
        /// What the database said.
        message: String,
    },
    /// The disk is full, or failed.
    #[error("store more in the database {}: {message}", path.display())]
    Full {
        /// The file.
        path: PathBuf,
        /// What the database said.
        message: String,
    },
    /// The file is something else, or damaged.
    #[error("read {} as a SQLite database: {message}", path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
        /// What the database said.
        message: String,
    },
    /// Any other refusal.
    #[error("run SQL: {message}")]
    Refused {
        /// What the database said.
        message: String,
    },
}

impl DatabaseError {
    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            DatabaseError::Url { .. } => "write it like sqlite://data/app.db or sqlite:///var/lib/app/app.db",
            DatabaseError::Engine { .. } => "use a URL that begins with sqlite:",
            DatabaseError::Absent { .. } => "check the path, or allow the database to be created",
            DatabaseError::Open { .. } => "make sure that this user may read and write the file and its folder",
            DatabaseError::ReadOnly { .. } => {
                "make the file and its folder writable for this user, and mount the file system for writing"
            }
            DatabaseError::Busy { .. } => "end what is writing to it for so long, then try again",
            DatabaseError::Full { .. } => "free space on the disk that holds it, then try again",
            DatabaseError::NotADatabase { .. } => "check the path; if it is right, restore a snapshot",
            DatabaseError::Refused { .. } => "see what the database says",
        }
        .into()
    }

    /// What the database itself said, without our words around it.
    pub(crate) fn detail(&self) -> String {
        match self {
            DatabaseError::Open { message, .. }
            | DatabaseError::ReadOnly { message, .. }
            | DatabaseError::Busy { message, .. }
            | DatabaseError::Full { message, .. }
            | DatabaseError::NotADatabase { message, .. }
            | DatabaseError::Refused { message } => message.clone(),
            other => other.to_string(),
        }
    }
}

/// Why the right to change a database's schema was not had. Completes "could not …".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Somebody else has it.
    #[error("lock {} within {} s: {holder} holds it", path.display(), waited.as_secs_f32())]
    Held {
        /// The lock's file.
        path: PathBuf,
        /// How long we waited.
        waited: Duration,
        /// Who holds it: their key and process.
        holder: String,
    },
    /// The lock's file cannot be used.
    #[error("lock {}: {source}", path.display())]
    File {
        /// The lock's file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl LockError {
    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            LockError::Held { .. } => {
                "wait for the other one to end and try again; the lock goes with its process, so never delete the file"
            }
            LockError::File { .. } => {
                "make the folder of the database writable for this user: the lock's file lies beside it"
            }
        }
        .into()
    }
}
