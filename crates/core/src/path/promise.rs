//! What an environment promises to be able to return to, and what would break that.

use super::{Candidate, Kind, Migration, State, knows, pending, runs_on};
use crate::{
    Time,
    names::{DatabaseName, EnvironmentName, ReleaseNumber},
};

/// A promise that a deployment would break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken {
    /// Where it was given.
    environment: EnvironmentName,
    /// How many releases it is about, beside what runs.
    keep: u8,
    /// The database.
    database: DatabaseName,
    /// The migration that comes with the deployment.
    migration: Migration,
    /// The releases that need what it takes away.
    needed_by: Vec<Kept>,
}

/// A release that can be returned to, or serves.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Kept {
    release: ReleaseNumber,
    how: How,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Live,
    Warm { until: Time },
    Verified,
}

/// Whether any environment that uses a database of the candidate's promises anything.
pub(super) fn is_given(state: &State, candidate: &Candidate<'_>) -> bool {
    let databases = &candidate.plan.launch.databases;
    candidate.plan.kind != Kind::Rollback
        && promises(state, candidate).any(|(name, _)| {
            let own = *name == candidate.plan.environment;
            own || databases.iter().any(|one| uses(state, name, one))
        })
}

/// The first promise that a deployment would break.
pub(super) fn broken(state: &State, candidate: &Candidate<'_>, now: Time) -> Option<Broken> {
    for (database, home) in &candidate.plan.launch.databases {
        let applied = state.applied(home, database);
        let own = candidate.release.migrations(database);
        // Nobody has used an empty database.
        if applied.is_empty() {
            continue;
        }
        for (environment, keep) in promises(state, candidate) {
            let kept = kept(state, environment, keep, (database, home), now);
            let needs = |kept: &Kept, migration: &Migration| {
                let Some(release) = state.releases.get(&kept.release) else {
                    return false;
                };
                let known = release.migrations(database);
                let is_other = kept.release != candidate.release.number;
                // What does not run there as it is has nothing to lose.
                let runs = runs_on(known, applied).is_ok();
                is_other && runs && !knows(known, migration) && !migration.spares(known)
            };
            for migration in pending(applied, own) {
                let needing = kept.iter().filter(|kept| needs(kept, migration));
                let needed_by: Vec<Kept> = needing.cloned().collect();
                if !needed_by.is_empty() {
                    return Some(Broken {
                        environment: environment.clone(),
                        keep,
                        database: database.clone(),
                        migration: migration.clone(),
                        needed_by,
                    });
                }
            }
        }
    }
    None
}

/// Who promises how much: by the rules in force, and here also by those that the release brings.
fn promises<'a>(
    state: &'a State,
    candidate: &'a Candidate<'_>,
) -> impl Iterator<Item = (&'a EnvironmentName, u8)> {
    let here = &candidate.plan.environment;
    let in_force = |name: &EnvironmentName| {
        let known = state.environments.get(name)?;
        known.in_force.as_ref()?.going_back.keep_safe_back
    };
    let own = in_force(here).max(candidate.plan.policy.going_back.keep_safe_back);
    let others = state.environments.keys().filter(move |name| *name != here);
    let others = others.filter_map(move |name| Some((name, in_force(name)?)));
    own.map(|keep| (here, keep)).into_iter().chain(others)
}

/// Whether what is live in an environment uses a database.
fn uses(
    state: &State,
    name: &EnvironmentName,
    (database, home): (&DatabaseName, &EnvironmentName),
) -> bool {
    let live = state
        .environments
        .get(name)
        .and_then(|known| known.live.as_ref());
    live.is_some_and(|live| live.launch.databases.get(database) == Some(home))
}

/// The releases that an environment keeps possible on a database: what is live, what is warm, and the last that were verified.
fn kept(
    state: &State,
    environment: &EnvironmentName,
    keep: u8,
    (database, home): (&DatabaseName, &EnvironmentName),
    now: Time,
) -> Vec<Kept> {
    let Some(known) = state.environments.get(environment) else {
        return Vec::new();
    };
    let live = known.live.iter().map(|live| (live, How::Live));
    let warm = known.previous.iter().filter(|warm| warm.until > now);
    let warm = warm.map(|warm| (&warm.standing, How::Warm { until: warm.until }));
    let is_live = |release| {
        known
            .live
            .as_ref()
            .is_some_and(|live| live.release == release)
    };
    let is_vetoed = |release| {
        let release = state.releases.get(&release);
        release.is_some_and(|release| release.vetoed.is_some())
    };
    let before = known.verified.iter().rev();
    let before = before.filter(|one| !is_live(one.release) && !is_vetoed(one.release));
    let before = before
        .take(usize::from(keep))
        .map(|one| (one, How::Verified));
    let mut all: Vec<Kept> = Vec::new();
    for (standing, how) in live.chain(warm).chain(before) {
        let release = standing.release;
        let uses = standing.launch.databases.get(database) == Some(home);
        let is_wanted = how == How::Live || !is_vetoed(release);
        if uses && is_wanted && all.iter().all(|kept| kept.release != release) {
            all.push(Kept { release, how });
        }
    }
    all
}

impl Broken {
    /// Why it is refused.
    pub(super) fn reason(&self) -> String {
        let named: Vec<String> = self
            .needed_by
            .iter()
            .map(|kept| match kept.how {
                How::Live => format!("{} (live)", kept.release),
                How::Warm { until } => format!("{} (warm until {until})", kept.release),
                How::Verified => format!("{} (verified)", kept.release),
            })
            .collect();
        format!(
            "migration {} of database {} takes away what releases of {} need that keep_safe_back = {} keeps possible: {}",
            self.migration.title(),
            self.database,
            self.environment,
            self.keep,
            named.join(", ")
        )
    }

    /// What has to happen first.
    pub(super) fn way_out(&self) -> String {
        let Broken {
            environment, keep, ..
        } = self;
        let first = match self.migration.after_title() {
            Some(title) => format!("releases that know migration {title}"),
            None => format!(
                "releases that no longer need the old shape, from one with a migration of its own on, which {} then names (`-- towpath: contract after VERSION because …`)",
                self.migration.title()
            ),
        };
        let warm = self.needed_by.iter().find_map(|kept| match kept.how {
            How::Warm { until } => Some(format!("; warm releases are kept until {until}")),
            _ => None,
        });
        let first = format!("first bring {environment} {first}");
        let many = match keep {
            0 => String::new(),
            1 => "; 1 more of them has to be verified there beside the live one".into(),
            many => format!("; {many} more of them have to be verified there beside the live one"),
        };
        format!("{first}{many}{}", warm.unwrap_or_default())
    }
}
