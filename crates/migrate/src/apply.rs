//! Applying a plan, and undoing what was applied: the lock, the second plan under it, and the order of things. How one
//! migration is run is the engine's.

use serde::Serialize;

use crate::{
    Batched, DatabaseError, FailedStatement, History, Layout, LockError, Migration, MigrationSet,
    Plan, PlanError, Receipt, ReceiptState, ScriptError, Version,
    engine::{Engine, Session, Watch},
    migration::title,
    plan,
};

/// What happens while a plan is applied, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// Somebody else is applying; we wait for them.
    Waiting {
        /// Their key and process.
        holder: String,
    },
    /// Migrations that the user's own tool had applied were given receipts.
    Adopted {
        /// Their versions.
        versions: Vec<Version>,
    },
    /// A migration is about to be run.
    Started {
        /// Its version.
        version: Version,
        /// Its name.
        name: String,
    },
    /// A migration that is run in batches has come further: what it says is durable.
    Advanced {
        /// Its version.
        version: Version,
        /// Its name.
        name: String,
        /// How far it has come.
        batched: Batched,
    },
    /// A migration was run and its receipt is durable.
    Applied {
        /// Its receipt.
        receipt: Receipt,
    },
    /// A migration is about to be undone.
    Undoing {
        /// Its version.
        version: Version,
        /// Its name.
        name: String,
    },
    /// A migration was undone, and its receipt is gone.
    Undone {
        /// The receipt that was there.
        receipt: Receipt,
    },
    /// Somebody else applied a planned migration before we had the lock.
    AlreadyApplied {
        /// Their receipt.
        receipt: Receipt,
    },
}

/// Why a plan was not applied to its end. Completes "could not …".
///
/// The migrations before the one that failed stay applied, with their receipts: applying again continues after them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// Planning again under the lock was refused.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The database could not be used.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Somebody else is applying.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A statement failed.
    #[error(transparent)]
    Statement(Box<FailedStatement>),
    /// It cannot be run in batches on this database.
    #[error("run migration {} in batches: {problem}", title(*version, name))]
    Batches {
        /// The migration's version.
        version: Version,
        /// Its name.
        name: String,
        /// Why not.
        problem: String,
        /// What to do about it.
        remedy: &'static str,
    },
    /// A batch failed; those before it are kept.
    #[error(
        "apply migration {}: `{statement}` (line {line}), after {} of {} rows: {}",
        title(*version, name),
        batched.rows,
        batched.total,
        cause.detail()
    )]
    Batch {
        /// The migration's version.
        version: Version,
        /// Its name.
        name: String,
        /// The line in the file where its statement begins, from 1.
        line: usize,
        /// The statement's beginning.
        statement: String,
        /// How far it has come.
        batched: Box<Batched>,
        /// What the database said.
        #[source]
        cause: DatabaseError,
    },
    /// Somebody wished that it stops.
    #[error(
        "end migration {}: it was paused after {} of {} rows",
        title(*version, name),
        batched.rows,
        batched.total
    )]
    Paused {
        /// The migration's version.
        version: Version,
        /// Its name.
        name: String,
        /// How far it has come.
        batched: Box<Batched>,
    },
    /// Rows would refer to nothing.
    #[error("commit migration {}: {}", title(*version, name), violations.join("; "))]
    ForeignKeys {
        /// The migration's version.
        version: Version,
        /// Its name.
        name: String,
        /// What refers to nothing.
        violations: Vec<String>,
    },
    /// The migration did not keep to its transaction.
    #[error("record migration {}: it {problem}", title(*version, name))]
    Transaction {
        /// The migration's version.
        version: Version,
        /// Its name.
        name: String,
        /// What it did.
        problem: &'static str,
    },
    /// It would write rows that no transaction holds.
    #[error("apply migration {}: it writes to {table}, whose storage engine {storage} has no transactions", title(*version, name))]
    NoTransactions {
        /// The migration's version.
        version: Version,
        /// Its name.
        name: String,
        /// The table.
        table: String,
        /// What keeps it.
        storage: String,
    },
    /// The receipt could not be written, or not be committed.
    #[error("record migration {}: {}", title(*version, name), cause.detail())]
    Record {
        /// The migration's version.
        version: Version,
        /// Its name.
        name: String,
        /// What the database said.
        #[source]
        cause: DatabaseError,
    },
    /// The database went back since it was planned for.
    #[error("apply the plan: since it was made, the database lost migration {}", title(*version, name))]
    Stale {
        /// The version that was applied then and is not now.
        version: Version,
        /// Its name.
        name: String,
    },
}

