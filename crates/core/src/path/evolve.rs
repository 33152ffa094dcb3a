//! What an event changes. Total: a fact is never refused.

use std::collections::BTreeSet;

use super::{
    Admission, Attempt, Cancel, Cloned, Deployment, End, Ended, EnvironmentState, Event, Failure,
    Hold, Kind, Lock, Look, Looked, NoReturnAccepted, Outcome, Receipt, Rehearsal, Release,
    SignOffRequest, Signature, Standing, State, Status, StepRun, Trigger, Undo, UnreadableEvent,
    Veto, Warm,
};
use crate::{
    Time,
    journal::{Record, Stream},
    names::{DeploymentNumber, EnvironmentName, ReleaseNumber},
};

/// How many verified releases an environment remembers without asking the store.
const REMEMBERED: usize = 5;

/// An event in its place: what it is about, when, and by whom.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// What it is about.
    pub stream: Stream,
    /// When.
    pub at: Time,
    /// By whom.
    pub actor: String,
    /// What.
    pub event: Event,
}

impl Fact {
    /// Reads the fact that a record holds.
    pub fn of(record: &Record) -> Result<Fact, UnreadableEvent> {
        Ok(Fact {
            stream: record.stream.clone(),
            at: record.at,
            actor: record.actor.clone(),
            event: Event::of(record)?,
        })
    }
}

/// What a fact changed, so that whoever keeps copies knows which to renew.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Touched {
    /// Environments.
    pub environments: BTreeSet<EnvironmentName>,
    /// Releases.
    pub releases: BTreeSet<ReleaseNumber>,
    /// Deployments.
    pub deployments: BTreeSet<DeploymentNumber>,
    /// Whether a branch moved.
    pub branches: bool,
}

/// Applies a fact.
pub fn evolve(state: &mut State, fact: &Fact) -> Touched {
    let mut touched = Touched::default();
    match &fact.stream {
        Stream::Project => {
            touched.branches = true;
            evolve_project(state, &fact.event);
        }
        Stream::Environment(name) => {
            touched.environments.insert(name.clone());
            evolve_environment(state, name, fact);
        }
        Stream::Release(number) => {
            touched.releases.insert(*number);
            state.last_release = state.last_release.max(number.0);
            evolve_release(state, *number, fact);
        }
        Stream::Deployment(number) => {
            touched.deployments.insert(*number);
            state.last_deployment = state.last_deployment.max(number.0);
            evolve_deployment(state, *number, fact, &mut touched);
        }
    }
    touched
}

fn evolve_project(state: &mut State, event: &Event) {
    if let Event::BranchMoved { branch, commit } = event {
        match commit {
            Some(commit) => state.branches.insert(branch.clone(), commit.clone()),
            None => state.branches.remove(branch),
        };
    }
}

fn evolve_environment(state: &mut State, name: &EnvironmentName, fact: &Fact) {
    if let Event::EnvironmentCloned {
        release,
        databases,
        idle,
    } = &fact.event
    {
        let cloned = Cloned {
            release: *release,
            databases: databases.clone(),
            idle: *idle,
            since: fact.at,
        };
        let clone = EnvironmentState::cloned(state, name, cloned);
        state.environments.insert(name.clone(), clone);
        return;
    }
    let environment = state.environments.entry(name.clone()).or_default();
    match &fact.event {
        Event::CloneRemoved => *environment = EnvironmentState::default(),
        Event::Locked { reason, until } => {
            environment.lock = Some(Lock {
                owner: fact.actor.clone(),
                reason: reason.clone(),
                at: fact.at,
                until: *until,
            });
        }
        Event::Unlocked => environment.lock = None,
        Event::Held { reason } => {
            environment.hold = Some(Hold {
                by: fact.actor.clone(),
                reason: reason.clone(),
                at: fact.at,
            });
        }
        Event::HoldReleased => environment.hold = None,
        Event::SchemaSeen { database, applied } => {
            environment.schema.insert(database.clone(), applied.clone());
            environment.looks.remove(database);
        }
        Event::SchemaLookedAt { database, look } => {
            let (at, look) = (fact.at, look.clone());
            environment
                .looks
                .insert(database.clone(), Looked { at, look });
        }
        // What will be there nobody has seen.
        Event::SchemaWork { database, work, .. } if work.changes() => {
            environment.looks.remove(database);
        }
        _ => {}
    }
}

