//! What people see of the path: the same values for the command line, the API and the page. Made from the journal and from
//! what the target says, and kept nowhere.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use towpath_core::{
    Digest, Time,
    catalogue::Observed,
    manifest::{Environment, Manifest},
    names::{DeploymentNumber, EnvironmentName, GroupName, ReleaseNumber, ServiceName},
    path::{
        Answer, Attempt, Backfill, Candidate, Deployment, EnvironmentState, Gate, Hold, Kind, Lock,
        Next, NoReturnAccepted, Phase, Rehearsal, Release, Signature, State, Status, Undo, Verdict,
        Waiting, ask_gates, frozen_until, next, observed, points_of_no_return, return_target,
        safe_back_to, waiting,
    },
};

use super::{Engine, EngineError};
use crate::clock::now;

/// The version of every JSON answer.
pub const VERSION: u32 = 1;

/// Where everything is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatusView {
    /// The format's version.
    pub version: u32,
    /// The project.
    pub project: String,
    /// Its environments, in the manifest's order.
    pub environments: Vec<EnvironmentView>,
}

/// Where an environment is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EnvironmentView {
    /// Its name.
    pub name: EnvironmentName,
    /// Its group.
    pub group: Option<GroupName>,
    /// The branch that feeds it.
    pub branch: Option<String>,
    /// What serves its users.
    pub live: Option<LiveView>,
    /// What still runs and could take the traffic back at once, and until when.
    pub warm: Option<(ReleaseNumber, Time)>,
    /// Where a rollback would return to.
    pub returns_to: Option<ReleaseNumber>,
    /// What it would undo for that, database by database; nothing where code alone is enough.
    #[serde(default)]
    pub returns_by: Vec<String>,
    /// The oldest verified release that it could return to without touching a schema.
    #[serde(default)]
    pub safe_back_to: Option<ReleaseNumber>,
    /// The deployment that has it.
    pub active: Option<DeploymentView>,
    /// Those that wait for it.
    pub queue: Vec<DeploymentView>,
    /// Who reserved it.
    pub lock: Option<Lock>,
    /// Why nothing is deployed automatically.
    pub hold: Option<Hold>,
    /// Until when a freeze holds.
    pub frozen_until: Option<Time>,
    /// The last deployment that was requested.
    pub last: Option<DeploymentView>,
}

/// A release that serves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LiveView {
    /// The release.
    pub release: ReleaseNumber,
    /// Its commit.
    pub commit: String,
    /// The first line of the commit's message.
    pub subject: String,
    /// The deployment that brought it.
    pub deployment: DeploymentNumber,
    /// Since when.
    pub since: Time,
    /// Whether its latest deployment here passed every phase.
    pub verified: bool,
    /// What the last rehearsal of its way back found.
    #[serde(default)]
    pub rehearsal: Option<Rehearsal>,
    /// Why it must never be deployed again, if somebody said so.
    pub vetoed: Option<String>,
    /// Where users reach each service, as the target says.
    pub addresses: BTreeMap<ServiceName, String>,
}

/// A deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeploymentView {
    /// The format's version.
    pub version: u32,
    /// Its number.
    pub deployment: DeploymentNumber,
    /// Why it exists.
    pub kind: Kind,
    /// Where.
    pub environment: EnvironmentName,
    /// What.
    pub release: ReleaseNumber,
    /// The release's commit.
    pub commit: String,
    /// What asked for it.
    pub trigger: String,
    /// Who.
    pub requested_by: String,
    /// When.
    pub requested_at: Time,
    /// `queued`, `running`, `undoing`, or how it ended.
    pub status: String,
    /// Why it ended so.
    pub why: Option<String>,
    /// When it ended.
    pub ended_at: Option<Time>,
    /// The rollback that takes it back.
    pub undone_by: Option<DeploymentNumber>,
    /// What it waits for.
    pub waiting: Option<Waiting>,
    /// The points of no return that it waits to pass.
    #[serde(default)]
    pub points_of_no_return: Vec<String>,
    /// Who accepted those that it passes, and why.
    #[serde(default)]
    pub accepted: Option<NoReturnAccepted>,
    /// What a signature would be bound to now.
    pub evidence: Option<Digest>,
    /// The signature that is waited for.
    pub asked: Option<String>,
    /// The signatures that count.
    pub signatures: Vec<Signature>,
    /// Its steps.
    pub steps: Vec<StepView>,
    /// Milliseconds by phase, for those that have begun.
    pub phases: BTreeMap<String, u64>,
}

