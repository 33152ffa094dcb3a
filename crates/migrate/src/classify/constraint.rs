//! Constraints added to a table that is in use: what they refuse, and who waits while they are checked.

use sqlparser::ast::TableConstraint;

use super::{Dialect, effect::Findings};

/// `ADD CONSTRAINT` and its short forms.
pub(super) fn add(
    dialect: Dialect,
    constraint: &TableConstraint,
    not_valid: bool,
    found: &mut Findings,
) {
    match dialect {
        Dialect::Sqlite => {
            found.unknown("SQLite adds no constraints to a table");
        }
        Dialect::Postgres => postgres(constraint, not_valid, found),
        Dialect::Mysql => mysql(constraint, found),
    }
}

/// Locks by PostgreSQL's manual, ALTER TABLE: SHARE ROW EXCLUSIVE for a foreign key, ACCESS EXCLUSIVE for the others;
/// NOT VALID holds them without checking the rows.
fn postgres(constraint: &TableConstraint, not_valid: bool, found: &mut Findings) {
    match constraint {
        TableConstraint::UniqueUsingIndex(_) => {
            found.expand("the index already refuses what the constraint will");
            return;
        }
        TableConstraint::PrimaryKeyUsingIndex(_) => {
            found.contract(
                "old code that writes no value is refused, unless the columns are NOT NULL already",
            );
            found
                .blocking("unless the columns are NOT NULL already, every row is checked while nobody reads or writes the table")
                .remedy("demand NOT NULL first, by a validated CHECK");
            return;
        }
        TableConstraint::Unique(_) => {
            found.contract("old code that writes a value twice is refused");
        }
        TableConstraint::PrimaryKey(_) => {
            found.contract("old code that writes a value twice, or none, is refused");
        }
        TableConstraint::ForeignKey(key) => {
            found.contract(format!(
                "old code that writes a row without its counterpart in {0}, or deletes from {0}, is refused",
                key.foreign_table
            ));
        }
        TableConstraint::Check(_) => {
            found.contract("old code that writes what the check does not allow is refused");
        }
        TableConstraint::Exclude(_) => {
            found.contract("old code that writes rows which exclude each other is refused");
        }
        _ => {
            found.unknown("PostgreSQL has no such constraint");
            return;
        }
    }
    let indexed = matches!(
        constraint,
        TableConstraint::Unique(_) | TableConstraint::PrimaryKey(_) | TableConstraint::Exclude(_)
    );
    if indexed {
        found
            .blocking("an index is built while nobody reads or writes the table")
            .remedy("build a unique index CONCURRENTLY, and add the constraint USING INDEX");
    } else if not_valid {
        found.expand("NOT VALID: the rows that are there are not checked");
    } else {
        found
            .blocking("every row is checked while others wait for the table")
            .remedy("add it NOT VALID, and validate it in a later migration");
    }
}

/// MySQL builds indexes while others write, and copies the table for foreign keys and checks (manual, online DDL
/// operations; a foreign key is in place only with foreign_key_checks off).
fn mysql(constraint: &TableConstraint, found: &mut Findings) {
    match constraint {
        TableConstraint::Index(_) => {
            found.expand("an index is built while others read and write");
        }
        TableConstraint::FulltextOrSpatial(_) => {
            found.expand("an index changes no answers");
            found.blocking("nobody writes the table while this kind of index is built");
        }
        TableConstraint::Unique(_) => {
            found.contract("old code that writes a value twice is refused");
        }
        TableConstraint::PrimaryKey(_) => {
            found.contract("old code that writes a value twice, or none, is refused");
        }
        TableConstraint::ForeignKey(key) => {
            found.contract(format!(
                "old code that writes a row without its counterpart in {0}, or deletes from {0}, is refused",
                key.foreign_table
            ));
            found.blocking("the table is copied to check its rows, and nobody writes it meanwhile");
        }
        TableConstraint::Check(check) if check.enforced == Some(false) => {
            found.expand("the check is not enforced");
        }
        TableConstraint::Check(_) => {
            found.contract("old code that writes what the check does not allow is refused");
            found.blocking("the table is copied to check its rows, and nobody writes it meanwhile");
        }
        TableConstraint::UniqueUsingIndex(_)
        | TableConstraint::PrimaryKeyUsingIndex(_)
        | TableConstraint::Exclude(_) => {
            found.unknown("MySQL has no such constraint");
        }
    }
}
