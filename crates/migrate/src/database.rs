//! A user's database: what this crate can do with it, whichever engine it has.

use std::{collections::BTreeMap, path::Path, time::Duration};

use crate::{
    ApplyError, DatabaseError, Event, History, Layout, MigrationSet, Pause, Plan, PlanError,
    Receipt, SettleError, Settlement, Snapshot, SnapshotError, UndoError, Version, apply,
    classify::Dialect,
    engine::{Engine, Watch},
    plan,
    schema::Schema,
};

/// How long to wait for another applier, or for a writer, unless told otherwise.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How long one statement may wait for a lock on a server, unless told otherwise: everybody else waits behind it. It is
/// tried again while there is patience.
pub const LOCK_TIMEOUT: Duration = Duration::from_secs(3);

/// How long one statement may take on a server, unless told otherwise.
pub const STATEMENT_TIMEOUT: Duration = Duration::from_mins(15);

/// A handle on a user's database. It holds no connection: each operation opens what it needs and closes it, so that
/// nothing of ours lingers in a file that belongs to a service.
#[derive(Debug, Clone)]
pub struct Database {
    engine: Engine,
    pause: Pause,
}

impl Database {
    /// A database by its URL: `sqlite://path`, `sqlite:path` or `sqlite:///absolute/path`, as sqlx reads it. A relative
    /// path is one from the current folder. Nothing is opened or made yet.
    ///
    /// With `?mode=rwc` the file is made when migrations are first applied, with `?mode=ro` never written to.
    pub fn open(url: &str) -> Result<Database, DatabaseError> {
        Database::open_in(Path::new(""), url)
    }

    /// Like [`Database::open`], with relative paths taken from `folder`: the one that the service runs in.
    pub fn open_in(folder: impl AsRef<Path>, url: &str) -> Result<Database, DatabaseError> {
        Ok(Database {
            engine: Engine::open(folder.as_ref(), url)?,
            pause: Pause::default(),
        })
    }

    pub(crate) fn of(engine: Engine) -> Database {
        Database {
            engine,
            pause: Pause::default(),
        }
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Whose SQL it reads.
    pub fn dialect(&self) -> Dialect {
        self.engine.dialect()
    }

    /// Makes the file, and the folders above it, when migrations are first applied or a snapshot is restored.
    #[must_use]
    pub fn create_if_missing(mut self) -> Database {
        self.engine.create_if_missing();
        self
    }

    /// Whether it is a file, and that is not there. A server is not asked.
    pub fn is_absent(&self) -> bool {
        self.engine.is_absent_file()
    }

    /// How long to wait for another applier, or for a writer. [`PATIENCE`] by default.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Database {
        self.engine.set_patience(patience);
        self
    }

    /// How long a statement may wait for a lock, and how long it may take, on a server. [`LOCK_TIMEOUT`] and
    /// [`STATEMENT_TIMEOUT`] by default; nothing is no limit.
    #[must_use]
    pub fn timeouts(mut self, lock: Duration, statement: Option<Duration>) -> Database {
        self.engine.set_timeouts(lock, statement);
        self
    }

    /// Stops a migration that is run in batches after the one that it is at, once that is wished
    /// ([`ApplyError::Paused`]).
    #[must_use]
    pub fn pausing(mut self, pause: &Pause) -> Database {
        self.pause = pause.clone();
        self
    }

    /// Everything the database remembers of its migrations, of the users' own tools only what sqlx does; empty when there
    /// is no database yet.
    pub async fn history(&self) -> Result<History, DatabaseError> {
        self.engine.history(None).await
    }

    /// Like [`Database::history`], with what the tool remembers that the set is laid out for.
    pub async fn history_for(&self, set: &MigrationSet) -> Result<History, DatabaseError> {
        self.engine.history(Some(set)).await
    }

    /// Plans a set on this database without changing or making anything, not even our own tables.
    pub async fn plan(&self, set: &MigrationSet) -> Result<Plan, PlanError> {
        if set.layout() == Layout::Command {
            return Err(PlanError::NotAsked);
        }
        let plan = plan::decide(set, self.history_for(set).await?)?;
        for migration in &plan.pending {
            self.engine.check(set.layout(), migration)?;
        }
        Ok(plan)
    }

