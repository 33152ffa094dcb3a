//! The SQL that leads from one schema to another, and back.
//!
//! What it writes is a proposal for a person to read: a schema does not say how it came about. Whatever loses rows, may
//! fail on the rows that are there, or is not written at all, stands in the notes.

mod mysql;
mod order;
mod postgres;
mod sqlite;

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Schema;
use crate::classify::Dialect;

/// A migration that was made of the difference between two schemas.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Captured {
    /// The statements that apply it, without the semicolons that end them.
    pub up: Vec<String>,
    /// The statements that undo it.
    pub down: Vec<String>,
    /// What its reader must know.
    pub notes: Vec<Note>,
}

impl Captured {
    /// Whether there is nothing to be done and nothing to be said.
    pub fn is_empty(&self) -> bool {
        self.up.is_empty() && self.down.is_empty() && self.notes.is_empty()
    }
}

/// Which way a migration goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// It is applied.
    Up,
    /// It is undone.
    Down,
}

/// Something about a captured migration that its SQL does not show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Which way it is about.
    pub direction: Direction,
    /// The object that it is about, by kind and name.
    pub object: String,
    /// A sentence about that object, without the full stop.
    pub text: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = match self.direction {
            Direction::Up => "up",
            Direction::Down => "down",
        };
        write!(f, "{way}: {}: {}", self.object, self.text)
    }
}

/// The migration from `expected`, which the migrations so far make, to `found`, which somebody has made by hand.
///
/// Both are schemas of one engine.
pub fn capture(expected: &Schema, found: &Schema) -> Captured {
    let (up, down) = (steps(expected, found), steps(found, expected));
    let notes = |direction, notes: Vec<(String, String)>| {
        notes.into_iter().map(move |(object, text)| Note {
            direction,
            object,
            text,
        })
    };
    Captured {
        up: up.statements,
        down: down.statements,
        notes: notes(Direction::Up, up.notes)
            .chain(notes(Direction::Down, down.notes))
            .collect(),
    }
}

/// One way of a migration.
#[derive(Debug, Default)]
struct Steps {
    statements: Vec<String>,
    /// Each about an object.
    notes: Vec<(String, String)>,
}

impl Steps {
    fn run(&mut self, statement: impl Into<String>) {
        self.statements.push(statement.into());
    }

    fn note(&mut self, object: impl fmt::Display, text: impl Into<String>) {
        let note = (object.to_string(), text.into());
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

fn steps(from: &Schema, to: &Schema) -> Steps {
    match to.dialect {
        Dialect::Sqlite => sqlite::steps(from, to),
        Dialect::Postgres => postgres::steps(from, to),
        Dialect::Mysql => mysql::steps(from, to),
    }
}
