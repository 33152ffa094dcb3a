//! A throw-away clone of an environment: what there is, how plans are made for it, and when it is of no use any more.
//!
//! It is an environment of its own, with a name that no manifest declares: what is done in it is done by ordinary deployments, and
//! nothing that is done in it is done to the environment that it is like.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    Action, EnvironmentState, Kind, Launch, Phase, Plan, Policy, Standing, State, Status, Step,
    plan::MIGRATE_WITHIN,
};
use crate::{
    Time,
    manifest::OnFailure,
    names::{DatabaseName, EnvironmentName, ReleaseNumber},
    time::as_millis,
};

/// A clone that is there, or is about to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cloned {
    /// The release whose way back is rehearsed in it.
    pub release: ReleaseNumber,
    /// Its databases. They are known before they are there, so that none is ever forgotten.
    pub databases: BTreeMap<DatabaseName, ClonedDatabase>,
    /// How long it may stand about between two deployments.
    #[serde(with = "as_millis")]
    pub idle: Duration,
    /// Since when.
    pub since: Time,
}

/// A database of a clone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClonedDatabase {
    /// The environment that keeps the one that it is a copy of.
    pub home: EnvironmentName,
    /// What its server calls it; a file lies in the clone's own folder.
    pub name: String,
}

impl EnvironmentState {
    /// A clone of an environment: as that stands, with nothing of it running.
    pub(super) fn cloned(state: &State, name: &EnvironmentName, cloned: Cloned) -> Self {
        let original = state.environment(&name.declared());
        let schema = cloned.databases.iter().map(|(database, copy)| {
            let applied = state.applied(&copy.home, database).to_vec();
            (database.clone(), applied)
        });
        EnvironmentState {
            live: original.live.map(|standing| standing.on_clone(name)),
            verified: original
                .verified
                .into_iter()
                .map(|standing| standing.on_clone(name))
                .collect(),
            schema: schema.collect(),
            in_force: original.in_force.map(|policy| policy.on_clone(name)),
            cloned: Some(cloned),
            ..EnvironmentState::default()
        }
    }
}

impl Standing {
    fn on_clone(self, clone: &EnvironmentName) -> Standing {
        Standing {
            // They use the database that is not the clone's.
            instances: BTreeMap::new(),
            launch: self.launch.on_clone(clone),
            policy: self.policy.on_clone(clone),
            ..self
        }
    }
}

impl Policy {
    fn on_clone(self, clone: &EnvironmentName) -> Policy {
        Policy {
            environment: clone.clone(),
            ..self
        }
    }
}

impl Launch {
    /// The same services, at addresses that nobody knows, with databases of the clone's own.
    fn on_clone(mut self, clone: &EnvironmentName) -> Launch {
        for service in self.services.values_mut() {
            service.listen = None;
        }
        for home in self.databases.values_mut() {
            *home = clone.clone();
        }
        self
    }
}

/// The plan of a deployment, for an environment's clone.
pub fn on_clone(state: &State, plan: Plan) -> Plan {
    let clone = plan.environment.of_clone();
    let there = state.environment(&clone);
    let stands = match there.cloned {
        Some(_) => there,
        // Its clone will stand as it does.
        None => state.environment(&plan.environment),
    };
    let steps = plan.steps.into_iter().map(|step| match step.action {
        Action::Migrate { database, .. } => Step {
            action: Action::Migrate {
                database,
                home: clone.clone(),
            },
            ..step
        },
        action => Step { action, ..step },
    });
    Plan {
        kind: match stands.live.is_some_and(|live| live.release == plan.release) {
            true => Kind::Redeploy,
            false => Kind::Deploy,
        },
        steps: steps.collect(),
        // It is thrown away as it is.
        on_failure: OnFailure::Hold,
        policy: plan.policy.on_clone(&clone),
        launch: plan.launch.on_clone(&clone),
        environment: clone,
        ..plan
    }
}

/// The plan of the first deployment in a clone: its databases are made before anything is done to them.
pub fn cloning_first(mut plan: Plan, databases: &BTreeMap<DatabaseName, ClonedDatabase>) -> Plan {
    let is_built = |step: &&Step| step.phase <= Phase::Build;
    let at = plan.steps.iter().take_while(is_built).count();
    let steps = databases.iter().map(|(database, copy)| Step {
        id: format!("clone-{database}"),
        phase: Phase::Migrate,
        action: Action::Clone {
            database: database.clone(),
            home: copy.home.clone(),
        },
        within: MIGRATE_WITHIN,
    });
    plan.steps.splice(at..at, steps);
    plan
}

/// The clone of that name, if it is of no use any more: its rehearsal has come to an end, or nobody goes on with it.
pub fn clone_to_remove<'a>(
    state: &'a State,
    name: &EnvironmentName,
    now: Time,
) -> Option<&'a Cloned> {
    let known = state.environments.get(name)?;
    let cloned = known.cloned.as_ref()?;
    if state.open().any(|open| open.plan.environment == *name) {
        return None;
    }
    let last = known.last.and_then(|last| state.deployments.get(&last));
    let since = match last {
        Some(last) if last.status != Status::Ended => return None,
        Some(last) => {
            let release = state.releases.get(&cloned.release);
            let found = release.and_then(|release| release.rehearsal.as_ref());
            let is_told = found.is_some_and(|found| found.deployments.contains(&last.number));
            if is_told || !last.is_settled() {
                return Some(cloned);
            }
            last.ended.as_ref().map_or(cloned.since, |ended| ended.at)
        }
        None => cloned.since,
    };
    (now.since(since) > cloned.idle).then_some(cloned)
}
