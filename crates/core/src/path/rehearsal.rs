//! Rehearsing the way back: a release comes, the one before returns, and the release comes again, by the plans that are used in
//! earnest; and the gate that asks for it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Action, Answer, Candidate, Deployment, End, EnvironmentState, Kind, Phase, Plan, Receipt,
    State, Status, Step, Trigger,
};
use crate::{
    Digest, Time,
    manifest::CommandCheck,
    names::{DatabaseName, DeploymentNumber, EnvironmentName, ReleaseNumber},
};

/// What a rehearsal of the way back from a release showed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rehearsal {
    /// Where.
    pub environment: EnvironmentName,
    /// To which release it went back; `None` when it did not come so far.
    pub to: Option<ReleaseNumber>,
    /// Its deployments, in order.
    pub deployments: Vec<DeploymentNumber>,
    /// The fingerprint of each database's schema before the way back: as it was again, when that is proven. Empty where they were
    /// not compared.
    pub schemas: BTreeMap<DatabaseName, String>,
    /// What each schema was like when these migrations were applied first: its fingerprint, by a digest of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub seen: Seen,
    /// Whether that was on a throw-away clone of the environment.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub on_clone: bool,
    /// When that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
    /// What it found; nothing when the way back is proven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<String>,
}

/// Fingerprints of each database's schemas, by a digest of the migrations that were applied.
pub type Seen = BTreeMap<DatabaseName, BTreeMap<Digest, String>>;

impl Rehearsal {
    /// Whether the way back is proven.
    pub fn proves(&self) -> bool {
        self.finding.is_none()
    }

    /// Where that was, for people.
    pub fn place(&self) -> String {
        match self.on_clone {
            true => format!("on a clone of {}", self.environment),
            false => format!("in {}", self.environment),
        }
    }
}

impl std::fmt::Display for Rehearsal {
    /// What it showed, in a line for people.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let numbers: Vec<String> = self.deployments.iter().map(ToString::to_string).collect();
        let numbers = numbers.join(", ");
        let place = self.place();
        match (&self.finding, self.to) {
            (None, Some(to)) => write!(f, "rollback proven {place}: to {to} and back ({numbers})"),
            (None, None) => write!(f, "rollback proven {place} ({numbers})"),
            (Some(finding), _) => write!(f, "the rehearsal {place} failed ({numbers}): {finding}"),
        }
    }
}

/// What comes next in a rehearsal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Station {
    /// A deployment of it is under way.
    UnderWay(DeploymentNumber),
    /// The release is to come.
    Forward {
        /// After the return; `None` for the first time.
        after: Option<DeploymentNumber>,
    },
    /// The release before is to return.
    Back {
        /// After this one brought the release.
        after: DeploymentNumber,
    },
    /// All of it is done.
    Prove {
        /// What returned from the release; its trigger says what had brought it.
        back: DeploymentNumber,
        /// What brought it again.
        again: DeploymentNumber,
    },
    /// It stopped.
    Stopped {
        /// At this one.
        at: DeploymentNumber,
    },
}

/// Where the rehearsal of a release stands; `followed` is its deployment that has just been seen to end, if there is one.
pub fn station(
    state: &State,
    environment: &EnvironmentName,
    of: ReleaseNumber,
    followed: Option<DeploymentNumber>,
) -> Station {
    let known = state.environment(environment);
    let last = known.last.and_then(|last| state.deployments.get(&last));
    if let Some(followed) = followed
        && last.is_some_and(|last| last.number != followed)
    {
        return Station::Stopped { at: followed };
    }
    let Some(last) = last else {
        return Station::Forward { after: None };
    };
    let rehearses = matches!(&last.trigger, Trigger::Rehearsal { of: other, .. } if *other == of);
    if last.status != Status::Ended {
        return match rehearses {
            true => Station::UnderWay(last.number),
            // What is under way for another reason is a matter of the request.
            false => Station::Forward { after: None },
        };
    }
    match (&last.trigger, brings(state, last, of)) {
        (Trigger::Rehearsal { after: Some(_), .. }, _) if rehearses && returned(last) => {
            Station::Forward {
                after: Some(last.number),
            }
        }
        (
            Trigger::Rehearsal {
                after: Some(back), ..
            },
            true,
        ) if rehearses => {
            let release = state.releases.get(&of);
            let rehearsal = release.and_then(|release| release.rehearsal.as_ref());
            // What was said of it stands; whoever asks once more has it done once more.
            if rehearsal.is_some_and(|done| done.deployments.contains(&last.number)) {
                return Station::Forward { after: None };
            }
            Station::Prove {
                back: *back,
                again: last.number,
            }
        }
        (_, true) => Station::Back { after: last.number },
        (_, false) => match followed {
            Some(at) => Station::Stopped { at },
            None => Station::Forward { after: None },
        },
    }
}

