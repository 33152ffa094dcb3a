//! What a command makes happen, or why it is refused. Authorisation is here, where a command enters, and nowhere else.

use std::{collections::BTreeMap, time::Duration};

use super::{
    Actor, BuiltArtifact, Command, Commit, Deployment, End, Event, Evidence, Kind, Outcome, Plan,
    Policy, Refusal, Right, Source, State, Status, StepRun, Trigger, advance, return_target,
    schema_allows,
};
use crate::{
    Digest, Time,
    journal::Stream,
    names::{DeploymentNumber, EnvironmentName, ReleaseNumber, ServiceName},
};

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
        Command::Hold { policy, reason } => {
            check_place(state, actor, policy, Right::Lock)?;
            let reason = said(reason)?;
            Ok(on_environment(policy, Event::Held { reason }))
        }
        Command::ReleaseHold { policy } => {
            check_place(state, actor, policy, Right::Lock)?;
            match state.environment(&policy.environment).hold {
                Some(_) => Ok(on_environment(policy, Event::HoldReleased)),
                None => Err(nothing(policy, "held")),
            }
        }
        Command::ListSecrets { policy } => {
            check_place(state, actor, policy, Right::ListSecrets)?;
            Ok(Vec::new())
        }
        Command::ReadSecrets {
            policy,
            by,
            keys,
            reason,
        } => {
            check_place(state, actor, policy, Right::ReadSecrets)?;
            let event = Event::SecretsRead {
                by: by.clone(),
                keys: keys.clone(),
                reason: said(reason)?,
            };
            Ok(on_environment(policy, event))
        }
        Command::WriteSecrets {
            policy,
            by,
            keys,
            reason,
        } => {
            check_place(state, actor, policy, Right::WriteSecrets)?;
            let event = Event::SecretsWritten {
                by: by.clone(),
                keys: keys.clone(),
                reason: said(reason)?,
            };
            Ok(on_environment(policy, event))
        }
        Command::Request { plan, trigger } => request(state, actor, plan, trigger),
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
        Command::Cancel { deployment, reason } => cancel(state, actor, *deployment, reason),
        Command::Retry { deployment, from } => retry(state, actor, *deployment, from.as_deref()),
        Command::EndAttempt {
            deployment,
            key,
            outcome,
        } => end_attempt(state, actor, *deployment, key, outcome, now),
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

const LONGEST_LOCK: Duration = Duration::from_secs(30 * 24 * 3600);

fn lock(
    state: &State,
    actor: &Actor,
    policy: &Policy,
    reason: &str,
    lasting: Duration,
    now: Time,
) -> Result<Events, Refusal> {
    check_place(state, actor, policy, Right::Lock)?;
    let reason = said(reason)?;
    if lasting < Duration::from_secs(1) || lasting > LONGEST_LOCK {
        return Err(Refusal::BadLock);
    }
    if let Some(lock) = state.environment(&policy.environment).lock
        && lock.until > now
        && lock.owner != actor.to_string()
    {
        return Err(Refusal::Locked {
            environment: policy.environment.clone(),
            owner: lock.owner,
            until: lock.until,
            reason: lock.reason,
        });
    }
    Ok(on_environment(
        policy,
        Event::Locked {
            reason,
            until: now + lasting,
        },
    ))
}

fn unlock(state: &State, actor: &Actor, policy: &Policy, now: Time) -> Result<Events, Refusal> {
    let lock = state
        .environment(&policy.environment)
        .lock
        .filter(|lock| lock.until > now);
    let lock = lock.ok_or_else(|| nothing(policy, "locked"))?;
    // A lock must not outlive its owner's attention: whoever may lock may also take it away, and the journal says who did.
    if lock.owner != actor.to_string() {
        check_place(state, actor, policy, Right::Lock)?;
    }
    Ok(on_environment(policy, Event::Unlocked))
}

fn on_environment(policy: &Policy, event: Event) -> Events {
    vec![(Stream::Environment(policy.environment.clone()), event)]
}

fn nothing(policy: &Policy, what: &'static str) -> Refusal {
    Refusal::NothingToRelease {
        environment: policy.environment.clone(),
        what,
    }
}

fn said(reason: &str) -> Result<String, Refusal> {
    let reason = reason.trim();
    if reason.is_empty() {
        Err(Refusal::NoReason)
    } else {
        Ok(reason.to_owned())
    }
}

