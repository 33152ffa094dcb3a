//! Lints that need to know what came before: transactions, and how long a lock is waited for.

use sqlparser::ast::{Set, Statement};

use super::{Created, Kind, Lint, Piece, Report, words};

/// Where a file stands.
#[derive(Debug)]
pub(super) struct Order {
    transactional: bool,
    /// The line of a BEGIN that nothing has ended yet.
    begun: Option<usize>,
    lock_timeout: bool,
    statement_timeout: bool,
    asked: bool,
}

impl Order {
    pub(super) fn new(transactional: bool) -> Order {
        Order {
            transactional,
            begun: None,
            lock_timeout: false,
            statement_timeout: false,
            asked: false,
        }
    }

    pub(super) fn in_transaction(&self) -> bool {
        self.transactional || self.begun.is_some()
    }

    pub(super) fn read(&mut self, statement: &Statement, report: &mut Report<'_>) {
        match statement {
            Statement::StartTransaction { .. } => {
                if self.in_transaction() {
                    nested(report);
                }
                self.begun = Some(report.line);
            }
            Statement::Commit { .. }
            | Statement::Rollback {
                savepoint: None, ..
            } => {
                if self.transactional || self.begun.is_none() {
                    nested(report);
                }
                self.begun = None;
            }
            Statement::Set(Set::SingleAssignment { variable, .. }) => {
                let name = variable.to_string().to_lowercase();
                self.lock_timeout |= name == "lock_timeout";
                self.statement_timeout |= name == "statement_timeout";
            }
            _ => {}
        }
    }

    /// Asks once for limits on waiting and running, before the first statement that needs a lock: who waits for one holds up
    /// everybody behind.
    pub(super) fn limits(
        &mut self,
        piece: &Piece<'_>,
        statement: Option<&Statement>,
        created: &Created,
        report: &mut Report<'_>,
    ) {
        let own = match statement {
            Some(Statement::AlterTable(change)) => created.has(Kind::Table, &change.name),
            Some(Statement::CreateIndex(create)) => created.has(Kind::Table, &create.table_name),
            _ => false,
        };
        if own || !words::locks(piece, statement) || std::mem::replace(&mut self.asked, true) {
            return;
        }
        if !self.lock_timeout {
            report.add(
                "require-lock-timeout",
                "while this waits for its lock, everybody behind it waits too",
                "begin with SET lock_timeout = '1s'",
            );
        }
        if !self.statement_timeout {
            report.add(
                "require-statement-timeout",
                "while this runs, everybody who needs its lock waits",
                "begin with SET statement_timeout = '5s'",
            );
        }
    }

    pub(super) fn finish(self) -> Option<Lint> {
        self.begun.map(|line| Lint {
            rule: "ban-uncommitted-transaction",
            line,
            message: "nothing ends this transaction, and what it does is undone",
            remedy: "end it with COMMIT",
        })
    }
}

fn nested(report: &mut Report<'_>) {
    report.add(
        "transaction-nesting",
        "a migration already runs in a transaction, or there is none to end",
        "leave it out, or open the file with `-- no-transaction`",
    );
}
