//! Configure: resolves the environment's configuration and pins it, or returns to one that was pinned before.

use towpath_core::{
    Digest,
    path::{Outcome, Receipt},
};

use super::{Attempt, errored, from_config, hopeless};
use crate::engine::variables::{self, Pinned};

pub(super) async fn perform(attempt: &Attempt<'_>, like: Option<&Digest>) -> Outcome {
    let home = &attempt.engine.home;
    if let Some(config) = like {
        return match variables::read(home, config) {
            Ok(pinned) => configured(&pinned, *config, "as it was"),
            Err(cause) => hopeless(cause),
        };
    }
    let manifest = match attempt.engine.manifest_of(attempt.release) {
        Ok(manifest) => manifest,
        Err(error) => return hopeless(error),
    };
    let name = &attempt.deployment.plan.environment.declared();
    let Some(environment) = manifest.environments.iter().find(|e| e.name == *name) else {
        return hopeless(format!("the release's manifest has no environment {name}"));
    };
    let resolved = attempt
        .engine
        .configuration(attempt.release, &manifest, environment);
    match resolved
        .await
        .map(|pinned| (variables::keep(home, &pinned), pinned))
    {
        Ok((Ok(config), pinned)) => configured(&pinned, config, "resolved and pinned"),
        Ok((Err(error), _)) => errored(error),
        Err(error) => from_config(error),
    }
}

fn configured(pinned: &Pinned, config: Digest, how: &str) -> Outcome {
    let (plain, secrets) = pinned.count();
    let counted = |count: usize, what: &str| match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    };
    let values = match secrets {
        0 => counted(plain, "value"),
        _ => format!(
            "{} and {}",
            counted(plain, "value"),
            counted(secrets, "secret")
        ),
    };
    Outcome::Passed {
        detail: format!("{values}, {how}"),
        receipt: Receipt::Configured { config },
    }
}
