//! What was printed: by a deployment's builds and tests, and by instances. Where it is, and reading it as it grows.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use towpath_core::{
    names::{DeploymentNumber, EnvironmentName, ServiceName},
    path::{Action, Deployment},
    target::InstanceKey,
};

pub use super::tail::Tail;
use super::{Engine, EngineError, steps};

/// How often growing outputs are looked at.
const LOOK: Duration = Duration::from_millis(150);

/// How often it is looked whether there are more of them.
const LIST: Duration = Duration::from_secs(1);

/// A file that holds what something printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// What printed it: a step's attempt, or an instance.
    pub of: String,
    /// The step, where it was a step's command.
    pub step: Option<String>,
    /// The service that was built, or that runs.
    pub service: Option<ServiceName>,
    /// The file. On the machine where the work is done.
    pub path: PathBuf,
}

/// Whose outputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Printed {
    /// A deployment's.
    By(DeploymentNumber),
    /// An environment's live instances'.
    In(EnvironmentName),
}

impl Engine {
    /// What a deployment's work printed, in the order of its steps; only what is still there.
    pub async fn outputs(&self, number: DeploymentNumber) -> Result<Vec<Output>, EngineError> {
        let Some(deployment) = self.store.deployment(number).await? else {
            return Ok(Vec::new());
        };
        let mut outputs = Vec::new();
        for (step, run) in deployment.plan.steps.iter().zip(&deployment.steps) {
            for attempt in &run.attempts {
                for (of, service) in jobs(&deployment, &step.action, &attempt.key) {
                    outputs.push(Output {
                        path: self.runner.output(&of),
                        step: Some(step.id.clone()),
                        of,
                        service,
                    });
                }
            }
        }
        for (service, key) in instances(&deployment) {
            outputs.extend(self.printed_by(&service, &key));
        }
        outputs.retain(|output| output.path.exists());
        Ok(outputs)
    }

    /// What an environment's live instances printed.
    pub async fn outputs_in(&self, name: &EnvironmentName) -> Result<Vec<Output>, EngineError> {
        let state = self.store.state().await?;
        let live = state.environments.get(name).and_then(|e| e.live.as_ref());
        let mut outputs = Vec::new();
        for (service, keys) in live.iter().flat_map(|live| &live.instances) {
            outputs.extend(keys.iter().filter_map(|key| self.printed_by(service, key)));
        }
        outputs.retain(|output| output.path.exists());
        Ok(outputs)
    }

    fn printed_by(&self, service: &ServiceName, key: &InstanceKey) -> Option<Output> {
        Some(Output {
            of: key.to_string(),
            step: None,
            service: Some(service.clone()),
            path: self.target.output(key)?,
        })
    }
}

/// The keys of an attempt's jobs, with the service that each builds.
fn jobs(deployment: &Deployment, action: &Action, key: &str) -> Vec<(String, Option<ServiceName>)> {
    match action {
        Action::Build => deployment
            .plan
            .launch
            .services
            .keys()
            .map(|service| (format!("{key}.{service}"), Some(service.clone())))
            .collect(),
        Action::Test(_) => vec![(key.to_owned(), None)],
        // Where the project's own tool migrates.
        Action::Migrate { .. } => steps::migrate_jobs(key)
            .into_iter()
            .map(|job| (job, None))
            .collect(),
        _ => Vec::new(),
    }
}

/// A deployment's instances; also those that are not healthy yet, or never came to be.
fn instances(deployment: &Deployment) -> Vec<(ServiceName, InstanceKey)> {
    let plan = &deployment.plan;
    let origin = deployment.number.to_string();
    let healthy = deployment.instances();
    let mut instances = Vec::new();
    for (step, run) in plan.steps.iter().zip(&deployment.steps) {
        let Action::Start { service, .. } = &step.action else {
            continue;
        };
        let keys = match healthy.get(service) {
            Some(keys) => keys.clone(),
            None if run.attempts.is_empty() => continue,
            None => {
                let copies = plan.launch.services.get(service).map_or(0, |s| s.instances);
                (0..copies)
                    .map(|i| InstanceKey::new(&plan.environment, service, plan.release, &origin, i))
                    .collect()
            }
        };
        instances.extend(keys.into_iter().map(|key| (service.clone(), key)));
    }
    instances
}

/// Reads outputs together, as `tail` does: where another one goes on, a line says which.
pub struct Reader {
    engine: Arc<Engine>,
    printed: Printed,
    chosen: Box<dyn Fn(&Output) -> bool + Send + Sync>,
    follow: bool,
    tails: Vec<(Output, Tail)>,
    listed: Option<Instant>,
    at: Option<usize>,
}

impl Reader {
    /// A reader of those outputs that `chosen` says; with `follow`, as they grow and as more of them come.
    pub fn new(
        engine: Arc<Engine>,
        printed: Printed,
        follow: bool,
        chosen: impl Fn(&Output) -> bool + Send + Sync + 'static,
    ) -> Reader {
        Reader {
            engine,
            printed,
            chosen: Box::new(chosen),
            follow,
            tails: Vec::new(),
            listed: None,
            at: None,
        }
    }

    /// The next piece, at most some ten thousand bytes; `None` at the end. A deployment's outputs end with it, those of live
    /// instances never when they are followed.
    pub async fn next(&mut self) -> Result<Option<Bytes>, EngineError> {
        loop {
            // Asked before reading: what was printed until then is read.
            let is_over = self.list().await?;
            if let Some(piece) = self.read().await {
                return Ok(Some(piece));
            }
            if is_over {
                return Ok(None);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Finds outputs that are new; says whether nothing more comes.
    async fn list(&mut self) -> Result<bool, EngineError> {
        let is_due = self.listed.is_none_or(|at| at.elapsed() >= LIST);
        if !is_due {
            return Ok(!self.follow);
        }
        let is_over = !self.follow || self.is_over().await?;
        let outputs = match &self.printed {
            Printed::By(number) => self.engine.outputs(*number).await?,
            Printed::In(name) => self.engine.outputs_in(name).await?,
        };
        for output in outputs {
            let is_new = self.tails.iter().all(|(known, _)| known.of != output.of);
            if is_new && (self.chosen)(&output) {
                let tail = Tail::new(output.path.clone());
                self.tails.push((output, tail));
            }
        }
        self.listed = (!is_over).then(Instant::now);
        Ok(is_over)
    }

    async fn is_over(&self) -> Result<bool, EngineError> {
        match &self.printed {
            Printed::In(_) => Ok(false),
            Printed::By(number) => {
                let deployment = self.engine.store.deployment(*number).await?;
                Ok(deployment.is_none_or(|deployment| deployment.ended.is_some()))
            }
        }
    }

    /// What one of them has more, beginning with the one that was read last.
    async fn read(&mut self) -> Option<Bytes> {
        let first = self.at.unwrap_or(0);
        let order = (first..self.tails.len()).chain(0..first.min(self.tails.len()));
        for index in order {
            let (output, tail) = &mut self.tails[index];
            let piece = match tail.more().await {
                Ok(Some(piece)) => piece,
                Ok(None) => continue,
                Err(error) => unreadable(tail, &error),
            };
            if self.at.replace(index) == Some(index) {
                return Some(piece);
            }
            let head = format!("==> {} <==\n", output.of);
            return Some([head.as_bytes(), &piece].concat().into());
        }
        None
    }
}

/// Says why there is nothing more of it, once.
fn unreadable(tail: &mut Tail, error: &io::Error) -> Bytes {
    tail.give_up();
    format!("[towpath] could not read this output: {error}\n").into()
}