fn evolve_release(state: &mut State, number: ReleaseNumber, fact: &Fact) {
    if let Event::ReleaseCut { source } = &fact.event {
        let release = Release {
            number,
            source: (**source).clone(),
            cut_at: fact.at,
            cut_by: fact.actor.clone(),
            artifacts: None,
            vetoed: None,
            verified: Default::default(),
            rehearsal: None,
        };
        state.releases.insert(number, release);
        return;
    }
    let Some(release) = state.releases.get_mut(&number) else {
        return;
    };
    match &fact.event {
        Event::RollbackProven { rehearsal } | Event::RehearsalFailed { rehearsal } => {
            release.rehearsal = Some(Rehearsal {
                at: Some(fact.at),
                ..rehearsal.clone()
            });
        }
        Event::ReleaseBuilt { artifacts } => release.artifacts = Some(artifacts.clone()),
        Event::ReleaseVetoed { reason } => {
            release.vetoed = Some(Veto {
                by: fact.actor.clone(),
                at: fact.at,
                reason: reason.clone(),
            });
        }
        _ => {}
    }
}

fn evolve_deployment(
    state: &mut State,
    number: DeploymentNumber,
    fact: &Fact,
    touched: &mut Touched,
) {
    if let Event::Requested { plan, trigger } = &fact.event {
        let environment = state
            .environments
            .entry(plan.environment.clone())
            .or_default();
        touched.environments.insert(plan.environment.clone());
        environment.last = Some(number);
        let is_automatic = |n: &DeploymentNumber| {
            state
                .deployments
                .get(n)
                .is_some_and(Deployment::is_automatic)
        };
        // A rollback goes first; what a person asks for goes before what only follows a branch.
        let place = match plan.kind {
            Kind::Rollback => 0,
            _ if trigger.is_automatic() => environment.queue.len(),
            _ => environment
                .queue
                .iter()
                .position(is_automatic)
                .unwrap_or(environment.queue.len()),
        };
        environment.queue.insert(place, number);
        let deployment = Deployment {
            number,
            steps: vec![StepRun::default(); plan.steps.len()],
            plan: (**plan).clone(),
            trigger: trigger.clone(),
            requested_by: fact.actor.clone(),
            requested_at: fact.at,
            retried_by: None,
            retried_at: None,
            status: Status::Queued,
            admitted: None,
            asked: None,
            signatures: Vec::new(),
            accepted: None,
            cancel: None,
            switched: false,
            failure: None,
            undo: None,
            discard: Vec::new(),
            discard_spent: 0,
            ended: None,
        };
        state.deployments.insert(number, deployment);
        return;
    }
    let Some(mut deployment) = state.deployments.remove(&number) else {
        return;
    };
    apply(state, &mut deployment, fact, touched);
    state.deployments.insert(number, deployment);
}

