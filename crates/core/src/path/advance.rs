//! What happens without anyone's command: admission, the next step, the end, the way back.

use super::{
    Action, Answer, Candidate, Deployment, End, Event, Events, Evidence, Fact, Kind, NoReturn,
    Outcome, Receipt, Return, State, Status, Step, Trigger, Undo, ask_gates, drift, evolve,
    failure_end, plan_return, return_target, verdict_of_gates,
};
use crate::{
    Time,
    journal::Stream,
    manifest::{OnFailure, UndoRule},
    names::DeploymentNumber,
};

/// The name of the work that removes a deployment's instances again; no step of a plan has it.
pub const DISCARD: &str = "discard";

/// How long removing instances may take.
const DISCARD_WITHIN: std::time::Duration = std::time::Duration::from_secs(120);

/// How often it is tried.
const DISCARD_TRIES: usize = 4;

/// Everything that follows by itself for a deployment at this instant, in order.
pub fn advance(state: &State, number: DeploymentNumber, now: Time) -> Events {
    let mut events = Events::new();
    let mut state = state.clone();
    // Each round moves the deployment along its finite plan; the bound only guards against a mistake in that.
    for _ in 0..1000 {
        let more = match state.deployments.get(&number) {
            Some(deployment) => transition(&state, deployment, now),
            None => break,
        };
        if more.is_empty() {
            break;
        }
        for (stream, event) in more {
            let fact = Fact {
                stream: stream.clone(),
                at: now,
                actor: "towpath".into(),
                event: event.clone(),
            };
            evolve(&mut state, &fact);
            events.push((stream, event));
        }
    }
    events
}

fn transition(state: &State, deployment: &Deployment, now: Time) -> Events {
    match deployment.status {
        Status::Queued => admit(state, deployment, now),
        Status::Running => run(state, deployment, now),
        Status::Undoing => undo(state, deployment, now),
        Status::Ended => Events::new(),
    }
}

fn own(deployment: &Deployment, event: Event) -> (Stream, Event) {
    (Stream::Deployment(deployment.number), event)
}

fn admit(state: &State, deployment: &Deployment, now: Time) -> Events {
    if let Some(cancel) = &deployment.cancel {
        let why = format!("cancelled by {}: {}", cancel.by, cancel.reason);
        return end(state, deployment, End::Cancelled, why);
    }
    if ahead(state, deployment, now).is_some() {
        return Events::new();
    }
    let environment = state.environment(&deployment.plan.environment);
    // Between a retry and its turn something else was put there: the steps that passed are true of nothing any more.
    if deployment.is_displaced(&environment) {
        let why = match &environment.live {
            Some(live) => format!("{} ({}) has taken its place", live.release, live.deployment),
            None => "nothing of it is live any more".into(),
        };
        return end(state, deployment, End::Superseded, why);
    }
    let Some(release) = state.releases.get(&deployment.plan.release) else {
        return Events::new();
    };
    let gates = ask_gates(state, &Candidate::of(deployment, release), now);
    match verdict_of_gates(&gates) {
        Answer::Wait { .. } => Events::new(),
        Answer::Refuse { reason, way_out } => {
            let mut events = vec![own(deployment, Event::Refused { gates })];
            let why = format!("{reason}; {way_out}");
            events.extend(end(state, deployment, End::Refused, why));
            events
        }
        Answer::Pass { .. } => {
            let mut events = vec![own(deployment, Event::Admitted { gates })];
            // A person who deploys to a held environment has looked; that is what the hold was for.
            if environment.hold.is_some()
                && !deployment.is_automatic()
                && deployment.plan.kind != Kind::Rollback
            {
                let stream = Stream::Environment(deployment.plan.environment.clone());
                events.push((stream, Event::HoldReleased));
            }
            events
        }
    }
}

/// Which deployment gets the environment before this one, if any: the one that undoes another takes its place.
///
/// Those that wait at a gate are passed over: a lock keeps others out, and they must not keep out its owner.
pub(super) fn ahead(state: &State, deployment: &Deployment, now: Time) -> Option<DeploymentNumber> {
    let environment = state.environments.get(&deployment.plan.environment)?;
    if let Trigger::Undo { of } = deployment.trigger {
        return environment.active.filter(|active| *active != of);
    }
    let mut before = environment
        .queue
        .iter()
        .copied()
        .take_while(|queued| *queued != deployment.number);
    let first = || before.find(|queued| !waits_at_a_gate(state, *queued, now));
    environment.active.or_else(first)
}

