//! What a signature is bound to: a digest over everything that was looked at, part by part.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Deployment, Outcome, Phase, Receipt, Release};
use crate::Digest;

/// The parts of what is signed, each with its digest.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Evidence(pub BTreeMap<String, Digest>);

impl Evidence {
    /// What a signature of this deployment would be bound to now: the release, the environment, its configuration, the
    /// migrations applied, and what the checks and tests said.
    pub fn of(deployment: &Deployment, release: &Release) -> Evidence {
        let mut parts = BTreeMap::from([(
            "environment".to_owned(),
            Digest::of_bytes(deployment.plan.environment.as_str().as_bytes()),
        )]);
        if let Some(digest) = release.digest() {
            parts.insert("release".into(), digest);
        }
        for (step, run) in deployment.plan.steps.iter().zip(&deployment.steps) {
            let Some(outcome) = run.last().and_then(|attempt| attempt.outcome.as_ref()) else {
                continue;
            };
            match outcome {
                Outcome::Passed {
                    receipt: Receipt::Configured { config },
                    ..
                } => {
                    parts.insert("config".into(), *config);
                }
                Outcome::Passed {
                    receipt:
                        Receipt::Migrated {
                            database, applied, ..
                        },
                    ..
                } => {
                    parts.insert(
                        format!("migrations of {database}"),
                        Digest::of_value(applied),
                    );
                }
                outcome if matches!(step.phase, Phase::Smoke | Phase::Test) => {
                    // The try counts: a test that was run again was not what was looked at.
                    let tries = run.attempts.len();
                    parts.insert(step.id.clone(), Digest::of_value(&(outcome, tries)));
                }
                _ => {}
            }
        }
        Evidence(parts)
    }

    /// The digest over all parts.
    pub fn digest(&self) -> Digest {
        Digest::of_value(&self.0)
    }

    /// The names of the parts that differ.
    pub fn changed_since(&self, earlier: &Evidence) -> Vec<String> {
        let names: BTreeSet<&String> = self.0.keys().chain(earlier.0.keys()).collect();
        names
            .into_iter()
            .filter(|name| self.0.get(*name) != earlier.0.get(*name))
            .cloned()
            .collect()
    }
}
