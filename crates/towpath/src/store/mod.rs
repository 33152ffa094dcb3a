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
    migrate::Migrator,
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
    transact::{Closing, Written},
};

/// Between tries to open a journal that another process is making.
const PAUSE: Duration = Duration::from_millis(20);

/// How long a writer waits for another process's transaction.
const BUSY: Duration = Duration::from_secs(10);

/// The schema, step by step.
static SCHEMA: Migrator = sqlx::migrate!("../../migrations");

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
        let options = options(path)?;
        let mut connection = connect(path, &options, Schema::Made).await?;
        let state = replay::load(&mut connection).await?;
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

fn options(path: &Path) -> Result<SqliteConnectOptions, StoreError> {
    Ok(SqliteConnectOptions::from_str("sqlite://")
        .map_err(StoreError::from)?
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // A record that was reported as written survives a power cut.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY))
}

/// What is done about the schema of a database that is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Schema {
    /// It is made, under a lock: that also finds out at once where nothing can be written.
    Made,
    /// It is looked at, and made where it is another: for whoever writes next in any case.
    LookedAt,
}

/// Opens the database, and brings its schema up to date.
async fn connect(
    path: &Path,
    options: &SqliteConnectOptions,
    schema: Schema,
) -> Result<SqliteConnection, StoreError> {
    let began = Instant::now();
    loop {
        match connect_once(path, options, schema).await {
            // Two that make the journal at the same time: SQLite does not wait where waiting could be for ever.
            Err(StoreError::Busy) if began.elapsed() < BUSY => sleep(PAUSE).await,
            connected => return connected,
        }
    }
}

async fn connect_once(
    path: &Path,
    options: &SqliteConnectOptions,
    schema: Schema,
) -> Result<SqliteConnection, StoreError> {
    let mut connection = SqliteConnection::connect_with(options)
        .await
        .map_err(|error| StoreError::opening(path, error))?;
    if schema == Schema::Made || !is_current(&mut connection).await {
        migrate(path, &mut connection).await?;
    }
    Ok(connection)
}

/// Whether the schema is what this program would make of it: then it need not be locked.
async fn is_current(connection: &mut SqliteConnection) -> bool {
    let applied: Result<Vec<(i64, Vec<u8>)>, _> = sqlx::query_as(
        "SELECT version, checksum FROM _sqlx_migrations WHERE success ORDER BY version",
    )
    .fetch_all(connection)
    .await;
    applied.is_ok_and(|applied| {
        let wanted = SCHEMA
            .iter()
            .map(|step| (step.version, step.checksum.to_vec()));
        wanted.eq(applied)
    })
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
    SCHEMA
        .run(connection)
        .await
        .map_err(|error| StoreError::Schema(error.to_string()))
}
