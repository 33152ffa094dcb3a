//! What is there: the instances that run and the migrations that were applied, as far as somebody looked.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::facts::{self, Fact, Subject};
use crate::{
    MigrationVersion,
    names::{DatabaseName, EnvironmentName, ServiceName},
    path::{Migration, line},
};

/// What is seen of each environment in which something is live.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Observed(pub BTreeMap<EnvironmentName, Seen>);

/// What is seen of an environment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Seen {
    /// How many instances of each service serve its users.
    pub services: BTreeMap<ServiceName, u16>,
    /// The migrations that each of its databases has, in the order of [`Applied::of`].
    pub migrations: BTreeMap<DatabaseName, Vec<Applied>>,
    /// The schemas that somebody has looked at.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub schemas: BTreeMap<DatabaseName, SeenSchema>,
}

/// A schema, as somebody saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenSchema {
    /// Equal for schemas that hold the same.
    pub fingerprint: String,
    /// How it differs from what its migrations make, as far as that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<String>,
}

/// A migration that a database has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// Its place in the order.
    pub version: MigrationVersion,
    /// Its name.
    pub name: String,
    /// SHA-256 of its text, in hexadecimal.
    pub checksum: String,
}

impl Applied {
    /// The migrations of a database, in one order however they came there: that of their versions, or of their names where the
    /// versions are made of these.
    pub fn of(migrations: &[Migration]) -> Vec<Applied> {
        let all = migrations.iter().map(|migration| Applied {
            version: migration.version.clone(),
            name: migration.name.clone(),
            checksum: migration.checksum.clone(),
        });
        let mut all: Vec<Applied> = all.collect();
        all.sort_by(|one, other| {
            let by_name = one.version.is_of_name() && other.version.is_of_name();
            let names = by_name.then(|| one.name.cmp(&other.name));
            let versions = one.version.cmp(&other.version);
            names.map_or(versions, |names| names.then(versions))
        });
        all
    }
}

/// What can be compared of what is there.
pub(super) fn compare(one: &Seen, other: &Seen) -> Vec<Fact> {
    let services: BTreeSet<_> = one.services.keys().chain(other.services.keys()).collect();
    let databases: BTreeSet<_> = one
        .migrations
        .keys()
        .chain(other.migrations.keys())
        .collect();
    let services = services.into_iter().map(|name| {
        let running = |seen: &Seen| seen.services.get(name).map(u16::to_string);
        facts::fact(
            facts::instances(name),
            Subject::Service,
            running(one),
            running(other),
        )
    });
    let databases = databases.into_iter().map(|name| {
        let (here, there) = (one.migrations.get(name), other.migrations.get(name));
        let equal = here == there;
        let (mut mirroring, mut mirrored) = (
            here.map(|applied| told(applied)),
            there.map(|applied| told(applied)),
        );
        if !equal && mirroring == mirrored {
            // The same names, and another text behind one of them.
            mirroring = here.map(|applied| told_apart(applied, there));
            mirrored = there.map(|applied| told_apart(applied, here));
        }
        Fact {
            equal,
            ..facts::fact(
                facts::migrations(name),
                Subject::Database,
                mirroring,
                mirrored,
            )
        }
    });
    let schemas = comparable(one, other).filter_map(|name| {
        let (here, there) = (one.schemas.get(name)?, other.schemas.get(name)?);
        Some(Fact {
            equal: here.fingerprint == there.fingerprint,
            ..facts::fact(
                facts::schema(name),
                Subject::Database,
                Some(told_schema(here)),
                Some(told_schema(there)),
            )
        })
    });
    services.chain(databases).chain(schemas).collect()
}

/// The names of what could be compared, had somebody looked at it.
pub(super) fn unseen(one: &Seen, other: &Seen) -> Vec<String> {
    let is_seen = |seen: &Seen, name: &DatabaseName| seen.schemas.contains_key(name);
    comparable(one, other)
        .filter(|name| !is_seen(one, name) || !is_seen(other, name))
        .map(facts::schema)
        .collect()
}

/// The databases whose schemas should be the same: with other migrations they are others.
fn comparable<'a>(one: &'a Seen, other: &'a Seen) -> impl Iterator<Item = &'a DatabaseName> {
    let migrations = one.migrations.iter();
    migrations
        .filter(|(name, here)| other.migrations.get(*name) == Some(*here))
        .map(|(name, _)| name)
}

/// `3f2a41c0, drifted: table guests: different`.
fn told_schema(seen: &SeenSchema) -> String {
    let short = seen.fingerprint.get(..8).unwrap_or(&seen.fingerprint);
    match &seen.drift {
        Some(drift) => format!("{short}, drifted: {drift}"),
        None => short.to_owned(),
    }
}

/// `2, the last 2 tide`.
fn told(applied: &[Applied]) -> String {
    match applied.last() {
        Some(last) if last.version.is_of_name() => {
            format!("{}, the last by its name {}", applied.len(), last.name)
        }
        Some(last) => format!("{}, the last {} {}", applied.len(), last.version, last.name),
        None => "none".to_owned(),
    }
}

fn told_apart(applied: &[Applied], others: Option<&Vec<Applied>>) -> String {
    let mut pairs = applied.iter().zip(others.into_iter().flatten());
    match pairs.find(|(one, other)| one != other) {
        Some((one, _)) => format!(
            "{} as {}",
            line(&one.version, &one.name),
            one.checksum.get(..8).unwrap_or(&one.checksum)
        ),
        None => format!("{} migrations", applied.len()),
    }
}
