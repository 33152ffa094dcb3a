//! What a deployment will leave: where one can return to once it has settled.

use super::{Action, Kind, Plan, Release, Standing, State, migrated};
use crate::{Time, names::DeploymentNumber};

/// The state once a plan has settled, as far as going back looks at it.
pub fn once_settled(state: &State, plan: &Plan, release: &Release, now: Time) -> State {
    let mut after = state.clone();
    after.releases.insert(release.number, release.clone());
    match plan.kind {
        Kind::Deploy | Kind::Redeploy => {
            for (database, home) in &plan.launch.databases {
                let all = migrated(state.applied(home, database), release.migrations(database));
                let home = after.environments.entry(home.clone()).or_default();
                home.schema.insert(database.clone(), all);
            }
        }
        Kind::Rollback => {
            for step in &plan.steps {
                let Action::Undo(reversal) = &step.action else {
                    continue;
                };
                let home = after.environments.entry(reversal.home.clone()).or_default();
                let left = home.schema.entry(reversal.database.clone()).or_default();
                left.retain(|one| {
                    let mut undone = reversal.migrations.iter();
                    undone.all(|undone| undone.version != one.version)
                });
            }
        }
    }
    let environment = after
        .environments
        .entry(plan.environment.clone())
        .or_default();
    if plan.kind == Kind::Rollback {
        environment.forget_after(release.number);
    }
    let standing = Standing {
        release: release.number,
        deployment: DeploymentNumber(state.last_deployment + 1),
        config: None,
        instances: Default::default(),
        launch: plan.launch.clone(),
        policy: plan.policy.clone(),
        since: now,
    };
    environment.live = Some(standing.clone());
    environment.remember(standing);
    after
}
