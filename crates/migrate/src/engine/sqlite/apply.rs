//! Running one migration: in a transaction with its receipt, or step by step between two receipts.

use sqlx::SqliteConnection;

use super::{
    PAGE_SIZE, Sqlite, execute,
    foreign_keys::ForeignKeys,
    lock::Lock,
    native,
    records::{self, receipt_for},
    statements,
};
use crate::{
    ApplyError, DatabaseError, FailedStatement, History, Migration, MigrationSet, Plan, PlanError,
    Receipt, ReceiptState,
};

/// The sole right to change a database's schema.
pub(crate) struct Session {
    sqlite: Sqlite,
    set: MigrationSet,
    _lock: Lock,
    /// What referred to nothing after the migration before: the check is a scan, so its result is kept.
    foreign_keys: Option<ForeignKeys>,
}

impl Sqlite {
    pub(in crate::engine) async fn session(
        &self,
        key: &str,
        set: &MigrationSet,
        on_wait: impl FnOnce(String) + Send,
    ) -> Result<Session, ApplyError> {
        self.prepare_folder()?;
        let lock = Lock::take(&self.path, key, self.patience, on_wait).await?;
        self.create(PAGE_SIZE).await?;
        Ok(Session {
            sqlite: self.clone(),
            set: set.clone(),
            _lock: lock,
            foreign_keys: None,
        })
    }
}

impl Session {
    pub(in crate::engine) async fn history(&self) -> Result<History, DatabaseError> {
        self.sqlite.history(Some(&self.set)).await
    }

    pub(in crate::engine) async fn adopt(&self, plan: &Plan) -> Result<(), DatabaseError> {
        let mut connection = self.sqlite.writer().await?;
        let adopted = adopt(&mut connection, plan)
            .await
            .map_err(|error| self.sqlite.error(&error));
        self.sqlite.close(connection).await?;
        adopted
    }

    pub(in crate::engine) async fn apply(
        &mut self,
        migration: &Migration,
        key: &str,
        now: &(impl Fn() -> i64 + Sync),
    ) -> Result<Receipt, ApplyError> {
        statements::check(self.set.layout(), migration).map_err(PlanError::from)?;
        let mut connection = self.sqlite.writer().await?;
        let mut run = Run {
            sqlite: &self.sqlite,
            set: &self.set,
            connection: &mut connection,
            migration,
            key,
            foreign_keys: &mut self.foreign_keys,
        };
        let receipt = if migration.transactional {
            run.in_transaction(now).await
        } else {
            run.step_by_step(now).await
        };
        // Closing rolls back what was not committed, and must have done so before the lock is let go.
        let closed = self.sqlite.close(connection).await;
        let receipt = receipt?;
        closed?;
        Ok(receipt)
    }
}

async fn adopt(connection: &mut SqliteConnection, plan: &Plan) -> Result<(), sqlx::Error> {
    execute(connection, "BEGIN IMMEDIATE").await?;
    records::create(connection, plan.set.layout()).await?;
    for version in &plan.adopted {
        // The plan found both, and compared their checksums.
        if let (Some(row), Some(migration)) =
            (plan.history.native.get(version), plan.set.get(*version))
        {
            records::put_receipt(connection, &records::adopted(migration, row)).await?;
        }
    }
    execute(connection, "COMMIT").await
}

/// One migration on its own connection.
struct Run<'a> {
    sqlite: &'a Sqlite,
    set: &'a MigrationSet,
    connection: &'a mut SqliteConnection,
    migration: &'a Migration,
    key: &'a str,
    foreign_keys: &'a mut Option<ForeignKeys>,
}