impl ApplyError {
    /// Whether somebody else was in the way, for as long as a statement may wait.
    pub(crate) fn is_busy(&self) -> bool {
        matches!(self.cause(), Some(DatabaseError::Busy { .. }))
    }

    /// Whether the connection was lost, and with it the answer to whether something was done.
    pub(crate) fn is_unreachable(&self) -> bool {
        matches!(self.cause(), Some(DatabaseError::Unreachable { .. }))
    }

    fn cause(&self) -> Option<&DatabaseError> {
        match self {
            ApplyError::Database(cause)
            | ApplyError::Record { cause, .. }
            | ApplyError::Batch { cause, .. } => Some(cause),
            ApplyError::Statement(failed) => Some(&failed.cause),
            _ => None,
        }
    }

    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            ApplyError::Plan(error) => error.remedy(),
            ApplyError::Database(error) => error.remedy(),
            ApplyError::Lock(error) => error.remedy(),
            ApplyError::Statement(failed) => failed.remedy(),
            ApplyError::Batches { remedy, .. } => (*remedy).into(),
            ApplyError::Batch { cause, .. } => {
                let first = match cause {
                    DatabaseError::Refused { .. } => {
                        "put the rows right that it fails on, or correct the statement".into()
                    }
                    cause => cause.remedy(),
                };
                format!("{first}; what is done is kept, and it goes on from there when it is applied again")
            }
            ApplyError::Paused { .. } => "apply again: it goes on from there".into(),
            ApplyError::ForeignKeys { .. } => {
                "delete or correct these rows in the migration; while it runs, foreign keys neither refuse nor cascade, \
                 so that rebuilding a table does not empty those that refer to it"
                    .into()
            }
            ApplyError::Transaction { .. } => "remove BEGIN, COMMIT and ROLLBACK from the migration".into(),
            ApplyError::NoTransactions { table, .. } => format!(
                "cut short, it would write some rows twice: convert the table first, in an earlier migration: \
                 ALTER TABLE {table} ENGINE = InnoDB"
            ),
            ApplyError::Record { cause, .. } => cause.remedy(),
            ApplyError::Stale { .. } => {
                "plan again; a snapshot may have been restored in the meantime".into()
            }
        }
    }
}

/// Applies a plan's migrations; answers with their receipts in the plan's order, whoever wrote them.
pub(crate) async fn run(
    engine: &Engine,
    plan: &Plan,
    watch: &mut Watch<'_, impl Fn() -> i64 + Sync>,
) -> Result<Vec<Receipt>, ApplyError> {
    if plan.is_empty() {
        return Ok(Vec::new());
    }
    let mut session = engine
        .session(watch.key, &plan.set, |holder| {
            (watch.on_event)(Event::Waiting { holder });
        })
        .await?;
    let receipts = all(&mut session, plan, watch).await;
    // The lock is let go when this is over, whatever came of it.
    let closed = session.close().await;
    let receipts = receipts?;
    closed?;
    Ok(receipts)
}

/// Gives receipts to what the user's own tool has applied, and applies nothing; answers with the versions.
pub(crate) async fn adopt(
    engine: &Engine,
    set: &MigrationSet,
    key: &str,
) -> Result<Vec<Version>, ApplyError> {
    let mut session = engine.session(key, set, |_| {}).await?;
    let adopted = async {
        let plan = plan::decide(set, session.history().await?)?;
        if !plan.adopted.is_empty() {
            session.adopt(&plan).await?;
        }
        Ok(plan.adopted)
    };
    let adopted: Result<Vec<Version>, ApplyError> = adopted.await;
    let closed = session.close().await;
    let adopted = adopted?;
    closed?;
    Ok(adopted)
}

async fn all(
    session: &mut Session,
    plan: &Plan,
    watch: &mut Watch<'_, impl Fn() -> i64 + Sync>,
) -> Result<Vec<Receipt>, ApplyError> {
    let current = plan_again(session, plan).await?;
    if !current.adopted.is_empty() {
        session.adopt(&current).await?;
        (watch.on_event)(Event::Adopted {
            versions: current.adopted.clone(),
        });
    }
    // Read again, since adopting may have made receipts for what is in the plan.
    let history = session.history().await?;
    let mut receipts = Vec::with_capacity(plan.pending.len());
    for migration in &plan.pending {
        let found = history.receipts.get(&migration.version);
        let begun = found.filter(|receipt| receipt.is_begun());
        let is_pending = |left: &Migration| left.version == migration.version;
        if let (Some(receipt), false) = (found, current.pending.iter().any(is_pending)) {
            (watch.on_event)(Event::AlreadyApplied {
                receipt: receipt.clone(),
            });
            receipts.push(receipt.clone());
            continue;
        }
        (watch.on_event)(Event::Started {
            version: migration.version,
            name: migration.name.clone(),
        });
        let receipt = session.apply(migration, begun, watch).await?;
        (watch.on_event)(Event::Applied {
            receipt: receipt.clone(),
        });
        receipts.push(receipt);
    }
    Ok(receipts)
}

