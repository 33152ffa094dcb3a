//! Waiting for what follows from what people do: woken by the journal, and looking anyway now and then.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::time::{Instant, timeout};
use towpath_core::{
    names::{DeploymentNumber, EnvironmentName},
    path::{EnvironmentState, State},
};

use super::{DemoError, Tell, Told};
use crate::engine::{DeploymentView, Engine, Place};

/// How long anything may take. A first build on a slow machine is the longest.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// How often it is looked without anything having been written.
const LOOK: Duration = Duration::from_millis(500);

/// Sees what happens.
#[derive(Clone)]
pub(super) struct Onlooker {
    engine: Arc<Engine>,
    place: Place,
    tell: Tell,
}

impl Onlooker {
    pub(super) fn new(engine: Arc<Engine>, place: Place, tell: Tell) -> Onlooker {
        Onlooker {
            engine,
            place,
            tell,
        }
    }

    /// Waits until a look finds something.
    pub(super) async fn until<T>(
        &self,
        what: &str,
        mut look: impl AsyncFnMut() -> Result<Option<T>, DemoError>,
    ) -> Result<T, DemoError> {
        let began = Instant::now();
        let mut records = self.engine.store.subscribe();
        self.tell.say(Told::Awaits(what.to_owned()));
        loop {
            if let Some(found) = look().await? {
                return Ok(found);
            }
            if began.elapsed() > PATIENCE {
                return Err(DemoError::new(
                    "demo::slow",
                    format!(
                        "{what} did not come within {} minutes",
                        PATIENCE.as_secs() / 60
                    ),
                    "the page and `towpath logs` show what is under way; try again on a machine that has less to do",
                ));
            }
            // Why it was woken does not matter: it looks for itself.
            let _ = timeout(LOOK, records.recv()).await;
        }
    }

    pub(super) async fn state(&self) -> Result<State, DemoError> {
        let state = self.engine.store.state().await;
        state.map_err(|error| crate::engine::EngineError::from(error).into())
    }

    fn name(&self, environment: &str) -> Result<EnvironmentName, DemoError> {
        Ok(self.place.environment(environment)?.name.clone())
    }

    /// How an environment is.
    pub(super) async fn environment(&self, name: &str) -> Result<EnvironmentState, DemoError> {
        Ok(self.state().await?.environment(&self.name(name)?))
    }

    /// The last deployment that was requested for an environment.
    pub(super) async fn last(&self, name: &str) -> Result<Option<DeploymentNumber>, DemoError> {
        Ok(self.environment(name).await?.last)
    }

    /// Waits for a deployment to an environment that is not the one of before.
    pub(super) async fn requested(
        &self,
        environment: &str,
        before: Option<DeploymentNumber>,
    ) -> Result<DeploymentNumber, DemoError> {
        let what = format!("a deployment to {environment}");
        self.until(&what, async || {
            let last = self.last(environment).await?;
            Ok(last.filter(|_| last != before))
        })
        .await
    }

    /// Waits until a deployment has ended.
    pub(super) async fn ended(
        &self,
        number: DeploymentNumber,
    ) -> Result<DeploymentView, DemoError> {
        self.stands(number, |view| view.ended_at.is_some()).await
    }

    /// Waits until a deployment stands in some way, or has ended; tells of it meanwhile.
    pub(super) async fn stands(
        &self,
        number: DeploymentNumber,
        so: impl Fn(&DeploymentView) -> bool,
    ) -> Result<DeploymentView, DemoError> {
        self.until(&format!("the end of {number}"), async || {
            let view = self.view(number).await?;
            if so(&view) || view.ended_at.is_some() {
                return Ok(Some(view));
            }
            self.tell.say(Told::UnderWay(Box::new(view)));
            Ok(None)
        })
        .await
    }

    /// A deployment as it is now.
    pub(super) async fn view(&self, number: DeploymentNumber) -> Result<DeploymentView, DemoError> {
        let view = self.engine.deployment_view(number).await?;
        view.ok_or_else(|| DemoError::ours(format!("there is no {number}")))
    }

    /// Waits until an environment serves, and says where.
    pub(super) async fn address(&self, environment: &str) -> Result<SocketAddr, DemoError> {
        let name = self.name(environment)?;
        let what = format!("the address of {environment}");
        self.until(&what, async || {
            if self.environment(environment).await?.live.is_none() {
                return Ok(None);
            }
            let traffic = self.engine.target.traffic(&name).await;
            let traffic = traffic.map_err(DemoError::ours)?;
            Ok(traffic.first().map(|service| service.listen))
        })
        .await
    }
}
