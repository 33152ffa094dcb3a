//! One statement after the other: what is read by the parser, by its first words, or not at all.

use sqlparser::ast::{AlterIndexOperation, AlterTypeOperation, CopyTarget, ObjectName, Statement};

use super::{
    Dialect, alter, beyond, create,
    created::{Created, Kind},
    drop,
    effect::{Finding, Findings},
    lint::{Lint, Linter},
    parse::{self, Unread},
    query, rows, settings,
    split::Piece,
};

/// Reads a file's statements in order, and remembers what they created.
#[derive(Debug)]
pub(super) struct Reader {
    dialect: Dialect,
    created: Created,
    linter: Option<Linter>,
}

impl Reader {
    pub(super) fn new(dialect: Dialect, transactional: bool) -> Reader {
        Reader {
            dialect,
            created: Created::new(dialect),
            linter: (dialect == Dialect::Postgres).then(|| Linter::new(transactional)),
        }
    }

    pub(super) fn read(&mut self, piece: &Piece<'_>) -> Vec<Finding> {
        let mut found = Findings::default();
        let parsed = parse::parse(piece, self.dialect);
        if let Some(linter) = &mut self.linter {
            linter.read(piece, parsed.as_ref().ok(), &self.created);
        }
        match parsed {
            Ok(statement) => self.statement(piece, &statement, &mut found),
            Err(Unread::Refused(why)) => {
                found.unknown(why);
            }
            Err(Unread::Unreadable(why)) => {
                if !beyond::read(self.dialect, &mut self.created, piece, &mut found) {
                    found.unknown(why);
                }
            }
        }
        found.finish()
    }

    pub(super) fn lints(self) -> Vec<Lint> {
        self.linter.map(Linter::finish).unwrap_or_default()
    }

    fn statement(&mut self, piece: &Piece<'_>, statement: &Statement, found: &mut Findings) {
        let (dialect, created) = (self.dialect, &mut self.created);
        match statement {
            Statement::AlterTable(one) => alter::read(dialect, created, one, found),
            Statement::Query(_) => query::read(dialect, created, piece, found),
            Statement::Insert(one) => rows::insert(dialect, created, piece, one, found),
            Statement::Update(one) => rows::update(dialect, created, piece, one, found),
            Statement::Delete(one) => rows::delete(dialect, created, piece, one, found),
            Statement::Truncate(one) => rows::truncate(dialect, created, one, found),
            Statement::Merge(_) => {
                found.data("rows change");
                found.irreversible("the values of before are overwritten");
            }
            Statement::Set(one) => settings::set(dialect, created, one, found),
            _ => {
                let known = create::read(dialect, created, piece, statement, found)
                    || drop::read(dialect, created, statement, found)
                    || self.small(statement, found)
                    || beyond::read(self.dialect, &mut self.created, piece, found);
                if !known {
                    found.unknown("nothing is known about what this statement does");
                }
            }
        }
    }

    /// The statements of a line or two.
    fn small(&mut self, statement: &Statement, found: &mut Findings) -> bool {
        match statement {
            Statement::AlterType(one) => {
                alter_type(&self.created, &one.name, &one.operation, found)
            }
            Statement::AlterIndex {
                operation: AlterIndexOperation::RenameIndex { .. },
                ..
            } => {
                found.expand("no statement names an index");
            }
            Statement::AlterView { name, .. } => {
                if self.created.has(Kind::View, name) {
                    found.expand("this file created it, and no running code uses it");
                } else {
                    found.contract(format!(
                        "old code that reads {name} gets what the new query says"
                    ));
                }
            }
            Statement::AlterPolicy(one) => {
                found.contract(format!(
                    "other rows of {} may be seen and written from now on",
                    one.table_name
                ));
            }
            Statement::Grant { .. } => {
                found.expand("rights are added");
            }
            Statement::Revoke { .. } => {
                found.contract("old code that needs the right is refused");
            }
            Statement::Comment { .. } => {
                found.expand("a comment that no code reads");
            }
            Statement::Copy {
                to: false,
                target: CopyTarget::Program { .. },
                ..
            } => {
                found.unknown("a program runs on the server");
            }
            Statement::Copy { to: false, .. } => {
                found.data("rows are added");
            }
            Statement::Copy { to: true, .. } => {
                found.unknown("rows are written to a file, or to a program");
            }
            Statement::Explain {
                analyze: false,
                options: None,
                ..
            }
            | Statement::ExplainTable { .. }
            | Statement::ShowVariable { .. }
            | Statement::ShowTables { .. }
            | Statement::ShowColumns { .. }
            | Statement::ShowCreate { .. } => {
                found.expand("it only reads");
            }
            Statement::StartTransaction { statements, .. } if statements.is_empty() => {
                found.expand("where a transaction begins");
            }
            Statement::Commit { .. }
            | Statement::Savepoint { .. }
            | Statement::ReleaseSavepoint { .. } => {
                found.expand("where a transaction ends, or may go back to");
            }
            Statement::Rollback { .. } => {
                // What was created before may be gone.
                self.created.clear();
                found.expand("what this connection did before is undone");
            }
            Statement::Reset(_) | Statement::Discard { .. } => {
                // Names may mean other objects from here on.
                self.created.clear();
                found.expand("settings of this connection only");
            }
            Statement::Use(_) => {
                // Names mean other objects from here on.
                self.created.clear();
                found.unknown("what follows is about another database");
            }
            Statement::LockTables { .. } => {
                found.expand("a lock that this connection holds");
                found.blocking("others wait for the tables until they are unlocked");
            }
            Statement::UnlockTables
            | Statement::LISTEN { .. }
            | Statement::UNLISTEN { .. }
            | Statement::NOTIFY { .. }
            | Statement::Deallocate { .. } => {
                found.expand("nothing that other code uses");
            }
            Statement::Analyze(_) => {
                found.expand("how rows are looked for, and not what they are");
            }
            Statement::Call(_) | Statement::Execute { .. } | Statement::Prepare { .. } => {
                found
                    .unknown("it runs a body that is not looked into")
                    .remedy("read the body, and declare what it does");
            }
            Statement::AttachDatabase { .. } => {
                found.unknown("what follows may be about another database");
            }
            _ => return false,
        }
        true
    }
}

fn alter_type(
    created: &Created,
    name: &ObjectName,
    operation: &AlterTypeOperation,
    found: &mut Findings,
) {
    if created.has(Kind::Type, name) {
        found.expand("this file created it, and no running code uses it");
        return;
    }
    match operation {
        AlterTypeOperation::AddValue(_) => {
            found.expand("old code keeps writing the values it knows; it meets the new one only where new code wrote it");
        }
        AlterTypeOperation::RenameValue(rename) => {
            found
                .contract(format!(
                    "old code that writes or looks for '{}' is refused",
                    rename.from.value
                ))
                .remedy("add the new value, write it from new code, and leave the old one");
        }
        _ => {
            found.contract(format!("old code that uses the type {name} is refused"));
        }
    }
}