fn waits_at_a_gate(state: &State, number: DeploymentNumber, now: Time) -> bool {
    let deployment = state.deployments.get(&number);
    let candidate = deployment.and_then(|deployment| {
        let release = state.releases.get(&deployment.plan.release)?;
        Some(Candidate::of(deployment, release))
    });
    candidate.is_some_and(|candidate| {
        let gates = ask_gates(state, &candidate, now);
        // A look is had for the asking, and then it is its turn.
        matches!(verdict_of_gates(&gates), Answer::Wait { .. }) && !drift::waits_for_a_look(&gates)
    })
}

fn run(state: &State, deployment: &Deployment, now: Time) -> Events {
    let Some((step, run)) = deployment.current() else {
        return Events::new();
    };
    if let Some(attempt) = deployment.attempt() {
        // Only a signature's wait is ours to end; whoever performs the others ends them.
        let why = match (&step.action, &deployment.cancel) {
            (Action::SignOff(_), Some(cancel)) => format!("cancelled by {}", cancel.by),
            (Action::SignOff(rule), None) if now >= attempt.deadline => {
                format!("nobody signed {:?} by {}", rule.name, attempt.deadline)
            }
            _ => return Events::new(),
        };
        let outcome = Outcome::Inconclusive { why };
        let ended = Event::AttemptEnded {
            key: attempt.key.clone(),
            outcome,
            retry_at: None,
        };
        return vec![own(deployment, ended)];
    }
    if let Some(cancel) = &deployment.cancel {
        let why = format!("cancelled by {}: {}", cancel.by, cancel.reason);
        // The traffic is for the rollback to move; instances that never had it have nobody else to remove them.
        if cancel.in_favour_of.is_some() && deployment.switched {
            return end(state, deployment, End::Cancelled, why);
        }
        return take_back(state, deployment, End::Cancelled, why);
    }
    let Some(last) = run.last() else {
        return begin(state, deployment, step, now);
    };
    match (&last.outcome, last.retry_at) {
        (Some(_), Some(at)) if now < at => Events::new(),
        (Some(_), Some(_)) if now < last.deadline => begin(state, deployment, step, now),
        // It was the last try, or nobody was there to make another in time; the cause is the same.
        (outcome, _) => {
            let text = outcome.as_ref().map_or("", Outcome::text);
            let why = format!("{}: {text}", step.id);
            take_back(state, deployment, failure_end(deployment), why)
        }
    }
}

fn begin(state: &State, deployment: &Deployment, step: &Step, now: Time) -> Events {
    if step.action.is_effect() && !deployment.has_effects() {
        let Some(release) = state.releases.get(&deployment.plan.release) else {
            return Events::new();
        };
        // The gates were open at admission; a build may have taken long since, and this is the instant that counts.
        let gates = ask_gates(state, &Candidate::of(deployment, release), now);
        match verdict_of_gates(&gates) {
            Answer::Pass { .. } => {}
            Answer::Wait { .. } => return Events::new(),
            Answer::Refuse { reason, way_out } => {
                let mut events = vec![own(deployment, Event::Refused { gates })];
                let why = format!("{reason}; {way_out}");
                events.extend(end(state, deployment, End::Refused, why));
                return events;
            }
        }
    }
    if matches!(step.action, Action::Settle) {
        let why = match (deployment.plan.kind, &deployment.trigger) {
            (Kind::Rollback, _) => format!(
                "{} is back on {}",
                deployment.plan.environment, deployment.plan.release
            ),
            (_, Trigger::Rehearsal { .. }) => format!(
                "{} is in {}, by a rehearsal, which verifies nothing",
                deployment.plan.release, deployment.plan.environment
            ),
            _ => format!(
                "{} is verified in {}",
                deployment.plan.release, deployment.plan.environment
            ),
        };
        return end(state, deployment, End::Settled, why);
    }
    let index = deployment.cursor();
    let run = &deployment.steps[index];
    let number = u32::try_from(run.attempts.len())
        .unwrap_or(u32::MAX)
        .saturating_add(1);
    // All tries of a step share one deadline: a retry or a restart never extends it.
    let deadline = run
        .last()
        .map_or(now + step.within, |earlier| earlier.deadline);
    let key = format!("{}.{}.{number}", deployment.number, step.id);
    let started = Event::AttemptStarted {
        step: step.id.clone(),
        attempt: number,
        key: key.clone(),
        deadline,
    };
    let mut events = vec![own(deployment, started)];
    if let Action::SignOff(rule) = &step.action {
        events.extend(ask_signature(state, deployment, &rule.name, key, deadline));
    }
    events
}

