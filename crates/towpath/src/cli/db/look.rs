//! A database of an environment, beside the migrations of the work tree.

use serde_json::{Value, json};
use towpath_core::{
    manifest::Environment,
    names::{DatabaseName, EnvironmentName},
    path::{self, Contract, ContractSource},
};
use towpath_migrate::{History, Migration, MigrationSet, PlanError, Receipt, classify::Dialect};

use super::{Project, open::Opened};
use crate::{
    cli::{error::CliError, exit::Exit},
    engine::releases,
};

/// What was found.
pub struct Look {
    /// The environment that was asked about.
    pub environment: EnvironmentName,
    /// The database.
    pub database: DatabaseName,
    /// The environment that keeps it.
    pub home: EnvironmentName,
    /// What the database remembers.
    pub history: History,
    /// What the migrations of the work tree would add; `None` where the manifest names no migrations.
    pub pending: Option<Result<Vec<Pending>, Refused>>,
}

/// A migration that is not applied yet.
pub struct Pending {
    pub migration: Migration,
    /// The contract that counts: what it declares, otherwise what its SQL tells.
    pub admitted: path::Migration,
}

impl Pending {
    fn all(migrations: Vec<Migration>, set: &MigrationSet, dialect: Dialect) -> Vec<Pending> {
        let admitted = releases::references(&migrations, set, dialect);
        let all = migrations.into_iter().zip(admitted);
        let all = all.map(|(migration, admitted)| Pending {
            migration,
            admitted,
        });
        all.collect()
    }

    /// Whether older releases cannot run after it.
    pub fn breaks(&self) -> bool {
        !self.admitted.contract.keeps_older_releases()
    }

    /// Whether the way back may undo it.
    pub fn can_be_undone(&self) -> bool {
        self.migration.down.is_some() && self.admitted.contract != Contract::Irreversible
    }
}

/// Why migrations cannot be applied, and the way out.
#[derive(Clone)]
pub struct Refused {
    pub why: String,
    pub help: String,
}

impl From<CliError> for Refused {
    fn from(error: CliError) -> Refused {
        let (why, help) = error.into_words();
        Refused { why, help }
    }
}

impl From<PlanError> for Refused {
    fn from(error: PlanError) -> Refused {
        Refused {
            why: format!("could not {error}"),
            help: error.remedy(),
        }
    }
}

impl Look {
    /// Looks at every database that an environment uses.
    pub async fn at(
        project: &Project,
        environment: &Environment,
        verb: &str,
    ) -> Result<Vec<Look>, CliError> {
        let mut found = Vec::new();
        for opened in project.open_all(environment, verb).await? {
            found.push(Look::of(project, opened, verb).await?);
        }
        Ok(found)
    }

    async fn of(project: &Project, opened: Opened, verb: &str) -> Result<Look, CliError> {
        let database = &opened.database;
        let history = match &opened.set {
            Some(Ok(set)) => database.history_for(set).await,
            _ => database.history().await,
        };
        let history = history.map_err(|error| {
            CliError::new(
                Exit::Disorder,
                "db::failed",
                format!("could not {error}"),
                error.remedy(),
            )
        })?;
        let pending = match &opened.set {
            None => None,
            Some(Err(refused)) => Some(Err(refused.clone())),
            Some(Ok(set)) => {
                let plan = match &opened.tool {
                    Some(tool) => project
                        .plan_told(&opened, tool, set, verb)
                        .await
                        .map(|(_, told)| told.plan)
                        .map_err(Refused::from),
                    None => database
                        .plan(set)
                        .await
                        .map_err(|error| opened.refused(error)),
                };
                Some(plan.map(|plan| Pending::all(plan.pending, set, database.dialect())))
            }
        };
        Ok(Look {
            environment: opened.environment,
            database: opened.name,
            home: opened.home,
            history,
            pending,
        })
    }

    /// How many migrations it has to their ends.
    pub fn applied(&self) -> usize {
        let receipts = self.history.receipts.values();
        receipts.filter(|receipt| !receipt.is_begun()).count()
    }

    /// Whether the migrations of the work tree can be applied.
    pub fn is_good(&self) -> bool {
        !matches!(self.pending, Some(Err(_)))
    }

    /// Those of them that older releases cannot run on. An empty database has none.
    pub fn breaking<'a>(&self, pending: &'a [Pending]) -> impl Iterator<Item = &'a Pending> {
        let is_used = !self.history.is_empty();
        let breaks = move |one: &&Pending| is_used && one.breaks();
        pending.iter().filter(breaks)
    }

    /// For scripts.
    pub fn shown(&self) -> Value {
        let receipts = self.history.in_order().into_iter();
        let (begun, applied): (Vec<&Receipt>, _) = receipts.partition(|one| one.is_begun());
        let (pending, problem) = match &self.pending {
            None => (Value::Null, Value::Null),
            Some(Ok(pending)) => (pending.iter().map(of_migration).collect(), Value::Null),
            Some(Err(refused)) => (
                Value::Null,
                json!({"message": refused.why, "help": refused.help}),
            ),
        };
        json!({
            "environment": self.environment,
            "database": self.database,
            "home": self.home,
            "applied": shown_all(&applied),
            "begun": shown_all(&begun),
            "pending": pending,
            "problem": problem,
        })
    }
}

fn shown_all(receipts: &[&Receipt]) -> Value {
    let shown = receipts.iter().map(|receipt| {
        json!({
            "version": receipt.version,
            "name": receipt.name,
            "contract": receipt.contract.kind,
            "applied_by": receipt.applied_by,
            "applied_at_ms": receipt.applied_at_ms,
            "took_ms": receipt.took_ms,
            "has_down": receipt.down.is_some(),
            "progress": receipt.progress,
        })
    });
    shown.collect()
}

fn of_migration(pending: &Pending) -> Value {
    let Pending {
        migration,
        admitted,
    } = pending;
    json!({
        "version": migration.version,
        "name": migration.name,
        "contract": admitted.contract,
        "declared": admitted.source == ContractSource::Declared,
        "because": admitted.because,
        "keeps_older_releases": admitted.contract.keeps_older_releases(),
        "transactional": migration.transactional,
        "batch": migration.batches.map(|batches| batches.rows),
        "has_down": migration.down.is_some(),
    })
}
