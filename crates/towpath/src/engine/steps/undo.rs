//! Undo: a snapshot, then the down-migrations that were stored when they were applied, newest first.

use towpath_core::path::{Action, Outcome, Reversal};
use towpath_migrate::{Event, Layout, Version};

use super::{
    Attempt, errored, failed, hopeless,
    schema::{self, Place},
};
use crate::{
    clock::now,
    engine::{failpoint, releases, variables},
};

pub(super) async fn perform(attempt: &Attempt<'_>, reversal: &Reversal) -> Outcome {
    match undo(attempt, reversal).await {
        Ok(outcome) | Err(outcome) => outcome,
    }
}

async fn undo(attempt: &Attempt<'_>, reversal: &Reversal) -> Result<Outcome, Outcome> {
    let engine = attempt.engine;
    // The schema does not change for a release whose configuration is not there.
    for step in &attempt.deployment.plan.steps {
        if let Action::Configure { like: Some(config) } = &step.action {
            variables::read(&engine.home, config).map_err(hopeless)?;
        }
    }
    let place = Place {
        name: &reversal.database,
        home: &reversal.home,
    };
    let layout = layout(attempt, &place).await?;
    let database = place.open(engine, attempt.release).await?;
    let history = database
        .history()
        .await
        .map_err(|e| schema::with_help(&e, e.remedy()))?;
    // What an earlier try has undone is not there any more.
    let versions = reversal
        .migrations
        .iter()
        .map(|one| one.version.to_string().parse());
    let versions: Vec<Version> = versions.collect::<Result<_, _>>().map_err(hopeless)?;
    let is_left = versions.iter().any(|version| history.knows(*version));
    let snapshot = match is_left {
        true => schema::snapshot(attempt, &place, &database).await?,
        false => String::new(),
    };
    failpoint::pass("about to undo");
    let on_event = |event| {
        if let Event::Undone { receipt } = event {
            failpoint::pass(format_args!("{} is undone", receipt.version));
        }
    };
    database
        .undo(layout, &versions, attempt.key, || now().0, on_event)
        .await
        .map_err(|error| failed(format!("could not {error}; {}", error.remedy())))?;
    let applied = schema::applied(attempt, &place, &database).await?;
    let titles: Vec<&str> = reversal
        .migrations
        .iter()
        .map(|undone| undone.name.as_str())
        .collect();
    let detail = format!("undid {}{snapshot}", titles.join(", "));
    schema::receipt(&place, &database, applied, 0, detail).await
}

/// Whose rules the migrations follow: as the release that is left says, which applied them.
async fn layout(attempt: &Attempt<'_>, place: &Place<'_>) -> Result<Layout, Outcome> {
    let engine = attempt.engine;
    let state = engine.store.state().await.map_err(errored)?;
    let live = state.environment(&attempt.deployment.plan.environment).live;
    let left = live.and_then(|live| state.releases.get(&live.release));
    let release = left.unwrap_or(attempt.release);
    let manifest = engine.manifest_of(release).map_err(hopeless)?;
    let declared = manifest.databases.get(place.name).ok_or_else(|| {
        hopeless(format!(
            "the manifest of {} has no database {}",
            release.number, place.name
        ))
    })?;
    Ok(releases::layout_of(declared.layout))
}
