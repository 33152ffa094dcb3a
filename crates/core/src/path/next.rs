//! What is to be done in the world now, or what is waited for. Every wait is named.

use super::{
    Action, Answer, Candidate, Deployment, Sought, State, Status, Undo, advance, ahead, ask_gates,
    drift::to_look_at_for, verdict_of_gates,
};
use crate::{Time, names::DeploymentNumber};

/// What the engine does next with a deployment.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// Something follows by itself.
    Advance,
    /// Perform the attempt that has begun, or go on with it.
    Perform {
        /// The step, by its place in the plan; `None` removes the deployment's instances.
        step: Option<usize>,
        /// The attempt's key.
        key: String,
        /// When it must be over.
        deadline: Time,
    },
    /// End the attempt that has begun.
    Abort {
        /// The step, by its place in the plan; `None` removes the deployment's instances.
        step: Option<usize>,
        /// The attempt's key.
        key: String,
        /// Why.
        why: String,
    },
    /// Look at databases, of which a gate wants to know.
    Look {
        /// Which.
        places: Vec<Sought>,
    },
    /// Nothing until then.
    Wait(Waiting),
    /// Nothing ever.
    Done,
}

/// What is waited for.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Waiting {
    /// For what, in a line for people.
    pub reason: String,
    /// Who can end the wait; `None` where nobody has to.
    pub who: Option<String>,
    /// When to look again at the latest.
    pub until: Option<Time>,
}

/// What is to be done with a deployment at this instant.
pub fn next(state: &State, number: DeploymentNumber, now: Time) -> Next {
    let Some(deployment) = state.deployments.get(&number) else {
        return Next::Done;
    };
    if deployment.status == Status::Ended {
        return Next::Done;
    }
    if !advance(state, number, now).is_empty() {
        return Next::Advance;
    }
    match (deployment.attempt(), waits_for_signature(deployment)) {
        (Some(attempt), false) => {
            let step = (deployment.status != Status::Undoing).then(|| deployment.cursor());
            let key = attempt.key.clone();
            match &deployment.cancel {
                Some(cancel) if step.is_some() => Next::Abort {
                    step,
                    key,
                    why: format!("cancelled by {}: {}", cancel.by, cancel.reason),
                },
                _ => Next::Perform {
                    step,
                    key,
                    deadline: attempt.deadline,
                },
            }
        }
        _ => match to_look_at_for(state, deployment, now) {
            places if places.is_empty() => Next::Wait(waiting(state, deployment, now)),
            places => Next::Look { places },
        },
    }
}

fn waits_for_signature(deployment: &Deployment) -> bool {
    deployment.status == Status::Running
        && deployment
            .current()
            .is_some_and(|(step, _)| matches!(step.action, Action::SignOff(_)))
}

/// What a deployment waits for that has nothing to do just now.
pub fn waiting(state: &State, deployment: &Deployment, now: Time) -> Waiting {
    let plain = |reason: String| Waiting {
        reason,
        who: None,
        until: None,
    };
    if let Some((asked, rule)) = deployment.asked.as_ref().zip(sign_off_rule(deployment)) {
        return Waiting {
            reason: format!("the signature {:?}", asked.name),
            who: Some(deployment.plan.policy.who_is(&rule.role)),
            until: Some(asked.until),
        };
    }
    if let Some(Undo::Rollback {
        deployment: rollback,
        to,
    }) = &deployment.undo
    {
        return plain(format!("{rollback} to return to {to}"));
    }
    if deployment.status == Status::Queued
        && let Some(ahead) = ahead(state, deployment, now)
    {
        return plain(format!(
            "{ahead}, which has {}",
            deployment.plan.environment
        ));
    }
    let last = match deployment.status {
        Status::Undoing => deployment.removal().last(),
        _ => deployment.current().and_then(|(_, run)| run.last()),
    };
    let retry_at = last
        .and_then(|attempt| attempt.retry_at)
        .filter(|at| *at > now);
    if let Some(at) = retry_at {
        return Waiting {
            reason: "another try".into(),
            who: None,
            until: Some(at),
        };
    }
    let gates = state
        .releases
        .get(&deployment.plan.release)
        .map(|release| ask_gates(state, &Candidate::of(deployment, release), now));
    match gates.as_deref().map(verdict_of_gates) {
        Some(Answer::Wait { reason, who, until }) => Waiting {
            reason,
            who: Some(who),
            until,
        },
        _ => plain("its turn".into()),
    }
}

fn sign_off_rule(deployment: &Deployment) -> Option<&crate::manifest::SignOffRule> {
    match deployment.current() {
        Some((step, _)) => match &step.action {
            Action::SignOff(rule) => Some(rule),
            _ => None,
        },
        None => None,
    }
}
