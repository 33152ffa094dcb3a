//! Signing what is deployed, and refusing to.

use super::{Events, find, in_force, said};
use crate::{
    Digest, Time,
    journal::Stream,
    manifest::SignOffRule,
    names::DeploymentNumber,
    path::{
        Action, Actor, Deployment, Event, Evidence, Outcome, Receipt, Refusal, SignOffRequest,
        State, Status,
    },
};

/// The signature that a deployment waits for, and the key of that attempt.
fn asked<'a>(
    deployment: &'a Deployment,
    name: Option<&str>,
) -> Result<(&'a SignOffRequest, &'a SignOffRule, String), Refusal> {
    let not_now = |what: String, help: String| Refusal::NotNow {
        deployment: deployment.number,
        what,
        help,
    };
    let rule = deployment
        .current()
        .and_then(|(step, _)| match &step.action {
            Action::SignOff(rule) => Some(rule),
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

pub(super) fn sign(
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
        receipt: Receipt::Nothing,
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

pub(super) fn reject(
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

/// Checks that the actor may sign, likewise; a role that is new, or not there any more, has the rules of one side only.
fn check_signer(
    state: &State,
    actor: &Actor,
    deployment: &Deployment,
    rule: &SignOffRule,
) -> Result<(), Refusal> {
    let own = &deployment.plan.policy;
    let in_force = in_force(state, &deployment.plan.environment)
        .filter(|policy| policy.roles.contains_key(&rule.role));
    if in_force.is_none() || own.roles.is_empty() || own.roles.contains_key(&rule.role) {
        own.check_signer(actor, rule)?;
    }
    in_force.map_or(Ok(()), |policy| policy.check_signer(actor, rule))
}