    /// Applies a plan, one transaction per migration with its receipt in it, and answers with the receipts of the
    /// plan's pending migrations in their order.
    ///
    /// Of several appliers at once one applies and the others wait, then answer with its receipts. A process that dies
    /// leaves whole migrations with receipts and nothing else; apply again to continue. `key` is kept as
    /// [`Receipt::applied_by`]; `now` is a clock in milliseconds since 1970.
    ///
    /// Dropping the future ends the migration that is running as a crash would; only its thread may take until the end
    /// of the statement to notice.
    pub async fn apply(
        &self,
        plan: &Plan,
        key: &str,
        now: impl Fn() -> i64 + Send + Sync,
        mut on_event: impl FnMut(Event) + Send,
    ) -> Result<Vec<Receipt>, ApplyError> {
        let mut watch = self.watch(key, &now, &mut on_event);
        apply::run(&self.engine, plan, &mut watch).await
    }

    fn watch<'a, N>(
        &'a self,
        key: &'a str,
        now: &'a N,
        on_event: &'a mut (dyn FnMut(Event) + Send),
    ) -> Watch<'a, N> {
        Watch {
            key,
            now,
            on_event,
            pause: &self.pause,
        }
    }

    /// Gives receipts to what the user's own tool has applied, and applies nothing; answers with the versions.
    pub async fn adopt(&self, set: &MigrationSet, key: &str) -> Result<Vec<Version>, ApplyError> {
        apply::adopt(&self.engine, set, key).await
    }

    /// Undoes versions, which are the latest that are applied, the latest first: runs what was kept with each receipt when
    /// it was applied, and takes the receipt and the row of the user's own tool away in the same transaction.
    ///
    /// Answers with the receipts that were there; versions without one are undone already and left out.
    pub async fn undo(
        &self,
        layout: Layout,
        versions: &[Version],
        key: &str,
        now: impl Fn() -> i64 + Send + Sync,
        mut on_event: impl FnMut(Event) + Send,
    ) -> Result<Vec<Receipt>, UndoError> {
        let mut watch = self.watch(key, &now, &mut on_event);
        apply::undo(&self.engine, layout, versions, &mut watch).await
    }

    /// Records what a person found about a version that planning calls begun and not ended
    /// ([`PlanError::Dirty`]) or without its row ([`PlanError::Unrecorded`]).
    pub async fn settle(
        &self,
        set: &MigrationSet,
        version: impl Into<Version>,
        settlement: Settlement,
        key: &str,
        now: impl Fn() -> i64 + Send + Sync,
    ) -> Result<(), SettleError> {
        self.engine
            .settle(set, version.into(), settlement, key, now())
            .await
    }

    /// Copies the database to a new file, consistently, while it is in use. Never overwrites; what fails leaves nothing
    /// behind.
    pub async fn snapshot(&self, to: impl AsRef<Path>) -> Result<Snapshot, SnapshotError> {
        self.engine.snapshot(to.as_ref()).await
    }

    /// How many rows each table of the user's schema has, as of one instant. It reads them all.
    pub async fn rows(&self) -> Result<BTreeMap<String, i64>, DatabaseError> {
        self.engine.rows().await
    }

    /// Likewise as the server itself estimates it, at once; `None` where it does not.
    pub async fn estimated_rows(&self) -> Result<Option<BTreeMap<String, i64>>, DatabaseError> {
        self.engine.estimated_rows().await
    }

    /// How many rows each table has in a snapshot of this database, which is read for it to its end. Tables of which nothing is
    /// there may be left out.
    pub async fn rows_in(
        &self,
        snapshot: impl AsRef<Path>,
    ) -> Result<BTreeMap<String, i64>, SnapshotError> {
        self.engine.rows_in(snapshot.as_ref()).await
    }

    /// Makes the database's content that of a snapshot, in one transaction: a crash leaves the one or the other.
    ///
    /// Safe while others have the database open: they see it change as by any other transaction. Whatever was written
    /// since the snapshot is lost, so stop the services first if that matters.
    pub async fn restore(&self, from: impl AsRef<Path>, key: &str) -> Result<(), SnapshotError> {
        self.engine.restore(from.as_ref(), key).await
    }

    /// Takes everything away that the database holds: tables, rows, and what it remembers of its migrations. Nothing when
    /// there is no database yet.
    ///
    /// One transaction, but in MySQL. The user of the URL must be allowed to drop what is there.
    pub async fn clear(&self, key: &str) -> Result<(), SnapshotError> {
        self.engine.clear(key).await
    }

    /// Everything that the database holds but rows, without our tables and those of the users' tools; nothing when there
    /// is no database yet.
    pub async fn schema(&self) -> Result<Schema, DatabaseError> {
        self.engine.schema().await
    }

    /// SHA-256 of the [schema](Database::schema): equal for databases that hold the same.
    pub async fn schema_fingerprint(&self) -> Result<String, DatabaseError> {
        Ok(self.schema().await?.fingerprint())
    }
}
