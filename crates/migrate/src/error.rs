//! What can go wrong with a database whichever way it is used: finding, opening, locking, writing.

use std::{io, path::PathBuf, time::Duration};

/// Why a database could not be used. Completes "could not …".
///
/// `database` is its file, or its name and server; never its URL, which may hold a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// The URL is not one of a database.
    #[error("read the database URL: {problem}")]
    Url {
        /// What is wrong with it.
        problem: String,
    },
    /// The URL's engine is not supported.
    #[error(
        "use a database of {scheme}: migrations are applied to SQLite, PostgreSQL and MySQL only"
    )]
    Engine {
        /// The URL's scheme.
        scheme: String,
    },
    /// There is no such database.
    #[error("find the database {database}")]
    Absent {
        /// The database.
        database: String,
    },
    /// The file cannot be opened or made.
    #[error("open the database {database}: {message}")]
    Open {
        /// The database.
        database: String,
        /// What the system or the database said.
        message: String,
    },
    /// Its server does not answer, or not any more.
    #[error("reach the database {database}: {message}")]
    Unreachable {
        /// The database.
        database: String,
        /// What the system or the server said.
        message: String,
    },
    /// Its server cannot prove that it is the one that is meant.
    #[error("trust the server of the database {database}: {message}")]
    Untrusted {
        /// The database.
        database: String,
        /// What is wrong with its certificate.
        message: String,
    },
    /// Its server refuses the user, or lets it not do this.
    #[error("be let in to the database {database}: {message}")]
    Denied {
        /// The database.
        database: String,
        /// What the server said.
        message: String,
    },
    /// It may only be read.
    #[error("write to the database {database}: {message}")]
    ReadOnly {
        /// The database.
        database: String,
        /// What the database said.
        message: String,
    },
    /// Somebody else has been in the way for too long.
    #[error("get a turn in the database {database}: {message}")]
    Busy {
        /// The database.
        database: String,
        /// What the database said.
        message: String,
    },
    /// A statement took longer than it may.
    #[error("wait for the database {database}: {message}")]
    Timeout {
        /// The database.
        database: String,
        /// What the database said.
        message: String,
    },
    /// The disk is full, or failed.
    #[error("store more in the database {database}: {message}")]
    Full {
        /// The database.
        database: String,
        /// What the database said.
        message: String,
    },
    /// The file is something else, or damaged.
    #[error("read {database} as a SQLite database: {message}")]
    NotADatabase {
        /// The file.
        database: String,
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
            DatabaseError::Url { .. } => {
                "write it like sqlite://data/app.db, postgres://user:password@host:5432/app or \
                 mysql://user:password@host:3306/app"
            }
            DatabaseError::Engine { .. } => "use a URL that begins with sqlite:, postgres: or mysql:",
            DatabaseError::Absent { .. } => "check its name, or allow the database to be created",
            DatabaseError::Open { .. } => "make sure that this user may read and write the file and its folder",
            DatabaseError::Unreachable { .. } => {
                "make sure that its server runs and can be reached from here, then try again"
            }
            DatabaseError::Untrusted { .. } => {
                "name the authority that signed its certificate in the URL (sslrootcert for PostgreSQL, ssl-ca for MySQL), \
                 and the host as the certificate has it"
            }
            DatabaseError::Denied { .. } => {
                "check the user and the password in its URL, and what its server lets that user do"
            }
            DatabaseError::ReadOnly { .. } => {
                "let this user write: a file and its folder must be writable, and a server must not be a replica"
            }
            DatabaseError::Busy { .. } => "end what is in the way for so long, then try again",
            DatabaseError::Timeout { .. } => {
                "split the statement into smaller steps, or allow it more time"
            }
            DatabaseError::Full { .. } => "free space on the disk that holds it, then try again",
            DatabaseError::NotADatabase { .. } => "check the path; if it is right, restore a snapshot",
            DatabaseError::Refused { .. } => "see what the database says",
        }
        .into()
    }

    /// What the database itself said, without our words around it.
    pub(crate) fn detail(&self) -> String {
        match self {
            // That the server is gone, or another, is more than something that it said.
            DatabaseError::Unreachable { .. } | DatabaseError::Untrusted { .. } => {
                format!("could not {self}")
            }
            DatabaseError::Open { message, .. }
            | DatabaseError::Denied { message, .. }
            | DatabaseError::ReadOnly { message, .. }
            | DatabaseError::Busy { message, .. }
            | DatabaseError::Timeout { message, .. }
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
    #[error("lock {place} within {} s: {holder} holds it", waited.as_secs_f32())]
    Held {
        /// What is locked: a file beside the database, or the database.
        place: String,
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
                "wait for the other one to end and try again; the lock goes with its process, so never delete a file"
            }
            LockError::File { .. } => {
                "make the folder of the database writable for this user: the lock's file lies beside it"
            }
        }
        .into()
    }
}
