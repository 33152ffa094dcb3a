//! Migrate: a snapshot, then the release's pending migrations, each with its receipt.

use towpath_core::{
    names::{DatabaseName, EnvironmentName},
    path::{Migration, Outcome, Receipt},
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
        Err(PlanError::Missing { version, .. })
            if is_ahead(attempt, name, home, version).await? =>
        {
            let applied = applied(&database, &[]).await?;
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
    let applied = applied(&database, set.migrations()).await?;
    let detail = match receipts.len() {
        0 => format!("nothing to apply; {} applied before", applied.len()),
        1 => format!("applied {}{snapshot}", receipts[0].name),
        many => format!("applied {many} migrations{snapshot}"),
    };
    receipt(name, home, &database, applied, receipts.len(), detail).await
}

/// Whether the journal knows the migration that the release lacks as one that older releases can live with.
async fn is_ahead(
    attempt: &Attempt<'_>,
    name: &DatabaseName,
    home: &EnvironmentName,
    version: i64,
) -> Result<bool, Outcome> {
    let state = attempt.engine.store.state().await.map_err(errored)?;
    let environment = state.environment(home);
    let applied = environment.schema.get(name);
    let known = applied
        .into_iter()
        .flatten()
        .find(|migration| migration.version == version);
    Ok(known.is_some_and(|migration| migration.contract.keeps_older_releases()))
}

/// Everything that is applied, in order.
async fn applied(
    database: &Database,
    set: &[towpath_migrate::Migration],
) -> Result<Vec<Migration>, Outcome> {
    let history = database
        .history()
        .await
        .map_err(|e| with_help(&e, e.remedy()))?;
    Ok(history
        .receipts
        .values()
        .map(|receipt| Migration {
            version: receipt.version,
            name: receipt.name.clone(),
            checksum: receipt.checksum.clone(),
            // The set's word is newer than the receipt's: a note may have been added since.
            contract: set
                .iter()
                .find(|migration| migration.version == receipt.version)
                .map_or(releases::contract(receipt.contract.kind), |migration| {
                    releases::contract(migration.contract.kind)
                }),
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
