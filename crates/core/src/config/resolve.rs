//! Which layer's value of each key wins.

use std::collections::{BTreeMap, BTreeSet};

use secrecy::SecretString;

use super::{
    template::{Piece, parse},
    types::is_reference,
};
use crate::{
    manifest::{ConfigKey, Environment, Manifest},
    names::{DatabaseName, GroupName, ServiceName},
};

/// For whom values are resolved.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The manifest.
    pub manifest: &'a Manifest,
    /// The environment.
    pub environment: &'a Environment,
    /// The service; `None` for commands, which get what any service gets.
    pub service: Option<&'a ServiceName>,
}

impl<'a> Scope<'a> {
    /// The key whose value stands for a placeholder: also that of a server's URL, which is a value like any other.
    pub(super) fn key_of<'p>(&self, piece: &'p Piece) -> Option<&'p str>
    where
        'a: 'p,
    {
        match piece {
            Piece::Key(key) => Some(key),
            Piece::Database(name) => {
                let mut databases = self.manifest.databases.iter();
                let (_, database) = databases.find(|(known, _)| known.as_str() == name)?;
                database.engine.is_server().then_some(database.url.as_str())
            }
            _ => None,
        }
    }
}

/// What is known beside the manifest.
#[derive(Debug, Default)]
pub struct Given {
    /// The developer's own values.
    pub overrides: BTreeMap<String, SecretString>,
    /// The keys of the environment's secret file.
    pub in_file: BTreeSet<String>,
    /// Those of them that have a value from before, as a rotation is under way.
    pub previous: BTreeSet<String>,
}

/// Where a value stands. A later one wins.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// The key's default.
    Default,
    /// The environment's group.
    Group(GroupName),
    /// The environment.
    Environment,
    /// The environment's secret file.
    SecretFile,
    /// The service, in the environment.
    Service(ServiceName),
    /// The developer's own file.
    Overrides,
    /// Towpath itself, which knows where a database is.
    Database(DatabaseName),
}

impl std::fmt::Display for Layer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Layer::Default => f.write_str("default"),
            Layer::Group(name) => write!(f, "group {name}"),
            Layer::Environment => f.write_str("environment"),
            Layer::SecretFile => f.write_str("secret file"),
            Layer::Service(name) => write!(f, "service {name}"),
            Layer::Overrides => f.write_str("overrides"),
            Layer::Database(name) => write!(f, "database {name}"),
        }
    }
}

/// Where a value comes from.
#[derive(Debug, Clone)]
pub enum Source {
    /// The manifest.
    Written(Vec<Piece>),
    /// A store elsewhere; this is the reference.
    Reference(String),
    /// The environment's secret file, under this key.
    File(String),
    /// Likewise, the value that this key had before its rotation.
    Previous(String),
    /// The developer.
    Own(SecretString),
    /// The database's place.
    Database(DatabaseName),
}

/// A layer's value.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The layer.
    pub layer: Layer,
    /// The value.
    pub source: Source,
}

/// A key and its values.
#[derive(Debug)]
pub struct Entry<'a> {
    /// How it is declared, if it is.
    pub declared: Option<&'a ConfigKey>,
    /// The values of its layers, the last one wins. Empty when it has none.
    pub candidates: Vec<Candidate>,
    /// Whether its value is a secret, or is made of one.
    pub secret: bool,
    /// Whether it must have a value.
    pub needed: bool,
}

impl Entry<'_> {
    /// The value that wins.
    pub fn chosen(&self) -> Option<&Candidate> {
        self.candidates.last()
    }

    /// Whether it needs a value and has none.
    pub fn is_missing(&self) -> bool {
        self.candidates.is_empty() && self.needed
    }
}

/// What an environment's services or commands find: keys, and whose value of each wins.
#[derive(Debug)]
pub struct Resolution<'a> {
    pub(super) scope: Scope<'a>,
    /// By key.
    pub entries: BTreeMap<String, Entry<'a>>,
}

