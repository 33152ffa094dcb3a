//! What each action does in the world: a file a step. Each may be called again after a crash and finds its own earlier work.

mod backfill;
mod build;
mod clone;
mod configure;
mod discard;
mod migrate;
mod schema;
mod smoke;
mod start;
mod switch;
pub(super) mod test;
mod tool;
mod undo;
mod watch;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use towpath_core::{
    Digest, Time,
    names::ServiceName,
    path::{Action, Deployment, Outcome, Receipt, Release, Step},
    target::TargetError,
};
use towpath_secrets::redact::{Patterns, redact};

pub use schema::seen;
pub use tool::jobs as migrate_jobs;

use super::{
    Engine, http,
    variables::{Handover, HandoverError},
};
use crate::config::ConfigError;
use crate::store::Lease;

/// An attempt to be performed.
pub struct Attempt<'a> {
    /// The engine.
    pub engine: &'a Arc<Engine>,
    /// The right to act.
    pub lease: &'a Lease,
    /// The deployment, as of the attempt's start.
    pub deployment: &'a Deployment,
    /// Its release.
    pub release: &'a Release,
    /// Names the attempt for good.
    pub key: &'a str,
    /// When it began.
    pub started_at: Time,
    /// What it met last, for whoever ends it from outside.
    pub cause: &'a Cause,
}

/// The last real cause of a delay, kept for the day that a deadline passes.
#[derive(Debug, Default)]
pub struct Cause(Mutex<Option<String>>);

impl Cause {
    /// Remembers a cause.
    pub fn set(&self, cause: impl Into<String>) {
        *self
            .0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(cause.into());
    }

    /// The last one.
    pub fn last(&self) -> Option<String> {
        self.0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .clone()
    }
}

/// Performs a step, or the removal of the deployment's instances where there is none.
pub async fn perform(attempt: &Attempt<'_>, step: Option<&Step>) -> Outcome {
    let Some(step) = step else {
        return discard::perform(attempt).await;
    };
    match &step.action {
        Action::Build => build::perform(attempt).await,
        Action::Clone { database, home } => clone::perform(attempt, database, home).await,
        Action::Migrate { database, home } => migrate::perform(attempt, database, home).await,
        Action::Undo(reversal) => undo::perform(attempt, reversal).await,
        Action::Configure { like } => configure::perform(attempt, like.as_ref()).await,
        Action::Start { service, reuse } => start::perform(attempt, service, reuse).await,
        Action::Switch => switch::perform(attempt).await,
        Action::Smoke(check) => smoke::perform(attempt, check).await,
        Action::Test(check) => test::perform(attempt, check).await,
        Action::Watch(window) => watch::perform(attempt, window).await,
        Action::SignOff(_) | Action::Settle => Outcome::Inconclusive {
            why: "nothing in the world is to be done for this step".into(),
        },
    }
}

/// Ends whatever a step's attempt left running.
pub async fn abort(
    engine: &Engine,
    deployment: &Deployment,
    step: Option<&Step>,
    key: &str,
) -> Result<(), TargetError> {
    match step.map(|step| &step.action) {
        Some(Action::Build) => {
            for service in deployment.plan.launch.services.keys() {
                engine.runner.cancel(&format!("{key}.{service}")).await?;
            }
            Ok(())
        }
        Some(Action::Test(_)) => engine.runner.cancel(key).await,
        Some(Action::Migrate { .. }) => {
            for job in migrate_jobs(key) {
                engine.runner.cancel(&job).await?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

impl Attempt<'_> {
    /// The configuration that is pinned with the deployment.
    fn config(&self) -> Result<Digest, Outcome> {
        self.deployment
            .config()
            .ok_or_else(|| errored("it has no configuration yet"))
    }

    /// What commands are started with: as pinned with the deployment, and the secrets of now.
    async fn handover(&self) -> Result<Handover, Outcome> {
        let environment = &self.deployment.plan.environment;
        let config = self.config()?;
        let handover = self
            .engine
            .handover(&config, self.release, environment, None);
        handover.await.map_err(from_handover)
    }

    /// A finding, with the beginning of what a service answered and none of its secrets. Where those cannot be had, nobody could
    /// take them out: then without the answer.
    async fn with_answer(&self, finding: String, answer: &str) -> String {
        let Ok(handover) = self.handover().await else {
            return finding;
        };
        let secrets = handover.secrets.iter().chain(&handover.credentials);
        let patterns = Patterns::new(secrets.map(|(name, value)| (name.as_str(), value)));
        // Before it is cut: what is left of a secret at its end would not be found.
        finding + &http::excerpt(&redact(&patterns, answer))
    }

    /// Where users reach a service.
    async fn address(&self, service: &ServiceName) -> Result<SocketAddr, Outcome> {
        let traffic = self
            .engine
            .target
            .traffic(&self.deployment.plan.environment)
            .await
            .map_err(from_target)?;
        traffic
            .into_iter()
            .find(|traffic| traffic.service == *service)
            .map(|traffic| traffic.listen)
            .ok_or_else(|| errored(format!("{service} has no address")))
    }
}

fn passed(detail: impl Into<String>) -> Outcome {
    Outcome::Passed {
        detail: detail.into(),
        receipt: Receipt::Nothing,
    }
}

fn failed(finding: impl Into<String>) -> Outcome {
    Outcome::Failed {
        finding: finding.into(),
    }
}

fn errored(cause: impl ToString) -> Outcome {
    Outcome::Errored {
        cause: cause.to_string(),
        transient: true,
    }
}

fn hopeless(cause: impl ToString) -> Outcome {
    Outcome::Errored {
        cause: cause.to_string(),
        transient: false,
    }
}

/// A value that is missing is a finding; a store that does not answer may do so later.
fn from_config(error: ConfigError) -> Outcome {
    let told = format!("{error}; {}", error.help());
    match error {
        ConfigError::Unfilled { .. } => failed(told),
        error if error.is_passing() => errored(told),
        _ => hopeless(told),
    }
}

fn from_handover(error: HandoverError) -> Outcome {
    match error {
        HandoverError::Config(error) => from_config(error),
        HandoverError::Damaged(_) => hopeless(error),
    }
}

fn from_target(error: TargetError) -> Outcome {
    match error {
        TargetError::Unavailable(_) => errored(error),
        TargetError::Invalid(_) | TargetError::Fenced { .. } => hopeless(error),
    }
}
