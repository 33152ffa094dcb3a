//! Where an environment can return to, and by which way: the last verified release, by code alone or by down-migrations.

use super::{
    Action, Kind, Launch, Plan, Refused, Release, Reversal, Standing, State, Tenant, Undone,
    WayBack, way_back,
};
use crate::names::{DatabaseName, EnvironmentName, ReleaseNumber};

/// A way back of a whole environment.
#[derive(Debug, Clone, PartialEq)]
pub struct Return<'a> {
    /// How the release stood there.
    pub standing: &'a Standing,
    /// What is undone for it; nothing where code alone is enough.
    pub undo: Vec<Reversal>,
}

/// Why a release cannot be returned to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{release} does not run on database {database} of {home}: {refused}")]
pub struct Blocked {
    /// The release.
    pub release: ReleaseNumber,
    /// The database.
    pub database: DatabaseName,
    /// The environment that keeps it.
    pub home: EnvironmentName,
    /// Why there is no safe way on it.
    pub refused: Refused,
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
    Schema(Box<Blocked>),
    /// What is to be undone is not any more what was planned.
    #[error("what would have to be undone in {environment} has changed since it was planned")]
    Changed {
        /// The environment.
        environment: EnvironmentName,
    },
}

impl NoReturn {
    /// What to do instead.
    pub fn way_out(&self) -> String {
        match self {
            NoReturn::NothingBefore { environment } => {
                format!("deploy a fixed release: `towpath deploy {environment} vN`")
            }
            NoReturn::Schema(blocked) => blocked.refused.way_out(),
            NoReturn::Changed { environment } => {
                format!("`towpath rollback {environment}` plans it anew")
            }
        }
    }
}

/// What has to be undone, database by database, so that a release runs in an environment again.
pub fn reversals(
    state: &State,
    environment: &EnvironmentName,
    release: &Release,
    launch: &Launch,
) -> Result<Vec<Reversal>, Box<Blocked>> {
    let mut all = Vec::new();
    for (database, home) in &launch.databases {
        let tenants: Vec<Tenant<'_>> = tenants(state, database, home)
            .filter(|tenant| tenant.environment != environment)
            .collect();
        let applied = state.applied(home, database);
        match way_back(release.migrations(database), applied, &tenants) {
            WayBack::CodeOnly => {}
            WayBack::Undo { migrations } => all.push(Reversal {
                database: database.clone(),
                home: home.clone(),
                migrations: migrations.iter().map(Undone::of).collect(),
            }),
            WayBack::Refused(refused) => {
                return Err(Box::new(Blocked {
                    release: release.number,
                    database: database.clone(),
                    home: home.clone(),
                    refused,
                }));
            }
        }
    }
    Ok(all)
}

/// The releases that use a database, wherever they are live or on their way.
fn tenants<'a>(
    state: &'a State,
    database: &'a DatabaseName,
    home: &'a EnvironmentName,
) -> impl Iterator<Item = Tenant<'a>> {
    let coming = state.environments.iter().filter_map(move |(name, known)| {
        let active = state.deployments.get(&known.active?)?;
        tenant(
            state,
            database,
            home,
            name,
            active.plan.release,
            &active.plan.launch,
        )
    });
    live_tenants(state, database, home).chain(coming)
}

/// The releases that use a database, wherever they are live.
pub(super) fn live_tenants<'a>(
    state: &'a State,
    database: &'a DatabaseName,
    home: &'a EnvironmentName,
) -> impl Iterator<Item = Tenant<'a>> {
    state.environments.iter().filter_map(move |(name, known)| {
        let live = known.live.as_ref()?;
        tenant(state, database, home, name, live.release, &live.launch)
    })
}

fn tenant<'a>(
    state: &'a State,
    database: &DatabaseName,
    home: &EnvironmentName,
    environment: &'a EnvironmentName,
    release: ReleaseNumber,
    launch: &Launch,
) -> Option<Tenant<'a>> {
    if launch.databases.get(database) != Some(home) {
        return None;
    }
    Some(Tenant {
        environment,
        release,
        known: state.releases.get(&release)?.migrations(database),
    })
}

/// The way to return an environment when `leaving` is taken back: the newest release that code alone brings back, else the newest
/// that down-migrations do.
pub fn return_target<'a>(
    state: &'a State,
    environment: &EnvironmentName,
    leaving: Option<ReleaseNumber>,
) -> Result<Return<'a>, NoReturn> {
    let mut by_undoing = None;
    let mut blocked = None;
    for (standing, release) in candidates(state, environment, leaving) {
        match reversals(state, environment, release, &standing.launch) {
            Ok(undo) if undo.is_empty() => return Ok(Return { standing, undo }),
            Ok(undo) => by_undoing = by_undoing.or(Some(Return { standing, undo })),
            Err(found) => blocked = blocked.or(Some(found)),
        }
    }
    by_undoing.ok_or_else(|| match blocked {
        Some(blocked) => NoReturn::Schema(blocked),
        None => NoReturn::NothingBefore {
            environment: environment.clone(),
        },
    })
}

/// The oldest release verified there that code alone brings back, however many lie between.
pub fn safe_back_to(state: &State, environment: &EnvironmentName) -> Option<ReleaseNumber> {
    let known = state.environments.get(environment)?;
    let live = known.live.as_ref().map(|live| live.release);
    let mut oldest_first = candidates(state, environment, live).rev();
    let safe = oldest_first.find(|(standing, release)| {
        let undo = reversals(state, environment, release, &standing.launch);
        undo.is_ok_and(|undo| undo.is_empty())
    });
    safe.map(|(standing, _)| standing.release)
}

/// What was verified there and not vetoed since, newest first.
///
/// The last of them is what was there before, also when it is newer than the release that is left: a rollback forgets what it
/// passes over, so that everything here lies behind.
fn candidates<'a>(
    state: &'a State,
    environment: &EnvironmentName,
    leaving: Option<ReleaseNumber>,
) -> impl DoubleEndedIterator<Item = (&'a Standing, &'a Release)> {
    let known = state.environments.get(environment);
    let verified = known.map_or(&[][..], |known| &known.verified);
    verified
        .iter()
        .rev()
        .filter(move |standing| Some(standing.release) != leaving)
        .filter_map(|standing| Some((standing, state.releases.get(&standing.release)?)))
        .filter(|(_, release)| release.vetoed.is_none())
}

/// Whether what a rollback's plan undoes is what still has to be undone, and safe.
pub fn check_return(state: &State, plan: &Plan, release: &Release) -> Result<(), NoReturn> {
    debug_assert_eq!(plan.kind, Kind::Rollback);
    let needed =
        reversals(state, &plan.environment, release, &plan.launch).map_err(NoReturn::Schema)?;
    let still = |reversal: &Reversal| {
        let applied = state.applied(&reversal.home, &reversal.database);
        let is_applied = |undone: &&Undone| applied.iter().any(|one| one.version == undone.version);
        let versions = reversal.migrations.iter().filter(is_applied);
        let versions: Vec<_> = versions.map(|undone| undone.version.clone()).collect();
        (reversal.database.clone(), versions)
    };
    let planned = plan.steps.iter().filter_map(|step| match &step.action {
        Action::Undo(reversal) => Some(still(reversal)),
        _ => None,
    });
    let planned: Vec<_> = planned.filter(|(_, all)| !all.is_empty()).collect();
    match planned == needed.iter().map(still).collect::<Vec<_>>() {
        true => Ok(()),
        false => Err(NoReturn::Changed {
            environment: plan.environment.clone(),
        }),
    }
}
