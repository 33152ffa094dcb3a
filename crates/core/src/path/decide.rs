//! What a command makes happen, or why it is refused. Authorisation is here, where a command enters, and nowhere else.

mod environment;
mod rehearsal;
mod request;
mod signature;

use std::{collections::BTreeMap, time::Duration};

use super::{
    Actor, BuiltArtifact, Command, Commit, Deployment, End, Event, Kind, Outcome, Plan, Policy,
    Refusal, Return, Right, Source, State, Status, StepRun, advance, no_return,
    points_of_no_return, return_target,
};
use crate::{
    Time,
    journal::Stream,
    names::{DeploymentNumber, EnvironmentName, ReleaseNumber, ServiceName},
};
use environment::{
    hold, lock, read_secrets, record_look, record_schema, release_hold, unlock, work_on_schema,
    write_secrets,
};
use rehearsal::{clone, fail, prove, remove_clone};
use request::request;
use signature::{reject, sign};

/// Events with the streams that they belong to.
pub type Events = Vec<(Stream, Event)>;

/// What a command makes happen.
pub fn decide(
    state: &State,
    actor: &Actor,
    command: &Command,
    now: Time,
) -> Result<Events, Refusal> {
    match command {
        Command::MoveBranch { branch, commit } => Ok(move_branch(state, branch, commit)),
        Command::Cut { source } => Ok(cut(state, source)),
        Command::RecordBuild { release, made } => record_build(state, *release, made),
        Command::Veto {
            release,
            reason,
            policies,
        } => veto(state, actor, *release, reason, policies),
        Command::Lock {
            policy,
            reason,
            lasting,
        } => lock(state, actor, policy, reason, *lasting, now),
        Command::Unlock { policy } => unlock(state, actor, policy, now),
        Command::Hold { policy, reason } => hold(state, actor, policy, reason),
        Command::ReleaseHold { policy } => release_hold(state, actor, policy),
        Command::ListSecrets { policy } => {
            check_place(state, actor, policy, Right::ListSecrets)?;
            Ok(Vec::new())
        }
        Command::ReadSecrets {
            policy,
            by,
            keys,
            reason,
        } => read_secrets(state, actor, policy, by, keys, reason),
        Command::WriteSecrets {
            policy,
            by,
            keys,
            reason,
        } => write_secrets(state, actor, policy, by, keys, reason),
        Command::Request { plan, trigger } => request(state, actor, plan, trigger, now),
        Command::Clone {
            plan,
            databases,
            idle,
        } => clone(state, actor, plan, databases, *idle),
        Command::RemoveClone { clone } => Ok(remove_clone(state, clone, now)),
        Command::ProveRollback { first, back, again } => {
            prove(state, actor, [*first, *back, *again])
        }
        Command::FailRehearsal {
            release,
            deployment,
            finding,
        } => fail(state, actor, *release, *deployment, finding),
        Command::Sign {
            deployment,
            name,
            evidence,
            comment,
        } => sign(
            state,
            actor,
            *deployment,
            name.as_deref(),
            *evidence,
            comment.clone(),
            now,
        ),
        Command::Reject {
            deployment,
            name,
            reason,
        } => reject(state, actor, *deployment, name.as_deref(), reason),
        Command::AcceptNoReturn { deployment, reason } => {
            accept_no_return(state, actor, *deployment, reason)
        }
        Command::Cancel { deployment, reason } => cancel(state, actor, *deployment, reason),
        Command::Retry { deployment, from } => retry(state, actor, *deployment, from.as_deref()),
        Command::EndAttempt {
            deployment,
            key,
            outcome,
        } => end_attempt(state, actor, *deployment, key, outcome, now),
        Command::WorkOnSchema {
            policy,
            database,
            work,
            reason,
            applied,
        } => work_on_schema(
            state,
            actor,
            policy,
            (database, *work),
            reason,
            applied.as_deref(),
            now,
        ),
        Command::RecordSchema {
            home,
            database,
            applied,
        } => record_schema(state, actor, home, database, applied),
        Command::RecordLook {
            home,
            database,
            look,
        } => record_look(actor, home, database, look),
        Command::RecordProbe {
            deployment,
            key,
            probe,
            failures,
            finding,
        } => {
            let found = find(state, *deployment)?;
            running_attempt(found, key)?;
            let event = Event::ProbeAnswered {
                key: key.clone(),
                probe: *probe,
                failures: *failures,
                finding: finding.clone(),
            };
            Ok(vec![(Stream::Deployment(*deployment), event)])
        }
        Command::RecordBackfill {
            deployment,
            key,
            backfill,
        } => {
            running_attempt(find(state, *deployment)?, key)?;
            let event = Event::BackfillAdvanced {
                key: key.clone(),
                backfill: backfill.clone(),
            };
            Ok(vec![(Stream::Deployment(*deployment), event)])
        }
        Command::Advance { deployment } => Ok(advance(state, *deployment, now)),
    }
}