/// A step of a deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepView {
    /// Its name.
    pub id: String,
    /// Its phase.
    pub phase: Phase,
    /// What it does.
    pub what: String,
    /// How its last try ended; `None` when it has not ended.
    pub verdict: Option<Verdict>,
    /// What it said.
    pub said: Option<String>,
    /// How many tries there were.
    pub tries: u32,
    /// When the last try began.
    pub started_at: Option<Time>,
    /// How long the last try took, in milliseconds.
    pub ms: Option<u64>,
    /// For a migration that is run in batches: how far the last try has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backfill: Option<Backfill>,
}

/// A release.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReleaseView {
    /// The format's version.
    pub version: u32,
    /// The release.
    pub release: Release,
    /// The digest over everything that it is; `None` until it is built.
    pub digest: Option<Digest>,
}

impl ReleaseView {
    /// A release.
    pub fn of(release: Release) -> ReleaseView {
        ReleaseView {
            version: VERSION,
            digest: release.digest(),
            release,
        }
    }
}

impl DeploymentView {
    /// A deployment as it is at an instant.
    pub fn of(deployment: &Deployment, commit: &str, waiting: Option<Waiting>) -> DeploymentView {
        let ended = deployment.ended.as_ref();
        DeploymentView {
            version: VERSION,
            deployment: deployment.number,
            kind: deployment.plan.kind,
            environment: deployment.plan.environment.clone(),
            release: deployment.plan.release,
            commit: commit.to_owned(),
            trigger: deployment.trigger.to_string(),
            requested_by: deployment.requested_by.clone(),
            requested_at: deployment.requested_at,
            status: match (deployment.status, ended) {
                (_, Some(ended)) => ended.end.to_string(),
                (Status::Queued, _) => "queued".into(),
                (Status::Undoing, _) => "undoing".into(),
                _ => "running".into(),
            },
            why: ended
                .map(|ended| ended.why.clone())
                .or_else(|| deployment.failure.as_ref().map(|f| f.why.clone())),
            ended_at: ended.map(|ended| ended.at),
            undone_by: match &deployment.undo {
                Some(Undo::Rollback { deployment, .. }) => Some(*deployment),
                _ => None,
            },
            waiting,
            points_of_no_return: Vec::new(),
            accepted: deployment.accepted.clone(),
            evidence: deployment
                .asked
                .as_ref()
                .map(|asked| asked.evidence.digest()),
            asked: deployment.asked.as_ref().map(|asked| asked.name.clone()),
            signatures: deployment.signatures.clone(),
            steps: steps(deployment),
            phases: phases(deployment),
        }
    }
}

/// The points of no return that a deployment waits to pass.
fn unaccepted(state: &State, deployment: &Deployment, at: Time) -> Vec<String> {
    let Some(release) = state.releases.get(&deployment.plan.release) else {
        return Vec::new();
    };
    let open = matches!(deployment.status, Status::Queued | Status::Running);
    if !open || deployment.has_effects() {
        return Vec::new();
    }
    let gates = ask_gates(state, &Candidate::of(deployment, release), at);
    let waits = gates.iter().any(|report| {
        report.gate == Gate::PointOfNoReturn && matches!(report.answer, Answer::Wait { .. })
    });
    match waits {
        true => points_of_no_return(state, &deployment.plan, release)
            .iter()
            .map(ToString::to_string)
            .collect(),
        false => Vec::new(),
    }
}

