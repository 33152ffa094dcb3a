//! The outputs of a deployment: of its builds and tests, and of its instances.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use towpath_core::{
    names::DeploymentNumber,
    path::{Action, Deployment},
};

use super::{Engine, EngineError};

/// A file that holds what something printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// What printed it: a step's attempt, or an instance.
    pub of: String,
    /// The file. On the machine where the work is done.
    pub path: PathBuf,
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
                for key in jobs(&deployment, &step.action, &attempt.key) {
                    outputs.push(Output {
                        path: self.runner.output(&key),
                        of: key,
                    });
                }
            }
        }
        for key in deployment.instances().into_values().flatten() {
            if let Some(path) = self.target.output(&key) {
                outputs.push(Output {
                    of: key.to_string(),
                    path,
                });
            }
        }
        outputs.retain(|output| output.path.exists());
        Ok(outputs)
    }
}

/// The keys of an attempt's jobs.
fn jobs(deployment: &Deployment, action: &Action, key: &str) -> Vec<String> {
    match action {
        Action::Build => deployment
            .plan
            .launch
            .services
            .keys()
            .map(|service| format!("{key}.{service}"))
            .collect(),
        Action::Test(_) => vec![key.to_owned()],
        _ => Vec::new(),
    }
}
