//! Configure: resolves the environment's configuration and pins it, or returns to one that was pinned before.

use towpath_core::{
    Digest,
    path::{Outcome, Receipt},
};

use super::{Attempt, errored, hopeless};
use crate::engine::variables;

pub(super) fn perform(attempt: &Attempt<'_>, like: Option<&Digest>) -> Outcome {
    let home = &attempt.engine.home;
    if let Some(config) = like {
        return match variables::read(home, config) {
            Ok(variables) => configured(variables.len(), *config, "as it was"),
            Err(cause) => hopeless(cause),
        };
    }
    let manifest = match attempt.engine.manifest_of(attempt.release) {
        Ok(manifest) => manifest,
        Err(error) => return hopeless(error),
    };
    let name = &attempt.deployment.plan.environment;
    let Some(environment) = manifest.environments.iter().find(|e| e.name == *name) else {
        return hopeless(format!("the release's manifest has no environment {name}"));
    };
    let resolved = variables::resolve(home, &manifest, environment);
    match variables::keep(home, &resolved) {
        Ok(config) => configured(resolved.len(), config, "resolved and pinned"),
        Err(error) => errored(error),
    }
}

fn configured(count: usize, config: Digest, how: &str) -> Outcome {
    let values = if count == 1 {
        "1 value".into()
    } else {
        format!("{count} values")
    };
    Outcome::Passed {
        detail: format!("{values}, {how}"),
        receipt: Receipt::Configured { config },
    }
}
