//! Parity at the gate: how closely an environment is mirrored by those that its releases come from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Answer, Candidate, Drift, EnvironmentState, Migration, Sought, State,
    drift::{self, unseen, wait_for_a_look},
    schema::migrated,
};
use crate::{
    Time,
    catalogue::{Applied, Comparison, Judged, Observed, Parity, SecretKeys, Seen, SeenSchema},
    manifest::{Environment, Manifest},
    names::{DatabaseName, EnvironmentName},
};

/// How closely an environment must be mirrored, and how closely a manifest says that it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mirrored {
    /// The lowest score, in percent.
    pub min: u8,
    /// Those that releases come from and that mirror it, each beside it: only what differs.
    pub by: Vec<Comparison>,
    /// The others that releases come from, likewise: by the rule in force they may have to mirror it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Comparison>,
}

impl Mirrored {
    /// What a manifest asks for, and what it says of those that releases come from; `None` where these are none. One that
    /// asks for nothing is compared too: the rule in force may ask.
    pub(super) fn of(
        manifest: &Manifest,
        environment: &Environment,
        secrets: &SecretKeys,
    ) -> Option<Mirrored> {
        if environment.after.is_empty() {
            return None;
        }
        let mirrors = |name: &&EnvironmentName| {
            let mut all = manifest.environments.iter();
            all.any(|e| e.name == **name && e.mirrors.as_ref() == Some(&environment.name))
        };
        let compared = |name: &EnvironmentName| {
            let comparison = Comparison::of(manifest, name, &environment.name, secrets);
            comparison.map(Comparison::shortened)
        };
        let (by, others): (Vec<_>, Vec<_>) = environment.after.iter().partition(mirrors);
        Some(Mirrored {
            min: environment.parity.map_or(0, |rule| rule.min),
            by: by.into_iter().filter_map(compared).collect(),
            others: others.into_iter().filter_map(compared).collect(),
        })
    }
}

/// What is seen of each environment in which something is live.
pub fn observed(state: &State) -> Observed {
    let names = state.environments.keys();
    let seen = names.filter_map(|name| Some((name.clone(), seen(state, name)?)));
    Observed(seen.collect())
}

fn seen(state: &State, name: &EnvironmentName) -> Option<Seen> {
    let live = state.environments.get(name)?.live.as_ref()?;
    Some(Seen {
        services: live
            .instances
            .iter()
            .map(|(name, keys)| (name.clone(), u16::try_from(keys.len()).unwrap_or(u16::MAX)))
            .collect(),
        migrations: live
            .launch
            .databases
            .iter()
            .map(|(database, home)| {
                let there = schema(state, database, home);
                (database.clone(), Applied::of(there))
            })
            .collect(),
        schemas: live
            .launch
            .databases
            .iter()
            .filter_map(|(database, home)| {
                Some((database.clone(), seen_schema(state, database, home)?))
            })
            .collect(),
    })
}

/// The schema of a database as it was seen last.
fn seen_schema(
    state: &State,
    database: &DatabaseName,
    home: &EnvironmentName,
) -> Option<SeenSchema> {
    let looked = state.environments.get(home)?.looks.get(database)?;
    Some(SeenSchema {
        fingerprint: looked.look.schema.clone()?,
        drift: match &looked.look.drift {
            Some(Drift::Differs { lines, more }) => Some(drift::told(lines, *more)),
            _ => None,
        },
    })
}

/// What would be seen after the candidate: an environment is behind those that releases come from until then, and that is
/// no difference.
fn seen_after(state: &State, candidate: &Candidate<'_>) -> Seen {
    let launch = &candidate.plan.launch;
    let migrations = launch.databases.iter().map(|(database, home)| {
        let there = schema(state, database, home);
        let all = migrated(there, candidate.release.migrations(database));
        (database.clone(), Applied::of(&all))
    });
    let migrations: BTreeMap<_, Vec<Applied>> = migrations.collect();
    // What new migrations will make of a schema nobody has seen yet.
    let schemas = launch.databases.iter().filter_map(|(database, home)| {
        let stays = is_settled(state, migrations.get(database)?, database, home);
        let seen = stays.then(|| seen_schema(state, database, home))??;
        Some((database.clone(), seen))
    });
    let services = launch.services.iter();
    Seen {
        services: services
            .map(|(name, service)| (name.clone(), service.instances))
            .collect(),
        schemas: schemas.collect(),
        migrations,
    }
}

/// Whether a database has these migrations already.
fn is_settled(
    state: &State,
    migrations: &[Applied],
    database: &DatabaseName,
    home: &EnvironmentName,
) -> bool {
    Applied::of(schema(state, database, home)) == migrations
}

/// The migrations that a database has in the environment that keeps it.
fn schema<'a>(
    state: &'a State,
    database: &DatabaseName,
    home: &EnvironmentName,
) -> &'a [Migration] {
    let home = state.environments.get(home);
    let applied = home.and_then(|home| home.schema.get(database));
    applied.map_or(&[][..], Vec::as_slice)
}