fn move_branch(state: &State, branch: &str, commit: &Option<Commit>) -> Events {
    if state.branches.get(branch) == commit.as_ref() {
        return Vec::new();
    }
    let event = Event::BranchMoved {
        branch: branch.to_owned(),
        commit: commit.clone(),
    };
    vec![(Stream::Project, event)]
}

/// The release that the source is, when it was cut before.
pub fn cut_before(state: &State, source: &Source) -> Option<ReleaseNumber> {
    let same = |r: &&super::Release| {
        r.source.commit == source.commit && r.source.manifest == source.manifest
    };
    state
        .releases
        .values()
        .find(same)
        .map(|release| release.number)
}

fn cut(state: &State, source: &Source) -> Events {
    if cut_before(state, source).is_some() {
        return Vec::new();
    }
    let number = ReleaseNumber(state.last_release + 1);
    let mut events = vec![(
        Stream::Release(number),
        Event::ReleaseCut {
            source: Box::new(source.clone()),
        },
    )];
    if source.built_services.is_empty() {
        let artifacts = BTreeMap::new();
        events.push((Stream::Release(number), Event::ReleaseBuilt { artifacts }));
    }
    events
}

fn record_build(
    state: &State,
    number: ReleaseNumber,
    made: &Result<BTreeMap<ServiceName, BuiltArtifact>, String>,
) -> Result<Events, Refusal> {
    let release = state
        .releases
        .get(&number)
        .ok_or(Refusal::NoSuchRelease(number))?;
    let event = match made {
        // Built once: whatever a second build makes is not this release.
        Ok(_) if release.artifacts.is_some() => return Ok(Vec::new()),
        Ok(artifacts) => Event::ReleaseBuilt {
            artifacts: artifacts.clone(),
        },
        Err(cause) => Event::ReleaseBuildFailed {
            cause: cause.clone(),
        },
    };
    Ok(vec![(Stream::Release(number), event)])
}

fn veto(
    state: &State,
    actor: &Actor,
    number: ReleaseNumber,
    reason: &str,
    policies: &[Policy],
) -> Result<Events, Refusal> {
    let release = state
        .releases
        .get(&number)
        .ok_or(Refusal::NoSuchRelease(number))?;
    let mut refusal = None;
    if !policies.iter().any(|p| {
        check_place(state, actor, p, Right::Rollback)
            .map_err(|r| refusal = Some(r))
            .is_ok()
    }) {
        return Err(match refusal {
            Some(Refusal::NotAllowed { who, help, .. }) => Refusal::NotAllowed {
                who,
                what: format!("veto {number}"),
                help,
            },
            _ => Refusal::NotAllowed {
                who: actor.to_string(),
                what: format!("veto {number}"),
                help: "the project has no environment that anyone may roll back".into(),
            },
        });
    }
    let reason = said(reason)?;
    if let Some(veto) = &release.vetoed {
        return Err(Refusal::Vetoed {
            release: number,
            by: veto.by.clone(),
            reason: veto.reason.clone(),
        });
    }
    let mut events = vec![(
        Stream::Release(number),
        Event::ReleaseVetoed {
            reason: reason.clone(),
        },
    )];
    // Whatever is in flight with it stops.
    for deployment in state.open() {
        if deployment.plan.release == number && deployment.cancel.is_none() {
            let event = Event::CancelRequested {
                reason: format!("{number} was vetoed: {reason}"),
                in_favour_of: None,
            };
            events.push((Stream::Deployment(deployment.number), event));
        }
    }
    Ok(events)
}

fn said(reason: &str) -> Result<String, Refusal> {
    let reason = reason.trim();
    if reason.is_empty() {
        Err(Refusal::NoReason)
    } else {
        Ok(reason.to_owned())
    }
}