/// Asks for a signature, unless the same evidence was signed before; what was signed and has changed since is void.
fn ask_signature(
    state: &State,
    deployment: &Deployment,
    name: &str,
    key: String,
    until: Time,
) -> Events {
    let Some(release) = state.releases.get(&deployment.plan.release) else {
        return Events::new();
    };
    let evidence = Evidence::of(deployment, release);
    let mut events = Events::new();
    let mut signed = None;
    for signature in &deployment.signatures {
        let changed = evidence.changed_since(&signature.evidence);
        if !changed.is_empty() {
            let name = signature.name.clone();
            events.push(own(deployment, Event::SignOffVoided { name, changed }));
        } else if signature.name == name {
            signed = Some(signature);
        }
    }
    match signed {
        Some(signature) => {
            let detail = format!("signed by {} on the same evidence", signature.by);
            let outcome = Outcome::Passed {
                detail,
                receipt: Receipt::Nothing,
            };
            events.push(own(
                deployment,
                Event::AttemptEnded {
                    key,
                    outcome,
                    retry_at: None,
                },
            ));
        }
        None => {
            let name = name.to_owned();
            events.push(own(
                deployment,
                Event::SignOffRequested {
                    name,
                    evidence,
                    until,
                },
            ));
        }
    }
    events
}

/// Begins to take back what a deployment did, as far as that is possible and wanted.
fn take_back(state: &State, deployment: &Deployment, with: End, why: String) -> Events {
    if !deployment.switched {
        let started = deployment
            .plan
            .steps
            .iter()
            .zip(&deployment.steps)
            .any(|(step, run)| {
                matches!(step.action, Action::Start { .. }) && !run.attempts.is_empty()
            });
        if !started {
            return end(state, deployment, with, why);
        }
        return vec![own(
            deployment,
            Event::Undoing {
                because: why,
                how: Undo::Discard,
            },
        )];
    }
    let environment = &deployment.plan.environment;
    // The result of a rollback is its own, and is never rolled back.
    let stays = deployment.plan.on_failure == OnFailure::Hold;
    if stays || deployment.plan.kind == Kind::Rollback {
        return end(state, deployment, with, why);
    }
    match return_target(state, environment, Some(deployment.plan.release)) {
        Ok(way) if !way.undo.is_empty() && !undoes_by_itself(state, deployment) => {
            let what: Vec<String> = way.undo.iter().map(ToString::to_string).collect();
            let why = format!(
                "{why}; not taken back: returning to {} {}; `towpath rollback {environment}` does that",
                way.standing.release,
                what.join(", and ")
            );
            end(state, deployment, End::UndoFailed, why)
        }
        Ok(Return { standing, undo }) => {
            let rollback = DeploymentNumber(state.last_deployment + 1);
            let how = Undo::Rollback {
                deployment: rollback,
                to: standing.release,
            };
            let plan = Box::new(plan_return(standing, &undo));
            let trigger = Trigger::Undo {
                of: deployment.number,
            };
            vec![
                own(deployment, Event::Undoing { because: why, how }),
                (
                    Stream::Deployment(rollback),
                    Event::Requested { plan, trigger },
                ),
            ]
        }
        Err(no_return) => {
            let with = match no_return {
                NoReturn::NothingBefore { .. } => with,
                NoReturn::Schema(_) | NoReturn::Changed { .. } => End::UndoFailed,
            };
            let why = format!(
                "{why}; not taken back: {no_return}; {}",
                no_return.way_out()
            );
            let mut events = end(state, deployment, with, why.clone());
            if with != End::UndoFailed {
                events.push(hold(deployment, why));
            }
            events
        }
    }
}

/// Whether a failure may run down-migrations by itself: by the rules that the release brings, and by those in force.
fn undoes_by_itself(state: &State, deployment: &Deployment) -> bool {
    let in_force = state.environments.get(&deployment.plan.environment);
    let in_force = in_force.and_then(|known| known.in_force.as_ref());
    let mut policies = in_force.into_iter().chain([&deployment.plan.policy]);
    policies.all(|policy| policy.going_back.undo == UndoRule::Automatic)
}

