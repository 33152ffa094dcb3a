//! What a manifest says of two environments, fact by fact. Values that must differ, such as ids, links and what config
//! holds, are not compared: that they are there is.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::SecretKeys;
use crate::{
    config::{Entry, Given, Resolution, Scope, Source},
    manifest::{Environment, Manifest, OnFailure},
    names::{DatabaseName, ServiceName},
    time::human,
};

/// Something that two environments have in common, or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// Its name, such as `config.LOG_LEVEL`: what an acceptance calls it.
    pub name: String,
    /// What it is about.
    #[serde(rename = "kind")]
    pub subject: Subject,
    /// What is so in the one that mirrors; `None` where it has nothing of it.
    pub mirroring: Option<String>,
    /// What is so in the one that is mirrored.
    pub mirrored: Option<String>,
    /// Whether that is the same.
    pub equal: bool,
}

/// What a fact is about; differences in the first are the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// A vendor's thing.
    Resource,
    /// A database.
    Database,
    /// A service.
    Service,
    /// A key of the configuration.
    Config,
    /// How a release is looked at.
    Check,
    /// What is done when something fails.
    Setting,
}

/// Everything that can be compared without looking at what runs.
pub(super) fn compare(manifest: &Manifest, one: &Environment, other: &Environment) -> Vec<Fact> {
    let mut facts = Vec::new();
    facts.extend(resources(one, other));
    facts.extend(
        manifest
            .databases
            .keys()
            .map(|name| database(name, one, other)),
    );
    facts.extend(
        manifest
            .services
            .keys()
            .map(|name| service(name, one, other)),
    );
    facts.extend(checks(one, other));
    facts.extend(settings(one, other));
    facts
}

/// The names of what can only be seen where it runs.
pub(super) fn to_see(manifest: &Manifest) -> Vec<String> {
    let databases = manifest.databases.keys();
    databases
        .flat_map(|name| [migrations(name), schema(name)])
        .chain(manifest.services.keys().map(instances))
        .collect()
}

pub(super) fn migrations(database: &DatabaseName) -> String {
    format!("databases.{database}.migrations")
}

pub(super) fn schema(database: &DatabaseName) -> String {
    format!("databases.{database}.schema")
}

pub(super) fn instances(service: &ServiceName) -> String {
    format!("services.{service}.instances")
}

/// A fact that is the same where what is said of it is.
pub(super) fn fact(
    name: String,
    subject: Subject,
    mirroring: Option<String>,
    mirrored: Option<String>,
) -> Fact {
    Fact {
        equal: mirroring == mirrored,
        name,
        subject,
        mirroring,
        mirrored,
    }
}

/// A fact that is the same where both have it, or neither.
fn presence(
    name: String,
    subject: Subject,
    mirroring: Option<String>,
    mirrored: Option<String>,
) -> Fact {
    Fact {
        equal: mirroring.is_some() == mirrored.is_some(),
        ..fact(name, subject, mirroring, mirrored)
    }
}

/// What plays the same part has the same name; it should then be of the same kind.
fn resources<'a>(one: &'a Environment, other: &'a Environment) -> impl Iterator<Item = Fact> + 'a {
    let kind = |environment: &Environment, name: &str| {
        let resource = environment.resources.get(name)?;
        Some(resource.kind.clone().unwrap_or_else(|| "there".to_owned()))
    };
    let names: BTreeSet<&String> = one.resources.keys().chain(other.resources.keys()).collect();
    names.into_iter().map(move |name| {
        let (mirroring, mirrored) = (kind(one, name), kind(other, name));
        let lower = |kind: &Option<String>| kind.as_deref().map(str::to_lowercase);
        Fact {
            equal: lower(&mirroring) == lower(&mirrored),
            ..fact(
                format!("resources.{name}"),
                Subject::Resource,
                mirroring,
                mirrored,
            )
        }
    })
}

fn database(name: &DatabaseName, one: &Environment, other: &Environment) -> Fact {
    let whose = |environment: &Environment| {
        let database = environment.databases.get(name);
        match database.and_then(|database| database.same_as.as_ref()) {
            Some(lender) => (true, format!("that of {lender}")),
            None => (false, "its own".to_owned()),
        }
    };
    let ((borrows, mirroring), (lent, mirrored)) = (whose(one), whose(other));
    Fact {
        equal: borrows == lent,
        ..fact(
            format!("databases.{name}"),
            Subject::Database,
            Some(mirroring),
            Some(mirrored),
        )
    }
}