fn steps(deployment: &Deployment) -> Vec<StepView> {
    let settled = deployment
        .ended
        .as_ref()
        .is_some_and(|e| e.end == towpath_core::path::End::Settled);
    deployment
        .plan
        .steps
        .iter()
        .zip(&deployment.steps)
        .map(|(step, run)| {
            let last = run.last();
            let is_settle = step.phase == Phase::Settle;
            StepView {
                id: step.id.clone(),
                phase: step.phase,
                what: step.to_string(),
                verdict: match last.and_then(|attempt| attempt.outcome.as_ref()) {
                    Some(outcome) => Some(outcome.verdict()),
                    None if is_settle && settled => Some(Verdict::Passed),
                    None => None,
                },
                said: last.and_then(said),
                tries: u32::try_from(run.attempts.len()).unwrap_or(u32::MAX),
                started_at: last.map(|attempt| attempt.started_at),
                ms: last.and_then(took),
                backfill: last.and_then(|attempt| attempt.backfill.clone()),
            }
        })
        .collect()
}

/// What a try said in the end, or how far it is.
fn said(attempt: &Attempt) -> Option<String> {
    match &attempt.outcome {
        Some(outcome) => Some(outcome.text().to_owned()),
        None => attempt.backfill.as_ref().map(ToString::to_string),
    }
}

fn took(attempt: &Attempt) -> Option<u64> {
    let ended = attempt.ended_at?;
    u64::try_from(ended.since(attempt.started_at).as_millis()).ok()
}

/// How long each phase took: from its first try's begin to its last try's end, or until now.
fn phases(deployment: &Deployment) -> BTreeMap<String, u64> {
    let mut spans: BTreeMap<Phase, (Time, Time)> = BTreeMap::new();
    let ended = deployment.ended.as_ref().map(|ended| ended.at);
    if let Some(admission) = &deployment.admitted {
        spans.insert(Phase::Admit, (deployment.requested_at, admission.at));
    }
    for (step, run) in deployment.plan.steps.iter().zip(&deployment.steps) {
        for attempt in &run.attempts {
            let end = attempt.ended_at.or(ended).unwrap_or_else(now);
            let span = spans.entry(step.phase).or_insert((attempt.started_at, end));
            span.0 = span.0.min(attempt.started_at);
            span.1 = span.1.max(end);
        }
    }
    spans
        .into_iter()
        .map(|(phase, (from, until))| {
            (
                phase.name().to_owned(),
                u64::try_from(until.since(from).as_millis()).unwrap_or(u64::MAX),
            )
        })
        .collect()
}

impl Engine {
    /// Where everything is.
    pub async fn status(&self, manifest: &Manifest) -> Result<StatusView, EngineError> {
        let state = self.store.state().await?;
        let mut environments = Vec::new();
        for environment in &manifest.environments {
            environments.push(self.environment_view(manifest, environment, &state).await?);
        }
        Ok(StatusView {
            version: VERSION,
            project: manifest.project.to_string(),
            environments,
        })
    }

    /// What runs in each environment, the migrations that its databases have, and their schemas as they are now.
    pub async fn observed(&self) -> Result<Observed, EngineError> {
        let mut state = self.store.state().await?;
        self.look_around(&mut state).await?;
        Ok(observed(&state))
    }

    /// A deployment, whether it has ended or not.
    pub async fn deployment_view(
        &self,
        number: DeploymentNumber,
    ) -> Result<Option<DeploymentView>, EngineError> {
        let state = self.store.state().await?;
        match state.deployments.get(&number) {
            Some(deployment) => Ok(Some(self.view(&state, deployment).await?)),
            None => match self.store.deployment(number).await? {
                Some(deployment) => Ok(Some(self.view(&state, &deployment).await?)),
                None => Ok(None),
            },
        }
    }

    /// Deployments, newest first.
    pub async fn history(
        &self,
        environment: Option<&EnvironmentName>,
        before: Option<DeploymentNumber>,
        limit: u32,
    ) -> Result<Vec<DeploymentView>, EngineError> {
        let state = self.store.state().await?;
        let mut views = Vec::new();
        for deployment in self.store.deployments(environment, before, limit).await? {
            views.push(self.view(&state, &deployment).await?);
        }
        Ok(views)
    }

