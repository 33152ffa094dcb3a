//! What a migration's SQL does to code that is already running, statement by statement.
//!
//! The text alone is read: no database is asked. What depends on more than the text (how large a table is, which type a
//! column had) is answered for the worse case, and what cannot be read is unknown and never harmless. Nothing here
//! declares a contract or changes what a declared one means; see [`Contract`].
//!
//! ```
//! use towpath_migrate::{ContractKind, classify::{Dialect, Effect, classify}};
//!
//! let read = classify("ALTER TABLE guests ADD COLUMN email text NOT NULL;", Dialect::Postgres);
//! assert_eq!(read.kind(), ContractKind::Contract);
//! let finding = &read.statements[0].findings[0];
//! assert_eq!(finding.effect, Effect::Contract);
//! assert_eq!(finding.reason, "old code that inserts without `email` is refused");
//! ```
//!
//! # Limits
//!
//! * One file is read at a time: what an earlier migration created counts as being in use.
//! * A name is the object that the same file created under it, in the schema that is searched first.
//! * Bodies of routines and triggers, and functions that rows are computed with, are not looked into.
//! * Lints are for PostgreSQL only.

mod actions;
mod alter;
pub(crate) mod backfill;
mod beyond;
mod column;
mod constraint;
mod create;
mod created;
mod drop;
mod effect;
mod lint;
mod parse;
mod query;
mod rows;
mod settings;
pub(crate) mod split;
mod statement;
mod types;

use std::thread;

use serde::{Deserialize, Serialize};

pub use effect::{Effect, Finding};
pub use lint::Lint;

use crate::{Contract, ContractKind};
use split::Piece;
use statement::Reader;

/// The database whose SQL it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// PostgreSQL, from version 11.
    Postgres,
    /// SQLite 3.
    Sqlite,
    /// MySQL 8 with InnoDB, and MariaDB where it does the same.
    Mysql,
}

/// What a migration does, statement by statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Classification {
    /// Every statement, in the file's order.
    pub statements: Vec<ClassifiedStatement>,
    /// What is worth changing although it may break nothing; for PostgreSQL.
    pub lints: Vec<Lint>,
}

impl Classification {
    /// The worst of the statements' kinds; unknown as soon as one is. A file without statements only adds.
    pub fn kind(&self) -> ContractKind {
        effect::worst(self.statements.iter().map(ClassifiedStatement::kind))
    }

    /// Whether somebody may wait for as long as a table is large.
    pub fn is_blocking(&self) -> bool {
        self.statements
            .iter()
            .any(|statement| statement.has(Effect::Blocking))
    }

    /// The contract that the statements amount to: the kind, because of the first statement that makes it so.
    ///
    /// What a person declares counts more: statements do not tell which code is still about.
    pub fn proposal(&self) -> Contract {
        let kind = self.kind();
        let because = self
            .statements
            .iter()
            .flat_map(|statement| &statement.findings)
            .find(|finding| finding.effect.kind() == kind)
            .map(|finding| finding.reason.clone());
        Contract {
            kind,
            because,
            after: None,
        }
    }
}

/// One statement and what it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClassifiedStatement {
    /// Its beginning on one line, up to about 60 characters.
    pub beginning: String,
    /// The line of its first word in the file, from 1.
    pub line: usize,
    /// What it does; at least one.
    pub findings: Vec<Finding>,
}

impl ClassifiedStatement {
    /// The worst that it does.
    pub fn kind(&self) -> ContractKind {
        effect::worst(self.findings.iter().map(|finding| finding.effect.kind()))
    }

    /// Whether one of its findings has this effect.
    pub fn has(&self, effect: Effect) -> bool {
        self.findings.iter().any(|finding| finding.effect == effect)
    }
}

/// How many statements of a file are read one by one.
const MOST: usize = 20_000;

/// Classifies every statement of a migration.
///
/// Never fails: what cannot be read is an unknown statement. A file with more than 20,000 statements has one unknown
/// entry for all that follow.
pub fn classify(sql: &str, dialect: Dialect) -> Classification {
    on_a_stack_of_its_own(|| read(sql, dialect)).unwrap_or_else(|| unread(sql, dialect))
}

/// Classifies migrations as [`classify`] does each, but faster.
pub fn classify_all(migrations: &[&str], dialect: Dialect) -> Vec<Classification> {
    let all = || migrations.iter().map(|sql| read(sql, dialect)).collect();
    // The one that cannot be read takes the others with it.
    let each = || migrations.iter().map(|sql| classify(sql, dialect));
    on_a_stack_of_its_own(all).unwrap_or_else(|| each().collect())
}

/// Reads on a stack of its own, because the parser's trees may be deeper than the caller's has room for; nothing when
/// that failed.
fn on_a_stack_of_its_own<T: Send>(read: impl FnOnce() -> T + Send) -> Option<T> {
    thread::scope(|scope| {
        thread::Builder::new()
            .name("classify".into())
            .stack_size(parse::STACK)
            .spawn_scoped(scope, read)
            .ok()
            .and_then(|reader| reader.join().ok())
    })
}

/// Why a migration cannot be run in batches ([`Batches`](crate::Batches)), as far as its text tells; nothing where it can.
pub fn uncut(sql: &str, dialect: Dialect) -> Option<&'static str> {
    backfill::Backfill::read(sql, dialect).err()
}

fn read(sql: &str, dialect: Dialect) -> Classification {
    let mut reader = Reader::new(dialect, !sql.starts_with("-- no-transaction"));
    let statements = each(sql, dialect, |piece| reader.read(piece));
    Classification {
        statements,
        lints: reader.lints(),
    }
}

/// The answer when the reading itself failed.
fn unread(sql: &str, dialect: Dialect) -> Classification {
    let statements = each(sql, dialect, |_| unknown("it could not be read"));
    Classification {
        statements,
        lints: Vec::new(),
    }
}

fn each(
    sql: &str,
    dialect: Dialect,
    mut findings: impl FnMut(&Piece<'_>) -> Vec<Finding>,
) -> Vec<ClassifiedStatement> {
    let mut pieces = split::split(sql, dialect);
    let mut statements: Vec<_> = pieces
        .by_ref()
        .take(MOST)
        .map(|piece| ClassifiedStatement {
            beginning: beginning(piece.text),
            line: piece.line,
            findings: findings(&piece),
        })
        .collect();
    if let Some(next) = pieces.next() {
        statements.push(ClassifiedStatement {
            beginning: beginning(next.text),
            line: next.line,
            findings: unknown(&format!(
                "the file has more than {MOST} statements; from here on they are not read"
            )),
        });
    }
    statements
}

fn unknown(reason: &str) -> Vec<Finding> {
    let mut findings = effect::Findings::default();
    findings.unknown(reason);
    findings.finish()
}

/// A statement's beginning on one line, for messages.
fn beginning(statement: &str) -> String {
    const LONGEST: usize = 60;
    // No more than a message needs: a statement may have megabytes.
    let head: String = statement.chars().take(LONGEST * 4).collect();
    let words = head.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().count() <= LONGEST && head.len() == statement.len() {
        return words;
    }
    let mut short: String = words.chars().take(LONGEST).collect();
    short.push('…');
    short
}
