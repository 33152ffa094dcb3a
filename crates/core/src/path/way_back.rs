//! The cheapest safe way back on one database: code alone, or stored down-migrations, or none, and then why.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Contract, Migration, Misfit, contract, has, knows, release::title, runs_on};
use crate::{
    MigrationVersion,
    names::{DatabaseName, EnvironmentName, ReleaseNumber},
};

/// A release that is live somewhere else on the same database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tenant<'a> {
    /// Where.
    pub environment: &'a EnvironmentName,
    /// Which.
    pub release: ReleaseNumber,
    /// Its migrations of the database.
    pub known: &'a [Migration],
}

/// How a release comes to run on a database again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WayBack {
    /// It runs on what is there.
    CodeOnly,
    /// It runs once these are undone, newest first.
    Undo {
        /// The migrations.
        migrations: Vec<Migration>,
    },
    /// There is no safe way.
    Refused(Refused),
}

/// Why there is no safe way back on a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The migration that is in the way.
    pub migration: Migration,
    /// Why.
    pub why: Stuck,
}

/// Why a migration is in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stuck {
    /// No down-migration was stored when it was applied.
    NoDown,
    /// What it did cannot be undone.
    Irreversible,
    /// It is repeatable: nothing undoes it, and what it was before is applied by a release that has it.
    Repeatable,
    /// The release to return to needs it, and does not run on an older one below it.
    TargetNeeds {
        /// The older one.
        below: Box<Migration>,
    },
    /// The release to return to needs it, and it is not applied.
    NotApplied,
    /// A release that is live elsewhere needs it.
    Needed {
        /// Where.
        environment: EnvironmentName,
        /// Which.
        release: ReleaseNumber,
    },
}

impl WayBack {
    /// Whether there is one that touches no schema.
    pub fn is_code_only(&self) -> bool {
        matches!(self, WayBack::CodeOnly)
    }
}

