//! Parity at the gate: how closely an environment is mirrored by those that its releases come from.

use serde::{Deserialize, Serialize};

use super::{Answer, Candidate, EnvironmentState, Migration, State, schema::migrated};
use crate::{
    Time,
    catalogue::{Applied, Comparison, Judged, Observed, Parity, SecretKeys, Seen},
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
                let applied = schema(state, database, home).iter().map(applied);
                (database.clone(), applied.collect())
            })
            .collect(),
    })
}

/// What would be seen after the candidate: an environment is behind those that releases come from until then, and that is
/// no difference.
fn seen_after(state: &State, candidate: &Candidate<'_>) -> Seen {
    let launch = &candidate.plan.launch;
    let migrations = launch.databases.iter().map(|(database, home)| {
        let there = schema(state, database, home);
        let mut all = migrated(there, candidate.release.migrations(database));
        all.sort_by(|one, other| one.version.cmp(&other.version));
        (database.clone(), all.iter().map(applied).collect())
    });
    let services = launch.services.iter();
    Seen {
        services: services
            .map(|(name, service)| (name.clone(), service.instances))
            .collect(),
        migrations: migrations.collect(),
    }
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

fn applied(migration: &Migration) -> Applied {
    Applied {
        version: migration.version.clone(),
        name: migration.name.clone(),
        checksum: migration.checksum.clone(),
    }
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
