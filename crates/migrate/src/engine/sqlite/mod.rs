//! SQLite: where the file is and how it is opened. What is done with it is in the files beside this one.
//!
//! How a connection of ours differs from SQLite's defaults, and why:
//!
//! * *Foreign keys are off.* Rebuilding a table, as most changes of one need, drops the old one, and with foreign keys on
//!   that deletes the rows that refer to it (`ON DELETE CASCADE`) or fails; the pragma to turn them off does nothing in
//!   a transaction. So they are off from the start, and each migration ends with `PRAGMA foreign_key_check` before its
//!   commit: the procedure of <https://www.sqlite.org/lang_altertable.html#otheralter>. They are a setting of each
//!   connection, so the services' own are not concerned.
//! * *A busy timeout*, so that a service that writes for a moment does not fail a migration.
//! * *WAL* for a database that we create: readers go on while a migration writes. The mode is kept in the file, and an
//!   existing file keeps the mode its owner gave it.
//! * *A connection for each migration*: temporary tables and pragmas of one do not reach the next, whether they are
//!   applied together or weeks apart.
//!
//! The database file is never opened but by SQLite: its locks belong to the process, and closing any other handle on
//! the file would drop those of every connection (<https://www.sqlite.org/howtocorrupt.html#_posix_advisory_locks>).

mod copy;
mod foreign_keys;
mod lexer;
mod lock;
mod snapshot;
mod statements;

use std::{
    fs, io,
    path::{Path, PathBuf, absolute},
    str::FromStr as _,
    time::Duration,
};

use sqlx::{
    ConnectOptions as _, Connection as _, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode},
};

pub(super) use foreign_keys::ForeignKeys;
pub(super) use lock::Lock;
pub(super) use statements::script;

use super::{LockedOut, shortened};
use crate::{DatabaseError, database::PATIENCE};

/// The size of pages in a database that we create: SQLite's own default, which every file system serves well.
const PAGE_SIZE: u32 = 4096;

/// A SQLite database: a file.
#[derive(Debug, Clone)]
pub(crate) struct Sqlite {
    path: PathBuf,
    access: Access,
    patience: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Write,
    Create,
}

impl Sqlite {
    pub(super) fn open(folder: &Path, url: &str) -> Result<Sqlite, DatabaseError> {
        let bad = |problem: String| DatabaseError::Url { problem };
        // sqlx's own reading, so that a path means the same to us as to the service.
        let options =
            SqliteConnectOptions::from_str(url).map_err(|error| bad(error.to_string()))?;
        let (name, query) = url.split_once('?').unwrap_or((url, ""));
        let mode = query.split('&').find_map(|pair| pair.strip_prefix("mode="));
        if name.ends_with(":memory:") || mode == Some("memory") {
            return Err(bad("a database in memory is gone when it is closed".into()));
        }
        if options.get_filename().as_os_str().is_empty() {
            return Err(bad("it names no file".into()));
        }
        let path = folder.join(options.get_filename());
        Ok(Sqlite {
            path: absolute(path).map_err(|error| bad(error.to_string()))?,
            access: match mode {
                Some("ro") => Access::Read,
                Some("rwc") => Access::Create,
                _ => Access::Write,
            },
            patience: PATIENCE,
        })
    }

    pub(super) fn create_if_missing(&mut self) {
        self.access = Access::Create;
    }

    pub(super) fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    fn exists(&self) -> Result<bool, DatabaseError> {
        self.path
            .try_exists()
            .map_err(|error| self.unopenable(&error))
    }

    fn unopenable(&self, error: &io::Error) -> DatabaseError {
        DatabaseError::Open {
            database: self.path.display().to_string(),
            message: error.to_string(),
        }
    }

    pub(super) fn is_absent(&self) -> bool {
        matches!(self.exists(), Ok(false))
    }

    /// A connection that cannot change anything; none when there is no file.
    pub(super) async fn reader(&self) -> Result<Option<SqliteConnection>, DatabaseError> {
        if !self.exists()? {
            return Ok(None);
        }
        // Not opened read-only: such a connection to a database in WAL mode leaves its -wal and -shm behind.
        let options = self.options().pragma("query_only", "ON");
        let connection = options
            .connect()
            .await
            .map_err(|error| self.error(&error))?;
        Ok(Some(connection))
    }