fn request(
    state: &State,
    actor: &Actor,
    plan: &Plan,
    trigger: &Trigger,
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
        && !matches!(trigger, Trigger::Person)
        && release.verified.contains_key(&plan.environment)
    {
        return Err(already("live".into()));
    }
    if plan.kind == Kind::Rollback {
        if live {
            return Err(already("live".into()));
        }
        // Locks, freezes and what has to come before do not stop a rollback: it must not be a way around them.
        if !release.verified.contains_key(&plan.environment) {
            return Err(Refusal::CannotReturn {
                reason: format!("{} is not verified in {}", plan.release, plan.environment),
                way_out: format!("`towpath deploy {} {}`", plan.environment, plan.release),
            });
        }
        schema_allows(state, release, &plan.launch).map_err(|obstacle| Refusal::CannotReturn {
            reason: obstacle.to_string(),
            way_out: obstacle.way_out(),
        })?;
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

/// Checks that the actor may sign, likewise; a role that is new, or not there any more, has the rules of one side only.
fn check_signer(
    state: &State,
    actor: &Actor,
    deployment: &Deployment,
    rule: &crate::manifest::SignOffRule,
) -> Result<(), Refusal> {
    let own = &deployment.plan.policy;
    let in_force = in_force(state, &deployment.plan.environment)
        .filter(|policy| policy.roles.contains_key(&rule.role));
    if in_force.is_none() || own.roles.is_empty() || own.roles.contains_key(&rule.role) {
        own.check_signer(actor, rule)?;
    }
    in_force.map_or(Ok(()), |policy| policy.check_signer(actor, rule))
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

fn find(state: &State, number: DeploymentNumber) -> Result<&Deployment, Refusal> {
    state
        .deployments
        .get(&number)
        .ok_or(Refusal::NoSuchDeployment(number))
}

/// The signature that a deployment waits for, and the key of that attempt.
fn asked<'a>(
    deployment: &'a Deployment,
    name: Option<&str>,
) -> Result<
    (
        &'a super::SignOffRequest,
        &'a crate::manifest::SignOffRule,
        String,
    ),
    Refusal,
> {
    let not_now = |what: String, help: String| Refusal::NotNow {
        deployment: deployment.number,
        what,
        help,
    };
    let rule = deployment
        .current()
        .and_then(|(step, _)| match &step.action {
            super::Action::SignOff(rule) => Some(rule),
            _ => None,
        });
    let attempt = deployment.attempt();
    let (Some(asked), Some(rule), Some(attempt)) = (&deployment.asked, rule, attempt) else {
        let at = deployment
            .current()
            .map_or("its end".into(), |(step, _)| format!("{:?}", step.id));
        let what = match deployment.status {
            Status::Ended => "has ended".into(),
            _ => format!("waits for no signature; it is at {at}"),
        };
        let help = format!(
            "`towpath status {}` shows what it waits for",
            deployment.plan.environment
        );
        return Err(not_now(what, help));
    };
    match name {
        Some(name) if name != asked.name => Err(not_now(
            format!("waits for {:?}, not for {name:?}", asked.name),
            format!(
                "signatures are given in order; {:?} comes first",
                asked.name
            ),
        )),
        _ => Ok((asked, rule, attempt.key.clone())),
    }
}

fn sign(
    state: &State,
    actor: &Actor,
    number: DeploymentNumber,
    name: Option<&str>,
    seen: Option<Digest>,
    comment: Option<String>,
    now: Time,
) -> Result<Events, Refusal> {
    let deployment = find(state, number)?;
    let (asked, rule, key) = asked(deployment, name)?;
    check_signer(state, actor, deployment, rule)?;
    if now >= asked.until {
        return Err(Refusal::NotNow {
            deployment: number,
            what: format!("waited for {:?} until {}", asked.name, asked.until),
            help: format!("`towpath retry {number}` asks for it again"),
        });
    }
    let who = actor.to_string();
    if let Some(earlier) = deployment
        .signatures
        .iter()
        .find(|s| s.by.eq_ignore_ascii_case(&who) && s.name != asked.name)
    {
        return Err(Refusal::SamePerson {
            who,
            earlier: earlier.name.clone(),
            deployment: number,
        });
    }
    let release = state
        .releases
        .get(&deployment.plan.release)
        .ok_or(Refusal::NoSuchRelease(deployment.plan.release))?;
    let evidence = Evidence::of(deployment, release);
    let digest = evidence.digest();
    if digest != asked.evidence.digest() || seen.is_some_and(|seen| seen != digest) {
        return Err(Refusal::EvidenceChanged {
            now: digest.short(),
            seen: seen.unwrap_or(asked.evidence.digest()).short(),
        });
    }
    let stream = Stream::Deployment(number);
    let comment = comment
        .map(|c| c.trim().to_owned())
        .filter(|c| !c.is_empty());
    let detail = match &comment {
        Some(comment) => format!("signed by {who}: {comment}"),
        None => format!("signed by {who}"),
    };
    let outcome = Outcome::Passed {
        detail,
        receipt: super::Receipt::Nothing,
    };
    Ok(vec![
        (
            stream.clone(),
            Event::Signed {
                name: asked.name.clone(),
                evidence: digest,
                comment,
            },
        ),
        (
            stream,
            Event::AttemptEnded {
                key,
                outcome,
                retry_at: None,
            },
        ),
    ])
}

fn reject(
    state: &State,
    actor: &Actor,
    number: DeploymentNumber,
    name: Option<&str>,
    reason: &str,
) -> Result<Events, Refusal> {
    let deployment = find(state, number)?;
    let (asked, rule, key) = asked(deployment, name)?;
    check_signer(state, actor, deployment, rule)?;
    let reason = said(reason)?;
    let finding = format!("{:?} rejected by {actor}: {reason}", asked.name);
    let stream = Stream::Deployment(number);
    Ok(vec![
        (
            stream.clone(),
            Event::Rejected {
                name: asked.name.clone(),
                reason,
            },
        ),
        (
            stream,
            Event::AttemptEnded {
                key,
                outcome: Outcome::Failed { finding },
                retry_at: None,
            },
        ),
    ])
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
    let help = format!(
        "`towpath deploy {} {}` begins anew",
        deployment.plan.environment, deployment.plan.release
    );
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

/// The plan of a person's rollback: to `standing` when a release was named, otherwise to the last verified one.
pub fn rollback_standing<'a>(
    state: &'a State,
    environment: &EnvironmentName,
) -> Result<&'a super::Standing, Refusal> {
    let leaving = state
        .environments
        .get(environment)
        .and_then(|e| e.live.as_ref())
        .map(|l| l.release);
    return_target(state, environment, leaving).map_err(|why| Refusal::CannotReturn {
        reason: why.to_string(),
        way_out: why.way_out(),
    })
}
