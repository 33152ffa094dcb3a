//! Clone: copies a database for a clone of an environment, while it is in use and without a change to it.

use towpath_core::{
    names::{DatabaseName, EnvironmentName},
    path::Outcome,
};
use towpath_migrate::{CloneError, Database, DatabaseError, SnapshotError, classify::Dialect};

use super::{
    Attempt, errored, hopeless, passed,
    schema::{self, Place},
};
use crate::engine::{databases::database_file, failpoint};

pub(super) async fn perform(
    attempt: &Attempt<'_>,
    name: &DatabaseName,
    home: &EnvironmentName,
) -> Outcome {
    match copy(attempt, name, home).await {
        Ok(outcome) | Err(outcome) => outcome,
    }
}

async fn copy(
    attempt: &Attempt<'_>,
    name: &DatabaseName,
    home: &EnvironmentName,
) -> Result<Outcome, Outcome> {
    let engine = attempt.engine;
    let clone = &attempt.deployment.plan.environment;
    let state = engine.store.state().await.map_err(errored)?;
    let user = engine.user_in(&state, clone, name).map_err(hopeless)?;
    let (release, _) = user.ok_or_else(|| hopeless(format!("nobody uses the database {name}")))?;
    let original = Place { name, home };
    let original = original.open(engine, release).await?;
    let folder = engine.home.databases(clone);
    std::fs::create_dir_all(&folder).map_err(errored)?;
    failpoint::pass("about to clone");
    let copied = match original.dialect() {
        Dialect::Sqlite => copy_file(attempt, name, &original).await,
        Dialect::Postgres | Dialect::Mysql => {
            let (_, copy) = engine.copy_in(clone, name).await.map_err(errored)?;
            let made = original.make_clone(&copy, &folder, attempt.key).await;
            made.map(drop)
        }
    };
    match copied {
        Ok(()) => {}
        Err(
            CloneError::Make(DatabaseError::Absent { .. })
            | CloneError::Copy(SnapshotError::Database(DatabaseError::Absent { .. }))
            | CloneError::Drop {
                error: DatabaseError::Absent { .. },
                ..
            },
        ) => return Ok(passed(format!("there is no database {name} of {home} yet"))),
        Err(error) => return Err(schema::with_help(&error, error.remedy())),
    }
    failpoint::pass("the clone is there");
    let place = Place { name, home: clone };
    let database = place.open(engine, release).await?;
    let applied = schema::applied(attempt, &place, &database).await?;
    let detail = match applied.len() {
        1 => format!("copied, with 1 migration, from {home}"),
        many => format!("copied, with {many} migrations, from {home}"),
    };
    schema::receipt(&place, &database, applied, 0, detail).await
}

async fn copy_file(
    attempt: &Attempt<'_>,
    name: &DatabaseName,
    original: &Database,
) -> Result<(), CloneError> {
    let clone = &attempt.deployment.plan.environment;
    let file = database_file(&attempt.engine.home, clone, name);
    // What an earlier try has copied is of an earlier moment.
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let mut beside = file.as_os_str().to_owned();
        beside.push(suffix);
        let _ = std::fs::remove_file(beside);
    }
    original
        .snapshot(&file)
        .await
        .map_err(CloneError::Copy)
        .map(drop)
}
