//! A migration's SQL, cut into the statements and the steps in which an engine runs it.
//!
//! A step is what is kept or lost together: all of it in a transaction of its own, or one statement that cannot be in
//! one. What is to be refused is refused here, before anything is run.

use std::{collections::BTreeSet, ops::Range};

use super::{mysql, postgres, sqlite};
use crate::{
    Batches, Layout, Migration, Receipt, ScriptError, ScriptProblem, Version,
    classify::{
        Dialect,
        backfill::Backfill,
        split::{Kind, tokens},
    },
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

/// Refuses a script that needs a temporary table of an earlier step: a new session does not have it.
pub(super) fn refuse_temporary(
    source: &Source<'_>,
    dialect: Dialect,
    statements: &[Statement<'_>],
    steps: &[Step],
) -> Result<(), ScriptError> {
    let mut gone: BTreeSet<String> = BTreeSet::new();
    for step in steps {
        let mut made = BTreeSet::new();
        for statement in &statements[step.statements.clone()] {
            if gone.iter().any(|name| names(statement.text, dialect, name)) {
                return Err(source.refuse(
                    ScriptProblem::Temporary,
                    statement.line,
                    statement.text,
                ));
            }
            made.extend(temporary(statement.text, dialect).map(str::to_lowercase));
        }
        gone.extend(made);
    }
    Ok(())
}

/// What a statement makes for the session only, by its name without a schema or quotes.
pub(super) fn temporary(statement: &str, dialect: Dialect) -> Option<&str> {
    /// What may stand between `TEMPORARY` and the name.
    const BETWEEN: [&str; 7] = [
        "table",
        "view",
        "sequence",
        "recursive",
        "if",
        "not",
        "exists",
    ];
    let mut all = tokens(statement, dialect)
        .filter(|token| !matches!(token.kind, Kind::Space | Kind::Comment));
    let first = all.next()?;
    let mut before = first;
    if first.is("create") {
        // `CREATE OR REPLACE TEMPORARY`, `CREATE LOCAL TEMP`.
        let words = ["or", "replace", "local", "global"];
        before = all.find(|token| !words.iter().any(|word| token.is(word)))?;
    } else if first.is("select") || first.is("with") {
        all.find(|token| token.is("into"))?;
        before = all.next()?;
    }
    if !(before.is("temporary") || before.is("temp")) {
        return None;
    }
    let mut rest = all.skip_while(|token| BETWEEN.iter().any(|word| token.is(word)));
    let mut name = rest.next()?;
    while rest.next().is_some_and(|token| token.text == ".") {
        name = rest.next()?;
    }
    Some(bare(name.text))
}

/// Whether a statement has a name in it, quoted or not; the name is in lower case.
fn names(statement: &str, dialect: Dialect, name: &str) -> bool {
    let mut all =
        tokens(statement, dialect).filter(|token| matches!(token.kind, Kind::Word | Kind::Quoted));
    all.any(|token| bare(token.text).to_lowercase() == name)
}

fn bare(name: &str) -> &str {
    name.trim_matches(['"', '`'])
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
    use super::{beginning, temporary};
    use crate::classify::Dialect;

    #[test]
    fn what_is_made_for_the_session_is_known_by_its_name() {
        let made = |sql| temporary(sql, Dialect::Postgres);
        for sql in [
            "CREATE TEMP TABLE IF NOT EXISTS old (x int)",
            "create local temporary table \"old\" AS SELECT 1",
            "CREATE OR REPLACE TEMP VIEW pg_temp.old AS SELECT 1",
            "SELECT * INTO TEMPORARY TABLE old FROM t",
            "WITH a AS (SELECT 1) SELECT * INTO TEMP old FROM a",
        ] {
            assert_eq!(made(sql), Some("old"), "{sql}");
        }
        for sql in [
            "CREATE TABLE temporary_old (x int)",
            "CREATE TABLE t (temp int)",
            "SELECT temp INTO old FROM t",
            "INSERT INTO temp VALUES (1)",
        ] {
            assert_eq!(made(sql), None, "{sql}");
        }
    }

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
