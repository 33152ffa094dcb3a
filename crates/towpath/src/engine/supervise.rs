//! Supervision: what is live runs. A shim restarts what ends by itself; when the shims are gone too, as after a restart of the
//! machine, the live instances are started again from what the journal and the store know, and get their traffic back.
//!
//! Nothing of this is a deployment: it brings nothing new, and the journal says already what is live.

use std::time::Duration;

use towpath_core::{
    names::EnvironmentName,
    path::{Standing, State},
    target::{Health, InstanceKey, Observed, Route, TargetError},
};

use super::{Engine, EngineError};
use crate::clock::now;

/// Between looks at an instance that is not healthy yet.
const LOOK: Duration = Duration::from_millis(50);

/// Why what is live does not run.
#[derive(Debug, thiserror::Error)]
pub(super) enum SuperviseError {
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("could not start {0} again: {1}")]
    NotAgain(InstanceKey, String),
}

/// Starts again what should run in an environment and does not. A deployment that has the environment sees to it itself.
pub(super) async fn supervise(
    engine: &Engine,
    name: &EnvironmentName,
) -> Result<(), SuperviseError> {
    let state = engine.store.state().await.map_err(EngineError::from)?;
    let Some(live) = to_look_after(&state, name) else {
        return Ok(());
    };
    let mut again = false;
    for (service, keys) in &live.instances {
        for key in keys {
            if is_gone(engine, key).await? {
                start(engine, name, live, service, key).await?;
                again = true;
            }
        }
    }
    if again || routes_are_lost(engine, name, live).await? {
        give_traffic_back(engine, name, live).await?;
    }
    Ok(())
}

/// What is live, unless a deployment is changing that.
fn to_look_after<'a>(state: &'a State, name: &EnvironmentName) -> Option<&'a Standing> {
    let environment = state.environments.get(name)?;
    match environment.active {
        Some(_) => None,
        None => environment.live.as_ref(),
    }
}

async fn is_gone(engine: &Engine, key: &InstanceKey) -> Result<bool, TargetError> {
    Ok(match engine.target.observe(key).await? {
        Observed::Running { .. } => false,
        Observed::Absent | Observed::Exited { .. } => true,
    })
}

async fn start(
    engine: &Engine,
    name: &EnvironmentName,
    live: &Standing,
    service: &towpath_core::names::ServiceName,
    key: &InstanceKey,
) -> Result<(), SuperviseError> {
    let failed = |why: String| SuperviseError::NotAgain(key.clone(), why);
    let launch = live
        .launch
        .services
        .get(service)
        .ok_or_else(|| failed("it is in no plan".into()))?;
    let release = engine.release(live.release).await?;
    let release = release.ok_or_else(|| failed(format!("there is no {}", live.release)))?;
    let config = live
        .config
        .ok_or_else(|| failed("it has no configuration".into()))?;
    let spec = engine
        .instance_spec(key, name, service, launch, &release, &config)
        .await
        .map_err(|error| failed(error.to_string()))?;
    tracing::warn!(instance = %key, "is live and does not run; starting it again");
    engine.target.start(&spec).await?;
    let until = now() + launch.health.within;
    loop {
        match engine.target.check(key, &launch.health).await? {
            Health::Healthy => return Ok(()),
            Health::Unhealthy(why) if now() >= until => return Err(failed(why)),
            Health::Unhealthy(_) => tokio::time::sleep(LOOK).await,
        }
    }
}

/// Whether the target sends no traffic to what is live, as after a crash between a start and its route.
async fn routes_are_lost(
    engine: &Engine,
    name: &EnvironmentName,
    live: &Standing,
) -> Result<bool, TargetError> {
    if live.instances.is_empty() {
        return Ok(false);
    }
    let traffic = engine.target.traffic(name).await?;
    Ok(live.instances.iter().any(|(service, keys)| {
        !traffic
            .iter()
            .any(|t| t.service == *service && t.instances == *keys)
    }))
}

async fn give_traffic_back(
    engine: &Engine,
    name: &EnvironmentName,
    live: &Standing,
) -> Result<(), SuperviseError> {
    let routes: Vec<Route> = live
        .instances
        .iter()
        .map(|(service, instances)| Route {
            service: service.clone(),
            listen: live
                .launch
                .services
                .get(service)
                .and_then(|launch| launch.listen),
            release: live.release,
            instances: instances.clone(),
        })
        .collect();
    // A deployment that begins from here on has a higher token; its word counts.
    let token = engine.store.next_token().await.map_err(EngineError::from)?;
    let state = engine.store.state().await.map_err(EngineError::from)?;
    if to_look_after(&state, name).is_some_and(|now| now.deployment == live.deployment) {
        engine.target.route(name, &routes, token).await?;
    }
    Ok(())
}
