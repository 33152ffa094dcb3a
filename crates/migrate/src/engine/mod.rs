//! The databases that migrations can be applied to: a folder per engine for what only it has, and what all share beside
//! them: the connection, the records, running a migration, undoing it, settling it.
//!
//! To add one: its folder, a variant here and in `connection`, and an arm in each method; the compiler names the places.

mod beside;
mod connection;
mod key;
mod mysql;
mod partial;
mod postgres;
mod programs;
mod records;
mod rows;
mod run;
mod scratch;
mod session;
mod settle;
mod sqlite;
mod steps;

use std::{
    io,
    path::Path,
    time::{Duration, Instant},
};

use connection::Connection;
pub(crate) use records::{adopted, receipt_for};
pub(crate) use scratch::Scratch;
pub(crate) use session::{Session, Watch};

use crate::{
    ApplyError, DatabaseError, History, Layout, LockError, Migration, MigrationSet, RecordError,
    ScriptError, SettleError, Snapshot, SnapshotError,
    classify::Dialect,
    schema::{self, Schema},
};

/// A database of some engine.
#[derive(Debug, Clone)]
pub(crate) enum Engine {
    Sqlite(sqlite::Sqlite),
    Postgres(Box<postgres::Postgres>),
    Mysql(Box<mysql::Mysql>),
}

