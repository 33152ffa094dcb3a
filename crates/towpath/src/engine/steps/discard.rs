//! Discard: removes a deployment's instances again; no user ever reached them.

use towpath_core::path::Outcome;

use super::{Attempt, from_target, passed};
use crate::engine::{failpoint, housekeeping::origin};

pub(super) async fn perform(attempt: &Attempt<'_>) -> Outcome {
    let target = &attempt.engine.target;
    let keys = match target.instances(&attempt.deployment.plan.environment).await {
        Ok(keys) => keys,
        Err(error) => return from_target(error),
    };
    let mut gone = 0;
    for key in keys
        .iter()
        .filter(|key| origin(key) == Some(attempt.deployment.number))
    {
        if let Err(error) = target.stop(key).await {
            return from_target(error);
        }
        failpoint::pass(format_args!("{key} is gone"));
        gone += 1;
    }
    passed(format!("{gone} of its instances removed"))
}
