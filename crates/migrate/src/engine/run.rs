//! Running one migration, or what undoes it: in a transaction with its receipt, or step by step with receipts between.

mod backfill;

use super::{
    Connection, Engine, LockedOut, mysql, postgres,
    records::{self, receipt_for},
    sqlite::{ForeignKeys, Lock},
    steps::{Bond, Mode, Script, Statement, Step},
};
use crate::{
    ApplyError, DatabaseError, Event, FailedStatement, History, Migration, MigrationSet, Pause,
    Plan, PlanError, Progress, Receipt, ReceiptState, UndoError, Version,
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
        let (set, engine) = (self.set.clone(), self.engine.clone());
        let script =
            Script::up(migration, set.layout(), engine.dialect()).map_err(PlanError::from)?;
        let mut connection = self.take().await?;
        let mut run = Run {
            engine: &engine,
            set: &set,
            connection: &mut connection,
            is_prepared: &mut self.is_prepared,
            foreign_keys: &mut self.foreign_keys,
            script: &script,
            job: Job::Apply {
                migration,
                key: watch.key,
            },
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

    /// Runs what undoes a migration; answers with the receipt that was there.
    pub(crate) async fn undo(
        &mut self,
        receipt: &Receipt,
        before: Option<Version>,
        watch: &mut Watch<'_, impl Fn() -> i64 + Sync>,
    ) -> Result<Receipt, UndoError> {
        let (set, engine) = (self.set.clone(), self.engine.clone());
        let script = Script::down(receipt, set.layout(), engine.dialect())?;
        let mut connection = self.take().await.map_err(ApplyError::from)?;
        let mut run = Run {
            engine: &engine,
            set: &set,
            connection: &mut connection,
            is_prepared: &mut self.is_prepared,
            foreign_keys: &mut self.foreign_keys,
            script: &script,
            job: Job::Undo { receipt, before },
            now: watch.now,
            on_event: watch.on_event,
            pause: watch.pause,
        };
        let begun = (receipt.state == ReceiptState::Undoing).then_some(receipt);
        let done = run.perform(begun).await;
        let given = self.give_back(connection, done.is_err()).await;
        done?;
        given.map_err(ApplyError::from)?;
        Ok(receipt.clone())
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

/// What is run.
#[derive(Clone, Copy)]
enum Job<'a> {
    Apply {
        migration: &'a Migration,
        key: &'a str,
    },
    Undo {
        receipt: &'a Receipt,
        /// The version that is the latest afterwards.
        before: Option<Version>,
    },
}

impl Job<'_> {
    fn title(&self) -> (Version, &str) {
        match self {
            Job::Apply { migration, .. } => (migration.version, &migration.name),
            Job::Undo { receipt, .. } => (receipt.version, &receipt.name),
        }
    }
}

/// One script on its connection.
struct Run<'a, N> {
    engine: &'a Engine,
    set: &'a MigrationSet,
    connection: &'a mut Connection,
    is_prepared: &'a mut bool,
    foreign_keys: &'a mut Option<ForeignKeys>,
    script: &'a Script<'a>,
    job: Job<'a>,
    now: &'a N,
    on_event: &'a mut (dyn FnMut(Event) + Send),
    pause: &'a Pause,
}

