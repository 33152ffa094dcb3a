//! What is so now: the fold of everything that happened, less what has ended and nobody refers to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Backfill, Cloned, Commit, Crossed, End, Evidence, GateReport, Launch, Looked, Migration,
    Outcome, Plan, Policy, Release, Step, Trigger, Undo,
};
use crate::{
    Digest, Time,
    names::{DatabaseName, DeploymentNumber, EnvironmentName, ReleaseNumber, ServiceName},
    target::InstanceKey,
};

/// The state of a project.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct State {
    /// The last record that it knows of.
    pub seq: u64,
    /// The last release's number.
    pub last_release: u32,
    /// The last deployment's number.
    pub last_deployment: u32,
    /// Where each branch was seen last.
    pub branches: BTreeMap<String, Commit>,
    /// Every environment that something has happened to.
    pub environments: BTreeMap<EnvironmentName, EnvironmentState>,
    /// The releases that something here refers to; the store has the others.
    pub releases: BTreeMap<ReleaseNumber, Release>,
    /// The deployments that have not ended, and each environment's last; the store has the others.
    pub deployments: BTreeMap<DeploymentNumber, Deployment>,
}

/// An environment.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct EnvironmentState {
    /// What serves its users.
    pub live: Option<Standing>,
    /// What served them before, and until when it stays ready to do so again.
    pub previous: Option<Warm>,
    /// What was verified here, oldest first, bounded.
    pub verified: Vec<Standing>,
    /// Who reserved it.
    pub lock: Option<Lock>,
    /// Why nothing is deployed automatically.
    pub hold: Option<Hold>,
    /// The deployment that has it.
    pub active: Option<DeploymentNumber>,
    /// Those that wait for it, in order.
    pub queue: Vec<DeploymentNumber>,
    /// The last deployment that was requested.
    pub last: Option<DeploymentNumber>,
    /// The migrations applied to the databases that it keeps.
    pub schema: BTreeMap<DatabaseName, Vec<Migration>>,
    /// What was seen last of the databases that it keeps.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub looks: BTreeMap<DatabaseName, Looked>,
    /// The rules of the release that settled here last, rollbacks aside; a release cannot loosen the rules that it is
    /// judged by.
    pub in_force: Option<Policy>,
    /// What it is a clone of, and for whom, while it is there. Nothing for an environment of the manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloned: Option<Cloned>,
}

/// A release as it stands, or stood, in an environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// The release.
    pub release: ReleaseNumber,
    /// The deployment that brought it.
    pub deployment: DeploymentNumber,
    /// Its configuration.
    pub config: Option<Digest>,
    /// Its instances.
    pub instances: BTreeMap<ServiceName, Vec<InstanceKey>>,
    /// How they are started.
    pub launch: Launch,
    /// The rules that it came under.
    pub policy: Policy,
    /// Since when.
    pub since: Time,
}

/// A release that no longer serves but still could.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Warm {
    /// What it is.
    pub standing: Standing,
    /// Until when its instances are kept.
    pub until: Time,
}

/// A reservation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// Whose.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub at: Time,
    /// Until when; afterwards it is as if it were not there.
    pub until: Time,
}

/// A stop of everything automatic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Who or what set it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub at: Time,
}

/// A deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    /// Its number.
    pub number: DeploymentNumber,
    /// What it does.
    pub plan: Plan,
    /// What asked for it.
    pub trigger: Trigger,
    /// Who asked for it.
    pub requested_by: String,
    /// When.
    pub requested_at: Time,
    /// Who asked for it to go on after it had ended, last.
    pub retried_by: Option<String>,
    /// When.
    pub retried_at: Option<Time>,
    /// Where it is.
    pub status: Status,
    /// When the gates let it in, and what they said.
    pub admitted: Option<Admission>,
    /// Each step of the plan, in its order.
    pub steps: Vec<StepRun>,
    /// The signature that is waited for.
    pub asked: Option<SignOffRequest>,
    /// The signatures that count.
    pub signatures: Vec<Signature>,
    /// What somebody accepted of it that cannot be taken back.
    #[serde(default)]
    pub accepted: Option<NoReturnAccepted>,
    /// Whether it is to stop.
    pub cancel: Option<Cancel>,
    /// Whether its instances have the traffic.
    pub switched: bool,
    /// The step that went wrong, and how.
    pub failure: Option<Failure>,
    /// How it is taken back.
    pub undo: Option<Undo>,
    /// The tries to remove its instances again.
    pub discard: Vec<Attempt>,
    /// How many of those were made before a person asked for a retry.
    pub discard_spent: usize,
    /// How it ended.
    pub ended: Option<Ended>,
}

/// Where a deployment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It waits for the environment, or for a gate.
    Queued,
    /// It has the environment.
    Running,
    /// It is being taken back.
    Undoing,
    /// It is over.
    Ended,
}

/// The gates' yes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admission {
    /// When.
    pub at: Time,
    /// What each gate said.
    pub gates: Vec<GateReport>,
}

/// A step's tries.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct StepRun {
    /// In order. Those before the last `retried` count no more.
    pub attempts: Vec<Attempt>,
    /// How many of the attempts were made before a person asked for a retry.
    pub spent: usize,
}

/// One try at a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// Which try it is, from 1.
    pub number: u32,
    /// Names it for good.
    pub key: String,
    /// When it began.
    pub started_at: Time,
    /// When the step must be over.
    pub deadline: Time,
    /// When it ended.
    pub ended_at: Option<Time>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// When it is tried again, if it is.
    pub retry_at: Option<Time>,
    /// For a watch: failures in a row by probe.
    pub probes: BTreeMap<u32, u32>,
    /// For a migration that is run in batches: how far it has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backfill: Option<Backfill>,
}

