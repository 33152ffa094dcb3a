//! The store: the journal and what is made from it. All of the application's SQL is here, a file a table.

mod branches;
mod deployments;
mod environments;
mod error;
mod journal;
mod leases;
mod releases;
mod replay;
mod transact;

use std::{
    io,
    path::Path,
    str::FromStr,
    sync::Arc,
    time::{Duration, Instant},
};

use nix::fcntl::{Flock, FlockArg};

use sqlx::{
    Connection, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::{
    sync::{Mutex, broadcast},
    time::sleep,
};
use towpath_core::{journal::Record, path::State};

use crate::home::lock_file;

pub use self::{
    error::StoreError,
    journal::Page,
    leases::Lease,
    replay::{Replay, Verification},
    transact::Written,
};

/// Between tries to open a journal that another process is making.
const PAUSE: Duration = Duration::from_millis(20);

/// How long a writer waits for another process's transaction.
const BUSY: Duration = Duration::from_secs(10);

/// The journal of one project, with its read models. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    writer: Arc<Mutex<Writer>>,
    readers: SqlitePool,
    written: broadcast::Sender<Arc<Record>>,
}

/// The one connection that writes, with the state as of the last record that it knows.
struct Writer {
    connection: SqliteConnection,
    state: State,
}

impl Store {
    /// Opens the journal at `path`, and makes it when it is not there.
    pub async fn open(path: &Path) -> Result<Store, StoreError> {
        let options = SqliteConnectOptions::from_str("sqlite://")
            .map_err(StoreError::from)?
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // A record that was reported as written survives a power cut.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY);
        let began = Instant::now();
        let (connection, state) = loop {
            match open_once(path, &options).await {
                // Two that make the journal at the same time: SQLite does not wait where waiting could be for ever.
                Err(StoreError::Busy) if began.elapsed() < BUSY => sleep(PAUSE).await,
                opened => break opened?,
            }
        };
        let readers = SqlitePoolOptions::new()
            .max_connections(2)
            .connect_lazy_with(options.read_only(true));
        let (written, _) = broadcast::channel(1024);
        Ok(Store {
            writer: Arc::new(Mutex::new(Writer { connection, state })),
            readers,
            written,
        })
    }

    /// Every record from now on, as it is written by this process.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Record>> {
        self.written.subscribe()
    }
}

/// Brings the schema up to date. One process at a time: of two that make the same table, one would fail.
async fn migrate(path: &Path, connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let lock = path.with_extension("lock");
    let locked = tokio::task::spawn_blocking(move || {
        Flock::lock(lock_file(&lock)?, FlockArg::LockExclusive)
            .map_err(|(_, errno)| io::Error::from(errno))
    });
    let _lock = locked
        .await
        .map_err(io::Error::other)
        .and_then(|locked| locked)
        .map_err(|error| match error.kind() {
            io::ErrorKind::ReadOnlyFilesystem => StoreError::ReadOnly,
            io::ErrorKind::StorageFull => StoreError::Full,
            _ => StoreError::Open {
                path: path.display().to_string(),
                why: error.to_string(),
            },
        })?;
    sqlx::migrate!("../../migrations")
        .run(connection)
        .await
        .map_err(|error| StoreError::Schema(error.to_string()))
}

async fn open_once(
    path: &Path,
    options: &SqliteConnectOptions,
) -> Result<(SqliteConnection, State), StoreError> {
    let mut connection = SqliteConnection::connect_with(options)
        .await
        .map_err(|error| StoreError::opening(path, error))?;
    migrate(path, &mut connection).await?;
    let state = replay::load(&mut connection).await?;
    Ok((connection, state))
}