impl<N: Fn() -> i64 + Sync> Run<'_, N> {
    /// Runs it by its mode; `begun` is the receipt of one that goes on.
    async fn perform(&mut self, begun: Option<&Receipt>) -> Result<Receipt, ApplyError> {
        let progress = begun.and_then(|begun| begun.progress.as_ref());
        let was_batched = progress.map(|progress| progress.batched.is_some());
        if was_batched.is_some_and(|was| was != (self.script.mode == Mode::Batched)) {
            return Err(self.transaction(match self.script.mode {
                Mode::Batched => "was begun as a whole, and is to be run in batches since",
                _ => "was begun in batches, and its file says no `batch` any more",
            }));
        }
        match self.script.mode {
            Mode::Announced => self.announced().await,
            Mode::Batched => self.backfill(begun).await,
            Mode::Whole | Mode::Stepwise => self.patiently(begun).await,
        }
    }

    /// What did not get its locks is tried again, as long as there is patience.
    async fn patiently(&mut self, begun: Option<&Receipt>) -> Result<Receipt, ApplyError> {
        let mut retries = self.engine.retries();
        let was_prepared = *self.is_prepared;
        let mut begun = begun.cloned();
        loop {
            let done = match self.script.mode {
                Mode::Stepwise => self.stepwise(begun.as_ref()).await,
                Mode::Whole | Mode::Announced | Mode::Batched => self.whole().await,
            };
            let error = match done {
                Ok(receipt) => return Ok(receipt),
                Err(error) => error,
            };
            if !error.is_busy() || !retries.wait().await {
                return Err(error);
            }
            self.sql("ROLLBACK").await?;
            *self.is_prepared = was_prepared;
            begun = self.begun().await?.or(begun);
        }
    }

    /// The receipt of this migration, if it has begun step by step.
    async fn begun(&mut self) -> Result<Option<Receipt>, ApplyError> {
        if self.script.mode != Mode::Stepwise {
            return Ok(None);
        }
        let (set, (version, _)) = (self.set, self.job.title());
        let found = self
            .attempt(async |connection| records::read(connection, Some(set)).await)
            .await?;
        let receipt = found.receipts.get(&version);
        Ok(receipt
            .filter(|receipt| receipt.progress.is_some())
            .cloned())
    }

    async fn whole(&mut self) -> Result<Receipt, ApplyError> {
        let before = self.foreign_keys_before().await?;
        if let Some(receipt) = self.begin(false).await? {
            return Ok(receipt);
        }
        for step in &self.script.steps {
            self.refuse_without_transactions(step).await?;
        }
        let mut receipt = self.receipt();
        self.statements(0..self.script.statements.len()).await?;
        self.refuse_lost_transaction().await?;
        let after = self.refuse_worse(before).await?;
        receipt.took_ms = ((self.now)() - receipt.applied_at_ms).max(0);
        self.record(&receipt).await?;
        self.sql("COMMIT").await?;
        *self.foreign_keys = after;
        Ok(receipt)
    }

    /// Outside a transaction nothing takes back what a crash leaves half done, so it is announced first: a receipt that
    /// says `started` and the tool's row without success, where it can have one. Planning stops at them until a person
    /// settles what was done.
    async fn announced(&mut self) -> Result<Receipt, ApplyError> {
        let before = self.foreign_keys_before().await?;
        if let Some(receipt) = self.begin(false).await? {
            return Ok(receipt);
        }
        let mut receipt = self.receipt();
        let (during, after) = self.states();
        receipt.state = during;
        self.record(&receipt).await?;
        self.sql("COMMIT").await?;

        self.statements(0..self.script.statements.len()).await?;
        if self.connection.execute(self.engine.begin()).await.is_err()
            && self.in_own_transaction().await
        {
            return Err(self.transaction("leaves a transaction open"));
        }
        let keys = self.refuse_worse(before).await?;
        receipt.took_ms = ((self.now)() - receipt.applied_at_ms).max(0);
        receipt.state = after;
        self.record(&receipt).await?;
        self.sql("COMMIT").await?;
        *self.foreign_keys = keys;
        Ok(receipt)
    }

    /// Each step is kept together with how far that is; before one that cannot be in a transaction, it is kept what the
    /// schema was like, so that the next try finds out whether it was done.
    async fn stepwise(&mut self, begun: Option<&Receipt>) -> Result<Receipt, ApplyError> {
        if let Some(receipt) = self.begin(begun.is_some()).await? {
            return Ok(receipt);
        }
        let (during, after) = self.states();
        let mut receipt = self.receipt();
        if let Some(begun) = begun {
            receipt.applied_at_ms = begun.applied_at_ms;
        }
        receipt.state = during;
        let mut remains = Vec::new();
        let mut progress = match begun.and_then(|begun| begun.progress.clone()) {
            Some(progress) => self.go_on(progress, &mut remains).await?,
            None => self.progress(0),
        };
        let script = self.script;
        let left = |progress: &Progress| {
            let done = progress.done;
            let mut steps = script.steps.iter();
            steps.find(move |step| step.statements.end > done).cloned()
        };
        let mut is_open = true;
        while let Some(step) = left(&progress) {
            let is_last = step.statements.end == script.statements.len();
            if step.bond == Bond::Transaction {
                if progress.done == 0 && !is_last {
                    // That it has begun is kept before anything of it is.
                    self.note(&mut receipt, &progress, &mut is_open).await?;
                }
                self.open(&mut is_open).await?;
                self.refuse_without_transactions(&step).await?;
                // What was done is not done again, though it may be of a step that was another when it was.
                let begin = step.statements.start.max(progress.done);
                self.statements(begin..step.statements.end).await?;
            } else {
                let now = self.schema_now().await?;
                progress.before = Some(self.before(&now, &remains));
                self.note(&mut receipt, &progress, &mut is_open).await?;
                if step.bond == Bond::Unsure {
                    self.open(&mut is_open).await?;
                }
                if let Err(error) = self.alone(&step, &remains, &now).await {
                    self.failed_alone(&mut receipt, progress, &error).await;
                    return Err(error);
                }
            }
            progress = self.progress(step.statements.end);
            if !is_last {
                progress.variables = self.variables(progress.done).await?;
                self.note(&mut receipt, &progress, &mut is_open).await?;
            }
        }
        self.open(&mut is_open).await?;
        receipt.progress = None;
        receipt.took_ms = ((self.now)() - receipt.applied_at_ms).max(0);
        receipt.state = after;
        self.record(&receipt).await?;
        self.sql("COMMIT").await?;
        Ok(receipt)
    }

    /// Keeps how far it has come, with what was done in the open transaction.
    async fn note(
        &mut self,
        receipt: &mut Receipt,
        progress: &Progress,
        is_open: &mut bool,
    ) -> Result<(), ApplyError> {
        self.open(is_open).await?;
        receipt.progress = Some(progress.clone());
        self.record(receipt).await?;
        self.sql("COMMIT").await?;
        *is_open = false;
        Ok(())
    }

    async fn open(&mut self, is_open: &mut bool) -> Result<(), ApplyError> {
        if !std::mem::replace(is_open, true) {
            self.sql(self.engine.begin()).await?;
        }
        Ok(())
    }

    fn progress(&self, done: usize) -> Progress {
        Progress {
            done,
            checksum: self.script.checksum(done),
            before: None,
            variables: None,
            batched: None,
        }
    }

    /// What the session's variables are, once so many statements are done.
    async fn variables(&mut self, done: usize) -> Result<Option<String>, ApplyError> {
        let (engine, script) = (self.engine, &self.script.statements);
        self.attempt(async |connection| match engine {
            Engine::Sqlite(_) | Engine::Postgres(_) => Ok(None),
            Engine::Mysql(_) => mysql::variables(connection, script, done).await,
        })
        .await
    }

    /// What is kept of the schema before a statement: without what earlier tries have left, so that the next one knows
    /// it for that as well.
    fn before(&self, now: &str, remains: &[String]) -> String {
        match self.engine {
            Engine::Postgres(_) => postgres::without(now, remains),
            Engine::Sqlite(_) | Engine::Mysql(_) => now.to_owned(),
        }
    }

    /// Keeps that a statement failed which no transaction holds: what somebody then does to the schema to let it pass
    /// is not to be taken for what it did itself.
    async fn failed_alone(
        &mut self,
        receipt: &mut Receipt,
        mut progress: Progress,
        error: &ApplyError,
    ) {
        if error.is_unreachable() || self.sql("ROLLBACK").await.is_err() {
            return;
        }
        progress.before = match self.engine {
            Engine::Postgres(_) => progress.before.as_deref().map(postgres::failed),
            Engine::Sqlite(_) | Engine::Mysql(_) => None,
        };
        // The statement's own error says more than one of this would.
        let _ = self.note(receipt, &progress, &mut false).await;
    }

    /// Where a run that was cut short goes on: a statement that was begun may be done by now. What it has left half done
    /// is added to `remains`.
    async fn go_on(
        &mut self,
        progress: Progress,
        remains: &mut Vec<String>,
    ) -> Result<Progress, ApplyError> {
        if self.script.checksum(progress.done) != progress.checksum {
            return Err(self.transaction(
                "was begun, and the statements of it that are done were edited since",
            ));
        }
        // Before anything is asked for in it, the session is what it was.
        self.session_again(&progress).await?;
        let Some(before) = &progress.before else {
            return Ok(progress);
        };
        let now = self.schema_now().await?;
        let statement = self.script.statements.get(progress.done);
        let text = statement.map_or("", |statement| statement.text);
        let is_done = match self.engine {
            Engine::Sqlite(_) => false,
            Engine::Postgres(_) => {
                remains.extend(postgres::left(before, &now));
                postgres::is_done(text, before, &now)
            }
            // Only the lock's holder changes the schema: it is as before, or the statement was done.
            Engine::Mysql(_) => *before != now,
        };
        if !is_done {
            return Ok(progress);
        }
        if let (Engine::Mysql(_), Some(rest)) = (self.engine, mysql::completed(text)) {
            self.sql(&rest).await?;
            self.sql(self.engine.begin()).await?;
        }
        Ok(Progress {
            variables: progress.variables,
            ..self.progress(progress.done + 1)
        })
    }

    /// What was set for the session by statements that are done belongs to a session that is gone.
    async fn session_again(&mut self, progress: &Progress) -> Result<(), ApplyError> {
        let done = self.script.statements.get(..progress.done);
        let done = done.unwrap_or_default();
        let statements: Vec<&str> = match self.engine {
            Engine::Sqlite(_) => Vec::new(),
            Engine::Postgres(_) => {
                let settings = done.iter().map(|statement| statement.text);
                settings.filter(|text| postgres::is_setting(text)).collect()
            }
            Engine::Mysql(_) => mysql::again(done),
        };
        // They may name the variables, and set some of them: in the end each has its own value.
        let variables = progress.variables.as_deref();
        for sql in variables.into_iter().chain(statements).chain(variables) {
            self.sql(sql).await?;
        }
        Ok(())
    }

    /// Runs a statement that cannot be in a transaction. What is in its way of an earlier try goes first.
    async fn alone(
        &mut self,
        step: &Step,
        remains: &[String],
        now: &str,
    ) -> Result<(), ApplyError> {
        let statement = self.script.statements.get(step.statements.start);
        let text = statement.map_or("", |statement| statement.text);
        let first = match self.engine {
            Engine::Sqlite(_) | Engine::Mysql(_) => Vec::new(),
            Engine::Postgres(_) => postgres::remains(text, remains, now),
        };
        let patient = match self.engine {
            Engine::Postgres(postgres) => postgres.patiently(text, &self.script.statements),
            Engine::Sqlite(_) | Engine::Mysql(_) => None,
        };
        if let (Engine::Postgres(_), Some(statement)) = (self.engine, statement)
            && let Some(rest) = postgres::finalized(text, now)
        {
            let ended = self.connection.execute(&rest).await;
            return ended.map_err(|error| self.failed(statement, &error));
        }
        let Some([before, after]) = patient else {
            return self.statements(step.statements.clone()).await;
        };
        self.sql(&before).await?;
        for sql in first {
            self.sql(&sql).await?;
        }
        self.statements(step.statements.clone()).await?;
        self.sql(&after).await
    }

    /// The schema as far as it is compared to find out whether a statement was done.
    async fn schema_now(&mut self) -> Result<String, ApplyError> {
        let engine = self.engine;
        self.attempt(async |connection| match engine {
            Engine::Sqlite(_) => Ok(String::new()),
            Engine::Postgres(_) => postgres::indexes(connection).await,
            Engine::Mysql(_) => mysql::fingerprint(connection).await,
        })
        .await
    }

    /// Takes the right to write and looks again: an applier without our lock, such as a service that runs
    /// `sqlx::migrate!` as it starts, may just have applied this one. Then answers with its receipt.
    async fn begin(&mut self, goes_on: bool) -> Result<Option<Receipt>, ApplyError> {
        let mut begin = self.engine.begin_anew();
        if let Engine::Mysql(_) = self.engine {
            self.sql(&std::mem::take(&mut begin)).await?;
            // What an earlier try in this session has made.
            for sql in mysql::drop_temporary(&self.script.statements) {
                self.sql(&sql).await?;
            }
        }
        let (set, is_prepared) = (self.set, *self.is_prepared);
        if !is_prepared {
            self.sql(&std::mem::take(&mut begin)).await?;
            self.attempt(async |connection| records::create(connection, set.layout()).await)
                .await?;
            if matches!(self.engine, Engine::Mysql(_)) {
                // Making a table has ended the transaction.
                *self.is_prepared = true;
                self.sql(self.engine.begin()).await?;
            }
        }
        let migration = match self.job {
            Job::Apply { migration, .. } if !goes_on => migration,
            Job::Apply { .. } | Job::Undo { .. } => {
                self.sql(&begin).await?;
                return Ok(None);
            }
        };
        let is_there = self.attempt(async |connection| {
            records::is_there_after(connection, &begin, set.layout(), migration).await
        });
        if !is_there.await? {
            return Ok(None);
        }
        let found = self
            .attempt(async |connection| records::read(connection, Some(set)).await)
            .await?;
        let is_this = |receipt: &&Receipt| {
            !migration.version.is_repeatable() || receipt.checksum == migration.checksum
        };
        if let Some(receipt) = found.receipts.get(&migration.version).filter(is_this) {
            self.sql("ROLLBACK").await?;
            return Ok(Some(receipt.clone()));
        }
        let Some(row) = found.native.get(&migration.version) else {
            return Ok(None);
        };
        let ours = set.layout().checksums(migration, &migration.up);
        let other = row
            .checksum
            .as_ref()
            .is_some_and(|theirs| !ours.contains(theirs));
        if !row.success || other {
            return Err(self.transaction(
                "was applied by somebody else at the same time, and not as it is here",
            ));
        }
        let receipt = records::adopted(migration, row);
        self.attempt(async |connection| records::put_receipt(connection, &receipt).await)
            .await?;
        self.sql("COMMIT").await?;
        Ok(Some(receipt))
    }

    /// The receipt while it is run, and when it was.
    fn receipt(&self) -> Receipt {
        match self.job {
            Job::Apply { migration, key } => receipt_for(migration, key, (self.now)()),
            Job::Undo { receipt, .. } => receipt.clone(),
        }
    }

    fn states(&self) -> (ReceiptState, ReceiptState) {
        match self.job {
            Job::Apply { .. } => (ReceiptState::Started, ReceiptState::Applied),
            // In the end there is none any more.
            Job::Undo { .. } => (ReceiptState::Undoing, ReceiptState::Applied),
        }
    }

    async fn statements(&mut self, which: std::ops::Range<usize>) -> Result<(), ApplyError> {
        for statement in &self.script.statements[which] {
            if let Err(error) = self.connection.execute(statement.text).await {
                return Err(self.failed(statement, &error));
            }
        }
        Ok(())
    }

    fn failed(&self, statement: &Statement<'_>, error: &sqlx::Error) -> ApplyError {
        let (version, name) = self.job.title();
        let numbers = |step: &Step| {
            let statements = &self.script.statements[step.statements.clone()];
            (
                statements.first().map(|first| first.number),
                statements.last().map(|last| last.number),
            )
        };
        let begun = self.script.steps.iter().map(numbers);
        let mut begun = begun.filter(|(_, last)| *last >= Some(statement.number));
        ApplyError::Statement(Box::new(FailedStatement {
            version,
            name: name.to_owned(),
            number: statement.number,
            line: statement.line,
            statement: super::steps::beginning(statement.text),
            layout: self.set.layout(),
            transactional: self.script.mode == Mode::Whole,
            goes_on_with: match self.script.mode {
                Mode::Stepwise => begun.next().and_then(|(first, _)| first),
                Mode::Whole | Mode::Announced | Mode::Batched => None,
            },
            undoing: matches!(self.job, Job::Undo { .. }),
            cause: self.engine.error(error),
        }))
    }

    /// What a transaction does not hold would be written again by the next try.
    async fn refuse_without_transactions(&mut self, step: &Step) -> Result<(), ApplyError> {
        let (engine, statements) = (
            self.engine,
            &self.script.statements[step.statements.clone()],
        );
        let found = self
            .attempt(async |connection| match engine {
                Engine::Sqlite(_) | Engine::Postgres(_) => Ok(None),
                Engine::Mysql(_) => mysql::without_transactions(connection, statements).await,
            })
            .await?;
        let Some([table, storage]) = found else {
            return Ok(());
        };
        let (version, name) = self.job.title();
        Err(ApplyError::NoTransactions {
            version,
            name: name.to_owned(),
            table,
            storage,
        })
    }

    /// Statements that end a transaction are refused before any is run; this holds even if one was not recognised.
    async fn refuse_lost_transaction(&mut self) -> Result<(), ApplyError> {
        if self.in_own_transaction().await {
            return Ok(());
        }
        Err(self.transaction("ended its transaction, and what followed was kept without a receipt"))
    }

    /// SQLite has no way to ask; but a transaction cannot be begun in one. On servers it is not asked: what ends a transaction
    /// is refused where a script is cut, and they let no routine do so within one of ours.
    async fn in_own_transaction(&mut self) -> bool {
        match self.engine {
            Engine::Sqlite(_) => match self.connection.execute("BEGIN").await {
                Ok(()) => false,
                Err(error) => error.to_string().contains("within a transaction"),
            },
            Engine::Postgres(_) | Engine::Mysql(_) => true,
        }
    }

    async fn foreign_keys_before(&mut self) -> Result<Option<ForeignKeys>, ApplyError> {
        match self.foreign_keys.take() {
            Some(known) => Ok(Some(known)),
            None => self.foreign_keys_now().await,
        }
    }

    /// What refers to nothing. Servers refuse that themselves.
    async fn foreign_keys_now(&mut self) -> Result<Option<ForeignKeys>, ApplyError> {
        self.attempt(async |connection| match connection.sqlite() {
            Some(connection) => ForeignKeys::read(connection).await.map(Some),
            None => Ok(None),
        })
        .await
    }

    async fn refuse_worse(
        &mut self,
        before: Option<ForeignKeys>,
    ) -> Result<Option<ForeignKeys>, ApplyError> {
        let Some(before) = before else {
            return Ok(None);
        };
        let Some(after) = self.foreign_keys_now().await? else {
            return Ok(None);
        };
        let violations = after.worse_than(&before);
        if violations.is_empty() {
            return Ok(Some(after));
        }
        let (version, name) = self.job.title();
        Err(ApplyError::ForeignKeys {
            version,
            name: name.to_owned(),
            violations,
        })
    }

    /// Both records of this migration, in the transaction that is open.
    async fn record(&mut self, receipt: &Receipt) -> Result<(), ApplyError> {
        let (set, job, script) = (self.set, self.job, self.script);
        let success = receipt.state == ReceiptState::Applied;
        self.attempt(async |connection| {
            if let (Connection::Postgres(_), Some(sql)) =
                (&*connection, postgres::own_names(&script.statements))
            {
                connection.execute(sql).await?;
            }
            match job {
                Job::Apply { migration, .. } => {
                    records::put_with_receipt(connection, set.layout(), migration, receipt).await
                }
                Job::Undo { before, .. } if success => {
                    records::forget(connection, set.layout(), receipt.version, before).await
                }
                Job::Undo { .. } => records::put_receipt(connection, receipt).await,
            }
        })
        .await?;
        *self.is_prepared = true;
        Ok(())
    }

    async fn sql(&mut self, sql: &str) -> Result<(), ApplyError> {
        self.attempt(async |connection| connection.execute(sql).await)
            .await
    }

    async fn attempt<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut Connection) -> Result<T, sqlx::Error>,
    ) -> Result<T, ApplyError> {
        work(self.connection).await.map_err(|error| {
            let (version, name) = self.job.title();
            ApplyError::Record {
                version,
                name: name.to_owned(),
                cause: self.engine.error(&error),
            }
        })
    }

    fn transaction(&self, problem: &'static str) -> ApplyError {
        let (version, name) = self.job.title();
        ApplyError::Transaction {
            version,
            name: name.to_owned(),
            problem,
        }
    }
}