/// Which address it is must differ; that there is one need not.
fn service(name: &ServiceName, one: &Environment, other: &Environment) -> Fact {
    let listens = |environment: &Environment| environment.listen.get(name).map(|at| at.to_string());
    presence(
        format!("services.{name}.listen"),
        Subject::Service,
        listens(one),
        listens(other),
    )
}

/// The keys of the configuration, wherever their values stand: in the environment, its group, its secret file, or as defaults. Of a
/// file that nobody could look at, the names of the secrets that may be in it come apart.
pub(super) fn config(
    manifest: &Manifest,
    one: &Environment,
    other: &Environment,
    secrets: &SecretKeys,
) -> (Vec<Fact>, Vec<String>) {
    let known = secrets.0.get(&one.name).zip(secrets.0.get(&other.name));
    let (in_one, in_other) = match known {
        Some((in_one, in_other)) => (in_one.clone(), in_other.clone()),
        None => Default::default(),
    };
    let (here, there) = (set(manifest, one, in_one), set(manifest, other, in_other));
    let told = |set: &BTreeSet<String>, key: &str| set.contains(key).then(|| "set".to_owned());
    let is_secret = |key: &str| {
        let mut declared = manifest.config.iter();
        declared.any(|(name, declared)| name.as_str() == key && declared.secret)
    };
    // Where it has a value in one, it may have it in the other's file.
    let is_told = |key: &&String| {
        let in_both = here.contains(*key) && there.contains(*key);
        known.is_some() || in_both || !is_secret(key)
    };
    let facts = here.union(&there).filter(is_told).map(|key| {
        fact(
            named(key),
            Subject::Config,
            told(&here, key),
            told(&there, key),
        )
    });
    let declared = manifest.config.iter();
    let hidden = declared.filter(|(key, declared)| {
        let in_both = here.contains(key.as_str()) && there.contains(key.as_str());
        known.is_none() && declared.secret && !in_both
    });
    (facts.collect(), hidden.map(|(key, _)| named(key)).collect())
}

fn named(key: &str) -> String {
    format!("config.{key}")
}

/// The keys that have a value in an environment.
fn set(
    manifest: &Manifest,
    environment: &Environment,
    in_file: BTreeSet<String>,
) -> BTreeSet<String> {
    let scope = Scope {
        manifest,
        environment,
        service: None,
    };
    let given = Given {
        in_file,
        ..Given::default()
    };
    let has_value = |entry: &Entry<'_>| {
        let chosen = entry.chosen().map(|chosen| &chosen.source);
        matches!(
            chosen,
            Some(Source::Written(_) | Source::Reference(_) | Source::File(_))
        )
    };
    let resolution = Resolution::of(scope, &given);
    let entries = resolution.entries.into_iter();
    let entries = entries.filter(|(_, entry)| has_value(entry));
    entries.map(|(key, _)| key).collect()
}

fn checks(one: &Environment, other: &Environment) -> [Fact; 3] {
    let counted = |count: usize, what: &str| match count {
        0 => None,
        1 => Some(format!("1 {what}")),
        _ => Some(format!("{count} {what}s")),
    };
    let check = |name: &str, of: &dyn Fn(&Environment) -> Option<String>| {
        presence(name.to_owned(), Subject::Check, of(one), of(other))
    };
    [
        check("smoke", &|e| counted(e.smoke.len(), "request")),
        check("test", &|e| counted(e.test.len(), "command")),
        check("watch", &|e| e.watch.as_ref().map(|w| human(w.window))),
    ]
}

fn settings(one: &Environment, other: &Environment) -> [Fact; 2] {
    let on_failure = |environment: &Environment| {
        Some(match environment.on_failure {
            OnFailure::Rollback => "rollback".to_owned(),
            OnFailure::Hold => "hold".to_owned(),
        })
    };
    let keep_warm = |environment: &Environment| Some(human(environment.keep_warm));
    let setting = |name: &str, of: &dyn Fn(&Environment) -> Option<String>| {
        fact(name.to_owned(), Subject::Setting, of(one), of(other))
    };
    [
        setting("keep_warm", &keep_warm),
        setting("on_failure", &on_failure),
    ]
}
