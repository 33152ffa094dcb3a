//! Puts the values in: placeholders replaced, types checked. All of it, or what is wrong with each key.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};

use super::{
    resolve::{Resolution, Source},
    template::Piece,
};
use crate::{manifest::Handed, names::DatabaseName};

/// More than any value needs. Placeholders can double a value at every step.
const MOST_BYTES: usize = 1 << 20;

/// Values that were asked for elsewhere.
#[derive(Debug, Default)]
pub struct Values {
    /// Of the environment's secret file, by key.
    pub file: BTreeMap<String, SecretString>,
    /// Likewise, from before a rotation.
    pub previous: BTreeMap<String, SecretString>,
    /// Of stores elsewhere, by reference.
    pub references: BTreeMap<String, SecretString>,
    /// The URLs of databases.
    pub databases: BTreeMap<DatabaseName, String>,
}

/// A value as a service gets it.
#[derive(Debug, Clone)]
pub struct Filled {
    /// The value.
    pub value: SecretString,
    /// Whether it is a secret, or is made of one.
    pub secret: bool,
    /// How it is handed over.
    pub handed: Handed,
}

/// A key that has no good value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfilled {
    /// The key.
    pub key: String,
    /// Why.
    pub why: Why,
}

/// Why a key has no good value. It never holds the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// Nothing says one.
    #[error("has no value")]
    Missing,
    /// It is made of something that is not there.
    #[error("is made of {0}, which is not there")]
    Unknown(String),
    /// It is made of itself.
    #[error("is made of itself, by {0}")]
    Circle(String),
    /// It is made of a key that has no good value.
    #[error("is made of {0}, which has no good value")]
    Needs(String),
    /// It is not what its type wants.
    #[error("must be {0}")]
    Type(String),
    /// It has grown too long.
    #[error("is longer than a value may be")]
    TooLong,
    /// It holds a NUL character, which no process can be handed.
    #[error("holds a NUL character, which no process can be handed")]
    Nul,
}

impl Resolution<'_> {
    /// Puts the values in. Fails closed: where anything is wrong, there is nothing but what is wrong.
    pub fn fill(&self, values: &Values) -> Result<BTreeMap<String, Filled>, Vec<Unfilled>> {
        let (filled, unfilled) = self.fill_some(values);
        match unfilled.as_slice() {
            [] => Ok(filled),
            _ => Err(unfilled),
        }
    }

    /// Puts the values in where it can.
    pub fn fill_some(&self, values: &Values) -> (BTreeMap<String, Filled>, Vec<Unfilled>) {
        let mut work = Work {
            resolution: self,
            values,
            done: BTreeMap::new(),
            under_way: Vec::new(),
        };
        let (mut filled, mut unfilled) = (BTreeMap::new(), Vec::new());
        for (key, entry) in &self.entries {
            if entry.candidates.is_empty() && !entry.is_missing() {
                continue;
            }
            // What comes back may be about a key on the way; what is kept is about this one.
            let came = work.value(key);
            match work.done.get(key.as_str()).cloned().unwrap_or(came) {
                Ok(value) => {
                    let handed = entry.declared.map_or(Handed::Variable, |key| key.handed);
                    let secret = entry.secret;
                    let found = Filled {
                        value,
                        secret,
                        handed,
                    };
                    filled.insert(key.clone(), found);
                }
                Err(why) => unfilled.push(Unfilled {
                    key: key.clone(),
                    why,
                }),
            }
        }
        (filled, unfilled)
    }
}

struct Work<'a> {
    resolution: &'a Resolution<'a>,
    values: &'a Values,
    done: BTreeMap<&'a str, Result<SecretString, Why>>,
    /// The keys whose values wait for this one.
    under_way: Vec<&'a str>,
}