/// Checks a right by the rules that a release brings and by those in force: it cannot let anybody in for itself.
///
/// A return is judged by those in force alone; the rules of then may not know who works here now.
fn check(state: &State, actor: &Actor, plan: &Plan, right: Right) -> Result<(), Refusal> {
    let in_force = in_force(state, &plan.environment);
    if plan.kind != Kind::Rollback || in_force.is_none() {
        plan.policy.check(actor, right)?;
    }
    in_force.map_or(Ok(()), |policy| policy.check(actor, right))
}

/// Checks a right by the rules that are given, which may be of anybody's work tree, and by those in force.
fn check_place(state: &State, actor: &Actor, given: &Policy, right: Right) -> Result<(), Refusal> {
    given.check(actor, right)?;
    in_force(state, &given.environment).map_or(Ok(()), |policy| policy.check(actor, right))
}

fn in_force<'a>(state: &'a State, environment: &EnvironmentName) -> Option<&'a Policy> {
    state.environments.get(environment)?.in_force.as_ref()
}

fn find(state: &State, number: DeploymentNumber) -> Result<&Deployment, Refusal> {
    state
        .deployments
        .get(&number)
        .ok_or(Refusal::NoSuchDeployment(number))
}

fn accept_no_return(
    state: &State,
    actor: &Actor,
    number: DeploymentNumber,
    reason: &str,
) -> Result<Events, Refusal> {
    let deployment = find(state, number)?;
    if !matches!(actor, Actor::Person { .. }) {
        return Err(Refusal::NotAllowed {
            who: actor.to_string(),
            what: format!("accept what {number} cannot take back"),
            help: "an acceptance is a person's".into(),
        });
    }
    // Who would take a release back knows what it means that nobody can.
    check(state, actor, &deployment.plan, Right::Rollback)?;
    let reason = said(reason)?;
    let release = state
        .releases
        .get(&deployment.plan.release)
        .ok_or(Refusal::NoSuchRelease(deployment.plan.release))?;
    let points = points_of_no_return(state, &deployment.plan, release);
    let not_now = |what: &str| {
        Err(Refusal::NotNow {
            deployment: number,
            what: what.into(),
            help: format!(
                "`towpath status {}` shows what it waits for",
                deployment.plan.environment
            ),
        })
    };
    match deployment.status {
        Status::Ended => not_now("has ended"),
        _ if points.is_empty() => not_now("passes no point of no return"),
        _ if no_return::covers(deployment.accepted.as_ref(), &points) => {
            not_now("is accepted already")
        }
        _ => {
            let mut migrations = Vec::new();
            for one in points.into_iter().flat_map(|point| point.migrations) {
                if !migrations.contains(&one) {
                    migrations.push(one);
                }
            }
            let event = Event::NoReturnAccepted { reason, migrations };
            Ok(vec![(Stream::Deployment(number), event)])
        }
    }
}

fn cancel(
    state: &State,
    actor: &Actor,
    number: DeploymentNumber,
    reason: &str,
) -> Result<Events, Refusal> {
    let deployment = find(state, number)?;
    check(state, actor, &deployment.plan, Right::Deploy)?;
    let not_now = |what: &str, help: &str| {
        Err(Refusal::NotNow {
            deployment: number,
            what: what.into(),
            help: help.into(),
        })
    };
    match deployment.status {
        Status::Ended => not_now("has ended", "there is nothing to cancel"),
        Status::Undoing => not_now("is being taken back already", "wait until it has ended"),
        _ if deployment.cancel.is_some() => {
            not_now("is being cancelled already", "wait until it has ended")
        }
        _ => {
            let event = Event::CancelRequested {
                reason: said(reason)?,
                in_favour_of: None,
            };
            Ok(vec![(Stream::Deployment(number), event)])
        }
    }
}