impl<'a> Resolution<'a> {
    /// Resolves for a service, or for commands.
    pub fn of(scope: Scope<'a>, given: &Given) -> Resolution<'a> {
        let manifest = scope.manifest;
        let mut keys = Keys {
            scope,
            entries: BTreeMap::new(),
        };
        for (key, declared) in &manifest.config {
            if keys.is_for(declared) {
                keys.entry(key);
                if let Some(default) = &declared.default {
                    keys.add(key, Layer::Default, written(declared.secret, default));
                }
            }
        }
        let group = scope.environment.group.as_ref();
        if let Some((name, group)) = group.and_then(|name| manifest.groups.get_key_value(name)) {
            keys.layer(&Layer::Group(name.clone()), &group.config);
        }
        keys.layer(&Layer::Environment, &scope.environment.config);
        for key in &given.in_file {
            keys.put(key, Layer::SecretFile, Source::File(key.clone()));
        }
        let own = scope.service.and_then(|service| {
            let config = scope.environment.service_config.get(service)?;
            Some((service, config))
        });
        if let Some((service, config)) = own {
            keys.layer(&Layer::Service(service.clone()), config);
        }
        if manifest.override_file(scope.environment).is_some() {
            for (key, value) in &given.overrides {
                // A developer may have variables that nobody declared.
                if keys.is_wanted(key) || !manifest.config.contains_key(key) {
                    keys.add(key, Layer::Overrides, Source::Own(value.clone()));
                }
            }
        }
        for (name, database) in &manifest.databases {
            if database.engine.is_server() {
                keys.server(&database.url);
            } else {
                keys.add(
                    &database.url,
                    Layer::Database(name.clone()),
                    Source::Database(name.clone()),
                );
            }
        }
        keys.previous(given);
        let mut resolution = Resolution {
            scope,
            entries: keys.entries,
        };
        resolution.taint();
        resolution
    }

    /// The keys that need a value and have none.
    pub fn missing(&self) -> impl Iterator<Item = &str> {
        let missing = self.entries.iter().filter(|(_, entry)| entry.is_missing());
        missing.map(|(key, _)| key.as_str())
    }

    /// The references that have to be asked for elsewhere.
    pub fn references(&self) -> BTreeSet<&str> {
        self.chosen()
            .filter_map(|source| match source {
                Source::Reference(reference) => Some(reference.as_str()),
                _ => None,
            })
            .collect()
    }

    /// The keys whose values are in the environment's secret file.
    pub fn in_file(&self) -> BTreeSet<&str> {
        self.chosen()
            .filter_map(|source| match source {
                Source::File(key) | Source::Previous(key) => Some(key.as_str()),
                _ => None,
            })
            .collect()
    }

    fn chosen(&self) -> impl Iterator<Item = &Source> {
        let chosen = self.entries.values().filter_map(Entry::chosen);
        chosen.map(|candidate| &candidate.source)
    }

    /// Takes for secret what is made of a secret.
    fn taint(&mut self) {
        let mut users: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut secret: Vec<String> = Vec::new();
        for (key, entry) in &self.entries {
            if entry.secret {
                secret.push(key.clone());
            }
            if let Some(Source::Written(pieces)) = entry.chosen().map(|chosen| &chosen.source) {
                for piece in pieces {
                    if let Some(used) = self.scope.key_of(piece) {
                        users.entry(used.to_owned()).or_default().push(key.clone());
                    }
                }
            }
        }
        while let Some(key) = secret.pop() {
            for user in users.remove(&key).unwrap_or_default() {
                if let Some(entry) = self.entries.get_mut(&user)
                    && !std::mem::replace(&mut entry.secret, true)
                {
                    secret.push(user);
                }
            }
        }
    }
}

/// What a layer of the manifest says. What is refused elsewhere, a placeholder that is none, stands for itself here.
fn written(secret: bool, text: &str) -> Source {
    if secret && is_reference(text) {
        return Source::Reference(text.to_owned());
    }
    let itself = || vec![Piece::Text(text.to_owned())];
    Source::Written(parse(text).unwrap_or_else(|_| itself()))
}

struct Keys<'a> {
    scope: Scope<'a>,
    entries: BTreeMap<String, Entry<'a>>,
}