/// The cheapest safe way for a release that knows `target` to run on a database on which `applied` is applied, in order.
///
/// Code alone where it runs on what is there. Otherwise the shortest end of what is applied without which it runs: each
/// migration of it must have a stored down-migration, and be needed neither by the release nor by those live elsewhere.
pub fn way_back(target: &[Migration], applied: &[Migration], tenants: &[Tenant<'_>]) -> WayBack {
    let refused = |migration: &Migration, why| {
        WayBack::Refused(Refused {
            migration: migration.clone(),
            why,
        })
    };
    let breaking = match runs_on(target, applied) {
        Ok(()) => return WayBack::CodeOnly,
        // Undoing brings nothing that is not there.
        Err(Misfit::Lacks(migration)) => return refused(migration, Stuck::NotApplied),
        Err(Misfit::Breaks(migration)) => migration,
    };
    // It has to go, and with it all that came later: nothing is undone from under another migration.
    let is_breaking = |migration: &Migration| migration.version == breaking.version;
    let first = applied.iter().position(is_breaking).unwrap_or_default();
    let (before, after) = applied.split_at(first);
    // Repeatable ones come after every version, whenever they were applied: the release's own stays.
    let stays =
        |migration: &Migration| migration.version.is_repeatable() && knows(target, migration);
    let (own, suffix): (Vec<&Migration>, Vec<&Migration>) =
        after.iter().partition(|migration| stays(migration));
    let kept: Vec<Migration> = before.iter().chain(own).cloned().collect();
    for migration in &suffix {
        if migration.version.is_repeatable() {
            return refused(migration, Stuck::Repeatable);
        }
    }
    if let Err(Misfit::Lacks(needed) | Misfit::Breaks(needed)) = runs_on(target, &kept) {
        let below = Box::new(breaking.clone());
        return refused(needed, Stuck::TargetNeeds { below });
    }
    for migration in &suffix {
        if migration.contract == Contract::Irreversible {
            return refused(migration, Stuck::Irreversible);
        }
        if !migration.reversible {
            return refused(migration, Stuck::NoDown);
        }
        if let Some(tenant) = tenants.iter().find(|tenant| has(tenant.known, migration)) {
            let why = Stuck::Needed {
                environment: tenant.environment.clone(),
                release: tenant.release,
            };
            return refused(migration, why);
        }
    }
    WayBack::Undo {
        migrations: suffix.into_iter().rev().cloned().collect(),
    }
}

impl Refused {
    /// What the data at stake is, for people.
    pub fn at_stake(&self) -> String {
        match (&self.why, &self.migration.because) {
            (Stuck::Irreversible, Some(because)) => because.clone(),
            (Stuck::Irreversible, None) => "what it removed cannot be brought back".into(),
            _ => loses(&self.migration),
        }
    }

    /// What to do instead.
    pub fn way_out(&self) -> String {
        let title = self.migration.title();
        match &self.why {
            Stuck::NotApplied => {
                format!("deploy the release instead: that applies migration {title}")
            }
            Stuck::Needed {
                environment,
                release,
            } => format!(
                "return {environment} from {release} first, or go forward with a release that takes the code back and keeps migration {title}"
            ),
            Stuck::NoDown => format!(
                "go forward with a release that takes the code back and keeps migration {title}; with a down-migration beside it, the next one can be undone"
            ),
            Stuck::Repeatable => format!(
                "go forward with a release that takes the code back, and {title} with it: it is applied again as that release has it"
            ),
            Stuck::Irreversible | Stuck::TargetNeeds { .. } => format!(
                "go forward with a release that takes the code back and keeps migration {title}"
            ),
        }
    }
}

impl fmt::Display for Refused {
    /// Completes "it cannot return, because migration …".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let title = self.migration.title();
        match &self.why {
            Stuck::NoDown => write!(
                f,
                "migration {title} cannot be undone: no down-migration was stored with it ({}); done by hand, {}",
                contract(&self.migration),
                self.at_stake()
            ),
            Stuck::Irreversible => {
                let contract = contract(&self.migration);
                write!(f, "migration {title} cannot be undone: {contract}")?;
                match self.migration.because {
                    Some(_) => Ok(()),
                    None => write!(f, "; {}", self.at_stake()),
                }
            }
            Stuck::Repeatable => write!(
                f,
                "migration {title} cannot be undone: it is repeatable, and is there as another text ({})",
                contract(&self.migration)
            ),
            Stuck::TargetNeeds { below } => write!(
                f,
                "migration {} breaks it ({}), and migration {title}, which it needs, came later",
                below.title(),
                contract(below)
            ),
            Stuck::NotApplied => write!(f, "migration {title}, which it needs, is not applied"),
            Stuck::Needed {
                environment,
                release,
            } => write!(
                f,
                "migration {title} cannot be undone: {release}, live in {environment}, needs it"
            ),
        }
    }
}

/// What is undone on one database, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reversal {
    /// The database.
    pub database: DatabaseName,
    /// The environment that keeps it.
    pub home: EnvironmentName,
    /// The migrations.
    pub migrations: Vec<Undone>,
}

/// A migration that is undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undone {
    /// Its version.
    pub version: MigrationVersion,
    /// Its name.
    pub name: String,
    /// What is lost with it, for people.
    pub loses: String,
}

impl Undone {
    pub(super) fn of(migration: &Migration) -> Undone {
        Undone {
            version: migration.version.clone(),
            name: migration.name.clone(),
            loses: loses(migration),
        }
    }
}

impl fmt::Display for Reversal {
    /// Completes "it …".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("undoes ")?;
        for (index, undone) in self.migrations.iter().enumerate() {
            let Undone {
                version,
                name,
                loses,
            } = undone;
            let then = if index > 0 { "; then " } else { "" };
            write!(f, "{then}{}: {loses}", title(version, name))?;
        }
        write!(f, " (database {} of {})", self.database, self.home)
    }
}

/// What is lost when a migration is undone, for people, as far as its contract tells.
pub fn loses(migration: &Migration) -> String {
    match migration.contract {
        Contract::Expand => "what was written since to what it added is lost",
        Contract::Data => {
            "the rows that it changed, and what was written to them since, become what undoes it makes of them"
        }
        Contract::Contract => {
            "what was written since in the new shape is kept only as far as what undoes it keeps it"
        }
        Contract::Irreversible => "what it removed cannot be brought back",
        Contract::Unknown => "what it added, and what was written to it since, is lost",
    }
    .into()
}
