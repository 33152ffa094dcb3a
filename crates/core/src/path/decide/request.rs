//! Asking that a release be put into an environment.

use super::{Events, check, rehearsal::check_rehearsal};
use crate::{
    Time,
    journal::Stream,
    names::DeploymentNumber,
    path::{
        Actor, Deployment, End, Event, Kind, Plan, Refusal, Right, State, Status, Trigger,
        check_return,
    },
};

pub(super) fn request(
    state: &State,
    actor: &Actor,
    plan: &Plan,
    trigger: &Trigger,
    now: Time,
) -> Result<Events, Refusal> {
    // Such a deployment takes the place of the one that it undoes; only that one's failure makes it.
    if let Trigger::Undo { of } = trigger {
        return Err(Refusal::NotAllowed {
            who: actor.to_string(),
            what: format!("undo {of} by a request"),
            help: format!("`towpath rollback {}` takes it back", plan.environment),
        });
    }
    let release = state
        .releases
        .get(&plan.release)
        .ok_or(Refusal::NoSuchRelease(plan.release))?;
    let environment = state.environment(&plan.environment);
    let right = if plan.kind == Kind::Rollback {
        Right::Rollback
    } else {
        Right::Deploy
    };
    check(state, actor, plan, right)?;
    if let Trigger::Rehearsal { of, after } = trigger {
        check_rehearsal(state, actor, plan, *of, *after, now)?;
    } else if plan.environment.is_clone() {
        return Err(Refusal::NotAllowed {
            who: actor.to_string(),
            what: format!(
                "put anything into a clone of {} by itself",
                plan.environment.declared()
            ),
            help: "a clone is for rehearsals: `towpath rehearse` with --clone".into(),
        });
    }
    if let Some(veto) = &release.vetoed {
        return Err(Refusal::Vetoed {
            release: plan.release,
            by: veto.by.clone(),
            reason: veto.reason.clone(),
        });
    }
    let already = |how: String| Refusal::AlreadyThere {
        release: plan.release,
        environment: plan.environment.clone(),
        how,
    };
    let waiting = environment.queue.iter().chain(&environment.active);
    for open in waiting.filter_map(|number| state.deployments.get(number)) {
        if open.plan.release == plan.release && open.cancel.is_none() {
            return Err(already(format!("on its way ({})", open.number)));
        }
    }
    let live = environment
        .live
        .as_ref()
        .is_some_and(|live| live.release == plan.release);
    if live
        && !matches!(trigger, Trigger::Person | Trigger::Rehearsal { .. })
        && release.verified.contains_key(&plan.environment)
    {
        return Err(already("live".into()));
    }
    if plan.kind == Kind::Rollback {
        if live {
            return Err(already("live".into()));
        }
        // Locks, freezes and what has to come before do not stop a rollback: it must not be a way around them.
        if !release.verified.contains_key(&plan.environment.declared()) {
            return Err(Refusal::CannotReturn {
                reason: format!("{} is not verified in {}", plan.release, plan.environment),
                way_out: format!("`towpath deploy {} {}`", plan.environment, plan.release),
            });
        }
        check_return(state, plan, release)?;
    }

    let number = DeploymentNumber(state.last_deployment + 1);
    let mut events = Vec::new();
    match plan.kind {
        Kind::Rollback => {
            // What is under way gives the environment up, and leaves the traffic to the rollback.
            let active = environment
                .active
                .and_then(|active| state.deployments.get(&active));
            if let Some(active) = active
                && active.status == Status::Running
                && active.cancel.is_none()
            {
                let event = Event::CancelRequested {
                    reason: format!("{number} rolls {} back", plan.environment),
                    in_favour_of: Some(number),
                };
                events.push((Stream::Deployment(active.number), event));
            }
        }
        Kind::Deploy | Kind::Redeploy => {}
    }
    let queued = environment.queue.iter();
    for queued in queued.filter_map(|queued| state.deployments.get(queued)) {
        if let Some(why) = supersedes(plan, number, queued) {
            let end = End::Superseded;
            let event = Event::Ended { end, why };
            events.push((Stream::Deployment(queued.number), event));
        }
    }
    let event = Event::Requested {
        plan: Box::new(plan.clone()),
        trigger: trigger.clone(),
    };
    events.push((Stream::Deployment(number), event));
    Ok(events)
}

/// Why a deployment that waits is not wanted any more when `number` is requested.
fn supersedes(plan: &Plan, number: DeploymentNumber, queued: &Deployment) -> Option<String> {
    match (plan.kind, queued.plan.kind) {
        // Whoever asks again wants to return somewhere else; what undoes a failure belongs to that failure.
        (Kind::Rollback, Kind::Rollback) if !matches!(queued.trigger, Trigger::Undo { .. }) => {
            Some(format!("{number} returns to {} instead", plan.release))
        }
        (Kind::Rollback, _) | (_, Kind::Rollback) => None,
        _ if queued.plan.release < plan.release => {
            Some(format!("{} ({number}) is newer", plan.release))
        }
        _ => None,
    }
}