/// The first plan was made without the lock, so only one made under it counts. It may hold less than the first, when
/// somebody was faster; never more, since nobody agreed to that.
async fn plan_again(session: &mut Session, plan: &Plan) -> Result<Plan, ApplyError> {
    let current = plan::decide(&plan.set, session.history().await?)?;
    let planned = |version| plan.pending.iter().any(|m| m.version == version);
    match current.pending.iter().find(|m| !planned(m.version)) {
        Some(lost) => Err(ApplyError::Stale {
            version: lost.version,
            name: lost.name.clone(),
        }),
        None => Ok(current),
    }
}

/// Why a migration was not undone. Completes "could not …".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UndoError {
    /// Its SQL cannot be run, or failed.
    #[error("{0}")]
    Apply(#[from] ApplyError),
    /// What undoes it cannot be run as it is written.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// Nothing that undoes it was kept when it was applied.
    #[error("undo migration {}: nothing that undoes it was kept when it was applied", title(*version, name))]
    NoDown {
        /// The migration's version.
        version: Version,
        /// Its name.
        name: String,
    },
    /// A later one is applied.
    #[error("undo migration {}: a later one, {latest}, is applied", title(*version, name))]
    NotLatest {
        /// The migration's version.
        version: Version,
        /// Its name.
        name: String,
        /// The latest one.
        latest: Version,
    },
    /// It was begun and never ended.
    #[error("undo migration {}: it was begun, and nobody recorded that it ended", title(*version, name))]
    Dirty {
        /// The migration's version.
        version: Version,
        /// Its name.
        name: String,
    },
}

impl UndoError {
    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            UndoError::Apply(error) => error.remedy(),
            UndoError::Script(error) => error.remedy(),
            UndoError::NoDown { .. } => {
                "go forward with a migration that puts right what it did, or restore a snapshot"
                    .into()
            }
            UndoError::NotLatest { latest, .. } => format!("undo {latest} first"),
            UndoError::Dirty { .. } => "apply it to its end, or settle it, then undo it".into(),
        }
    }
}

impl From<DatabaseError> for UndoError {
    fn from(error: DatabaseError) -> Self {
        ApplyError::from(error).into()
    }
}

/// Undoes versions, the latest first, each with its records; answers with the receipts that were there. Those that are
/// undone already are left out.
pub(crate) async fn undo(
    engine: &Engine,
    layout: Layout,
    versions: &[Version],
    watch: &mut Watch<'_, impl Fn() -> i64 + Sync>,
) -> Result<Vec<Receipt>, UndoError> {
    let set = MigrationSet::new(layout, Vec::new(), Vec::new());
    let mut session = engine
        .session(watch.key, &set, |holder| {
            (watch.on_event)(Event::Waiting { holder });
        })
        .await?;
    let undone = undo_each(&mut session, versions, watch).await;
    let closed = session.close().await;
    let undone = undone?;
    closed?;
    Ok(undone)
}

async fn undo_each(
    session: &mut Session,
    versions: &[Version],
    watch: &mut Watch<'_, impl Fn() -> i64 + Sync>,
) -> Result<Vec<Receipt>, UndoError> {
    let mut undone = Vec::new();
    for version in versions {
        let history = session.history().await?;
        let Some(receipt) = history.receipts.get(version) else {
            continue;
        };
        refuse_undo(&history, receipt)?;
        (watch.on_event)(Event::Undoing {
            version: *version,
            name: receipt.name.clone(),
        });
        let receipt = session
            .undo(receipt, history.before(*version), watch)
            .await?;
        (watch.on_event)(Event::Undone {
            receipt: receipt.clone(),
        });
        undone.push(receipt);
    }
    Ok(undone)
}

fn refuse_undo(history: &History, receipt: &Receipt) -> Result<(), UndoError> {
    let (version, name) = (receipt.version, receipt.name.clone());
    let latest = history.latest().unwrap_or(version);
    if latest > version {
        return Err(UndoError::NotLatest {
            version,
            name,
            latest,
        });
    }
    if receipt.state == ReceiptState::Started {
        return Err(UndoError::Dirty { version, name });
    }
    match receipt.down {
        Some(_) => Ok(()),
        None => Err(UndoError::NoDown { version, name }),
    }
}
