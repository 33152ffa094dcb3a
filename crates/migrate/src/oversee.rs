//! Migrations that the project's own tool applies, under our lock and with our receipts. Running the tool is for whoever calls.
//!
//! Before it runs, each migration that it may apply has a receipt that says `started`; after it, the receipts of those that its
//! status tells as applied say so, and the others are gone. Who is killed in between leaves what the next one finds: the tool is
//! asked again, and knows.

use crate::{
    ApplyError, Database, DatabaseError, History, Layout, Migration, MigrationSet, PlanError,
    Receipt, ReceiptState, Version,
    engine::{Session, adopted, receipt_for},
    told::{self, Status, ToldPlan},
};

/// The sole right to have a database's schema changed, until it is ended.
pub struct Oversight {
    session: Session,
    set: MigrationSet,
    key: String,
}

/// What a tool's run has turned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turned {
    /// The receipts of what it applied.
    pub receipts: Vec<Receipt>,
    /// What it was to apply, and did not.
    pub left: Vec<Migration>,
    /// What it tells as applied that came with packages.
    pub of_packages: Vec<String>,
}

impl Database {
    /// Plans a set by what its tool tells, without changing anything.
    pub async fn plan_told(
        &self,
        set: &MigrationSet,
        status: &Status,
    ) -> Result<ToldPlan, PlanError> {
        told::decide(set, self.history_for(set).await?, status)
    }

    /// Takes the right to have the schema changed. `key` is kept as [`Receipt::applied_by`]; `on_wait` is called when somebody
    /// else has it.
    pub async fn oversee(
        &self,
        set: &MigrationSet,
        key: &str,
        on_wait: impl FnOnce(String) + Send,
    ) -> Result<Oversight, ApplyError> {
        debug_assert_eq!(set.layout(), Layout::Command);
        Ok(Oversight {
            session: self.engine().session(key, set, on_wait).await?,
            set: set.clone(),
            key: key.to_owned(),
        })
    }
}

impl Oversight {
    /// Before the tool runs: what it has applied gets receipts, and so does what it is to apply.
    pub async fn begin(
        &mut self,
        status: &Status,
        now: impl Fn() -> i64,
    ) -> Result<ToldPlan, ApplyError> {
        self.look(status, &now, true).await
    }

    /// What the tool has applied gets the receipts that it lacks, and nothing is to be applied.
    pub async fn adopt(
        &mut self,
        status: &Status,
        now: impl Fn() -> i64,
    ) -> Result<ToldPlan, ApplyError> {
        self.look(status, &now, false).await
    }

    /// After the tool has run, however it ended.
    pub async fn end(
        &mut self,
        status: &Status,
        now: impl Fn() -> i64,
    ) -> Result<Turned, ApplyError> {
        let told = self.look(status, &now, false).await?;
        let history = self.session.history().await?;
        let turned = told.ended.iter().chain(&told.plan.adopted);
        let receipts = turned.filter_map(|version| history.receipts.get(version).cloned());
        Ok(Turned {
            receipts: receipts.collect(),
            left: told.plan.pending,
            of_packages: told.of_packages,
        })
    }

    /// Lets the right go.
    pub async fn close(self) -> Result<(), DatabaseError> {
        self.session.close().await
    }

    async fn look(
        &mut self,
        status: &Status,
        now: &impl Fn() -> i64,
        is_begun: bool,
    ) -> Result<ToldPlan, ApplyError> {
        let history = self.session.history().await?;
        let begun = begun(&history);
        let told = told::decide(&self.set, history, status)?;
        let mut receipts = taken_over(&told, &begun, now);
        if is_begun {
            let pending = told.plan.pending.iter();
            receipts.extend(pending.map(|migration| Receipt {
                state: ReceiptState::Started,
                ..receipt_for(migration, &self.key, now())
            }));
        }
        let gone = without(&begun, &receipts);
        if !receipts.is_empty() || !gone.is_empty() {
            self.session.keep(&self.set, &receipts, &gone).await?;
        }
        Ok(told)
    }
}

/// The receipts of migrations that were begun, and of which nobody has recorded whether they ended.
fn begun(history: &History) -> Vec<Receipt> {
    let receipts = history.receipts.values();
    let begun = receipts.filter(|receipt| receipt.state == ReceiptState::Started);
    begun.cloned().collect()
}

/// The receipts of what the tool has applied and that has none: by whoever began it, or else as adopted.
fn taken_over(told: &ToldPlan, begun: &[Receipt], now: &impl Fn() -> i64) -> Vec<Receipt> {
    let ended = |version: &Version| {
        let began = begun.iter().find(|receipt| receipt.version == *version)?;
        Some(Receipt {
            state: ReceiptState::Applied,
            took_ms: (now() - began.applied_at_ms).max(0),
            ..began.clone()
        })
    };
    let others = |version: &Version| {
        let migration = told.plan.set.get(*version)?;
        Some(adopted(migration, told.plan.history.native.get(version)?))
    };
    let others = told.plan.adopted.iter().filter_map(others);
    told.ended.iter().filter_map(ended).chain(others).collect()
}

/// The versions of those that have no receipt any more.
fn without(begun: &[Receipt], receipts: &[Receipt]) -> Vec<Version> {
    let stays = |version: Version| receipts.iter().any(|receipt| receipt.version == version);
    let gone = begun.iter().map(|receipt| receipt.version);
    gone.filter(|version| !stays(*version)).collect()
}