    pub(super) async fn writer(&self) -> Result<SqliteConnection, DatabaseError> {
        if !self.exists()? {
            return Err(self.absent());
        }
        self.options()
            .connect()
            .await
            .map_err(|error| self.error(&error))
    }

    fn absent(&self) -> DatabaseError {
        DatabaseError::Absent {
            database: self.path.display().to_string(),
        }
    }

    /// Makes the folders above the file when it may be made, so that its lock can lie there.
    pub(super) fn prepare_folder(&self) -> Result<(), DatabaseError> {
        match (self.access, self.exists()?) {
            (Access::Read, _) => Err(DatabaseError::ReadOnly {
                database: self.path.display().to_string(),
                message: "its URL says mode=ro".into(),
            }),
            (_, true) => Ok(()),
            (Access::Write, false) => Err(self.absent()),
            (Access::Create, false) => {
                let folder = self.path.parent().unwrap_or(Path::new("/"));
                fs::create_dir_all(folder).map_err(|error| self.unopenable(&error))
            }
        }
    }

    /// Makes the file when there is none and it may be made. Only under the lock: two that switch to WAL at once fail.
    async fn create(&self, page_size: u32) -> Result<(), DatabaseError> {
        if self.exists()? {
            return Ok(());
        }
        let options = self
            .options()
            .create_if_missing(true)
            .page_size(page_size)
            .journal_mode(SqliteJournalMode::Wal);
        let connection = options
            .connect()
            .await
            .map_err(|error| self.error(&error))?;
        self.close(connection).await
    }

    fn options(&self) -> SqliteConnectOptions {
        SqliteConnectOptions::new()
            .filename(&self.path)
            .foreign_keys(false)
            .busy_timeout(self.patience)
            // A migration's statements may hold personal data, and are no business of the log.
            .disable_statement_logging()
    }

    /// Closes a connection and waits for it, which ends a transaction that was not committed.
    async fn close(&self, connection: SqliteConnection) -> Result<(), DatabaseError> {
        connection.close().await.map_err(|error| self.error(&error))
    }

    /// The right to apply, with the folder and the file made where that is allowed.
    pub(super) async fn lock(
        &self,
        key: &str,
        on_wait: impl FnOnce(String) + Send,
    ) -> Result<Lock, LockedOut> {
        self.prepare_folder()?;
        let lock = Lock::take(&self.path, key, self.patience, on_wait).await?;
        self.create(PAGE_SIZE).await?;
        Ok(lock)
    }

    pub(super) fn error(&self, error: &sqlx::Error) -> DatabaseError {
        let sqlx::Error::Database(refusal) = error else {
            return DatabaseError::Refused {
                message: error.to_string(),
            };
        };
        let code = refusal
            .code()
            .and_then(|code| code.parse().ok())
            .unwrap_or(0);
        classify(&self.path, code, refusal.message())
    }
}

/// Sorts SQLite's result codes (<https://www.sqlite.org/rescode.html>) by what a person would do about them.
fn classify(path: &Path, code: i32, message: &str) -> DatabaseError {
    let (database, message) = (path.display().to_string(), shortened(message));
    // The low byte is the primary code, the rest extends it.
    match code & 0xff {
        libsqlite3_sys::SQLITE_BUSY | libsqlite3_sys::SQLITE_LOCKED => {
            DatabaseError::Busy { database, message }
        }
        libsqlite3_sys::SQLITE_READONLY => DatabaseError::ReadOnly { database, message },
        // A full disk also shows as a failed write: of the WAL's shared memory, for one.
        libsqlite3_sys::SQLITE_FULL | libsqlite3_sys::SQLITE_IOERR => {
            DatabaseError::Full { database, message }
        }
        libsqlite3_sys::SQLITE_CANTOPEN => DatabaseError::Open { database, message },
        libsqlite3_sys::SQLITE_NOTADB | libsqlite3_sys::SQLITE_CORRUPT => {
            DatabaseError::NotADatabase { database, message }
        }
        _ => DatabaseError::Refused { message },
    }
}
