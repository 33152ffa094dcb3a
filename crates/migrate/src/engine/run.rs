//! Running one migration, or what undoes it: in a transaction with its receipt, or step by step with receipts between.

mod backfill;
mod stepwise;

use super::{
    Connection, Engine, mysql, postgres,
    records::{self, receipt_for},
    sqlite::ForeignKeys,
    steps::{Mode, Script, Statement, Step},
};
use crate::{
    ApplyError, Event, FailedStatement, Migration, MigrationSet, Pause, Receipt, ReceiptState,
    Version,
};

/// What is run.
#[derive(Clone, Copy)]
pub(super) enum Job<'a> {
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
pub(super) struct Run<'a, N> {
    pub(super) engine: &'a Engine,
    pub(super) set: &'a MigrationSet,
    pub(super) connection: &'a mut Connection,
    pub(super) is_prepared: &'a mut bool,
    pub(super) foreign_keys: &'a mut Option<ForeignKeys>,
    pub(super) script: &'a Script<'a>,
    pub(super) job: Job<'a>,
    pub(super) now: &'a N,
    pub(super) on_event: &'a mut (dyn FnMut(Event) + Send),
    pub(super) pause: &'a Pause,
}

impl<N: Fn() -> i64 + Sync> Run<'_, N> {
    /// Runs it by its mode; `begun` is the receipt of one that goes on.
    pub(super) async fn perform(&mut self, begun: Option<&Receipt>) -> Result<Receipt, ApplyError> {
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

    /// Opens a transaction, unless one is open.
    async fn open(&mut self, is_open: &mut bool) -> Result<(), ApplyError> {
        if !std::mem::replace(is_open, true) {
            self.sql(self.engine.begin()).await?;
        }
        Ok(())
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
