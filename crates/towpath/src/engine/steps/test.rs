//! Test: a command of the release's own commit, run against the deployed environment.

use std::path::{Path, PathBuf};

use towpath_core::{
    Digest,
    manifest::CommandCheck,
    path::{Outcome, Receipt},
    runner::{JobSpec, JobState},
};

use super::{Attempt, errored, failed, from_target, hopeless};
use crate::engine::{
    builder::{indented, lost},
    failpoint,
    variables::Handover,
};

pub(super) async fn perform(attempt: &Attempt<'_>, check: &CommandCheck) -> Outcome {
    match test(attempt, check).await {
        Ok(outcome) | Err(outcome) => outcome,
    }
}

async fn test(attempt: &Attempt<'_>, check: &CommandCheck) -> Result<Outcome, Outcome> {
    let runner = &attempt.engine.runner;
    if runner.observe(attempt.key).await.map_err(from_target)? == JobState::Absent {
        let handover = command_handover(attempt).await?;
        let spec = JobSpec {
            key: attempt.key.to_owned(),
            command: check.run.clone(),
            directory: tree(attempt).await?,
            variables: handover.variables,
            secrets: handover.secrets,
            credentials: handover.credentials,
        };
        failpoint::pass("the test's tree is there");
        runner.start(&spec).await.map_err(from_target)?;
        failpoint::pass("the test runs");
    }
    let ended = runner.ended(attempt.key).await.map_err(from_target)?;
    Ok(verdict(&check.run, ended, || {
        // The whole output is evidence, not only its end.
        std::fs::read(runner.output(attempt.key))
            .map(|bytes| Digest::of_bytes(&bytes))
            .ok()
    }))
}

/// What an exit status says: 0 passed, and any other failed, but for those of a shell that found nothing to run.
pub(super) fn verdict(
    command: &str,
    ended: JobState,
    output: impl FnOnce() -> Option<Digest>,
) -> Outcome {
    match ended {
        JobState::Exited {
            code: Some(0),
            tail,
            ..
        } => Outcome::Passed {
            detail: format!("`{command}` passed"),
            receipt: Receipt::Tested {
                output: output().unwrap_or_else(|| Digest::of_bytes(tail.as_bytes())),
            },
        },
        JobState::Exited {
            code: Some(126 | 127),
            tail,
            ..
        } => hopeless(format!("`{command}` could not be run{}", indented(&tail))),
        JobState::Exited { status, tail, .. } => failed(format!(
            "`{command}` ended with {status}{}",
            indented(&tail)
        )),
        other => errored(format!("`{command}` was lost: {}", lost(&other))),
    }
}

/// The clean work tree of the release's commit that the deployment's commands share.
pub(super) async fn tree(attempt: &Attempt<'_>) -> Result<PathBuf, Outcome> {
    let engine = attempt.engine;
    let tree = engine
        .home
        .trees()
        .join(attempt.deployment.number.to_string());
    // Written last: what an engine that was killed left half made is made anew.
    let ready = ready_mark(&tree);
    if !ready.exists() {
        let manifest = engine.manifest_of(attempt.release).map_err(hopeless)?;
        engine
            .mirror
            .check_out(&attempt.release.source.commit, &tree)
            .await
            .map_err(errored)?;
        let user = attempt.deployment.plan.environment.declared();
        engine.seed_cache(&manifest, user.as_str()).await?;
        engine.link_cache(&manifest, user.as_str(), &tree)?;
        std::fs::write(&ready, "").map_err(errored)?;
    }
    Ok(tree)
}

/// The file beside a work tree that says that it is whole.
pub(in crate::engine) fn ready_mark(tree: &Path) -> PathBuf {
    tree.with_extension("ready")
}

/// What a command finds in its environment: the configuration, and where each service is.
pub(super) async fn command_handover(attempt: &Attempt<'_>) -> Result<Handover, Outcome> {
    let plan = &attempt.deployment.plan;
    let mut handover = attempt.handover().await?;
    let variables = &mut handover.variables;
    for service in plan.launch.services.keys() {
        let url = format!("http://{}", attempt.address(service).await?);
        if plan.launch.services.len() == 1 {
            variables.insert("TOWPATH_URL".into(), url.clone());
        }
        let name = service.as_str().to_uppercase().replace('-', "_");
        variables.insert(format!("TOWPATH_URL_{name}"), url);
    }
    Ok(handover)
}
