//! Points of no return: migrations after which the release that is live cannot be returned to.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    Contract, Kind, Migration, NoReturnAccepted, Plan, Refused, Release, State, Stuck, Tenant,
    WayBack, knows, live_tenants, migrated, pending, way_back,
};
use crate::{
    MigrationVersion,
    manifest::NoReturnRule,
    names::{DatabaseName, EnvironmentName, ReleaseNumber},
};

/// A migration that somebody accepted, or has to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crossed {
    /// The database.
    pub database: DatabaseName,
    /// The environment that keeps it.
    pub home: EnvironmentName,
    /// The migration's version.
    pub version: MigrationVersion,
    /// Its name.
    pub name: String,
}

/// A point of no return on one database, for one release that is live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointOfNoReturn {
    /// The release that cannot be returned to.
    pub release: ReleaseNumber,
    /// Where it is live.
    pub environment: EnvironmentName,
    /// The migrations that come with the deployment and cannot be undone.
    pub migrations: Vec<Crossed>,
    /// Why, migration by migration.
    pub reasons: Vec<String>,
}

impl fmt::Display for PointOfNoReturn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}, live in {}, cannot be returned to afterwards: {}",
            self.release,
            self.environment,
            self.reasons.join("; ")
        )
    }
}

/// The points of no return that a deployment passes.
///
/// What could not be returned to before is not its doing; an empty database has nothing to lose.
pub fn points_of_no_return(state: &State, plan: &Plan, release: &Release) -> Vec<PointOfNoReturn> {
    let mut points = Vec::new();
    if plan.kind == Kind::Rollback {
        return points;
    }
    for (database, home) in &plan.launch.databases {
        let applied = state.applied(home, database);
        let there = migrated(applied, release.migrations(database));
        let many = pending(applied, release.migrations(database)).count();
        if applied.is_empty() || many == 0 {
            continue;
        }
        for tenant in live_tenants(state, database, home) {
            if tenant.release == release.number || !can_return(&tenant, applied) {
                continue;
            }
            if can_return(&tenant, &there) {
                continue;
            }
            // What would have to be undone is the first that breaks it, and all that comes after that.
            let breaks = |one: &Migration| !knows(tenant.known, one) && !one.spares(tenant.known);
            let first = there.iter().position(breaks).unwrap_or_default();
            let coming = there.iter().skip(first.max(there.len() - many));
            let stuck: Vec<Refused> = coming.filter_map(stuck).collect();
            points.push(PointOfNoReturn {
                release: tenant.release,
                environment: tenant.environment.clone(),
                reasons: stuck.iter().map(ToString::to_string).collect(),
                migrations: stuck
                    .into_iter()
                    .map(|refused| Crossed {
                        database: database.clone(),
                        home: home.clone(),
                        version: refused.migration.version,
                        name: refused.migration.name,
                    })
                    .collect(),
            });
        }
    }
    points
}

fn can_return(tenant: &Tenant<'_>, applied: &[Migration]) -> bool {
    !matches!(way_back(tenant.known, applied, &[]), WayBack::Refused(_))
}

/// Why a migration cannot be undone, if it cannot.
fn stuck(migration: &Migration) -> Option<Refused> {
    let why = match (migration.contract, migration.reversible) {
        _ if migration.version.is_repeatable() => Stuck::Repeatable,
        (Contract::Irreversible, _) => Stuck::Irreversible,
        (_, false) => Stuck::NoDown,
        (_, true) => return None,
    };
    Some(Refused {
        migration: migration.clone(),
        why,
    })
}

/// Whether somebody has to accept it: by the rules that a release brings, or by those in force.
pub(super) fn is_asked_for(state: &State, plan: &Plan) -> bool {
    let in_force = state.environments.get(&plan.environment);
    let in_force = in_force.and_then(|known| known.in_force.as_ref());
    let mut policies = in_force.into_iter().chain([&plan.policy]);
    policies.any(|policy| policy.going_back.no_return == NoReturnRule::Ask)
}

/// Whether what was accepted covers what is passed.
pub(super) fn covers(accepted: Option<&NoReturnAccepted>, points: &[PointOfNoReturn]) -> bool {
    let accepted = accepted.map_or(&[][..], |accepted| &accepted.migrations);
    let mut crossed = points.iter().flat_map(|point| &point.migrations);
    crossed.all(|one| accepted.contains(one))
}
