//! A migration that no transaction holds as a whole: it is run step by step, with receipts between, from which a run that was
//! cut short goes on.

use super::Run;
use crate::{
    ApplyError, Progress, Receipt,
    engine::{
        Engine, mysql, postgres,
        steps::{Bond, Step},
    },
};

impl<N: Fn() -> i64 + Sync> Run<'_, N> {
    /// Each step is kept together with how far that is; before one that cannot be in a transaction, it is kept what the
    /// schema was like, so that the next try finds out whether it was done.
    pub(super) async fn stepwise(
        &mut self,
        begun: Option<&Receipt>,
    ) -> Result<Receipt, ApplyError> {
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
}