impl Run<'_> {
    async fn in_transaction(
        &mut self,
        now: &(impl Fn() -> i64 + Sync),
    ) -> Result<Receipt, ApplyError> {
        let before = self.foreign_keys_before().await?;
        if let Some(receipt) = self.begin().await? {
            return Ok(receipt);
        }
        let mut receipt = receipt_for(self.migration, self.key, now());
        self.statements().await?;
        self.refuse_lost_transaction().await?;
        let after = self.refuse_worse(&before).await?;
        receipt.took_ms = (now() - receipt.applied_at_ms).max(0);
        self.record(&receipt).await?;
        self.record_sql("COMMIT").await?;
        *self.foreign_keys = Some(after);
        Ok(receipt)
    }

    /// Outside a transaction nothing takes back what a crash leaves half done, so it is announced first: a receipt that
    /// says `started` and the tool's row without success, where it can have one. Planning stops at them until a person
    /// settles what was done.
    async fn step_by_step(
        &mut self,
        now: &(impl Fn() -> i64 + Sync),
    ) -> Result<Receipt, ApplyError> {
        let before = self.foreign_keys_before().await?;
        if let Some(receipt) = self.begin().await? {
            return Ok(receipt);
        }
        let mut receipt = receipt_for(self.migration, self.key, now());
        receipt.state = ReceiptState::Started;
        self.record(&receipt).await?;
        self.record_sql("COMMIT").await?;

        self.statements().await?;
        if execute(self.connection, "BEGIN IMMEDIATE").await.is_err()
            && self.in_own_transaction().await
        {
            return Err(self.transaction("leaves a transaction open"));
        }
        let after = self.refuse_worse(&before).await?;
        receipt.took_ms = (now() - receipt.applied_at_ms).max(0);
        receipt.state = ReceiptState::Applied;
        self.record(&receipt).await?;
        self.record_sql("COMMIT").await?;
        *self.foreign_keys = Some(after);
        Ok(receipt)
    }

    /// Takes the right to write and looks again: an applier without our lock, such as a service that runs
    /// `sqlx::migrate!` as it starts, may just have applied this one. Then answers with its receipt.
    async fn begin(&mut self) -> Result<Option<Receipt>, ApplyError> {
        self.record_sql("BEGIN IMMEDIATE").await?;
        let (set, version) = (self.set, self.migration.version);
        let found = self.attempt(async |connection| {
            records::create(connection, set.layout()).await?;
            records::read(connection, Some(set)).await
        });
        let found = found.await?;
        if let Some(receipt) = found.receipts.get(&version) {
            return Ok(Some(receipt.clone()));
        }
        let Some(row) = found.native.get(&version) else {
            return Ok(None);
        };
        let ours = set.layout().checksums(self.migration, &self.migration.up);
        let other = row
            .checksum
            .as_ref()
            .is_some_and(|theirs| !ours.contains(theirs));
        if !row.success || other {
            return Err(self.transaction(
                "was applied by somebody else at the same time, and not as it is here",
            ));
        }
        let receipt = records::adopted(self.migration, row);
        self.attempt(async |connection| records::put_receipt(connection, &receipt).await)
            .await?;
        self.record_sql("COMMIT").await?;
        Ok(Some(receipt))
    }

    async fn statements(&mut self) -> Result<(), ApplyError> {
        for statement in statements::split(&self.migration.up) {
            if let Err(error) = execute(self.connection, statement.text).await {
                return Err(ApplyError::Statement(Box::new(FailedStatement {
                    version: self.migration.version,
                    name: self.migration.name.clone(),
                    number: statement.number,
                    line: statement.line,
                    statement: statements::beginning(statement.text),
                    layout: self.set.layout(),
                    transactional: self.migration.transactional,
                    cause: self.sqlite.error(&error),
                })));
            }
        }
        Ok(())
    }

    /// Statements that end a transaction are refused before any is run; this holds even if one was not recognised.
    async fn refuse_lost_transaction(&mut self) -> Result<(), ApplyError> {
        if self.in_own_transaction().await {
            return Ok(());
        }
        Err(self.transaction("ended its transaction, and what followed was kept without a receipt"))
    }

    /// SQL has no way to ask; but a transaction cannot be begun in one.
    async fn in_own_transaction(&mut self) -> bool {
        match execute(self.connection, "BEGIN").await {
            Ok(()) => false,
            Err(error) => error.to_string().contains("within a transaction"),
        }
    }

    async fn foreign_keys_before(&mut self) -> Result<ForeignKeys, ApplyError> {
        match self.foreign_keys.take() {
            Some(known) => Ok(known),
            None => self.foreign_keys_now().await,
        }
    }

    async fn foreign_keys_now(&mut self) -> Result<ForeignKeys, ApplyError> {
        self.attempt(async |connection| ForeignKeys::read(connection).await)
            .await
    }

    async fn refuse_worse(&mut self, before: &ForeignKeys) -> Result<ForeignKeys, ApplyError> {
        let after = self.foreign_keys_now().await?;
        let violations = after.worse_than(before);
        if violations.is_empty() {
            return Ok(after);
        }
        Err(ApplyError::ForeignKeys {
            version: self.migration.version,
            name: self.migration.name.clone(),
            violations,
        })
    }

    /// Both records of this migration, in the transaction that is open.
    async fn record(&mut self, receipt: &Receipt) -> Result<(), ApplyError> {
        let (layout, migration) = (self.set.layout(), self.migration);
        let success = receipt.state == ReceiptState::Applied;
        self.attempt(async |connection| {
            records::put_receipt(connection, receipt).await?;
            native::put(connection, layout, migration, success, receipt.took_ms).await
        })
        .await
    }

    async fn record_sql(&mut self, sql: &str) -> Result<(), ApplyError> {
        self.attempt(async |connection| execute(connection, sql).await)
            .await
    }

    async fn attempt<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, ApplyError> {
        work(self.connection)
            .await
            .map_err(|error| ApplyError::Record {
                version: self.migration.version,
                name: self.migration.name.clone(),
                cause: self.sqlite.error(&error),
            })
    }

    fn transaction(&self, problem: &'static str) -> ApplyError {
        ApplyError::Transaction {
            version: self.migration.version,
            name: self.migration.name.clone(),
            problem,
        }
    }
}