/// Why a rehearsal stopped at a deployment, for people.
pub fn stopped(deployment: &Deployment) -> String {
    let (number, release) = (deployment.number, deployment.plan.release);
    let what = match (&deployment.trigger, deployment.plan.kind) {
        (_, Kind::Rollback) => format!("returning to {release} ({number})"),
        (Trigger::Rehearsal { after: Some(_), .. }, _) => {
            format!("going forward to {release} again ({number})")
        }
        _ => format!("going forward to {release} ({number})"),
    };
    match &deployment.ended {
        Some(ended) if ended.end != End::Settled => format!("{what} {}: {}", ended.end, ended.why),
        _ => format!("after {what} something else was requested"),
    }
}

fn returned(deployment: &Deployment) -> bool {
    deployment.is_settled() && deployment.plan.kind == Kind::Rollback
}

/// Whether a deployment brought the release, with its migrations, and it is live by that.
pub(super) fn brings(state: &State, deployment: &Deployment, of: ReleaseNumber) -> bool {
    let plan = &deployment.plan;
    let known = state.environments.get(&plan.environment);
    let live = known.and_then(|known| known.live.as_ref());
    deployment.is_settled()
        && plan.kind != Kind::Rollback
        && plan.release == of
        && live.is_some_and(|live| live.deployment == deployment.number)
}

/// Whether a deployment returned from the release, in its rehearsal.
pub(super) fn returns(deployment: &Deployment, of: ReleaseNumber) -> bool {
    returned(deployment)
        && matches!(&deployment.trigger, Trigger::Rehearsal { of: other, .. } if *other == of)
}

/// The fingerprints of the schemas as a deployment left them.
pub(super) fn schemas(deployment: &Deployment) -> BTreeMap<DatabaseName, String> {
    let receipts = deployment.receipts();
    receipts
        // What a copy is like before anything is done to it is the same in no other deployment.
        .filter(|(step, _)| !matches!(step.action, Action::Clone { .. }))
        .filter_map(|(_, receipt)| match receipt {
            Receipt::Migrated {
                database, schema, ..
            } => Some((database.clone(), schema.clone())),
            _ => None,
        })
        .collect()
}

/// A deployment's plan for a rehearsal: without what only people and time can tell.
pub fn rehearsed_deploy(mut plan: Plan) -> Plan {
    plan.steps
        .retain(|step| !matches!(step.action, Action::SignOff(_) | Action::Watch(_)));
    plan
}

/// A return's plan for a rehearsal: with the tests of the release that returns.
pub fn rehearsed_return(mut plan: Plan, tests: &[CommandCheck]) -> Plan {
    let settle = plan.steps.len().saturating_sub(1);
    let tests = tests.iter().enumerate().map(|(index, check)| Step {
        id: format!("test-{}", index + 1),
        phase: Phase::Test,
        action: Action::Test(check.clone()),
        within: check.within,
    });
    plan.steps.splice(settle..settle, tests);
    plan
}

/// Whether the environment wants a release's way back proven.
pub(super) fn is_asked_for(environment: &EnvironmentState, candidate: &Candidate<'_>) -> bool {
    let in_force = environment.in_force.iter();
    let mut rules = in_force.chain([&candidate.plan.policy]);
    // A rehearsal cannot wait for itself.
    !matches!(candidate.trigger, Trigger::Rehearsal { .. })
        && rules.any(|policy| policy.going_back.proven)
}

/// What the gate says.
pub(super) fn ask(environment: &EnvironmentState, candidate: &Candidate<'_>) -> Answer {
    let release = candidate.release;
    match &release.rehearsal {
        Some(rehearsal) if rehearsal.proves() => Answer::Pass {
            note: rehearsal.to_string(),
        },
        other => {
            let in_force = environment.in_force.iter().flat_map(|policy| &policy.after);
            let mut before = candidate.plan.policy.after.iter().chain(in_force);
            let place = before.next().map_or("ENVIRONMENT", |name| name.as_str());
            let number = release.number;
            Answer::Refuse {
                reason: match other {
                    Some(failed) => {
                        format!("the way back from {number} is not proven: {failed}")
                    }
                    None => format!("the way back from {number} was not rehearsed"),
                },
                way_out: format!("`towpath rehearse {place} {number}`"),
            }
        }
    }
}