/// A signature that is waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignOffRequest {
    /// Its name.
    pub name: String,
    /// What is to be signed.
    pub evidence: Evidence,
    /// Until when.
    pub until: Time,
}

/// A signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// Its name.
    pub name: String,
    /// Whose.
    pub by: String,
    /// When.
    pub at: Time,
    /// Of what.
    pub evidence: Evidence,
    /// What the person said.
    pub comment: Option<String>,
}

/// Somebody's word that a deployment may pass a point of no return.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoReturnAccepted {
    /// Whose.
    pub by: String,
    /// When.
    pub at: Time,
    /// Why.
    pub reason: String,
    /// The migrations that it is about.
    pub migrations: Vec<Crossed>,
}

/// A request to stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancel {
    /// Whose.
    pub by: String,
    /// When.
    pub at: Time,
    /// Why.
    pub reason: String,
    /// A rollback that takes the traffic from here.
    pub in_favour_of: Option<DeploymentNumber>,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// In which step.
    pub step: String,
    /// How the deployment ends because of it.
    pub end: End,
    /// Why, in a line for people.
    pub why: String,
}

/// How a deployment ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// How.
    pub end: End,
    /// When.
    pub at: Time,
    /// Why, in a line for people.
    pub why: String,
}

impl State {
    /// An environment's state; one to which nothing has happened is as new.
    pub fn environment(&self, name: &EnvironmentName) -> EnvironmentState {
        self.environments.get(name).cloned().unwrap_or_default()
    }

    /// The deployments that have not ended, oldest first.
    pub fn open(&self) -> impl Iterator<Item = &Deployment> {
        self.deployments
            .values()
            .filter(|d| d.status != Status::Ended)
    }
}

impl Deployment {
    /// The step that it is at: the first that has not passed.
    pub fn cursor(&self) -> usize {
        self.steps
            .iter()
            .position(|run| !run.passed())
            .unwrap_or(self.steps.len())
    }

    /// The step that it is at, with its tries.
    pub fn current(&self) -> Option<(&Step, &StepRun)> {
        let at = self.cursor();
        self.plan.steps.get(at).zip(self.steps.get(at))
    }

    /// The try that has begun and not ended, of a step or of the removal.
    pub fn attempt(&self) -> Option<&Attempt> {
        self.steps
            .iter()
            .filter_map(|run| run.attempts.last())
            .chain(self.discard.last())
            .find(|attempt| attempt.outcome.is_none())
    }

    /// Whether any step that touches the environment was begun, and not given up for a retry from before it.
    pub fn has_effects(&self) -> bool {
        self.plan
            .steps
            .iter()
            .zip(&self.steps)
            .any(|(step, run)| step.action.is_effect() && run.last().is_some())
    }

    /// The tries to remove its instances that count: those since the last retry.
    pub fn removal(&self) -> &[Attempt] {
        self.discard.get(self.discard_spent..).unwrap_or_default()
    }

    /// Whether no person asked for it, or for its retry, just now.
    pub fn is_automatic(&self) -> bool {
        match self.trigger {
            Trigger::Push { .. } => self.retried_by.is_none(),
            _ => self.trigger.is_automatic(),
        }
    }

    /// Whether it had the traffic and has lost it to another deployment.
    pub fn is_displaced(&self, environment: &EnvironmentState) -> bool {
        let live = environment.live.as_ref();
        self.switched && live.is_none_or(|live| live.deployment != self.number)
    }

    /// The receipts of the steps that passed, with the steps.
    pub fn receipts(&self) -> impl Iterator<Item = (&Step, &super::Receipt)> {
        self.plan
            .steps
            .iter()
            .zip(&self.steps)
            .filter_map(|(step, run)| {
                match run.last().and_then(|attempt| attempt.outcome.as_ref()) {
                    Some(Outcome::Passed { receipt, .. }) => Some((step, receipt)),
                    _ => None,
                }
            })
    }

    /// Whether it came to its end as it should.
    pub fn is_settled(&self) -> bool {
        let ended = self.ended.as_ref();
        ended.is_some_and(|ended| ended.end == End::Settled)
    }

    /// Its configuration, once there is one.
    pub fn config(&self) -> Option<Digest> {
        self.receipts().find_map(|(_, receipt)| match receipt {
            super::Receipt::Configured { config } => Some(*config),
            _ => None,
        })
    }

    /// Its instances, as far as they were started.
    pub fn instances(&self) -> BTreeMap<ServiceName, Vec<InstanceKey>> {
        self.receipts()
            .filter_map(|(_, receipt)| match receipt {
                super::Receipt::Started { service, instances } => {
                    Some((service.clone(), instances.clone()))
                }
                _ => None,
            })
            .collect()
    }

    /// How it stands in its environment.
    pub fn standing(&self, since: Time) -> Standing {
        Standing {
            release: self.plan.release,
            deployment: self.number,
            config: self.config(),
            instances: self.instances(),
            launch: self.plan.launch.clone(),
            policy: self.plan.policy.clone(),
            since,
        }
    }
}

impl StepRun {
    /// The last try that counts.
    pub fn last(&self) -> Option<&Attempt> {
        self.attempts.get(self.spent..)?.last()
    }

    /// Whether the last try that counts passed.
    pub fn passed(&self) -> bool {
        self.last()
            .is_some_and(|a| matches!(a.outcome, Some(Outcome::Passed { .. })))
    }
}
