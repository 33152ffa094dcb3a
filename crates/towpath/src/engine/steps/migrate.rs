//! Migrate: a snapshot, then the release's pending migrations, each with its receipt.

use towpath_core::{
    names::{DatabaseName, EnvironmentName},
    path::{Outcome, runs_on},
};
use towpath_migrate::{Database, PlanError};

use super::{
    Attempt, backfill, errored, failed, from_config, hopeless,
    schema::{self, Place},
    tool,
};
use crate::engine::{failpoint, releases};

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
    let environment = &attempt.deployment.plan.environment.declared();
    if let Some(environment) = manifest
        .environments
        .iter()
        .find(|e| e.name == *environment)
    {
        let found = engine.configuration(attempt.release, &manifest, environment);
        found.await.map_err(from_config)?;
    }
    let declared = manifest.databases.get(name);
    let (declared, directory) = declared
        .and_then(|database| Some((database, database.migrations.clone()?)))
        .ok_or_else(|| {
            hopeless(format!(
                "the release's manifest has no migrations for {name}"
            ))
        })?;
    let set = engine
        .migration_set(
            &attempt.release.source.commit,
            &directory,
            releases::layout_of(declared.layout),
        )
        .await
        .map_err(hopeless)?;

    let place = Place { name, home };
    let database = place.open(engine, attempt.release).await?;
    let database = database.create_if_missing();
    if let Some(tool) = &declared.tool {
        return tool::migrate(attempt, &place, &manifest, tool, (&database, &set)).await;
    }
    let plan = match database.plan(&set).await {
        Ok(plan) => plan,
        Err(PlanError::Missing { .. }) if is_ahead(attempt, &place).await? => {
            return ahead(attempt, &place, &database).await;
        }
        Err(error) => return Err(failed(format!("could not {error}; {}", error.remedy()))),
    };

    let pending = plan.pending.len();
    let is_needed = pending > 0 && !plan.history.is_empty();
    let snapshot = match is_needed {
        true => schema::snapshot(attempt, &place, &database).await?,
        false => String::new(),
    };
    failpoint::pass(format_args!("about to migrate for {}", attempt.key));
    let title = plan.pending.first().map(|first| first.name.clone());
    backfill::apply(attempt, name, &database, &set, plan).await?;
    let applied = schema::applied(attempt, &place, &database).await?;
    let detail = match (pending, title) {
        (0, _) | (_, None) => format!("nothing to apply; {} applied before", applied.len()),
        (1, Some(title)) => format!("applied {title}{snapshot}"),
        (many, _) => format!("applied {many} migrations{snapshot}"),
    };
    schema::receipt(&place, &database, applied, pending, detail).await
}

/// Whether the release runs on what the journal knows to be applied, although it lacks some of it.
pub(super) async fn is_ahead(attempt: &Attempt<'_>, place: &Place<'_>) -> Result<bool, Outcome> {
    let state = attempt.engine.store.state().await.map_err(errored)?;
    let known = attempt.release.migrations(place.name);
    Ok(runs_on(known, state.applied(place.home, place.name)).is_ok())
}

pub(super) async fn ahead(
    attempt: &Attempt<'_>,
    place: &Place<'_>,
    database: &Database,
) -> Result<Outcome, Outcome> {
    let applied = schema::applied(attempt, place, database).await?;
    let detail = "the database is ahead, by migrations that this release can live with";
    schema::receipt(place, database, applied, 0, detail.into()).await
}
