//! The gates: conditions for admission, asked at admission and again right before the first effect.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    Action, Deployment, EnvironmentState, Kind, NoReturnAccepted, Plan, PointOfNoReturn, Release,
    Right, State, Trigger, check_return, drift, frozen_until, no_return, parity,
    points_of_no_return, promise, rehearsal, schema_allows, shared,
};
use crate::{Time, names::EnvironmentName};

/// A condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gate {
    /// The release is verified where it must have been before.
    Verified,
    /// Nobody vetoed it.
    NotVetoed,
    /// It can run on the schema that is there.
    Schema,
    /// Nobody else reserved the environment.
    NotLocked,
    /// No freeze holds.
    NotFrozen,
    /// Automatic deployments are not stopped.
    NotHeld,
    /// It will be signed by everyone who must.
    SignedOff,
    /// Where it was verified is enough like where it goes.
    Parity,
    /// What is promised to stay possible stays possible.
    SafeBack,
    /// A rehearsal has shown that it can be taken back.
    RollbackProven,
    /// It can be taken back, or somebody accepted that it cannot.
    PointOfNoReturn,
    /// Nobody changes a database that it shares.
    SharedDatabase,
    /// Its databases are what their applied migrations make.
    NoDrift,
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Gate::Verified => "verified",
            Gate::NotVetoed => "not vetoed",
            Gate::Schema => "schema",
            Gate::NotLocked => "not locked",
            Gate::NotFrozen => "not frozen",
            Gate::NotHeld => "not held",
            Gate::SignedOff => "signed off",
            Gate::Parity => "parity",
            Gate::SafeBack => "safe back",
            Gate::SharedDatabase => "shared database",
            Gate::RollbackProven => "proven",
            Gate::PointOfNoReturn => "no return",
            Gate::NoDrift => "no drift",
        })
    }
}

/// What a gate says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Answer {
    /// Go on.
    Pass {
        /// Why, in a line for people.
        note: String,
    },
    /// Not yet.
    Wait {
        /// Why.
        reason: String,
        /// Who can change that.
        who: String,
        /// When it changes by itself.
        until: Option<Time>,
    },
    /// No.
    Refuse {
        /// Why.
        reason: String,
        /// What to do instead.
        way_out: String,
    },
}

/// A gate with its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateReport {
    /// Which.
    pub gate: Gate,
    /// What it says.
    pub answer: Answer,
}

/// What is asked to be let in.
pub struct Candidate<'a> {
    /// What it would do, and the rules that it brings.
    pub plan: &'a Plan,
    /// What asked for it.
    pub trigger: &'a Trigger,
    /// Who asked for it.
    pub requested_by: &'a str,
    /// When.
    pub requested_at: Time,
    /// The release.
    pub release: &'a Release,
    /// What somebody accepted of it that cannot be taken back.
    pub accepted: Option<&'a NoReturnAccepted>,
}

impl<'a> Candidate<'a> {
    /// A deployment that waits. Who retried it asked for it last.
    pub fn of(deployment: &'a Deployment, release: &'a Release) -> Self {
        let retried_by = deployment.retried_by.as_ref();
        let is_rehearsal = matches!(deployment.trigger, Trigger::Rehearsal { .. });
        Candidate {
            plan: &deployment.plan,
            trigger: match retried_by {
                Some(_) if !deployment.is_automatic() && !is_rehearsal => &Trigger::Person,
                _ => &deployment.trigger,
            },
            requested_by: retried_by.unwrap_or(&deployment.requested_by),
            requested_at: deployment.retried_at.unwrap_or(deployment.requested_at),
            release,
            accepted: deployment.accepted.as_ref(),
        }
    }
}

