//! A migration that is run over ranges of a table's key: each range is a transaction, together with how far that is.
//!
//! It goes over the rows that there are when it begins, as the one statement would: the greatest key of then is where it
//! ends. What is added beyond it meanwhile was written by code that knows better, or is left to it.

use super::Run;
use crate::{
    ApplyError, Batched, Batches, Event, Progress, Receipt,
    classify::backfill::Backfill,
    digest,
    engine::{
        Engine,
        connection::{Connection, Row},
        key::{Key, NoKey},
        records,
        steps::beginning,
    },
};

/// What is run, and over what.
struct Course<'a> {
    backfill: &'a Backfill<'a>,
    batches: Batches,
    key: Key,
}

/// What came of a range.
enum Range {
    Done(Batched),
    /// There was none left.
    None,
}

impl<N: Fn() -> i64 + Sync> Run<'_, N> {
    pub(super) async fn backfill(
        &mut self,
        begun: Option<&Receipt>,
    ) -> Result<Receipt, ApplyError> {
        let script = self.script;
        let Some((backfill, batches)) = &script.backfill else {
            return self.whole().await;
        };
        if matches!(self.engine, Engine::Sqlite(_)) {
            // No table is rebuilt: keys refuse and cascade as they do for everybody else.
            self.sql("PRAGMA foreign_keys = ON").await?;
        }
        if let Some(receipt) = self.begin(begun.is_some()).await? {
            return Ok(receipt);
        }
        self.sql("COMMIT").await?;
        *self.is_prepared = true;
        // Its ranges change what refers to nothing.
        *self.foreign_keys = None;
        let course = Course {
            backfill,
            batches: *batches,
            key: self.key(backfill).await?,
        };
        let mut receipt = self.receipt();
        receipt.state = self.states().0;
        let mut batched = match begun.zip(begun.and_then(|begun| begun.progress.as_ref())) {
            Some((begun, progress)) => {
                receipt.applied_at_ms = begun.applied_at_ms;
                Some(self.goes_on(&course, progress)?)
            }
            None => self.measure(&course).await?,
        };
        // While the table was measured, somebody without our lock may have applied it.
        if let Some(receipt) = self.begin(begun.is_some()).await? {
            return Ok(receipt);
        }
        let mut is_open = true;
        if let Some(batched) = &batched {
            receipt.progress = Some(course.progress(batched));
            self.record(&receipt).await?;
            self.sql("COMMIT").await?;
            is_open = false;
            self.tell(batched);
        }
        while let Some(before) = &batched {
            if self.pause.is_asked() {
                return Err(self.paused(before));
            }
            batched = match self.patient_range(&course, &mut receipt, before).await? {
                Range::Done(now) => {
                    self.tell(&now);
                    if now.after.as_ref() != Some(&now.end) {
                        self.pause.rest(course.batches.pause).await;
                    }
                    Some(now)
                }
                Range::None => None,
            };
        }
        self.open(&mut is_open).await?;
        receipt.progress = None;
        receipt.took_ms = ((self.now)() - receipt.applied_at_ms).max(0);
        receipt.state = self.states().1;
        self.record(&receipt).await?;
        self.sql("COMMIT").await?;
        Ok(receipt)
    }

    async fn key(&mut self, backfill: &Backfill<'_>) -> Result<Key, ApplyError> {
        let found = self
            .attempt(async |connection| Key::find(connection, backfill).await)
            .await?;
        found.map_err(|none| self.refuse(none))
    }

    fn refuse(&self, none: NoKey) -> ApplyError {
        let (version, name) = self.job.title();
        ApplyError::Batches {
            version,
            name: name.to_owned(),
            problem: none.problem,
            remedy: none.remedy,
        }
    }

    /// Where a run that was cut short goes on.
    fn goes_on(&self, course: &Course<'_>, progress: &Progress) -> Result<Batched, ApplyError> {
        match &progress.batched {
            Some(batched) if progress.checksum == course.checksum() => Ok(batched.clone()),
            _ => Err(self.transaction("was begun in batches of another table, or by another key")),
        }
    }

    /// What there is to do; nothing in a table without rows. No transaction is open: to count takes a while.
    async fn measure(&mut self, course: &Course<'_>) -> Result<Option<Batched>, ApplyError> {
        let (table, column) = (&course.backfill.table, &course.key.column);
        let end = format!(
            "SELECT {} AS bound FROM {table} ORDER BY {column} DESC LIMIT 1",
            course.key.written(column)
        );
        let count = format!("SELECT count(*) AS total FROM {table}");
        self.attempt(async |connection| {
            let Some(end) = first(connection, &end).await? else {
                return Ok(None);
            };
            let total = match first(connection, &count).await? {
                Some(row) => row.integer("total")?,
                None => 0,
            };
            Ok(Some(Batched {
                after: None,
                end: end.text("bound")?,
                total: u64::try_from(total).unwrap_or_default(),
                rows: 0,
                changed: 0,
            }))
        })
        .await
    }

    /// A range that did not get its locks is tried again, as long as there is patience for it.
    async fn patient_range(
        &mut self,
        course: &Course<'_>,
        receipt: &mut Receipt,
        before: &Batched,
    ) -> Result<Range, ApplyError> {
        let mut retries = self.engine.retries();
        loop {
            let done = self.range(course, receipt, before).await;
            let is_busy = matches!(&done, Err(error) if error.is_busy());
            if !is_busy || !retries.wait().await {
                return done;
            }
            self.sql("ROLLBACK").await?;
        }
    }

    /// The next range and how far that is, in one transaction.
    async fn range(
        &mut self,
        course: &Course<'_>,
        receipt: &mut Receipt,
        before: &Batched,
    ) -> Result<Range, ApplyError> {
        self.sql(self.engine.begin()).await?;
        let bound = course.bound(before);
        let found = self
            .attempt(async |connection| {
                let row = first(connection, &bound).await?;
                row.map(|row| Ok((row.text("bound")?, row.integer("seen")?)))
                    .transpose()
            })
            .await?;
        let Some((through, seen)) = found else {
            self.sql("COMMIT").await?;
            return Ok(Range::None);
        };
        if before.after.as_ref() == Some(&through) {
            // It would be the same range for ever.
            return Err(self.refuse(NoKey {
                problem: format!("no row comes after the key {through}, and the database finds one"),
                remedy: "look at the row with the next greater key, which the database does not write as it is: give it \
                         another key, and apply again",
            }));
        }
        let text = course.text(before, &through);
        let changed = self.connection.change(&text).await;
        let changed = changed.map_err(|error| self.failed_range(course, before, &error))?;
        let now = Batched {
            after: Some(through),
            rows: before.rows + u64::try_from(seen).unwrap_or_default(),
            changed: before.changed + changed,
            ..before.clone()
        };
        receipt.progress = Some(course.progress(&now));
        // The tool's own row says since the beginning that it has begun.
        self.attempt(async |connection| records::put_receipt(connection, receipt).await)
            .await?;
        self.sql("COMMIT").await?;
        Ok(Range::Done(now))
    }

    fn failed_range(
        &self,
        course: &Course<'_>,
        before: &Batched,
        error: &sqlx::Error,
    ) -> ApplyError {
        let (version, name) = self.job.title();
        ApplyError::Batch {
            version,
            name: name.to_owned(),
            line: course.backfill.line,
            statement: beginning(course.backfill.text),
            batched: Box::new(before.clone()),
            cause: self.engine.error(error),
        }
    }

    fn paused(&self, batched: &Batched) -> ApplyError {
        let (version, name) = self.job.title();
        ApplyError::Paused {
            version,
            name: name.to_owned(),
            batched: Box::new(batched.clone()),
        }
    }

    fn tell(&mut self, batched: &Batched) {
        let (version, name) = self.job.title();
        let event = Event::Advanced {
            version,
            name: name.to_owned(),
            batched: batched.clone(),
        };
        (self.on_event)(event);
    }
}

