//! What the steps that change a schema share: a snapshot before, what is applied afterwards, and what is said of both.

use std::path::Path;

use towpath_core::{
    names::{DatabaseName, DeploymentNumber, EnvironmentName},
    path::{Action, Command, Migration, Outcome, Receipt, Release, State, Step},
};
use towpath_migrate::{Database, DatabaseError, classify::Dialect};

use super::{Attempt, errored, from_config, hopeless};
use crate::engine::{Engine, databases::Unreached, failpoint, releases, snapshots};

/// A database, and the environment that keeps it.
pub(super) struct Place<'a> {
    pub(super) name: &'a DatabaseName,
    pub(super) home: &'a EnvironmentName,
}

impl Place<'_> {
    /// Where a release says that it is.
    pub(super) async fn open(
        &self,
        engine: &Engine,
        release: &Release,
    ) -> Result<Database, Outcome> {
        let opened = engine.database(release, self.home, self.name).await;
        opened.map_err(|error| match error {
            Unreached::Config(error) => from_config(error),
            error => errored(format!("{error}; {}", error.help())),
        })
    }
}

/// Copies the database before it is changed. What an earlier start of the same attempt copied was copied before anything was
/// changed; it stays. Answers with what there is to say of it: a manifest may say that there is to be none.
pub(super) async fn snapshot(
    attempt: &Attempt<'_>,
    place: &Place<'_>,
    database: &Database,
) -> Result<String, Outcome> {
    let manifest = attempt
        .engine
        .manifest_of(attempt.release)
        .map_err(hopeless)?;
    let declared = manifest.databases.get(place.name);
    // A clone is a copy already, and nobody needs it back.
    if place.home.is_clone() || declared.is_some_and(|declared| !declared.snapshot) {
        return Ok(String::new());
    }
    let folder = attempt.engine.home.snapshots().join(place.home.as_str());
    std::fs::create_dir_all(&folder).map_err(errored)?;
    let kind = match database.dialect() {
        Dialect::Sqlite => "db",
        Dialect::Postgres => "dump",
        Dialect::Mysql => "sql",
    };
    let file = folder.join(format!("{}-{}.{kind}", place.name, attempt.key));
    if !file.exists() {
        database
            .snapshot(&file)
            .await
            .map_err(|e| with_help(&e, e.remedy()))?;
    }
    failpoint::pass("the snapshot is taken");
    let keep = declared.map_or(u16::MAX, |declared| declared.keep_snapshots);
    Ok(match remove_old(attempt, place, &folder, keep).await? {
        0 => ", after a snapshot".into(),
        1 => ", after a snapshot; the oldest was removed".into(),
        many => format!(", after a snapshot; the {many} oldest were removed"),
    })
}

/// Removes the oldest snapshots of a database; answers with how many. One that cannot be removed is no reason to stop.
async fn remove_old(
    attempt: &Attempt<'_>,
    place: &Place<'_>,
    folder: &Path,
    keep: u16,
) -> Result<usize, Outcome> {
    let state = attempt.engine.store.state().await.map_err(errored)?;
    let is_needed = |number: DeploymentNumber| {
        state.environments.values().any(|known| {
            let live = known.live.as_ref().map(|live| live.deployment);
            [known.active, known.last, live].contains(&Some(number))
        })
    };
    match snapshots::prune(folder, place.name, keep, is_needed) {
        Ok(gone) => {
            for old in &gone {
                tracing::info!(snapshot = %old.path.display(), "removed an old snapshot");
            }
            Ok(gone.len())
        }
        Err(error) => {
            tracing::warn!(%error, folder = %folder.display(), "could not remove old snapshots");
            Ok(0)
        }
    }
}

/// Everything that is applied, in order.
pub(super) async fn applied(
    attempt: &Attempt<'_>,
    place: &Place<'_>,
    database: &Database,
) -> Result<Vec<Migration>, Outcome> {
    let state = attempt.engine.store.state().await.map_err(errored)?;
    look(&state, attempt.release, place, database)
        .await
        .map_err(|e| with_help(&e, e.remedy()))
}

/// What the database says that is applied, by the contract under which it was admitted: the journal's, then that of the release
/// which brings it, then the receipt's.
async fn look(
    state: &State,
    release: &Release,
    place: &Place<'_>,
    database: &Database,
) -> Result<Vec<Migration>, DatabaseError> {
    let admitted = state.applied(place.home, place.name).iter();
    let admitted = admitted.chain(release.migrations(place.name));
    let history = database.history().await?;
    let with_contract = |receipt: &towpath_migrate::Receipt| {
        let recorded = releases::recorded(receipt);
        let is_same = |known: &&Migration| {
            known.version == recorded.version && known.checksum == recorded.checksum
        };
        match admitted.clone().find(is_same).cloned() {
            Some(known) => Migration {
                name: recorded.name,
                reversible: recorded.reversible,
                ..known
            },
            None => recorded,
        }
    };
    Ok(history.in_order().into_iter().map(with_contract).collect())
}

/// What there is to say of a schema after a step that was to change it and did not pass: it may have come half way.
pub async fn seen(
    engine: &Engine,
    release: &Release,
    step: Option<&Step>,
    outcome: &Outcome,
) -> Option<Command> {
    let (name, home) = match &step?.action {
        Action::Migrate { database, home } => (database, home),
        Action::Undo(reversal) => (&reversal.database, &reversal.home),
        _ => return None,
    };
    if matches!(outcome, Outcome::Passed { .. }) {
        return None;
    }
    let place = Place { name, home };
    let state = engine.store.state().await.ok()?;
    let database = place.open(engine, release).await.ok()?;
    // One that does not answer says nothing; the next step that asks it will.
    let applied = look(&state, release, &place, &database).await.ok()?;
    Some(Command::RecordSchema {
        home: home.clone(),
        database: name.clone(),
        applied,
    })
}

pub(super) async fn receipt(
    place: &Place<'_>,
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
        database: place.name.clone(),
        home: place.home.clone(),
        applied,
        fresh: u32::try_from(fresh).unwrap_or(u32::MAX),
        schema,
    };
    Ok(Outcome::Passed { detail, receipt })
}

pub(super) fn with_help(error: &impl std::fmt::Display, help: String) -> Outcome {
    errored(format!("could not {error}; {help}"))
}