/// What every gate says to a candidate at this instant.
pub fn ask_gates(state: &State, candidate: &Candidate<'_>, now: Time) -> Vec<GateReport> {
    let environment = state.environment(&candidate.plan.environment);
    let mut reports = vec![report(Gate::NotVetoed, veto(candidate))];
    reports.push(report(Gate::Schema, schema(state, candidate)));
    if let Some(answer) = shared::ask(state, candidate) {
        reports.push(report(Gate::SharedDatabase, answer));
    }
    // Taking a release back is for emergencies, and in a clone nobody notices: only what would make it wrong stops it.
    if candidate.plan.kind != Kind::Rollback && !candidate.plan.environment.is_clone() {
        reports.push(report(Gate::Verified, verified(&environment, candidate)));
        reports.push(report(Gate::NotLocked, lock(&environment, candidate, now)));
        reports.push(report(
            Gate::NotFrozen,
            freeze(&environment, candidate, now),
        ));
        reports.push(report(Gate::NotHeld, hold(&environment, candidate)));
        reports.push(report(Gate::SignedOff, signatures(&environment, candidate)));
        if promise::is_given(state, candidate) {
            let answer = safe_back(state, candidate, now);
            reports.push(report(Gate::SafeBack, answer));
        }
        if rehearsal::is_asked_for(&environment, candidate) {
            let answer = rehearsal::ask(&environment, candidate);
            reports.push(report(Gate::RollbackProven, answer));
        }
        let points = points_of_no_return(state, candidate.plan, candidate.release);
        if !points.is_empty() {
            let answer = no_return(state, &environment, candidate, &points);
            reports.push(report(Gate::PointOfNoReturn, answer));
        }
        // What waits for a look comes last: people are waited for first.
        if drift::is_asked_for(&environment, candidate) {
            reports.push(report(Gate::NoDrift, drift::ask(state, candidate, now)));
        }
        if parity::is_asked_for(&environment, candidate) {
            let answer = parity::ask(state, &environment, candidate, now);
            reports.push(report(Gate::Parity, answer));
        }
    }
    reports
}

/// All the gates' answers as one: the worst.
pub fn verdict_of_gates(reports: &[GateReport]) -> Answer {
    let refused = reports
        .iter()
        .find(|r| matches!(r.answer, Answer::Refuse { .. }));
    let waiting = reports
        .iter()
        .find(|r| matches!(r.answer, Answer::Wait { .. }));
    match refused.or(waiting) {
        Some(report) => report.answer.clone(),
        None => Answer::Pass {
            note: "every gate is open".into(),
        },
    }
}

fn report(gate: Gate, answer: Answer) -> GateReport {
    GateReport { gate, answer }
}

fn pass(note: impl Into<String>) -> Answer {
    Answer::Pass { note: note.into() }
}

fn veto(candidate: &Candidate<'_>) -> Answer {
    match &candidate.release.vetoed {
        None => pass("nobody vetoed it"),
        Some(veto) => Answer::Refuse {
            reason: format!(
                "{} was vetoed by {}: {}",
                candidate.release.number, veto.by, veto.reason
            ),
            way_out: "deploy another release; a veto is for good".into(),
        },
    }
}

fn schema(state: &State, candidate: &Candidate<'_>) -> Answer {
    let (plan, release) = (candidate.plan, candidate.release);
    if plan.kind == Kind::Rollback {
        return match check_return(state, plan, release) {
            Ok(()) => pass("it runs on the schema that will be there"),
            Err(no_return) => Answer::Refuse {
                reason: no_return.to_string(),
                way_out: no_return.way_out(),
            },
        };
    }
    match schema_allows(state, release, &plan.launch) {
        Ok(()) => pass("it runs on the schema that is there"),
        Err(obstacle) => Answer::Refuse {
            reason: obstacle.to_string(),
            way_out: obstacle.way_out(),
        },
    }
}

fn verified(environment: &EnvironmentState, candidate: &Candidate<'_>) -> Answer {
    let release = candidate.release;
    // A release may add a rule for itself, but not drop one that is in force.
    let in_force = environment.in_force.iter().flat_map(|policy| &policy.after);
    let mut needed: Vec<&EnvironmentName> =
        candidate.plan.policy.after.iter().chain(in_force).collect();
    needed.sort();
    needed.dedup();
    let missing: Vec<&EnvironmentName> = needed
        .iter()
        .copied()
        .filter(|name| !release.verified.contains_key(*name))
        .collect();
    match (needed.as_slice(), missing.as_slice()) {
        ([], _) => pass("nothing has to come before"),
        (needed, []) => pass(format!("verified in {}", list(needed))),
        (_, missing) => Answer::Refuse {
            reason: format!(
                "{} (commit {}) is not verified in {}",
                release.number,
                release.source.commit.short(),
                list(missing)
            ),
            way_out: format!(
                "let it pass {0} first, then `towpath promote {0}`",
                missing[0]
            ),
        },
    }
}

fn list(names: &[&EnvironmentName]) -> String {
    names
        .iter()
        .map(|name| name.as_str())
        .collect::<Vec<_>>()
        .join(" and ")
}

