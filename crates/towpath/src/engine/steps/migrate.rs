//! Migrate: a snapshot, then the release's pending migrations, each with its receipt.

use towpath_core::{
    names::{DatabaseName, EnvironmentName},
    path::{Migration, Outcome, Receipt, runs_on},
};
use towpath_migrate::{Database, PlanError};

use super::{Attempt, errored, failed, from_config, hopeless};
use crate::{
    clock::now,
    engine::{failpoint, releases, variables},
};

pub(super) async fn perform(
    attempt: &Attempt<'_>,
    name: &DatabaseName,
    home: &EnvironmentName,
) -> Outcome {
    match migrate(attempt, name, home).await {
        Ok(outcome) | Err(outcome) => outcome,
    }
}

async fn migrate(
    attempt: &Attempt<'_>,
    name: &DatabaseName,
    home: &EnvironmentName,
) -> Result<Outcome, Outcome> {
    let engine = attempt.engine;
    let manifest = engine.manifest_of(attempt.release).map_err(hopeless)?;
    // The schema does not change for a release whose configuration is not there.
    let place = &attempt.deployment.plan.environment;
    if let Some(environment) = manifest.environments.iter().find(|e| e.name == *place) {
        let found = engine.configuration(attempt.release, &manifest, environment);
        found.await.map_err(from_config)?;
    }
    let (directory, layout) = manifest
        .databases
        .get(name)
        .and_then(|database| Some((database.migrations.clone()?, database.layout)))
        .ok_or_else(|| {
            hopeless(format!(
                "the release's manifest has no migrations for {name}"
            ))
        })?;
    let set = engine
        .migration_set(
            &attempt.release.source.commit,
            &directory,
            releases::layout_of(layout),
        )
        .await
        .map_err(hopeless)?;

    let url = variables::database_url(&engine.home, home, name);
    let database = Database::open(&url)
        .map_err(|e| with_help(&e, e.remedy()))?
        .create_if_missing();
    let plan = match database.plan(&set).await {
        Ok(plan) => plan,
        Err(PlanError::Missing { .. }) if is_ahead(attempt, name, home).await? => {
            let applied = applied(attempt, name, home, &database).await?;
            let detail = "the database is ahead, by migrations that this release can live with";
            return receipt(name, home, &database, applied, 0, detail.into()).await;
        }
        Err(error) => return Err(failed(format!("could not {error}; {}", error.remedy()))),
    };

    let pending = plan.pending.len();
    let snapshot = if pending > 0 && !plan.history.is_empty() {
        let folder = engine.home.snapshots().join(home.as_str());
        std::fs::create_dir_all(&folder).map_err(errored)?;
        let file = folder.join(format!("{name}-{}.db", attempt.key));
        // A snapshot of an earlier start of this same attempt was taken before anything was applied; it stays.
        if !file.exists() {
            database
                .snapshot(&file)
                .await
                .map_err(|e| with_help(&e, e.remedy()))?;
        }
        failpoint::pass("the snapshot is taken");
        ", after a snapshot"
    } else {
        ""
    };
    failpoint::pass(format_args!("about to migrate for {}", attempt.key));
    let receipts = database
        .apply(&plan, attempt.key, || now().0, |_| {})
        .await
        .map_err(|error| failed(format!("could not {error}; {}", error.remedy())))?;
    let applied = applied(attempt, name, home, &database).await?;
    let detail = match receipts.len() {
        0 => format!("nothing to apply; {} applied before", applied.len()),
        1 => format!("applied {}{snapshot}", receipts[0].name),
        many => format!("applied {many} migrations{snapshot}"),
    };
    receipt(name, home, &database, applied, receipts.len(), detail).await
}

/// Whether the release runs on what the journal knows to be applied, although it lacks some of it.
async fn is_ahead(
    attempt: &Attempt<'_>,
    name: &DatabaseName,
    home: &EnvironmentName,
) -> Result<bool, Outcome> {
    let state = attempt.engine.store.state().await.map_err(errored)?;
    let known = attempt.release.migrations(name);
    Ok(runs_on(known, state.applied(home, name)).is_ok())
}

/// Everything that is applied, in order, by the contract under which it was admitted: the journal's, then that of the release which
/// brings it, then the receipt's.
async fn applied(
    attempt: &Attempt<'_>,
    name: &DatabaseName,
    home: &EnvironmentName,
    database: &Database,
) -> Result<Vec<Migration>, Outcome> {
    let state = attempt.engine.store.state().await.map_err(errored)?;
    let admitted = state.applied(home, name).iter();
    let admitted = admitted.chain(attempt.release.migrations(name));
    let history = database
        .history()
        .await
        .map_err(|e| with_help(&e, e.remedy()))?;
    let receipts = history.receipts.values();
    Ok(receipts
        .map(|receipt| {
            let known = admitted.clone().find(|known| {
                known.version == receipt.version && known.checksum == receipt.checksum
            });
            let recorded = releases::recorded(receipt);
            match known.cloned() {
                Some(known) => Migration {
                    name: recorded.name,
                    reversible: recorded.reversible,
                    ..known
                },
                None => recorded,
            }
        })
        .collect())
}

async fn receipt(
    name: &DatabaseName,
    home: &EnvironmentName,
    database: &Database,
    applied: Vec<Migration>,
    fresh: usize,
    detail: String,
) -> Result<Outcome, Outcome> {
    let schema = database
        .schema_fingerprint()
        .await
        .map_err(|e| with_help(&e, e.remedy()))?;
    let receipt = Receipt::Migrated {
        database: name.clone(),
        home: home.clone(),
        applied,
        fresh: u32::try_from(fresh).unwrap_or(u32::MAX),
        schema,
    };
    Ok(Outcome::Passed { detail, receipt })
}

fn with_help(error: &impl std::fmt::Display, help: String) -> Outcome {
    errored(format!("could not {error}; {help}"))
}