impl Engine {
    pub(crate) fn open(folder: &Path, url: &str) -> Result<Engine, DatabaseError> {
        match url.split_once(':') {
            Some(("sqlite", _)) => sqlite::Sqlite::open(folder, url).map(Engine::Sqlite),
            Some(("postgres" | "postgresql", _)) => {
                postgres::Postgres::open(url).map(|postgres| Engine::Postgres(Box::new(postgres)))
            }
            Some(("mysql" | "mariadb", _)) => {
                mysql::Mysql::open(url).map(|mysql| Engine::Mysql(Box::new(mysql)))
            }
            Some((scheme, _))
                if scheme
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '+') =>
            {
                Err(DatabaseError::Engine {
                    scheme: scheme.to_owned(),
                })
            }
            _ => Err(DatabaseError::Url {
                problem: "it names no engine".into(),
            }),
        }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Engine::Sqlite(_) => Dialect::Sqlite,
            Engine::Postgres(_) => Dialect::Postgres,
            Engine::Mysql(_) => Dialect::Mysql,
        }
    }

    pub(crate) fn create_if_missing(&mut self) {
        match self {
            Engine::Sqlite(sqlite) => sqlite.create_if_missing(),
            Engine::Postgres(postgres) => postgres.create_if_missing(),
            Engine::Mysql(mysql) => mysql.create_if_missing(),
        }
    }

    pub(crate) fn is_absent_file(&self) -> bool {
        match self {
            Engine::Sqlite(sqlite) => sqlite.is_absent(),
            Engine::Postgres(_) | Engine::Mysql(_) => false,
        }
    }

    pub(crate) fn set_patience(&mut self, patience: Duration) {
        match self {
            Engine::Sqlite(sqlite) => sqlite.set_patience(patience),
            Engine::Postgres(postgres) => postgres.set_patience(patience),
            Engine::Mysql(mysql) => mysql.set_patience(patience),
        }
    }

    /// How long a statement may wait for a lock, and how long it may take; where the engine can be told.
    pub(crate) fn set_timeouts(&mut self, lock: Duration, statement: Option<Duration>) {
        match self {
            // There is one lock, for which patience is meant.
            Engine::Sqlite(_) => {}
            Engine::Postgres(postgres) => postgres.set_timeouts(lock, statement),
            Engine::Mysql(mysql) => mysql.set_lock_timeout(lock),
        }
    }

    /// Refuses a migration that cannot be run as it is written.
    pub(crate) fn check(&self, layout: Layout, migration: &Migration) -> Result<(), ScriptError> {
        steps::Script::up(migration, layout, self.dialect()).map(drop)
    }

    pub(crate) async fn history(
        &self,
        set: Option<&MigrationSet>,
    ) -> Result<History, DatabaseError> {
        let Some(mut connection) = self.reader().await? else {
            return Ok(History::default());
        };
        let history = self.read(&mut connection, set).await;
        self.close(connection).await?;
        history
    }

    /// Every table as of one instant. The transaction stays open.
    async fn read(
        &self,
        connection: &mut Connection,
        set: Option<&MigrationSet>,
    ) -> Result<History, DatabaseError> {
        /// How often it is begun again because somebody changed a table between two questions, as MySQL minds.
        const TRIES: usize = 5;
        let mut tries = 0;
        loop {
            let found = async {
                connection.execute(self.begin_to_read()).await?;
                records::read(connection, set).await
            };
            let error = match found.await {
                Ok(history) => return Ok(history),
                Err(error) => self.error(&error),
            };
            tries += 1;
            let is_changed = matches!(
                (self, &error),
                (Engine::Mysql(_), DatabaseError::Busy { .. })
            );
            if tries == TRIES || !is_changed {
                return Err(error);
            }
            let ended = connection.execute("ROLLBACK").await;
            ended.map_err(|error| self.error(&error))?;
        }
    }

    /// Takes the lock, and makes the database if that is allowed.
    pub(crate) async fn session(
        &self,
        key: &str,
        set: &MigrationSet,
        on_wait: impl FnOnce(String) + Send,
    ) -> Result<Session, ApplyError> {
        Ok(Session::open(self, key, set, on_wait).await?)
    }

    pub(crate) async fn snapshot(&self, to: &Path) -> Result<Snapshot, SnapshotError> {
        match self {
            Engine::Sqlite(sqlite) => sqlite.snapshot(to).await,
            Engine::Postgres(postgres) => postgres.snapshot(to).await,
            Engine::Mysql(mysql) => mysql.snapshot(to).await,
        }
    }

    pub(crate) async fn restore(&self, from: &Path, key: &str) -> Result<(), SnapshotError> {
        match self {
            Engine::Sqlite(sqlite) => sqlite.restore(from, key).await,
            Engine::Postgres(postgres) => postgres.restore(from, key).await,
            Engine::Mysql(mysql) => mysql.restore(from).await,
        }
    }

    pub(crate) async fn clear(&self, key: &str) -> Result<(), SnapshotError> {
        match self {
            Engine::Sqlite(sqlite) => sqlite.clear(key).await,
            Engine::Postgres(postgres) => postgres.clear(key).await,
            Engine::Mysql(mysql) => mysql.clear().await,
        }
    }

    /// Everything that the database holds; nothing when there is none.
    pub(crate) async fn schema(&self) -> Result<Schema, DatabaseError> {
        let Some(mut connection) = self.reader().await? else {
            return Ok(Schema::empty(self.dialect()));
        };
        let found = match &mut connection {
            Connection::Sqlite(connection) => schema::sqlite::read(connection).await,
            Connection::Postgres(connection) => schema::postgres::read(connection).await,
            Connection::Mysql(connection) => schema::mysql::read(connection).await,
        };
        self.close(connection).await?;
        found.map_err(|error| self.error(&error))
    }

    /// A connection to read from; none when there is no database.
    async fn reader(&self) -> Result<Option<Connection>, DatabaseError> {
        Ok(match self {
            Engine::Sqlite(sqlite) => sqlite.reader().await?.map(Connection::Sqlite),
            Engine::Postgres(postgres) => postgres.reader().await?.map(Connection::Postgres),
            Engine::Mysql(mysql) => mysql.reader().await?.map(Connection::Mysql),
        })
    }

    /// Closes a connection and waits for it, which ends a transaction that was not committed.
    async fn close(&self, connection: Connection) -> Result<(), DatabaseError> {
        connection.close().await.map_err(|error| self.error(&error))
    }

    /// Begins a transaction that reads, as of one instant.
    fn begin_to_read(&self) -> &'static str {
        match self {
            Engine::Sqlite(_) => "BEGIN",
            Engine::Postgres(_) => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            Engine::Mysql(_) => "START TRANSACTION WITH CONSISTENT SNAPSHOT",
        }
    }

    /// Begins a transaction that writes.
    fn begin(&self) -> &'static str {
        match self {
            Engine::Sqlite(_) => "BEGIN IMMEDIATE",
            Engine::Postgres(_) => "BEGIN",
            Engine::Mysql(_) => "START TRANSACTION",
        }
    }

    /// Begins a migration's first transaction: what another has set or left for the session does not reach it.
    fn begin_anew(&self) -> String {
        match self {
            Engine::Sqlite(_) => self.begin().to_owned(),
            Engine::Postgres(postgres) => postgres.begin_anew(),
            Engine::Mysql(mysql) => mysql.begin_anew(),
        }
    }

    /// How often a transaction is begun again that did not get its locks.
    fn retries(&self) -> Retries {
        match self {
            // It waits for them by itself.
            Engine::Sqlite(_) => Retries::until(Duration::ZERO),
            Engine::Postgres(postgres) => Retries::until(postgres.patience()),
            Engine::Mysql(mysql) => Retries::until(mysql.patience()),
        }
    }

    /// The connection that held the lock is gone.
    fn lost(&self) -> DatabaseError {
        DatabaseError::Refused {
            message: "the connection that held the lock was lost".into(),
        }
    }

    /// An error by what a person would do about it.
    fn error(&self, error: &sqlx::Error) -> DatabaseError {
        match self {
            Engine::Sqlite(sqlite) => sqlite.error(error),
            Engine::Postgres(postgres) => postgres.error(error),
            Engine::Mysql(mysql) => mysql.error(error),
        }
    }
}

