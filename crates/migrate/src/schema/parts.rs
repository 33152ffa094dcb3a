//! The parts that objects are compared by.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Name, Sql};

/// Which part of an object something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// That it is there at all.
    Existence,
    /// A column.
    Column,
    /// The primary key.
    PrimaryKey,
    /// A unique constraint.
    Unique,
    /// An exclusion constraint.
    Exclusion,
    /// A check.
    Check,
    /// A foreign key.
    ForeignKey,
    /// An index.
    Index,
    /// An option of the table.
    Option,
    /// The statement that makes it.
    Definition,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Part::Existence => "existence",
            Part::Column => "column",
            Part::PrimaryKey => "primary key",
            Part::Unique => "unique constraint",
            Part::Exclusion => "exclusion constraint",
            Part::Check => "check",
            Part::ForeignKey => "foreign key",
            Part::Index => "index",
            Part::Option => "option",
            Part::Definition => "definition",
        })
    }
}

/// A part of an object, as it is compared and shown.
#[derive(Debug, Clone)]
pub(crate) struct PartOf {
    pub(crate) part: Part,
    /// Which of its kind: the two sides of a difference have the same.
    pub(crate) name: String,
    /// The name for people.
    pub(crate) shown: String,
    pub(crate) written: String,
    /// What is compared.
    pub(crate) normal: String,
}

/// Only what is compared: parts that are written in two ways can be one.
impl PartialEq for PartOf {
    fn eq(&self, other: &PartOf) -> bool {
        (self.part, &self.name, &self.normal) == (other.part, &other.name, &other.normal)
    }
}

/// Parts in order, each once, and those of one name told apart: SQLite lets two constraints have the same.
pub(super) fn unique(mut parts: Vec<PartOf>) -> Vec<PartOf> {
    parts.sort_by(|a, b| (a.part, &a.name, &a.normal).cmp(&(b.part, &b.name, &b.normal)));
    parts.dedup();
    let mut same = 0;
    for index in 1..parts.len() {
        let [before, part] = &mut parts[index - 1..=index] else {
            continue;
        };
        let name = before.name.split('\n').next().unwrap_or_default();
        same = if (before.part, name) == (part.part, &part.name) {
            same + 1
        } else {
            0
        };
        if same > 0 {
            part.name += &format!("\n{same}");
        }
    }
    parts
}

impl PartOf {
    pub(super) fn of(part: Part, name: &Name, definition: &Sql) -> PartOf {
        PartOf {
            part,
            name: name.key().to_owned(),
            shown: name.as_str().to_owned(),
            written: definition.to_string(),
            normal: definition.normal().to_owned(),
        }
    }

    pub(super) fn existence(name: &Name) -> PartOf {
        PartOf {
            part: Part::Existence,
            name: String::new(),
            shown: String::new(),
            written: name.to_string(),
            normal: String::new(),
        }
    }
}
