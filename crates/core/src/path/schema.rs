//! Whether a release runs on a schema: the one rule, asked of what is there, of what will be there, and of what would be left.

use super::{Contract, ContractSource, Launch, Migration, Release, State};
use crate::names::{DatabaseName, EnvironmentName, ReleaseNumber};

/// Why code does not run on a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misfit<'a> {
    /// It knows a migration that is not applied.
    Lacks(&'a Migration),
    /// A migration is applied that it does not know, and that breaks it.
    Breaks(&'a Migration),
}

/// Whether code that knows these migrations runs on the schema that those made.
///
/// Each that it knows is applied; and each that is applied is one that it knows, or keeps it running. Of several that are in the
/// way, the first is named. A repeatable one that is applied as another text is there, and is not what the code knows.
pub fn runs_on<'a>(known: &'a [Migration], applied: &'a [Migration]) -> Result<(), Misfit<'a>> {
    if let Some(migration) = known.iter().find(|migration| !has(applied, migration)) {
        return Err(Misfit::Lacks(migration));
    }
    let breaks = |migration: &&Migration| !knows(known, migration) && !migration.spares(known);
    match applied.iter().find(breaks) {
        Some(migration) => Err(Misfit::Breaks(migration)),
        None => Ok(()),
    }
}

/// Whether a set has a migration, by its version.
pub(super) fn has(set: &[Migration], migration: &Migration) -> bool {
    set.iter().any(|known| known.version == migration.version)
}

/// Whether a set has a migration as it is: of a repeatable one also the text.
pub(super) fn knows(set: &[Migration], migration: &Migration) -> bool {
    set.iter().any(|known| {
        known.version == migration.version
            && (!known.version.is_repeatable() || known.checksum == migration.checksum)
    })
}

/// The migrations of a release that are to be applied, in order.
///
/// A repeatable one that is there as another text is applied again; but to a database that is ahead of the release, which has
/// what the release does not know, nothing is applied again.
pub fn pending<'a>(
    applied: &'a [Migration],
    own: &'a [Migration],
) -> impl Iterator<Item = &'a Migration> {
    let is_ahead = applied.iter().any(|there| !has(own, there));
    own.iter().filter(move |own| match is_ahead {
        true => !has(applied, own),
        false => !knows(applied, own),
    })
}

/// What a database has once a release's own migrations are applied too, in order: what is pending comes last.
pub(super) fn migrated(applied: &[Migration], own: &[Migration]) -> Vec<Migration> {
    let new: Vec<Migration> = pending(applied, own).cloned().collect();
    let stays = |there: &&Migration| !has(&new, there);
    let stay = applied.iter().filter(stays).cloned();
    stay.chain(new.iter().cloned()).collect()
}

impl Release {
    /// Its migrations of a database, in order.
    pub fn migrations(&self, database: &DatabaseName) -> &[Migration] {
        self.source
            .migrations
            .get(database)
            .map_or(&[], Vec::as_slice)
    }
}

impl State {
    /// The migrations that a database has in the environment that keeps it, in order.
    pub fn applied(&self, home: &EnvironmentName, database: &DatabaseName) -> &[Migration] {
        self.environments
            .get(home)
            .and_then(|environment| environment.schema.get(database))
            .map_or(&[], Vec::as_slice)
    }
}

/// Why a release cannot be deployed onto a database.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{release} does not know migration {}, applied to database {database} of {home}, and breaks on it: {}",
    .migration.title(),
    contract(.migration)
)]
pub struct Obstacle {
    /// The release.
    pub release: ReleaseNumber,
    /// The database.
    pub database: DatabaseName,
    /// The environment that keeps it.
    pub home: EnvironmentName,
    /// The migration that is in the way.
    pub migration: Migration,
}

impl Obstacle {
    /// What to do instead.
    pub fn way_out(&self) -> String {
        format!(
            "deploy a release that knows migration {}, such as one that takes the code back and keeps the migration. What a migration does to older releases is read from its SQL, and its first lines can say otherwise before it is applied: `-- towpath: expand because …`",
            self.migration.title()
        )
    }
}

/// Whether a release can be deployed onto its databases: it runs there once its own migrations are applied too.
pub fn schema_allows(state: &State, release: &Release, launch: &Launch) -> Result<(), Obstacle> {
    for (database, home) in &launch.databases {
        let known = release.migrations(database);
        let there = migrated(state.applied(home, database), known);
        if let Err(Misfit::Breaks(migration) | Misfit::Lacks(migration)) = runs_on(known, &there) {
            return Err(Obstacle {
                release: release.number,
                database: database.clone(),
                home: home.clone(),
                migration: migration.clone(),
            });
        }
    }
    Ok(())
}

/// What a migration does to older releases, on whose word, and why.
pub fn contract(migration: &Migration) -> String {
    let kind = migration.contract;
    let after = migration.after_title();
    let after = after.map(|title| format!(" after {title}"));
    let because = migration.because.as_ref();
    let because = because.map(|because| format!(", because {because}"));
    let (after, because) = (after.unwrap_or_default(), because.unwrap_or_default());
    match (kind, migration.source) {
        (Contract::Unknown, ContractSource::Declared) => "nothing says what it does".into(),
        (_, ContractSource::Declared) => format!("declared {kind}{after}{because}"),
        (_, ContractSource::Derived) => format!("{kind} by its SQL{because}"),
    }
}
