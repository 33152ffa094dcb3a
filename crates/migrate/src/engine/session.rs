//! Whoever holds the sole right to change a schema: how it is taken and let go, and what is done while it is held.

use super::{
    Connection, Engine, LockedOut, records,
    run::{Job, Run},
    sqlite::{ForeignKeys, Lock},
    steps::Script,
};
use crate::{
    ApplyError, DatabaseError, Event, History, Migration, MigrationSet, Pause, Plan, PlanError,
    Receipt, ReceiptState, UndoError, Version,
};

/// The sole right to change a database's schema, until it is dropped.
pub(crate) struct Session {
    engine: Engine,
    set: MigrationSet,
    held: Held,
    /// Whether the tables of records are there.
    is_prepared: bool,
    /// What referred to nothing after the migration before: the check is a scan, so its result is kept. SQLite's.
    foreign_keys: Option<ForeignKeys>,
}

/// Whoever has migrations applied or undone.
pub(crate) struct Watch<'a, N> {
    /// What receipts say of them.
    pub(crate) key: &'a str,
    /// A clock, in milliseconds since 1970.
    pub(crate) now: &'a N,
    /// What they are told.
    pub(crate) on_event: &'a mut (dyn FnMut(Event) + Send),
    /// Their wish that it stops.
    pub(crate) pause: &'a Pause,
}

/// What holds the right.
enum Held {
    /// A lock beside the file; each migration has a connection of its own.
    File(#[expect(dead_code, reason = "it is held, and let go when dropped")] Lock),
    /// The one connection; `None` once it was lost or is in use.
    Connection(Option<Connection>),
}

impl Session {
    pub(super) async fn open(
        engine: &Engine,
        key: &str,
        set: &MigrationSet,
        on_wait: impl FnOnce(String) + Send,
    ) -> Result<Session, LockedOut> {
        let held = match engine {
            Engine::Sqlite(sqlite) => Held::File(sqlite.lock(key, on_wait).await?),
            Engine::Postgres(postgres) => {
                let connection = postgres.lock(key, set.layout(), on_wait).await?;
                Held::Connection(Some(Connection::Postgres(connection)))
            }
            Engine::Mysql(mysql) => {
                let connection = mysql.lock(on_wait).await?;
                Held::Connection(Some(Connection::Mysql(connection)))
            }
        };
        Ok(Session {
            engine: engine.clone(),
            set: set.clone(),
            held,
            is_prepared: false,
            foreign_keys: None,
        })
    }

    /// The end: the lock is let go when this is over.
    pub(crate) async fn close(self) -> Result<(), DatabaseError> {
        match self.held {
            Held::Connection(Some(connection)) => self.engine.close(connection).await,
            Held::File(_) | Held::Connection(None) => Ok(()),
        }
    }

    pub(crate) async fn history(&mut self) -> Result<History, DatabaseError> {
        let mut connection = self.take().await?;
        let history = self.engine.read(&mut connection, Some(&self.set)).await;
        self.give_back(connection, true).await?;
        history
    }

    /// Gives receipts to what the user's own tool has applied.
    pub(crate) async fn adopt(&mut self, plan: &Plan) -> Result<(), DatabaseError> {
        self.write(async |connection| adopt(connection, plan).await)
            .await?;
        self.is_prepared = true;
        Ok(())
    }

    /// Writes to records, in one transaction.
    pub(super) async fn write(
        &mut self,
        work: impl AsyncFnOnce(&mut Connection) -> Result<(), sqlx::Error>,
    ) -> Result<(), DatabaseError> {
        let mut connection = self.take().await?;
        let begin = self.engine.begin();
        let written = async {
            connection.execute(begin).await?;
            work(&mut connection).await?;
            connection.execute("COMMIT").await
        };
        let written = written.await.map_err(|error| self.engine.error(&error));
        self.give_back(connection, written.is_err()).await?;
        written
    }

    /// Runs a migration, unless somebody without our lock has just done so; or goes on with one that has begun.
    pub(crate) async fn apply(
        &mut self,
        migration: &Migration,
        begun: Option<&Receipt>,
        watch: &mut Watch<'_, impl Fn() -> i64 + Sync>,
    ) -> Result<Receipt, ApplyError> {
        let script = Script::up(migration, self.set.layout(), self.engine.dialect());
        let script = script.map_err(PlanError::from)?;
        let key = watch.key;
        self.run(&script, Job::Apply { migration, key }, begun, watch)
            .await
    }

    /// Runs what undoes a migration; answers with the receipt that was there.
    pub(crate) async fn undo(
        &mut self,
        receipt: &Receipt,
        before: Option<Version>,
        watch: &mut Watch<'_, impl Fn() -> i64 + Sync>,
    ) -> Result<Receipt, UndoError> {
        let script = Script::down(receipt, self.set.layout(), self.engine.dialect())?;
        let begun = (receipt.state == ReceiptState::Undoing).then_some(receipt);
        self.run(&script, Job::Undo { receipt, before }, begun, watch)
            .await?;
        Ok(receipt.clone())
    }

    async fn run(
        &mut self,
        script: &Script<'_>,
        job: Job<'_>,
        begun: Option<&Receipt>,
        watch: &mut Watch<'_, impl Fn() -> i64 + Sync>,
    ) -> Result<Receipt, ApplyError> {
        let mut connection = self.take().await?;
        let mut run = Run {
            engine: &self.engine,
            set: &self.set,
            connection: &mut connection,
            is_prepared: &mut self.is_prepared,
            foreign_keys: &mut self.foreign_keys,
            script,
            job,
            now: watch.now,
            on_event: watch.on_event,
            pause: watch.pause,
        };
        let done = run.perform(begun).await;
        // Giving it back rolls back what was not committed, and must have done so before the lock is let go.
        let given = self.give_back(connection, done.is_err()).await;
        let receipt = done?;
        given?;
        Ok(receipt)
    }

    async fn take(&mut self) -> Result<Connection, DatabaseError> {
        match &mut self.held {
            Held::File(_) => match &self.engine {
                Engine::Sqlite(sqlite) => sqlite.writer().await.map(Connection::Sqlite),
                Engine::Postgres(_) | Engine::Mysql(_) => Err(self.engine.lost()),
            },
            Held::Connection(connection) => connection.take().ok_or_else(|| self.engine.lost()),
        }
    }

    /// Ends what it was taken for; where a transaction may be open, it is rolled back.
    async fn give_back(
        &mut self,
        mut connection: Connection,
        may_be_open: bool,
    ) -> Result<(), DatabaseError> {
        match &mut self.held {
            Held::File(_) => self.engine.close(connection).await,
            Held::Connection(place) => {
                if may_be_open {
                    let ended = connection.execute("ROLLBACK").await;
                    ended.map_err(|error| self.engine.error(&error))?;
                }
                *place = Some(connection);
                Ok(())
            }
        }
    }
}

async fn adopt(connection: &mut Connection, plan: &Plan) -> Result<(), sqlx::Error> {
    records::create(connection, plan.set.layout()).await?;
    for version in &plan.adopted {
        // The plan found both, and compared their checksums.
        if let (Some(row), Some(migration)) =
            (plan.history.native.get(version), plan.set.get(*version))
        {
            records::put_receipt(connection, &records::adopted(migration, row)).await?;
        }
    }
    Ok(())
}