impl<'a> Keys<'a> {
    /// Whether whoever this is for gets the key.
    fn is_for(&self, declared: &ConfigKey) -> bool {
        match (&declared.services, self.scope.service) {
            (Some(services), Some(service)) => services.contains(service),
            _ => true,
        }
    }

    /// Likewise; where keys are declared, only those that are.
    fn is_wanted(&self, key: &str) -> bool {
        let declared = &self.scope.manifest.config;
        match declared.get(key) {
            Some(key) => self.is_for(key),
            None => declared.is_empty() || self.is_server_url(key),
        }
    }

    fn is_server_url(&self, key: &str) -> bool {
        let mut databases = self.scope.manifest.databases.values();
        databases.any(|database| database.engine.is_server() && database.url == key)
    }

    /// Whether it must have a value. Commands can do without what each of its services is given for itself.
    fn is_needed(&self, key: &str, declared: &ConfigKey) -> bool {
        let given = &self.scope.environment.service_config;
        let has_own = |service: &ServiceName| {
            let own = given.get(service);
            own.is_some_and(|config| config.contains_key(key))
        };
        let services = &self.scope.manifest.services;
        let all_have = match &declared.services {
            Some(named) => !named.is_empty() && named.iter().all(has_own),
            None => !services.is_empty() && services.keys().all(has_own),
        };
        declared.required && !(self.scope.service.is_none() && all_have)
    }

    fn entry(&mut self, key: &str) -> &mut Entry<'a> {
        let declared = self.scope.manifest.config.get(key);
        let entry = Entry {
            declared,
            candidates: Vec::new(),
            secret: declared.is_some_and(|declared| declared.secret),
            needed: declared.is_some_and(|declared| self.is_needed(key, declared)),
        };
        self.entries.entry(key.to_owned()).or_insert(entry)
    }

    fn add(&mut self, key: &str, layer: Layer, source: Source) {
        let is_secret = matches!(
            source,
            Source::Reference(_) | Source::File(_) | Source::Previous(_)
        );
        let entry = self.entry(key);
        entry.secret |= is_secret;
        entry.candidates.push(Candidate { layer, source });
    }

    /// Where a server is, has to be said, and a URL may hold a password: whoever wrote it where, it is kept secret.
    fn server(&mut self, key: &str) {
        let entry = self.entry(key);
        entry.secret = true;
        entry.needed = true;
    }

    fn put(&mut self, key: &str, layer: Layer, source: Source) {
        if self.is_wanted(key) {
            self.add(key, layer, source);
        }
    }

    fn layer(&mut self, layer: &Layer, config: &BTreeMap<String, String>) {
        for (key, value) in config {
            let declared = self.scope.manifest.config.get(key);
            // Where nothing is declared, what is a reference is told by its beginning.
            let secret = declared.is_none_or(|declared| declared.secret);
            self.put(key, layer.clone(), written(secret, value));
        }
    }

    /// Values from before, where a rotation is under way and the file's value is the one that wins.
    fn previous(&mut self, given: &Given) {
        for key in &given.previous {
            let Some(entry) = self.entries.get(key) else {
                continue;
            };
            let is_from_file = matches!(
                entry.chosen().map(|chosen| &chosen.source),
                Some(Source::File(_))
            );
            let variable = entry
                .declared
                .and_then(|declared| declared.previous.clone());
            if let Some(variable) = variable.filter(|_| is_from_file) {
                self.add(&variable, Layer::SecretFile, Source::Previous(key.clone()));
            }
        }
    }
}