impl<'a> Work<'a> {
    fn value(&mut self, key: &str) -> Result<SecretString, Why> {
        let Some((key, entry)) = self.resolution.entries.get_key_value(key) else {
            return Err(Why::Missing);
        };
        let key = key.as_str();
        if let Some(done) = self.done.get(key) {
            return done.clone();
        }
        if self.under_way.contains(&key) {
            let from = self.under_way.iter().skip_while(|waiting| **waiting != key);
            let way: Vec<&str> = from.copied().chain([key]).collect();
            return Err(Why::Circle(way.join(" → ")));
        }
        // Nobody nests so deeply on purpose, and the stack is not endless.
        if self.under_way.len() > 64 {
            return Err(Why::TooLong);
        }
        self.under_way.push(key);
        let value = match entry.chosen() {
            None => Err(Why::Missing),
            Some(chosen) => self.of(&chosen.source),
        };
        self.under_way.pop();
        let value = value.and_then(|value| {
            let text = value.expose_secret();
            if text.contains('\0') {
                return Err(Why::Nul);
            }
            if let Some(declared) = entry.declared {
                let checked = declared.value_type.check(text, &declared.values);
                checked.map_err(Why::Type)?;
            }
            Ok(value)
        });
        // A circle is told once, of the key where it was entered.
        let kept = value.clone().map_err(|why| match why {
            Why::Circle(way) if way.rsplit(" → ").next() != Some(key) => Why::Needs(way),
            other => other,
        });
        self.done.insert(key, kept);
        value
    }

    fn of(&mut self, source: &'a Source) -> Result<SecretString, Why> {
        let given = |value: Option<&SecretString>| value.cloned().ok_or(Why::Missing);
        match source {
            Source::Written(pieces) => self.joined(pieces),
            Source::Reference(reference) => given(self.values.references.get(reference)),
            Source::File(key) => given(self.values.file.get(key)),
            Source::Previous(key) => given(self.values.previous.get(key)),
            Source::Own(value) => Ok(value.clone()),
            Source::Database(name) => self.database(name.as_str()),
        }
    }

    fn joined(&mut self, pieces: &'a [Piece]) -> Result<SecretString, Why> {
        let mut parts = Vec::new();
        for piece in pieces {
            parts.push(self.piece(piece)?);
        }
        let length: usize = parts.iter().map(|part| part.expose_secret().len()).sum();
        if length > MOST_BYTES {
            return Err(Why::TooLong);
        }
        // Of its size from the start: a growing one would leave copies behind.
        let mut joined = String::with_capacity(length);
        for part in &parts {
            joined.push_str(part.expose_secret());
        }
        Ok(joined.into())
    }

    fn piece(&mut self, piece: &'a Piece) -> Result<SecretString, Why> {
        let scope = self.resolution.scope;
        let said = |value: Option<String>| {
            let missing = || Why::Unknown(piece.shown());
            value.map(SecretString::from).ok_or_else(missing)
        };
        if let Some(key) = scope.key_of(piece) {
            return match self.value(key) {
                Err(Why::Missing) => Err(Why::Unknown(piece.shown())),
                Err(circle @ Why::Circle(_)) => Err(circle),
                Err(_) => Err(Why::Needs(key.to_owned())),
                good => good,
            };
        }
        match piece {
            Piece::Text(text) => Ok(text.clone().into()),
            Piece::Key(_) => Err(Why::Unknown(piece.shown())),
            Piece::Resource { name, field } => {
                let resource = scope.environment.resources.get(name);
                said(resource.and_then(|resource| match field.as_str() {
                    "id" => resource.id.clone(),
                    "link" => resource.link.clone(),
                    "kind" => resource.kind.clone(),
                    "title" => resource.title.clone(),
                    "description" => resource.description.clone(),
                    "owner" => resource.owner.clone(),
                    _ => resource.endpoint.clone(),
                }))
            }
            Piece::Database(name) => self.database(name),
            Piece::Environment(field) => said(match field.as_str() {
                "name" => Some(scope.environment.name.to_string()),
                "group" => scope.environment.group.as_ref().map(ToString::to_string),
                _ => scope.environment.url.clone(),
            }),
            Piece::Project => said(Some(scope.manifest.project.to_string())),
        }
    }

    fn database(&self, name: &str) -> Result<SecretString, Why> {
        let known = self.values.databases.iter();
        let found = known.into_iter().find(|(known, _)| known.as_str() == name);
        let missing = || Why::Unknown(format!("the database {name}"));
        found.map(|(_, url)| url.clone().into()).ok_or_else(missing)
    }
}