fn apply(state: &mut State, deployment: &mut Deployment, fact: &Fact, touched: &mut Touched) {
    let name = deployment.plan.environment.clone();
    match &fact.event {
        Event::Admitted { gates } => {
            let environment = state.environments.entry(name.clone()).or_default();
            environment
                .queue
                .retain(|queued| *queued != deployment.number);
            environment.active = Some(deployment.number);
            touched.environments.insert(name);
            deployment.status = Status::Running;
            deployment.admitted = Some(Admission {
                at: fact.at,
                gates: gates.clone(),
            });
        }
        Event::AttemptStarted {
            step,
            attempt,
            key,
            deadline,
        } => {
            let begun = Attempt {
                number: *attempt,
                key: key.clone(),
                started_at: fact.at,
                deadline: *deadline,
                ended_at: None,
                outcome: None,
                retry_at: None,
                probes: Default::default(),
                backfill: None,
            };
            match deployment.plan.steps.iter().position(|s| s.id == *step) {
                Some(index) => deployment.steps[index].attempts.push(begun),
                None => deployment.discard.push(begun),
            }
        }
        Event::AttemptEnded {
            key,
            outcome,
            retry_at,
        } => {
            if let Some(attempt) = attempt_mut(deployment, key) {
                attempt.ended_at = Some(fact.at);
                attempt.outcome = Some(outcome.clone());
                attempt.retry_at = *retry_at;
            }
            deployment.asked = None;
            if let Outcome::Passed { receipt, .. } = outcome {
                apply_receipt(state, deployment, receipt, fact.at, touched);
            }
        }
        Event::ProbeAnswered {
            key,
            probe,
            failures,
            ..
        } => {
            if let Some(attempt) = attempt_mut(deployment, key) {
                attempt.probes.insert(*probe, *failures);
            }
        }
        Event::BackfillAdvanced { key, backfill } => {
            if let Some(attempt) = attempt_mut(deployment, key) {
                attempt.backfill = Some(backfill.clone());
            }
        }
        Event::SignOffRequested {
            name,
            evidence,
            until,
        } => {
            deployment.asked = Some(SignOffRequest {
                name: name.clone(),
                evidence: evidence.clone(),
                until: *until,
            });
        }
        Event::Signed { name, comment, .. } => {
            let evidence = deployment
                .asked
                .as_ref()
                .map(|asked| asked.evidence.clone());
            deployment.signatures.push(Signature {
                name: name.clone(),
                by: fact.actor.clone(),
                at: fact.at,
                evidence: evidence.unwrap_or_default(),
                comment: comment.clone(),
            });
        }
        Event::SignOffVoided { name, .. } => {
            deployment
                .signatures
                .retain(|signature| signature.name != *name);
        }
        Event::NoReturnAccepted { reason, migrations } => {
            deployment.accepted = Some(NoReturnAccepted {
                by: fact.actor.clone(),
                at: fact.at,
                reason: reason.clone(),
                migrations: migrations.clone(),
            });
        }
        Event::CancelRequested {
            reason,
            in_favour_of,
        } => {
            deployment.cancel = Some(Cancel {
                by: fact.actor.clone(),
                at: fact.at,
                reason: reason.clone(),
                in_favour_of: *in_favour_of,
            });
        }
        Event::Undoing { because, how } => {
            let step = deployment.current().map(|(step, _)| step.id.clone());
            let end = match (&deployment.cancel, how) {
                (_, Undo::Rollback { .. }) => End::RolledBack,
                (Some(_), Undo::Discard) => End::Cancelled,
                (None, Undo::Discard) => failure_end(deployment),
            };
            deployment.failure = Some(Failure {
                step: step.unwrap_or_default(),
                end,
                why: because.clone(),
            });
            deployment.undo = Some(how.clone());
            deployment.status = Status::Undoing;
        }
        Event::Retried { from } => {
            let from = deployment
                .plan
                .steps
                .iter()
                .position(|s| s.id == *from)
                .unwrap_or(0);
            for run in &mut deployment.steps[from..] {
                run.spent = run.attempts.len();
            }
            deployment.discard_spent = deployment.discard.len();
            deployment.retried_by = Some(fact.actor.clone());
            deployment.retried_at = Some(fact.at);
            deployment.status = Status::Queued;
            deployment.failure = None;
            deployment.undo = None;
            deployment.cancel = None;
            deployment.ended = None;
            let environment = state.environments.entry(name.clone()).or_default();
            environment.queue.insert(0, deployment.number);
            touched.environments.insert(name);
        }
        Event::Ended { end, why } => {
            deployment.status = Status::Ended;
            deployment.asked = None;
            deployment.ended = Some(Ended {
                end: *end,
                at: fact.at,
                why: why.clone(),
            });
            apply_end(state, deployment, *end, fact.at, touched);
        }
        _ => {}
    }
}

fn attempt_mut<'a>(deployment: &'a mut Deployment, key: &str) -> Option<&'a mut Attempt> {
    deployment
        .steps
        .iter_mut()
        .flat_map(|run| run.attempts.iter_mut())
        .chain(deployment.discard.iter_mut())
        .rev()
        .find(|attempt| attempt.key == key)
}

/// How a deployment ends whose current step did not pass.
pub(super) fn failure_end(deployment: &Deployment) -> End {
    let outcome = deployment
        .current()
        .and_then(|(_, run)| run.last())
        .and_then(|attempt| attempt.outcome.as_ref());
    match outcome {
        Some(Outcome::Failed { .. }) => End::Failed,
        _ => End::Errored,
    }
}