/// Whether a candidate asks for the gate: by its own rules, or by those in force.
pub(super) fn is_asked_for(environment: &EnvironmentState, candidate: &Candidate<'_>) -> bool {
    rules(environment, candidate).next().is_some()
}

/// The candidate's own rule first, then the one in force.
fn rules<'a>(
    environment: &'a EnvironmentState,
    candidate: &'a Candidate<'_>,
) -> impl Iterator<Item = &'a Mirrored> {
    let in_force = environment.in_force.as_ref();
    let own = candidate.plan.policy.parity.as_ref();
    own.into_iter()
        .chain(in_force.and_then(|policy| policy.parity.as_ref()))
        .filter(|rule| rule.min > 0)
}

/// Each of those that mirror the environment, as the candidate says it, or else as the rule in force does.
fn comparisons<'a>(
    environment: &'a EnvironmentState,
    candidate: &'a Candidate<'_>,
) -> Vec<&'a Comparison> {
    let mut by: Vec<&Comparison> = Vec::new();
    let own = candidate.plan.policy.parity.iter();
    let own: Vec<&Comparison> = own
        .flat_map(|own| own.by.iter().chain(&own.others))
        .collect();
    for comparison in rules(environment, candidate).flat_map(|rule| &rule.by) {
        if !by
            .iter()
            .any(|known| known.mirroring == comparison.mirroring)
        {
            let said = own.iter().find(|own| own.mirroring == comparison.mirroring);
            by.push(said.copied().unwrap_or(comparison));
        }
    }
    by
}

/// The databases whose schemas are compared: those that have the same migrations in both, once the candidate is there.
pub(super) fn compared(
    state: &State,
    environment: &EnvironmentState,
    candidate: &Candidate<'_>,
) -> Vec<Sought> {
    let after = seen_after(state, candidate);
    let own = &candidate.plan.launch.databases;
    let mut places = Vec::new();
    for comparison in comparisons(environment, candidate) {
        let known = state.environments.get(&comparison.mirroring);
        let live = known.and_then(|known| known.live.as_ref());
        let (Some(live), Some(seen)) = (live, seen(state, &comparison.mirroring)) else {
            continue;
        };
        for (database, home) in &live.launch.databases {
            let is_there = own.get(database).filter(|other| *other != home);
            let (Some(other), Some(migrations)) = (is_there, after.migrations.get(database)) else {
                continue;
            };
            let is_settled = is_settled(state, migrations, database, other);
            if is_settled && seen.migrations.get(database) == Some(migrations) {
                places.extend([home, other].map(|home| Sought {
                    home: home.clone(),
                    database: database.clone(),
                    drift: false,
                }));
            }
        }
    }
    places
}

/// What the gate says: each of those that mirror the environment must have the score.
///
/// A release may ask for more than is in force, and accept a difference, but not ask for less, nor have those who mirror
/// the environment forgotten. Whichever rule asks, what is compared is what the release itself says of the two.
pub(super) fn ask(
    state: &State,
    environment: &EnvironmentState,
    candidate: &Candidate<'_>,
    now: Time,
) -> Answer {
    let places = compared(state, environment, candidate).into_iter();
    let missing = unseen(state, candidate, places, now);
    if !missing.is_empty() {
        return wait_for_a_look(&missing);
    }
    let by = comparisons(environment, candidate);
    let needed = rules(environment, candidate).map(|rule| rule.min).max();
    let needed = needed.unwrap_or_default();
    let after = seen_after(state, candidate);
    let judged = by.into_iter().map(|comparison| {
        let there = seen(state, &comparison.mirroring);
        comparison.judge(there.as_ref(), Some(&after), now.day())
    });
    let name = &candidate.plan.environment;
    match judged.min_by_key(|parity| parity.score) {
        Some(worst) if worst.score >= needed => Answer::Pass {
            note: format!("{} mirrors it to {}%", worst.mirroring, worst.score),
        },
        Some(worst) => Answer::Refuse {
            reason: format!(
                "{} mirrors {name} to {}%, and {needed}% is needed: {}",
                worst.mirroring,
                worst.score,
                differences(&worst)
            ),
            way_out: format!(
                "`towpath parity {} {name}` shows each difference: bring the two together, or `accept` it in towpath.toml with reason, owner and end, and let that release come here",
                worst.mirroring
            ),
        },
        // A valid manifest has one; only a journal of another version could say so.
        None => Answer::Refuse {
            reason: format!(
                "nothing that releases come from mirrors {name}, and {needed}% is needed"
            ),
            way_out: format!(
                "write `mirrors = \"{name}\"` where its releases come from, and let that release come here"
            ),
        },
    }
}

/// The worst differences, and how many more there are.
fn differences(parity: &Parity) -> String {
    const MOST: usize = 3;
    let all: Vec<&Judged> = parity.differences().collect();
    let told = all.iter().take(MOST).map(|judged| {
        let name = &judged.fact.name;
        match &judged.expired {
            Some(acceptance) => format!("{name} (accepted until {})", acceptance.until),
            None => name.clone(),
        }
    });
    let told = told.collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(MOST) {
        0 => told,
        more => format!("{told}, and {more} more"),
    }
}
