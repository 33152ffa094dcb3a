//! What a rehearsal of the way back may request, and what it may say of the release.

use std::{collections::BTreeMap, time::Duration};

use super::{Events, check, find, said};
use crate::{
    Digest, Time,
    journal::Stream,
    names::{DatabaseName, DeploymentNumber, EnvironmentName, ReleaseNumber},
    path::{
        Actor, ClonedDatabase, Deployment, Event, Kind, Plan, Receipt, Refusal, Rehearsal, Right,
        State, Trigger, changed_by, clone_to_remove,
        rehearsal::{Seen, brings, returns, schemas},
    },
};

/// Checks that a rehearsal's deployment follows on the one before it, with nothing in between.
pub(super) fn check_rehearsal(
    state: &State,
    actor: &Actor,
    plan: &Plan,
    of: ReleaseNumber,
    after: Option<DeploymentNumber>,
    now: Time,
) -> Result<(), Refusal> {
    may_rehearse(state, actor, plan)?;
    let name = &plan.environment;
    let environment = state.environment(name);
    if name.is_clone()
        && (environment.cloned.is_none() || clone_to_remove(state, name, now).is_some())
    {
        return Err(Refusal::NotNow {
            deployment: after.or(environment.last).unwrap_or(DeploymentNumber(0)),
            what: format!(
                "is of a rehearsal whose clone of {} is gone",
                name.declared()
            ),
            help: format!("{} begins anew", asked(name, of)),
        });
    }
    if let Some(open) = environment.active.or(environment.queue.first().copied()) {
        return Err(Refusal::NotNow {
            deployment: open,
            what: format!("is under way in {name}"),
            help: "rehearse once it has ended".into(),
        });
    }
    let begins = after.is_none() && plan.kind != Kind::Rollback && plan.release == of;
    let follows_on = after.is_some_and(|after| {
        let before = state.deployments.get(&after);
        let fits = before.is_some_and(|before| match plan.kind {
            Kind::Rollback => before.plan.environment == *name && brings(state, before, of),
            _ => before.plan.environment == *name && returns(before, of) && plan.release == of,
        });
        fits && environment.last == Some(after)
    });
    match begins || follows_on {
        true => Ok(()),
        false => Err(Refusal::NotNow {
            deployment: after.or(environment.last).unwrap_or(DeploymentNumber(0)),
            what: format!("is not what the rehearsal of {of} goes on from"),
            help: format!("{} begins anew", asked(name, of)),
        }),
    }
}

/// The command that rehearses the way back from a release there.
fn asked(name: &EnvironmentName, of: ReleaseNumber) -> String {
    let how = if name.is_clone() { " --clone" } else { "" };
    format!("`towpath rehearse {} {of}{how}`", name.declared())
}

/// A clone, for whoever may rehearse in the environment; not while a database that it copies is changed.
pub(super) fn clone(
    state: &State,
    actor: &Actor,
    plan: &Plan,
    databases: &BTreeMap<DatabaseName, ClonedDatabase>,
    idle: Duration,
) -> Result<Events, Refusal> {
    let name = &plan.environment;
    let original = name.declared();
    let in_force = state.environment(&original).in_force;
    for right in [Right::Deploy, Right::Rollback] {
        for rules in in_force.iter().chain([&plan.policy]) {
            rules.check(actor, right)?;
        }
    }
    let there = state.environment(name);
    if let Some(cloned) = &there.cloned {
        return Err(Refusal::NotNow {
            deployment: there.last.unwrap_or(DeploymentNumber(0)),
            what: format!("is of the rehearsal of {}, which has the clone of {original}", cloned.release),
            help: "rehearse once it has ended: a clone that nobody goes on with is removed after a while".into(),
        });
    }
    let changes = |open: &&Deployment| {
        let step = open.attempt().and(open.current());
        let place = step.and_then(|(step, _)| changed_by(&step.action));
        place.is_some_and(|(database, home)| {
            databases
                .get(database)
                .is_some_and(|copy| copy.home == *home)
        })
    };
    if let Some(open) = state.open().find(changes) {
        return Err(Refusal::NotNow {
            deployment: open.number,
            what: format!("changes a database of {original}, which cannot be cloned meanwhile"),
            help: "rehearse once that step has ended".into(),
        });
    }
    let event = Event::EnvironmentCloned {
        release: plan.release,
        databases: databases.clone(),
        idle,
    };
    Ok(vec![(Stream::Environment(name.clone()), event)])
}

/// That nothing is left of a clone; of one that is in use, nobody says so.
pub(super) fn remove_clone(state: &State, name: &EnvironmentName, now: Time) -> Events {
    let stream = Stream::Environment(name.clone());
    match clone_to_remove(state, name, now) {
        Some(_) => vec![(stream, Event::CloneRemoved)],
        None => Vec::new(),
    }
}

/// A rehearsal deploys and rolls back: whoever asks for it may do both.
fn may_rehearse(state: &State, actor: &Actor, plan: &Plan) -> Result<(), Refusal> {
    check(state, actor, plan, Right::Deploy)?;
    check(state, actor, plan, Right::Rollback)
}