fn apply_receipt(
    state: &mut State,
    deployment: &mut Deployment,
    receipt: &Receipt,
    at: Time,
    touched: &mut Touched,
) {
    match receipt {
        Receipt::Migrated {
            database,
            home,
            applied,
            schema,
            ..
        } => {
            let environment = state.environments.entry(home.clone()).or_default();
            environment.schema.insert(database.clone(), applied.clone());
            let look = Look {
                schema: Some(schema.clone()),
                drift: None,
            };
            environment
                .looks
                .insert(database.clone(), Looked { at, look });
            touched.environments.insert(home.clone());
        }
        Receipt::Switched { .. } => {
            deployment.switched = true;
            let name = &deployment.plan.environment;
            let environment = state.environments.entry(name.clone()).or_default();
            touched.environments.insert(name.clone());
            let before = environment.live.replace(deployment.standing(at));
            // What is taken back because it failed is of no use warm; what a person left may be.
            let failed = matches!(deployment.trigger, Trigger::Undo { .. });
            // A retry that moves the traffic once more takes it from itself; what was there before is still that.
            let is_again = before
                .as_ref()
                .is_some_and(|before| before.deployment == deployment.number);
            if !is_again {
                environment.previous = before.filter(|_| !failed).map(|standing| Warm {
                    standing,
                    until: at + deployment.plan.launch.keep_warm,
                });
            }
            // Returning to a release forgets those that came after it: nobody rolls back to them by default.
            if deployment.plan.kind == Kind::Rollback {
                environment.forget_after(deployment.plan.release);
            }
        }
        _ => {}
    }
}

impl EnvironmentState {
    /// Forgets what was verified after a release.
    pub(super) fn forget_after(&mut self, release: ReleaseNumber) {
        if let Some(at) = self.verified.iter().position(|s| s.release == release) {
            self.verified.truncate(at + 1);
        }
    }

    /// Remembers what was verified last.
    pub(super) fn remember(&mut self, standing: Standing) {
        self.verified.retain(|s| s.release != standing.release);
        self.verified.push(standing);
        let excess = self.verified.len().saturating_sub(REMEMBERED);
        self.verified.drain(..excess);
    }
}

fn apply_end(
    state: &mut State,
    deployment: &Deployment,
    end: End,
    at: Time,
    touched: &mut Touched,
) {
    let name = &deployment.plan.environment;
    let number = deployment.plan.release;
    let environment = state.environments.entry(name.clone()).or_default();
    touched.environments.insert(name.clone());
    environment
        .queue
        .retain(|queued| *queued != deployment.number);
    if environment.active == Some(deployment.number) {
        environment.active = None;
    }
    let release = state.releases.get_mut(&number);
    match end {
        End::Settled => {
            let standing = deployment.standing(at);
            if deployment.plan.launch.services.is_empty() {
                environment.live = Some(standing.clone());
            }
            // A rehearsal leaves out what people do: it verifies nothing that was not verified, and brings no rules.
            let rehearses = matches!(deployment.trigger, Trigger::Rehearsal { .. });
            let was_verified = release
                .as_ref()
                .is_some_and(|release| release.verified.contains_key(name));
            if rehearses && !was_verified {
                return;
            }
            // A rollback brings back code, not the rights of people who have left since.
            let brings_rules = deployment.plan.kind != Kind::Rollback && !rehearses;
            if brings_rules || environment.in_force.is_none() {
                environment.in_force = Some(deployment.plan.policy.clone());
            }
            if deployment.plan.kind == Kind::Rollback {
                environment.forget_after(number);
            }
            environment.remember(standing);
            if let Some(release) = release {
                release.verified.insert(name.clone(), deployment.number);
                touched.releases.insert(number);
            }
        }
        End::Failed | End::RolledBack | End::UndoFailed => {
            environment.verified.retain(|s| s.release != number);
            if let Some(release) = release {
                release.verified.remove(name);
                touched.releases.insert(number);
            }
        }
        // They say nothing about the release.
        End::Errored | End::Cancelled | End::Superseded | End::Refused => {}
    }
}

impl State {
    /// Forgets what has ended and nobody refers to, so that memory stays bounded; the store keeps it.
    pub fn prune(&mut self) {
        let mut releases = BTreeSet::new();
        let mut deployments = BTreeSet::new();
        for environment in self.environments.values() {
            let standings = environment
                .live
                .iter()
                .chain(environment.previous.iter().map(|warm| &warm.standing))
                .chain(&environment.verified);
            releases.extend(standings.map(|standing| standing.release));
            deployments.extend(environment.last);
            releases.extend(environment.cloned.iter().map(|cloned| cloned.release));
        }
        for deployment in self.deployments.values() {
            if deployment.status != Status::Ended || deployments.contains(&deployment.number) {
                deployments.insert(deployment.number);
                releases.insert(deployment.plan.release);
            }
        }
        self.releases.retain(|number, _| releases.contains(number));
        self.deployments
            .retain(|number, _| deployments.contains(number));
    }
}
