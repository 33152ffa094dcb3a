//! Housekeeping: instances that nobody can return to any more are stopped, once their requests have drained.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use towpath_core::{
    Time,
    names::{DeploymentNumber, EnvironmentName, ReleaseNumber},
    path::{Action, State},
    target::{InstanceKey, TargetError},
};

use super::{Engine, EngineError, begun::Begun, steps::test::ready_mark, supervise::supervise};
use crate::clock::now;

/// How long requests may take to drain before an instance is asked to stop all the same.
const DRAIN: Duration = Duration::from_secs(30);

/// The deployment that started an instance.
pub(super) fn origin(key: &InstanceKey) -> Option<DeploymentNumber> {
    key.as_str().split('.').nth(3)?.parse().ok()
}

/// Remembers since when each instance has been superfluous.
#[derive(Debug, Default)]
pub(super) struct Housekeeper {
    since: BTreeMap<InstanceKey, Time>,
}

impl Housekeeper {
    /// Stops what is superfluous and has drained; says whether something is still draining.
    pub(super) async fn tidy(&mut self, engine: &Engine) -> Result<bool, EngineError> {
        let names: Vec<EnvironmentName> = engine
            .store
            .state()
            .await?
            .environments
            .into_keys()
            .collect();
        let mut draining = false;
        if let Err(error) = tidy_trees(engine).await {
            tracing::warn!(%error, "could not remove a work tree");
        }
        for name in &names {
            if name.is_clone() {
                if let Err(error) = engine.take_down(name).await {
                    tracing::warn!(clone = %name, %error, "is still there");
                }
            } else if let Err(error) = supervise(engine, name).await {
                tracing::warn!(environment = %name, %error, "what is live does not run");
            }
            match self.tidy_environment(engine, name).await {
                Ok(still) => draining |= still,
                Err(error) => tracing::warn!(environment = %name, %error, "could not tidy up"),
            }
        }
        Ok(draining)
    }

    async fn tidy_environment(
        &mut self,
        engine: &Engine,
        name: &EnvironmentName,
    ) -> Result<bool, TidyError> {
        let mut draining = false;
        for key in engine.target.instances(name).await? {
            // Asked anew for each: a rollback may have come to need it.
            let state = engine.store.state().await.map_err(EngineError::from)?;
            if !is_superfluous(&state, name, &key, now()) {
                self.since.remove(&key);
                continue;
            }
            let since = *self.since.entry(key.clone()).or_insert_with(now);
            let in_flight: u64 = engine
                .target
                .traffic(name)
                .await?
                .iter()
                .map(|traffic| traffic.draining)
                .sum();
            if in_flight > 0 && now().since(since) < DRAIN {
                draining = true;
                continue;
            }
            engine.target.stop(&key).await?;
            self.since.remove(&key);
            tracing::info!(instance = %key, "stopped");
        }
        Ok(draining)
    }
}

/// Removes the work trees of releases that are built and of deployments that have ended.
async fn tidy_trees(engine: &Engine) -> Result<(), EngineError> {
    let Ok(entries) = std::fs::read_dir(engine.home.trees()) else {
        return Ok(());
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_over = if let Ok(number) = name.parse::<ReleaseNumber>() {
            engine
                .store
                .release(number)
                .await?
                .is_some_and(|release| release.artifacts.is_some())
        } else if let Ok(number) = name.parse::<DeploymentNumber>() {
            // Asked of the store last: a retry makes it go on.
            engine
                .store
                .deployment(number)
                .await?
                .is_some_and(|deployment| deployment.ended.is_some())
        } else {
            false
        };
        if is_over {
            engine.mirror.remove_tree(&entry.path()).await?;
            // Its last traces; a file that is not there needs no removing.
            let _ = std::fs::remove_file(Begun::beside(&entry.path()));
            let _ = std::fs::remove_file(ready_mark(&entry.path()));
        }
    }
    Ok(())
}

#[derive(Debug, thiserror::Error)]
enum TidyError {
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Whether an instance serves nobody and nobody can return to it.
fn is_superfluous(state: &State, name: &EnvironmentName, key: &InstanceKey, now: Time) -> bool {
    let Some(origin) = origin(key) else {
        return false;
    };
    // Started by a deployment that this state does not know yet, or by one that is not over.
    if origin.0 > state.last_deployment
        || state.open().any(|deployment| deployment.number == origin)
    {
        return false;
    }
    let environment = state.environment(name);
    let warm = environment
        .previous
        .iter()
        .filter(|warm| warm.until > now)
        .map(|warm| &warm.standing);
    let standing = environment
        .live
        .iter()
        .chain(warm)
        .flat_map(|s| s.instances.values().flatten());
    let reused = state
        .open()
        .flat_map(|deployment| &deployment.plan.steps)
        .flat_map(|step| match &step.action {
            Action::Start { reuse, .. } => reuse.as_slice(),
            _ => &[],
        });
    let needed: BTreeSet<&InstanceKey> = standing.chain(reused).collect();
    !needed.contains(key)
}
