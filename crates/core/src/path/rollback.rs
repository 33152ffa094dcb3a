//! Where an environment can return to: the last verified release that its schema still allows.

use super::{Launch, Migration, Release, Standing, State};
use crate::names::{DatabaseName, EnvironmentName, ReleaseNumber};

/// Why a release cannot run on the schema that is there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{release} does not know migration {version} ({name}), applied to database {database} of {home}, and nothing says that it can run with it"
)]
pub struct Obstacle {
    /// The release.
    pub release: ReleaseNumber,
    /// The database.
    pub database: DatabaseName,
    /// The environment that keeps it.
    pub home: EnvironmentName,
    /// The migration's version.
    pub version: i64,
    /// Its name.
    pub name: String,
}

impl Obstacle {
    /// What to do instead.
    pub fn way_out(&self) -> String {
        format!(
            "go forward with a fix. A migration that older releases can live with says so before it is applied, in its first lines: `-- towpath: expand because …`; {} did not",
            self.name
        )
    }
}

/// Whether a release can run on the databases as they are: every migration that it does not know keeps older releases.
pub fn schema_allows(state: &State, release: &Release, launch: &Launch) -> Result<(), Obstacle> {
    for (database, home) in &launch.databases {
        let applied = state
            .environments
            .get(home)
            .and_then(|e| e.schema.get(database));
        let known = release
            .source
            .migrations
            .get(database)
            .map_or(&[][..], Vec::as_slice);
        let unknown = applied.into_iter().flatten().find(|migration| {
            !migration.contract.keeps_older_releases() && !knows(known, migration)
        });
        if let Some(migration) = unknown {
            return Err(Obstacle {
                release: release.number,
                database: database.clone(),
                home: home.clone(),
                version: migration.version,
                name: migration.name.clone(),
            });
        }
    }
    Ok(())
}

fn knows(set: &[Migration], migration: &Migration) -> bool {
    set.iter().any(|known| known.version == migration.version)
}

/// Why there is nothing to return to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoReturn {
    /// Nothing was verified there before.
    #[error("{environment} has no verified release from before to return to")]
    NothingBefore {
        /// The environment.
        environment: EnvironmentName,
    },
    /// The schema has moved on.
    #[error("{0}")]
    Schema(Obstacle),
}

impl NoReturn {
    /// What to do instead.
    pub fn way_out(&self) -> String {
        match self {
            NoReturn::NothingBefore { environment } => {
                format!("deploy a fixed release: `towpath deploy {environment} vN`")
            }
            NoReturn::Schema(obstacle) => obstacle.way_out(),
        }
    }
}

/// The standing that an environment returns to when `leaving` is taken back.
pub fn return_target<'a>(
    state: &'a State,
    environment: &EnvironmentName,
    leaving: Option<ReleaseNumber>,
) -> Result<&'a Standing, NoReturn> {
    let nothing = || NoReturn::NothingBefore {
        environment: environment.clone(),
    };
    let verified = &state
        .environments
        .get(environment)
        .ok_or_else(nothing)?
        .verified;
    // The last of them is what was there before, also when it is newer than the release that is left: a rollback forgets
    // what it passes over, so that everything here lies behind.
    let candidates = verified
        .iter()
        .rev()
        .filter(|standing| Some(standing.release) != leaving)
        .filter_map(|standing| Some((standing, state.releases.get(&standing.release)?)))
        .filter(|(_, release)| release.vetoed.is_none());
    let mut obstacle = None;
    for (standing, release) in candidates {
        match schema_allows(state, release, &standing.launch) {
            Ok(()) => return Ok(standing),
            Err(found) => obstacle = obstacle.or(Some(found)),
        }
    }
    Err(obstacle.map_or_else(nothing, NoReturn::Schema))
}