fn retry(
    state: &State,
    actor: &Actor,
    number: DeploymentNumber,
    from: Option<&str>,
) -> Result<Events, Refusal> {
    let deployment = find(state, number)?;
    check(state, actor, &deployment.plan, Right::Deploy)?;
    let environment = state.environment(&deployment.plan.environment);
    let not_now = |what: String, help: String| {
        Err(Refusal::NotNow {
            deployment: number,
            what,
            help,
        })
    };
    let (place, release) = (&deployment.plan.environment, deployment.plan.release);
    if place.is_clone() {
        let (what, of) = ("was in a clone, which is thrown away", place.declared());
        let help = format!("`towpath rehearse {of} --clone` begins anew");
        return not_now(what.into(), help);
    }
    let help = format!("`towpath deploy {place} {release}` begins anew");
    let end = match &deployment.ended {
        Some(ended) => ended.end,
        None => return not_now("has not ended".into(), "wait for it, or cancel it".into()),
    };
    if !matches!(end, End::Failed | End::Errored | End::Cancelled) {
        return not_now(format!("has ended: {end}"), help);
    }
    if environment.last != Some(number) {
        return not_now("is not the latest of its environment".into(), help);
    }
    if deployment.is_displaced(&environment) {
        return not_now("is no longer live".into(), help);
    }
    let steps = &deployment.plan.steps;
    let failed = deployment.cursor();
    // Instances that were removed have to be started again.
    let first = match deployment.removal().is_empty() {
        true => failed,
        false => steps
            .iter()
            .position(|s| matches!(s.action, super::Action::Start { .. }))
            .map_or(failed, |start| start.min(failed)),
    };
    let asked = match from {
        None => first,
        Some(id) => match steps.iter().position(|step| step.id == id) {
            Some(index) if index <= failed => index.min(first),
            Some(_) => {
                return not_now(
                    format!("has not come as far as {id:?}"),
                    format!("it stopped at {:?}", steps[failed].id),
                );
            }
            None => {
                let ids: Vec<&str> = steps.iter().map(|s| s.id.as_str()).collect();
                return not_now(
                    format!("has no step {id:?}"),
                    format!("its steps are {}", ids.join(", ")),
                );
            }
        },
    };
    let Some(step) = steps.get(asked) else {
        return not_now("has no step left to do".into(), help);
    };
    Ok(vec![(
        Stream::Deployment(number),
        Event::Retried {
            from: step.id.clone(),
        },
    )])
}

fn running_attempt<'a>(
    deployment: &'a Deployment,
    key: &str,
) -> Result<&'a super::Attempt, Refusal> {
    deployment
        .attempt()
        .filter(|attempt| attempt.key == key)
        .ok_or_else(|| Refusal::Stale {
            deployment: deployment.number,
            key: key.to_owned(),
        })
}

/// How often an attempt that could not say is made, all in all.
const TRIES: usize = 4;

fn end_attempt(
    state: &State,
    actor: &Actor,
    number: DeploymentNumber,
    key: &str,
    outcome: &Outcome,
    now: Time,
) -> Result<Events, Refusal> {
    let deployment = find(state, number)?;
    let attempt = running_attempt(deployment, key)?;
    if let Some(asked) = &deployment.asked {
        return Err(Refusal::NotAllowed {
            who: actor.to_string(),
            what: format!("end the wait for the signature {:?}", asked.name),
            help: "a signature is a person's; `towpath sign-off` and `towpath reject` give it"
                .into(),
        });
    }
    let is_removal = deployment.status == Status::Undoing;
    let tried = match is_removal {
        true => deployment.removal().len(),
        false => deployment.current().map_or(1, |(_, run)| counted(run)),
    };
    // What is cancelled is not tried again; what it left behind has to go all the same.
    let is_wanted = is_removal || deployment.cancel.is_none();
    let retry_at = match outcome {
        Outcome::Errored {
            transient: true, ..
        } if tried < TRIES && is_wanted => {
            let pause = Duration::from_secs(1 << (tried.max(1) - 1));
            Some(now + pause).filter(|at| *at < attempt.deadline)
        }
        _ => None,
    };
    let mut events = vec![(
        Stream::Deployment(number),
        Event::AttemptEnded {
            key: key.to_owned(),
            outcome: outcome.clone(),
            retry_at,
        },
    )];
    if let Outcome::Passed {
        receipt: super::Receipt::Built { artifacts },
        ..
    } = outcome
    {
        events.extend(record_build(
            state,
            deployment.plan.release,
            &Ok(artifacts.clone()),
        )?);
    }
    Ok(events)
}

fn counted(run: &StepRun) -> usize {
    run.attempts.len() - run.spent
}

/// The way of a person's rollback that names no release.
pub fn rollback_way<'a>(
    state: &'a State,
    environment: &EnvironmentName,
) -> Result<Return<'a>, Refusal> {
    let leaving = state
        .environments
        .get(environment)
        .and_then(|e| e.live.as_ref())
        .map(|l| l.release);
    Ok(return_target(state, environment, leaving)?)
}
