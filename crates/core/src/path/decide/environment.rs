//! What people do to an environment as a whole: they reserve it, stop what is automatic, and use its secrets.

use std::time::Duration;

use super::{Events, check_place, said};
use crate::{
    Time,
    journal::Stream,
    names::{DatabaseName, EnvironmentName},
    path::{Actor, Event, Look, Migration, Policy, Refusal, Right, SchemaWork, State},
};

const LONGEST_LOCK: Duration = Duration::from_secs(30 * 24 * 3600);

pub(super) fn lock(
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

pub(super) fn unlock(
    state: &State,
    actor: &Actor,
    policy: &Policy,
    now: Time,
) -> Result<Events, Refusal> {
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

pub(super) fn hold(
    state: &State,
    actor: &Actor,
    policy: &Policy,
    reason: &str,
) -> Result<Events, Refusal> {
    check_place(state, actor, policy, Right::Lock)?;
    let reason = said(reason)?;
    Ok(on_environment(policy, Event::Held { reason }))
}

pub(super) fn release_hold(
    state: &State,
    actor: &Actor,
    policy: &Policy,
) -> Result<Events, Refusal> {
    check_place(state, actor, policy, Right::Lock)?;
    match state.environment(&policy.environment).hold {
        Some(_) => Ok(on_environment(policy, Event::HoldReleased)),
        None => Err(nothing(policy, "held")),
    }
}

pub(super) fn read_secrets(
    state: &State,
    actor: &Actor,
    policy: &Policy,
    by: &str,
    keys: &[String],
    reason: &str,
) -> Result<Events, Refusal> {
    check_place(state, actor, policy, Right::ReadSecrets)?;
    let event = Event::SecretsRead {
        by: by.to_owned(),
        keys: keys.to_vec(),
        reason: said(reason)?,
    };
    Ok(on_environment(policy, event))
}

pub(super) fn write_secrets(
    state: &State,
    actor: &Actor,
    policy: &Policy,
    by: &str,
    keys: &[String],
    reason: &str,
) -> Result<Events, Refusal> {
    check_place(state, actor, policy, Right::WriteSecrets)?;
    let event = Event::SecretsWritten {
        by: by.to_owned(),
        keys: keys.to_vec(),
        reason: said(reason)?,
    };
    Ok(on_environment(policy, event))
}

/// Nobody works on a database that a deployment has, or that is kept for somebody else.
pub(super) fn work_on_schema(
    state: &State,
    actor: &Actor,
    policy: &Policy,
    (database, work): (&DatabaseName, SchemaWork),
    reason: &str,
    applied: Option<&[Migration]>,
    now: Time,
) -> Result<Events, Refusal> {
    check_place(state, actor, policy, work.right())?;
    let environment = state.environment(&policy.environment);
    if let Some(applied) = applied {
        if state.applied(&policy.environment, database) == applied {
            return Ok(Events::new());
        }
        let event = Event::SchemaSeen {
            database: database.clone(),
            applied: applied.to_vec(),
        };
        return Ok(on_environment(policy, event));
    }
    if let Some(deployment) = environment.active {
        return Err(Refusal::NotNow {
            deployment,
            what: format!("has {} just now", policy.environment),
            help: "wait for its end, or cancel it".into(),
        });
    }
    let lock = environment.lock.filter(|lock| lock.until > now);
    if let Some(lock) = lock.filter(|lock| lock.owner != actor.to_string()) {
        return Err(Refusal::Locked {
            environment: policy.environment.clone(),
            owner: lock.owner,
            until: lock.until,
            reason: lock.reason,
        });
    }
    let event = Event::SchemaWork {
        database: database.clone(),
        work,
        reason: said(reason)?,
    };
    Ok(on_environment(policy, event))
}

pub(super) fn record_schema(
    state: &State,
    actor: &Actor,
    home: &EnvironmentName,
    database: &DatabaseName,
    applied: &[Migration],
) -> Result<Events, Refusal> {
    only_towpath(actor, "applied to", (home, database))?;
    if state.applied(home, database) == applied {
        return Ok(Events::new());
    }
    let event = Event::SchemaSeen {
        database: database.clone(),
        applied: applied.to_vec(),
    };
    Ok(vec![(Stream::Environment(home.clone()), event)])
}

pub(super) fn record_look(
    actor: &Actor,
    home: &EnvironmentName,
    database: &DatabaseName,
    look: &Look,
) -> Result<Events, Refusal> {
    only_towpath(actor, "seen of", (home, database))?;
    let event = Event::SchemaLookedAt {
        database: database.clone(),
        look: look.clone(),
    };
    Ok(vec![(Stream::Environment(home.clone()), event)])
}

/// What gates are judged by is nobody's word.
fn only_towpath(
    actor: &Actor,
    what: &str,
    (home, database): (&EnvironmentName, &DatabaseName),
) -> Result<(), Refusal> {
    match actor {
        Actor::Towpath => Ok(()),
        _ => Err(Refusal::NotAllowed {
            who: actor.to_string(),
            what: format!("say what is {what} database {database} of {home}"),
            help: "whoever performs a step looks, and says it".into(),
        }),
    }
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
