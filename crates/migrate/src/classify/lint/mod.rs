//! What is worth changing in a migration for PostgreSQL: locks that others wait for, and types that are regretted.
//!
//! The rules and their names are those of the public linter squawk (<https://squawkhq.com/docs/rules>), so that what is
//! known about one holds for the other. A lint changes no contract.

mod alter;
mod columns;
mod order;
mod words;

use serde::Serialize;
use sqlparser::ast::{CreateIndex, ObjectType, Statement};

use super::{
    created::{Created, Kind},
    split::Piece,
};
use order::Order;

/// Something worth changing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lint {
    /// The rule's name, as squawk has it.
    pub rule: &'static str,
    /// The line of the statement's first word, from 1.
    pub line: usize,
    /// What is wrong, in plain words.
    pub message: &'static str,
    /// What to write instead.
    pub remedy: &'static str,
}

/// Gathers lints over a file's statements.
#[derive(Debug)]
pub(super) struct Linter {
    lints: Vec<Lint>,
    order: Order,
}

/// The statement that is looked at, and where its lints go.
struct Report<'a> {
    line: usize,
    lints: &'a mut Vec<Lint>,
}

impl Report<'_> {
    fn add(&mut self, rule: &'static str, message: &'static str, remedy: &'static str) {
        let lint = Lint {
            rule,
            line: self.line,
            message,
            remedy,
        };
        // Two columns of one statement earn the same advice once.
        if self.lints.last() != Some(&lint) && !self.lints.contains(&lint) {
            self.lints.push(lint);
        }
    }
}

impl Linter {
    pub(super) fn new(transactional: bool) -> Linter {
        Linter {
            lints: Vec::new(),
            order: Order::new(transactional),
        }
    }

    /// Looks at the next statement, before what it creates is remembered.
    pub(super) fn read(
        &mut self,
        piece: &Piece<'_>,
        statement: Option<&Statement>,
        created: &Created,
    ) {
        let Linter { lints, order } = self;
        // The list is searched for what is already said; only this statement's part of it matters.
        let mut own = Vec::new();
        let mut report = Report {
            line: piece.line,
            lints: &mut own,
        };
        match statement {
            Some(statement) => {
                order.read(statement, &mut report);
                one(statement, created, order, &mut report);
            }
            None => words::unread(piece, order, &mut report),
        }
        order.limits(piece, statement, created, &mut report);
        words::any(piece, &mut report);
        lints.append(&mut own);
    }

    pub(super) fn finish(mut self) -> Vec<Lint> {
        self.lints.extend(self.order.finish());
        self.lints
    }
}

fn one(statement: &Statement, created: &Created, order: &Order, report: &mut Report<'_>) {
    match statement {
        Statement::CreateTable(create) => {
            for column in &create.columns {
                columns::kind(column, report);
            }
            if !create.if_not_exists {
                robust(order, report);
            }
        }
        Statement::AlterTable(change) if !created.has(Kind::Table, &change.name) => {
            alter::read(change, created, report);
        }
        Statement::CreateIndex(create) => index(create, created, order, report),
        Statement::CreateDomain(create) if !create.constraints.is_empty() => report.add(
            "ban-create-domain-with-constraint",
            "a domain's constraint cannot be changed without reading every table that uses it",
            "put the constraint on the columns",
        ),
        Statement::AlterType(change) => alter::kind(&change.operation, report),
        Statement::Drop {
            object_type,
            names,
            if_exists,
            ..
        } => {
            let own = |kind| names.iter().all(|name| created.has(kind, name));
            match object_type {
                ObjectType::Table if !own(Kind::Table) => report.add(
                    "ban-drop-table",
                    "old code that uses the table is refused",
                    "drop it in a release after the one that stopped using it",
                ),
                ObjectType::View | ObjectType::MaterializedView if !own(Kind::View) => {
                    dropped("ban-drop-view", report);
                }
                ObjectType::Type if !own(Kind::Type) => dropped("ban-drop-type", report),
                ObjectType::Sequence if !own(Kind::Sequence) => {
                    dropped("ban-drop-sequence", report);
                }
                ObjectType::Schema => dropped("ban-drop-schema", report),
                ObjectType::Database => report.add(
                    "ban-drop-database",
                    "a migration never means to drop a whole database",
                    "do it by hand",
                ),
                ObjectType::Index if !own(Kind::Index) => report.add(
                    "require-concurrent-index-deletion",
                    "DROP INDEX locks the table for everybody",
                    "DROP INDEX CONCURRENTLY, outside a transaction",
                ),
                _ => {}
            }
            if !if_exists {
                robust(order, report);
            }
        }
        Statement::DropFunction(_) | Statement::DropProcedure { .. } => {
            dropped("ban-drop-function", report);
        }
        Statement::DropDomain(_) => dropped("ban-drop-domain", report),
        Statement::DropExtension(_) => dropped("ban-drop-extension", report),
        Statement::Truncate(truncate) if truncate.cascade.is_some() => report.add(
            "ban-truncate-cascade",
            "TRUNCATE … CASCADE empties every table that refers to this one",
            "name the tables",
        ),
        _ => {}
    }
}

fn dropped(rule: &'static str, report: &mut Report<'_>) {
    report.add(
        rule,
        "old code that uses it is refused",
        "drop it in a release after the one that stopped using it",
    );
}

fn index(create: &CreateIndex, created: &Created, order: &Order, report: &mut Report<'_>) {
    if create.concurrently && order.in_transaction() {
        report.add(
            "ban-concurrent-index-creation-in-transaction",
            "PostgreSQL refuses CREATE INDEX CONCURRENTLY in a transaction",
            "put it in a migration of its own that opens with `-- no-transaction`",
        );
    }
    if !create.concurrently && !created.has(Kind::Table, &create.table_name) {
        report.add(
            "require-concurrent-index-creation",
            "nobody writes the table while the index is built",
            "CREATE INDEX CONCURRENTLY, outside a transaction",
        );
    }
    if !create.if_not_exists {
        robust(order, report);
    }
}

/// Outside a transaction, what fails half-way is run again from the beginning.
fn robust(order: &Order, report: &mut Report<'_>) {
    if !order.in_transaction() {
        report.add(
            "prefer-robust-stmts",
            "run again after a failure, the statement fails on what it already did",
            "write IF EXISTS or IF NOT EXISTS",
        );
    }
}