/// The proof, when the deployments are what a rehearsal is made of; what differs, when the schemas do.
pub(super) fn prove(
    state: &State,
    actor: &Actor,
    numbers: [DeploymentNumber; 3],
) -> Result<Events, Refusal> {
    let [first, back, again] = numbers;
    let (before, between, after) = (find(state, first)?, find(state, back)?, find(state, again)?);
    let of = after.plan.release;
    may_rehearse(state, actor, &after.plan)?;
    let follows = |deployment: &Deployment, number| matches!(&deployment.trigger, Trigger::Rehearsal { of: other, after } if *other == of && *after == Some(number));
    let name = &after.plan.environment;
    let same_place = before.plan.environment == *name && between.plan.environment == *name;
    let is_whole = same_place
        && before.plan.release == of
        && before.plan.kind != Kind::Rollback
        && returns(between, of)
        && follows(between, first)
        && follows(after, back)
        && brings(state, after, of);
    if !is_whole {
        return Err(Refusal::NotNow {
            deployment: again,
            what: format!("is not the end of a rehearsal of {of}"),
            help: format!("{} rehearses it", asked(name, of)),
        });
    }
    // What an earlier rehearsal has already spoiled is not what there was.
    let mut wanted = schemas(before);
    wanted.extend(spoiled(state, of, &name.declared()));
    let now = schemas(after);
    let changed = wanted
        .iter()
        .find(|(database, schema)| now.get(*database) != Some(*schema));
    let finding = changed.map(|(database, schema)| {
        let now = now.get(database).map_or("unknown", String::as_str);
        format!(
            "the schema of database {database} is not what it was before the way back: its fingerprint was {schema} and is {now}; a down-migration does not restore what was there"
        )
    });
    let mut seen =
        earlier(state, of, &name.declared()).map_or_else(Seen::new, |one| one.seen.clone());
    let differs = differs(&mut seen, &[before, between, after]);
    let finding = finding.or(differs);
    let rehearsal = Rehearsal {
        environment: name.declared(),
        on_clone: name.is_clone(),
        at: None,
        to: Some(between.plan.release),
        deployments: numbers.to_vec(),
        schemas: wanted,
        seen,
        finding,
    };
    Ok(match rehearsal.proves() {
        true => vec![(Stream::Release(of), Event::RollbackProven { rehearsal })],
        false => failed(state, of, rehearsal),
    })
}

/// A schema that was seen twice with the same migrations applied, and not the same: as when the way back leaves something that going
/// forward again does not mind.
fn differs(seen: &mut Seen, deployments: &[&Deployment]) -> Option<String> {
    let mut found = None;
    let receipts = deployments.iter().flat_map(|one| one.receipts());
    for (_, receipt) in receipts {
        let Receipt::Migrated {
            database,
            applied,
            schema,
            ..
        } = receipt
        else {
            continue;
        };
        let versions: Vec<_> = applied
            .iter()
            .map(|one| (&one.version, one.checksum.as_str()))
            .collect();
        let of_database = seen.entry(database.clone()).or_default();
        let was = of_database
            .entry(Digest::of_value(&versions))
            .or_insert_with(|| schema.clone());
        if was != schema && found.is_none() {
            found = Some(format!(
                "the schema of database {database} is not what it was with the same migrations applied: its fingerprint was {was} and is {schema} after the way back; a down-migration does not restore what was there"
            ));
        }
    }
    found
}

/// The fingerprints that an earlier rehearsal there found changed; they count until the schemas are so again.
fn spoiled(
    state: &State,
    release: ReleaseNumber,
    environment: &EnvironmentName,
) -> BTreeMap<DatabaseName, String> {
    let earlier = earlier(state, release, environment);
    earlier.map(|one| one.schemas.clone()).unwrap_or_default()
}

/// What an earlier rehearsal there found, which counts until one proves the contrary.
fn earlier<'a>(
    state: &'a State,
    release: ReleaseNumber,
    environment: &EnvironmentName,
) -> Option<&'a Rehearsal> {
    let found = state.releases.get(&release)?.rehearsal.as_ref()?;
    (!found.proves() && found.environment == *environment).then_some(found)
}

/// What stopped a rehearsal.
pub(super) fn fail(
    state: &State,
    actor: &Actor,
    release: ReleaseNumber,
    number: DeploymentNumber,
    finding: &str,
) -> Result<Events, Refusal> {
    let deployment = find(state, number)?;
    may_rehearse(state, actor, &deployment.plan)?;
    let is_of_it = deployment.plan.release == release
        || matches!(&deployment.trigger, Trigger::Rehearsal { of, .. } if *of == release);
    if !is_of_it || !state.releases.contains_key(&release) {
        return Err(Refusal::NotNow {
            deployment: number,
            what: format!("is not of a rehearsal of {release}"),
            help: "`towpath history` lists what there is".into(),
        });
    }
    let mut deployments = vec![number];
    if let Trigger::Rehearsal {
        after: Some(after), ..
    } = &deployment.trigger
    {
        deployments.insert(0, *after);
    }
    let returns = deployment.plan.kind == Kind::Rollback;
    let place = &deployment.plan.environment;
    let rehearsal = Rehearsal {
        environment: place.declared(),
        on_clone: place.is_clone(),
        at: None,
        to: returns.then_some(deployment.plan.release),
        deployments,
        schemas: spoiled(state, release, &place.declared()),
        seen: earlier(state, release, &place.declared())
            .map_or_else(Seen::new, |one| one.seen.clone()),
        finding: Some(said(finding)?),
    };
    Ok(failed(state, release, rehearsal))
}

/// What is found is recorded, and nothing automatic comes on top of it before a person has looked.
fn failed(state: &State, release: ReleaseNumber, rehearsal: Rehearsal) -> Events {
    let environment = rehearsal.environment.clone();
    let reason = format!("the rehearsal of {release} failed");
    // On a clone nothing has become of the environment.
    let is_held = rehearsal.on_clone || state.environment(&environment).hold.is_some();
    let mut events = vec![(
        Stream::Release(release),
        Event::RehearsalFailed { rehearsal },
    )];
    if !is_held {
        events.push((Stream::Environment(environment), Event::Held { reason }));
    }
    events
}