/// Why a lock was not had.
pub(crate) enum LockedOut {
    Database(DatabaseError),
    Lock(LockError),
}

impl From<LockedOut> for ApplyError {
    fn from(error: LockedOut) -> Self {
        match error {
            LockedOut::Database(error) => error.into(),
            LockedOut::Lock(error) => error.into(),
        }
    }
}

impl From<LockedOut> for SettleError {
    fn from(error: LockedOut) -> Self {
        match error {
            LockedOut::Database(error) => error.into(),
            LockedOut::Lock(error) => error.into(),
        }
    }
}

impl From<LockedOut> for RecordError {
    fn from(error: LockedOut) -> Self {
        match error {
            LockedOut::Database(error) => error.into(),
            LockedOut::Lock(error) => error.into(),
        }
    }
}

impl From<LockedOut> for SnapshotError {
    fn from(error: LockedOut) -> Self {
        match error {
            LockedOut::Database(error) => error.into(),
            LockedOut::Lock(error) => error.into(),
        }
    }
}

impl From<DatabaseError> for LockedOut {
    fn from(error: DatabaseError) -> Self {
        LockedOut::Database(error)
    }
}

impl From<LockError> for LockedOut {
    fn from(error: LockError) -> Self {
        LockedOut::Lock(error)
    }
}

/// Tries that come ever later, until patience is over.
struct Retries {
    deadline: Instant,
    delay: Duration,
}

impl Retries {
    const LONGEST: Duration = Duration::from_secs(5);

    fn until(patience: Duration) -> Retries {
        Retries {
            deadline: Instant::now() + patience,
            delay: Duration::from_millis(200),
        }
    }

    /// Waits for the next try; `false` when there is none.
    async fn wait(&mut self) -> bool {
        if Instant::now() + self.delay >= self.deadline {
            return false;
        }
        tokio::time::sleep(self.delay).await;
        self.delay = (self.delay * 2).min(Retries::LONGEST);
        true
    }
}

/// How long a server may take until it lets somebody in.
const LONGEST_WAY_IN: Duration = Duration::from_secs(15);

/// A connection, unless the server takes no notice.
async fn noticed<C>(
    connecting: impl Future<Output = Result<C, sqlx::Error>>,
    patience: Duration,
) -> Result<C, sqlx::Error> {
    let patience = patience.min(LONGEST_WAY_IN);
    let connected = tokio::time::timeout(patience, connecting).await;
    connected.unwrap_or_else(|_| {
        let message = format!("it did not answer within {}s", patience.as_secs_f32());
        Err(io::Error::new(io::ErrorKind::TimedOut, message).into())
    })
}

/// Databases quote what they do not understand, which may be megabytes of a file.
fn shortened(message: &str) -> String {
    const LONGEST: usize = 400;
    match message.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}
