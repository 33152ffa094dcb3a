//! What a probe found.

use std::{collections::BTreeMap, fmt, time::Duration};

use jiff::Timestamp;
use serde::Serialize;

use crate::certificate;

/// How a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// It is there, and is what the catalogue says.
    Green,
    /// It is there, and somebody should look at it.
    Amber,
    /// It is not there, not what the catalogue says, or refuses us.
    Red,
    /// It was not asked; the reason tells what to write so that it can be.
    Unknown,
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Health::Green => "green",
            Health::Amber => "amber",
            Health::Red => "red",
            Health::Unknown => "unknown",
        })
    }
}

/// What a probe found. No text in it holds a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How the thing is.
    pub health: Health,
    /// Why, for people: one line, without a full stop at its end.
    pub reason: String,
    /// What else was seen, by its name: `version`, `issuer`, `account`, `expires` and such.
    pub facts: BTreeMap<String, String>,
    /// How long asking took.
    pub took: Duration,
}

impl Finding {
    fn new(health: Health, reason: impl Into<String>) -> Self {
        Finding {
            health,
            reason: reason.into(),
            facts: BTreeMap::new(),
            took: Duration::ZERO,
        }
    }

    pub(crate) fn green(reason: impl Into<String>) -> Self {
        Finding::new(Health::Green, reason)
    }

    pub(crate) fn amber(reason: impl Into<String>) -> Self {
        Finding::new(Health::Amber, reason)
    }

    pub(crate) fn red(reason: impl Into<String>) -> Self {
        Finding::new(Health::Red, reason)
    }

    pub(crate) fn unknown(reason: impl Into<String>) -> Self {
        Finding::new(Health::Unknown, reason)
    }

    /// Adds a fact.
    pub(crate) fn fact(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.facts.insert(name.to_owned(), value.to_string());
        self
    }

    /// Adds a fact that not every server tells.
    pub(crate) fn fact_if(self, name: &str, value: Option<impl fmt::Display>) -> Self {
        match value {
            Some(value) => self.fact(name, value),
            None => self,
        }
    }

    /// Adds when the certificate seen on the way ends; what would be green is not if that is soon.
    pub(crate) fn certificate(mut self, ends: Option<Timestamp>, now: Timestamp) -> Self {
        let Some(ends) = ends else {
            return self;
        };
        if let (Health::Green, Some((health, reason))) =
            (self.health, certificate::judge(ends, now))
        {
            self.health = health;
            self.reason = format!("{}, but {reason}", self.reason);
        }
        self.fact("expires", certificate::day(ends))
    }
}
