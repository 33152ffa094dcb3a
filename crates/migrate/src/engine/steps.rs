//! A migration's SQL, cut into the statements and the steps in which an engine runs it.
//!
//! A step is what is kept or lost together: all of it in a transaction of its own, or one statement that cannot be in
//! one. What is to be refused is refused here, before anything is run.

use std::ops::Range;

use super::{mysql, postgres, sqlite};
use crate::{
    Batches, Layout, Migration, Receipt, ScriptError, ScriptProblem, Version,
    classify::{Dialect, backfill::Backfill},
    digest,
};

/// The SQL of a migration, or what undoes it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) version: Version,
    pub(super) name: &'a str,
    pub(super) sql: &'a str,
    pub(super) transactional: bool,
    pub(super) layout: Layout,
}

impl Source<'_> {
    pub(super) fn refuse(
        &self,
        problem: ScriptProblem,
        line: usize,
        statement: &str,
    ) -> ScriptError {
        ScriptError {
            version: self.version,
            name: self.name.to_owned(),
            line,
            statement: beginning(statement),
            problem,
            layout: self.layout,
        }
    }
}

/// One statement of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Statement<'a> {
    /// From 1.
    pub(super) number: usize,
    /// The line of its first word, from 1.
    pub(super) line: usize,
    /// From its first word on.
    pub(super) text: &'a str,
}

/// How a script is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// In one transaction with its receipt.
    Whole,
    /// Between a receipt that says that it has begun and one that says that it has ended.
    Announced,
    /// Step by step, each with its receipt, so that it can go on from where it stopped.
    Stepwise,
    /// Over ranges of a key, each in a transaction with its receipt.
    Batched,
}

/// What is kept or lost together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// Its statements.
    pub(super) statements: Range<usize>,
    pub(super) bond: Bond,
}

/// What holds a step together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bond {
    /// A transaction, with the receipt.
    Transaction,
    /// It is one statement, which cannot be in a transaction.
    Alone,
    /// It is one statement, of which only the server knows whether it ends the transaction.
    Unsure,
}

/// A script, ready to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Script<'a> {
    pub(super) mode: Mode,
    pub(super) statements: Vec<Statement<'a>>,
    pub(super) steps: Vec<Step>,
    /// The one statement that is run over ranges of a key, and how they are cut.
    pub(super) backfill: Option<(Backfill<'a>, Batches)>,
}

impl<'a> Script<'a> {
    /// What applies a migration.
    pub(super) fn up(
        migration: &'a Migration,
        layout: Layout,
        dialect: Dialect,
    ) -> Result<Script<'a>, ScriptError> {
        let source = Source {
            version: migration.version,
            name: &migration.name,
            sql: &migration.up,
            transactional: migration.transactional,
            layout,
        };
        let mut script = Script::read(&source, dialect)?;
        if let Some(batches) = migration.batches {
            let backfill = Backfill::read(source.sql, dialect).map_err(|why| {
                let (line, text) = script
                    .statements
                    .first()
                    .map_or((1, ""), |first| (first.line, first.text));
                source.refuse(ScriptProblem::Batches(why), line, text)
            })?;
            script.mode = Mode::Batched;
            script.backfill = Some((backfill, batches));
        }
        Ok(script)
    }

    /// What undoes a migration; nothing where its receipt has none.
    pub(super) fn down(
        receipt: &'a Receipt,
        layout: Layout,
        dialect: Dialect,
    ) -> Result<Script<'a>, ScriptError> {
        let source = Source {
            version: receipt.version,
            name: &receipt.name,
            sql: receipt.down.as_deref().unwrap_or_default(),
            transactional: receipt.down_transactional,
            layout,
        };
        Script::read(&source, dialect)
    }

    fn read(source: &Source<'a>, dialect: Dialect) -> Result<Script<'a>, ScriptError> {
        if let Some(offset) = source.sql.find('\0') {
            let line = source.sql[..offset].matches('\n').count() + 1;
            return Err(source.refuse(ScriptProblem::Nul, line, ""));
        }
        match dialect {
            Dialect::Sqlite => sqlite::script(source),
            Dialect::Postgres => postgres::script(source),
            Dialect::Mysql => mysql::script(source),
        }
    }

    /// SHA-256 of the first statements.
    pub(super) fn checksum(&self, done: usize) -> String {
        let texts: Vec<&str> = self.statements[..done.min(self.statements.len())]
            .iter()
            .map(|statement| statement.text)
            .collect();
        digest::sha256(texts.join(";\n").as_bytes())
    }
}

/// A statement's beginning on one line, for messages.
pub(super) fn beginning(statement: &str) -> String {
    const LONGEST: usize = 80;
    let mut words = String::new();
    // No more than a message needs: a statement may have megabytes.
    let head: String = statement.chars().take(LONGEST * 4).collect();
    for word in head.split_whitespace() {
        if !words.is_empty() {
            words.push(' ');
        }
        words.push_str(word);
    }
    if words.chars().count() <= LONGEST && head.len() == statement.len() {
        return words;
    }
    let mut short: String = words.chars().take(LONGEST).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::beginning;

    #[test]
    fn a_beginning_is_short_and_on_one_line() {
        assert_eq!(
            beginning("CREATE TABLE a (\n    x\n);"),
            "CREATE TABLE a ( x );"
        );
        let long = beginning(&"é ".repeat(1_000_000));
        assert_eq!(long.chars().count(), 81);
    }
}