    async fn view(
        &self,
        state: &State,
        deployment: &Deployment,
    ) -> Result<DeploymentView, EngineError> {
        let commit = match state.releases.get(&deployment.plan.release) {
            Some(release) => release.source.commit.to_string(),
            None => match self.store.release(deployment.plan.release).await? {
                Some(release) => release.source.commit.to_string(),
                None => String::new(),
            },
        };
        let at = now();
        let waits = match next(state, deployment.number, at) {
            Next::Wait(_) => Some(waiting(state, deployment, at)),
            _ => None,
        };
        Ok(DeploymentView {
            points_of_no_return: unaccepted(state, deployment, at),
            ..DeploymentView::of(deployment, &commit, waits)
        })
    }

    async fn environment_view(
        &self,
        manifest: &Manifest,
        environment: &Environment,
        state: &State,
    ) -> Result<EnvironmentView, EngineError> {
        let known = state.environment(&environment.name);
        let at = now();
        let leaving = known.live.as_ref().map(|live| live.release);
        let way = return_target(state, &environment.name, leaving).ok();
        let returns_by = way.iter().flat_map(|way| &way.undo);
        let mut queue = Vec::new();
        for number in &known.queue {
            if let Some(deployment) = state.deployments.get(number) {
                queue.push(self.view(state, deployment).await?);
            }
        }
        Ok(EnvironmentView {
            name: environment.name.clone(),
            group: environment.group.clone(),
            branch: environment.branch.as_ref().map(|pattern| pattern.0.clone()),
            live: self.live_view(&environment.name, &known, state).await?,
            warm: known
                .previous
                .as_ref()
                .filter(|warm| warm.until > at)
                .map(|warm| (warm.standing.release, warm.until)),
            returns_to: way.as_ref().map(|way| way.standing.release),
            returns_by: returns_by.map(ToString::to_string).collect(),
            safe_back_to: safe_back_to(state, &environment.name),
            active: match known
                .active
                .and_then(|number| state.deployments.get(&number))
            {
                Some(deployment) => Some(self.view(state, deployment).await?),
                None => None,
            },
            queue,
            lock: known.lock.filter(|lock| lock.until > at),
            hold: known.hold,
            frozen_until: manifest
                .freezes
                .iter()
                .filter(|freeze| freeze.environments.contains(&environment.name))
                .filter_map(|freeze| frozen_until(freeze, at))
                .max(),
            last: match known.last.and_then(|number| state.deployments.get(&number)) {
                Some(deployment) => Some(self.view(state, deployment).await?),
                None => None,
            },
        })
    }

    async fn live_view(
        &self,
        name: &EnvironmentName,
        known: &EnvironmentState,
        state: &State,
    ) -> Result<Option<LiveView>, EngineError> {
        let Some(live) = &known.live else {
            return Ok(None);
        };
        let release = match state.releases.get(&live.release) {
            Some(release) => Some(release.clone()),
            None => self.store.release(live.release).await?,
        };
        // The target is asked, never a record; one that does not answer has no addresses to tell.
        let traffic = match live.launch.services.is_empty() {
            true => Vec::new(),
            false => self.target.traffic(name).await.unwrap_or_default(),
        };
        Ok(Some(LiveView {
            release: live.release,
            commit: release
                .as_ref()
                .map_or_else(String::new, |r| r.source.commit.to_string()),
            subject: release
                .as_ref()
                .map_or_else(String::new, |r| r.source.subject.clone()),
            deployment: live.deployment,
            since: live.since,
            rehearsal: release
                .as_ref()
                .and_then(|release| release.rehearsal.clone()),
            vetoed: release
                .as_ref()
                .and_then(|release| release.vetoed.as_ref())
                .map(|veto| veto.reason.clone()),
            verified: release.is_some_and(|release| release.verified.contains_key(name)),
            addresses: traffic
                .into_iter()
                .filter(|traffic| live.launch.services.contains_key(&traffic.service))
                .map(|traffic| (traffic.service, format!("http://{}", traffic.listen)))
                .collect(),
        }))
    }
}