fn hold(deployment: &Deployment, reason: String) -> (Stream, Event) {
    (
        Stream::Environment(deployment.plan.environment.clone()),
        Event::Held { reason },
    )
}

fn undo(state: &State, deployment: &Deployment, now: Time) -> Events {
    let failure = deployment.failure.as_ref();
    let why = failure.map(|f| f.why.clone()).unwrap_or_default();
    match &deployment.undo {
        Some(Undo::Rollback {
            deployment: rollback,
            ..
        }) => {
            // It ends this deployment with itself; what is seen here is only a rollback that is gone for another reason.
            match state
                .deployments
                .get(rollback)
                .and_then(|r| r.ended.as_ref())
            {
                Some(ended) if ended.end == End::Settled => {
                    end(state, deployment, End::RolledBack, why)
                }
                Some(ended) => {
                    let why = format!("{why}; taking it back {}: {}", ended.end, ended.why);
                    end(state, deployment, End::UndoFailed, why)
                }
                None => Events::new(),
            }
        }
        Some(Undo::Discard) | None => {
            let last = deployment.removal().last();
            match last.map(|attempt| (attempt.outcome.as_ref(), attempt.retry_at)) {
                Some((None, _)) => Events::new(),
                Some((Some(Outcome::Passed { .. }), _)) => end(
                    state,
                    deployment,
                    failure.map_or(End::Failed, |f| f.end),
                    why,
                ),
                Some((Some(_), Some(at))) if now < at => Events::new(),
                Some((Some(outcome), None)) => {
                    let why = format!(
                        "{why}; its instances could not be removed: {}",
                        outcome.text()
                    );
                    end(state, deployment, End::UndoFailed, why)
                }
                _ if deployment.removal().len() >= DISCARD_TRIES => {
                    end(state, deployment, End::UndoFailed, why)
                }
                _ => {
                    let number =
                        u32::try_from(deployment.discard.len()).unwrap_or(u32::MAX - 1) + 1;
                    let event = Event::AttemptStarted {
                        step: DISCARD.into(),
                        attempt: number,
                        key: format!("{}.{DISCARD}.{number}", deployment.number),
                        deadline: last.map_or(now + DISCARD_WITHIN, |earlier| earlier.deadline),
                    };
                    vec![own(deployment, event)]
                }
            }
        }
    }
}

/// The end of a deployment, and what ends or begins with it.
fn end(state: &State, deployment: &Deployment, with: End, why: String) -> Events {
    let mut events = vec![own(
        deployment,
        Event::Ended {
            end: with,
            why: why.clone(),
        },
    )];
    // A person's rollback that was refused changed nothing; one that should have undone a failure leaves that there.
    let undoes = matches!(deployment.trigger, Trigger::Undo { .. });
    // A rehearsal goes on from there by itself; what it fails at is held by that failure.
    let goes_on = matches!(deployment.trigger, Trigger::Rehearsal { .. }) && with == End::Settled;
    if deployment.plan.kind == Kind::Rollback && (with != End::Refused || undoes) && !goes_on {
        let reason = match (&deployment.trigger, with) {
            (_, End::Settled) => format!(
                "{} rolled it back to {}",
                deployment.number, deployment.plan.release
            ),
            _ => format!("rollback {} {with}: {why}", deployment.number),
        };
        events.push(hold(deployment, reason));
    } else if with == End::UndoFailed {
        // Nobody knows what is there: nothing automatic comes on top of it before a person has looked.
        events.push(hold(
            deployment,
            format!("{} {with}: {why}", deployment.number),
        ));
    }
    if let Trigger::Undo { of } = deployment.trigger
        && let Some(undone) = state.deployments.get(&of)
        && undone.status == Status::Undoing
    {
        let failure = undone
            .failure
            .as_ref()
            .map(|f| f.why.clone())
            .unwrap_or_default();
        let (end, why) = match with {
            End::Settled => (End::RolledBack, failure),
            _ => (
                End::UndoFailed,
                format!("{failure}; taking it back {with}: {why}"),
            ),
        };
        events.push(own(undone, Event::Ended { end, why }));
    }
    events
}
