//! Why a migration's SQL is refused before it is run, and how a statement of it failed.

use crate::{DatabaseError, Layout, Version, migration::title};

/// Why a migration cannot be run as it is written. Completes "could not …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("run migration {}: line {line}{}: {problem}", title(*version, name), quoted(statement))]
pub struct ScriptError {
    /// The migration's version.
    pub version: Version,
    /// Its name.
    pub name: String,
    /// The line in the file, from 1.
    pub line: usize,
    /// The statement's beginning.
    pub statement: String,
    /// What is wrong with it.
    pub problem: ScriptProblem,
    /// The set's layout.
    pub layout: Layout,
}

fn quoted(statement: &str) -> String {
    match statement {
        "" => String::new(),
        statement => format!(", `{statement}`"),
    }
}

/// What a migration must not contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScriptProblem {
    /// `BEGIN`, `COMMIT`, `END` or `ROLLBACK`.
    #[error("a migration already runs in one transaction, together with its receipt")]
    TransactionControl,
    /// `VACUUM`.
    #[error("this cannot run in a transaction")]
    OutsideTransaction,
    /// `ATTACH`, `DETACH` or `VACUUM INTO`.
    #[error("this reaches another database file")]
    OtherDatabase,
    /// A command of a client, or rows that a client is to send.
    #[error("only a client like psql can run this")]
    Client,
    /// It is to be run over ranges of a key, and cannot be.
    #[error("it cannot be run in batches: {0}")]
    Batches(&'static str),
    /// A temporary table that a later step needs.
    #[error(
        "this needs a temporary table of an earlier step, which is gone when the migration is cut short in between"
    )]
    Temporary,
    /// A user or a role that is made, renamed or dropped, where no transaction holds that.
    #[error(
        "whether this was done is not seen when the migration is cut short, and it cannot be done twice"
    )]
    Account,
    /// A NUL character.
    #[error("a NUL character, at which the database would stop reading")]
    Nul,
}

impl ScriptError {
    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self.problem {
            ScriptProblem::TransactionControl => {
                "remove it; in SQLite `PRAGMA foreign_keys` with it: foreign keys are off while a migration runs and \
                 are checked before it is committed"
                    .into()
            }
            ScriptProblem::OutsideTransaction => {
                format!("move it to a migration of its own {}", self.layout.outside_transaction())
            }
            ScriptProblem::OtherDatabase => {
                "remove it: a migration may change only the database it is applied to".into()
            }
            ScriptProblem::Client => "write it as SQL, such as INSERT in place of COPY … FROM STDIN".into(),
            ScriptProblem::Batches(_) => {
                "leave `batch` out, or make the migration one UPDATE, DELETE, or INSERT … SELECT that does the same to each \
                 row of a table, whatever the other rows are"
                    .into()
            }
            ScriptProblem::Temporary => {
                "make the table and use it between BEGIN and COMMIT, with nothing there that cannot be in a transaction \
                 (MySQL drops it in one with DROP TEMPORARY TABLE); or use a table that is not temporary, and drop it at the end"
                    .into()
            }
            ScriptProblem::Account => {
                "write it with IF NOT EXISTS or IF EXISTS; in place of RENAME, make the one and drop the other".into()
            }
            ScriptProblem::Nul => "remove the NUL character".into(),
        }
    }
}

/// A statement that the database refused. Completes "could not …".
#[derive(Debug, thiserror::Error)]
#[error(
    "{} migration {}: statement {number} (line {line}), `{statement}`: {}{}",
    if *undoing { "undo" } else { "apply" },
    title(*version, name),
    cause.detail(),
    kept(*transactional, *number, *goes_on_with)
)]
pub struct FailedStatement {
    /// The migration's version.
    pub version: Version,
    /// Its name.
    pub name: String,
    /// Which statement of the file, from 1.
    pub number: usize,
    /// The line in the file where it begins, from 1.
    pub line: usize,
    /// The statement's beginning.
    pub statement: String,
    /// The set's layout.
    pub layout: Layout,
    /// Whether the migration ran in a transaction, so that nothing of it was kept.
    pub transactional: bool,
    /// With which statement it goes on when it is run again; none where it begins anew, or not at all.
    pub goes_on_with: Option<usize>,
    /// Whether the migration was being undone.
    pub undoing: bool,
    /// What the database said.
    #[source]
    pub cause: DatabaseError,
}

fn kept(transactional: bool, number: usize, goes_on_with: Option<usize>) -> String {
    match goes_on_with {
        _ if transactional => String::new(),
        Some(with) if with != number => {
            format!("; what came before statement {with} is kept, what came after it is not")
        }
        _ => "; it runs outside a transaction, and what came before this is kept".into(),
    }
}

impl FailedStatement {
    /// What to do about it.
    pub fn remedy(&self) -> String {
        let first = match &self.cause {
            DatabaseError::Refused { message } => self.advice(message),
            cause => cause.remedy(),
        };
        if self.transactional {
            format!("{first}; nothing of this migration was kept")
        } else if let Some(with) = self.goes_on_with {
            let with = match with == self.number {
                true => "this statement".to_owned(),
                false => format!("statement {with}"),
            };
            format!(
                "{first}; it goes on with {with}, and what follows it in the file may be corrected"
            )
        } else {
            format!(
                "{first}; then compare the schema with the file, and settle this version as applied or as not applied"
            )
        }
    }

    fn advice(&self, message: &str) -> String {
        let keyword = self.statement.split_whitespace().next().unwrap_or_default();
        if self.transactional && keyword.eq_ignore_ascii_case("pragma") {
            format!(
                "move this pragma to a migration of its own {}",
                self.layout.outside_transaction()
            )
        } else if message.starts_with("unrecognized token")
            || message.contains("unterminated quoted")
        {
            "look for a quote that is not closed".into()
        } else if message.contains("incomplete input") {
            "finish the statement".into()
        } else {
            "correct the statement and apply again".into()
        }
    }
}
