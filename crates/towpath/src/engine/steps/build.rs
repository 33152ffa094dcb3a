//! Build: makes the release's artifacts, or checks the ones that are there.

use towpath_core::path::Outcome;

use super::{Attempt, hopeless};

pub(super) async fn perform(attempt: &Attempt<'_>) -> Outcome {
    match attempt.engine.manifest_of(attempt.release) {
        Ok(manifest) => {
            attempt
                .engine
                .build(attempt.release, &manifest, attempt.key)
                .await
        }
        Err(error) => hopeless(error),
    }
}