impl Course<'_> {
    /// What has to be the same for whoever goes on. The statement may be corrected for the rows that are left.
    fn checksum(&self) -> String {
        digest::sha256(format!("{} by {}", self.backfill.table, self.key.column).as_bytes())
    }

    fn progress(&self, batched: &Batched) -> Progress {
        Progress {
            done: 0,
            checksum: self.checksum(),
            before: None,
            variables: None,
            batched: Some(batched.clone()),
        }
    }

    /// Asks for the greatest key of the next range, and how many rows it has.
    fn bound(&self, before: &Batched) -> String {
        let (table, column) = (&self.backfill.table, &self.key.column);
        format!(
            "SELECT {written} AS bound, count(*) OVER () AS seen \
             FROM (SELECT {column} AS k FROM {table} WHERE {range} ORDER BY {column} LIMIT {rows}) AS towpath_rows \
             ORDER BY k DESC LIMIT 1",
            written = self.key.written("k"),
            range = between(column, before.after.as_deref(), &before.end),
            rows = self.batches.rows,
        )
    }

    /// The statement for the rows from where it is to the end of the next range.
    fn text(&self, before: &Batched, through: &str) -> String {
        let column = format!("{}.{}", self.backfill.qualifier, self.key.column);
        self.backfill
            .within(&between(&column, before.after.as_deref(), through))
    }
}

fn between(column: &str, after: Option<&str>, through: &str) -> String {
    match after {
        Some(after) => format!("{column} > {after} AND {column} <= {through}"),
        None => format!("{column} <= {through}"),
    }
}

async fn first(connection: &mut Connection, sql: &str) -> Result<Option<Row>, sqlx::Error> {
    Ok(connection.rows(sql, &[]).await?.into_iter().next())
}