fn lock(environment: &EnvironmentState, candidate: &Candidate<'_>, now: Time) -> Answer {
    match &environment.lock {
        Some(lock) if lock.until > now && lock.owner != candidate.requested_by => Answer::Wait {
            reason: format!("the lock of {}: {}", lock.owner, lock.reason),
            who: format!(
                "{}, or {}",
                lock.owner,
                candidate.plan.policy.who_may(Right::Lock)
            ),
            until: Some(lock.until),
        },
        Some(lock) if lock.until > now => pass("locked by whoever asks"),
        _ => pass("not locked"),
    }
}

fn freeze(environment: &EnvironmentState, candidate: &Candidate<'_>, now: Time) -> Answer {
    let in_force = environment
        .in_force
        .iter()
        .flat_map(|policy| &policy.freezes);
    let latest = candidate
        .plan
        .policy
        .freezes
        .iter()
        .chain(in_force)
        .filter_map(|freeze| frozen_until(freeze, now).map(|until| (freeze, until)))
        .max_by_key(|(_, until)| *until);
    match latest {
        None => pass("no freeze holds"),
        Some((freeze, until)) => Answer::Wait {
            reason: match &freeze.reason {
                Some(reason) => format!("the end of freeze {:?}: {reason}", freeze.name),
                None => format!("the end of freeze {:?}", freeze.name),
            },
            who: "whoever maintains `freezes` in towpath.toml".into(),
            until: Some(until),
        },
    }
}

fn hold(environment: &EnvironmentState, candidate: &Candidate<'_>) -> Answer {
    match &environment.hold {
        // Who asked before it was held has not looked at what it is held for.
        Some(hold) if candidate.trigger.is_automatic() || candidate.requested_at < hold.at => {
            Answer::Wait {
                reason: format!("the release of the hold by {}: {}", hold.by, hold.reason),
                who: candidate.plan.policy.who_may(Right::Lock),
                until: None,
            }
        }
        Some(_) => pass("held, but a person asks"),
        None => pass("not held"),
    }
}

fn safe_back(state: &State, candidate: &Candidate<'_>, now: Time) -> Answer {
    match promise::broken(state, candidate, now) {
        None => pass("what is kept possible stays possible"),
        Some(broken) => Answer::Refuse {
            reason: broken.reason(),
            way_out: broken.way_out(),
        },
    }
}

fn no_return(
    state: &State,
    environment: &EnvironmentState,
    candidate: &Candidate<'_>,
    points: &[PointOfNoReturn],
) -> Answer {
    let told: Vec<String> = points.iter().map(ToString::to_string).collect();
    let told = told.join("; ");
    if !no_return::is_asked_for(state, candidate.plan) {
        return pass(format!("allowed here: {told}"));
    }
    match candidate.accepted {
        Some(accepted) if no_return::covers(Some(accepted), points) => pass(format!(
            "accepted by {}: {}; {told}",
            accepted.by, accepted.reason
        )),
        _ => Answer::Wait {
            reason: format!("the acceptance of a point of no return: {told}"),
            who: {
                let policy = environment.in_force.as_ref();
                policy
                    .unwrap_or(&candidate.plan.policy)
                    .who_may(Right::Rollback)
            },
            until: None,
        },
    }
}

/// What is in force may have changed since the plan was made.
fn signatures(environment: &EnvironmentState, candidate: &Candidate<'_>) -> Answer {
    let plan = candidate.plan;
    if matches!(candidate.trigger, Trigger::Rehearsal { .. }) {
        return pass("a rehearsal verifies nothing, so nobody has to sign");
    }
    let needed = plan.policy.signatures(environment.in_force.as_ref());
    let asked_for = |name: &str, role| {
        plan.steps.iter().any(|step| match &step.action {
            Action::SignOff(rule) => rule.name == name && &rule.role == role,
            _ => false,
        })
    };
    let missing = needed
        .iter()
        .find(|rule| !asked_for(&rule.name, &rule.role));
    match (missing, needed.as_slice()) {
        (None, []) => pass("nobody has to sign"),
        (None, needed) => {
            let names: Vec<&str> = needed.iter().map(|rule| rule.name.as_str()).collect();
            pass(format!("will be signed: {}", names.join(", then ")))
        }
        (Some(rule), _) => Answer::Refuse {
            reason: format!(
                "it would not ask for the signature {:?} by {}, which is needed since it was planned",
                rule.name, rule.role
            ),
            way_out: "deploy it again: the new plan asks for it".into(),
        },
    }
}
