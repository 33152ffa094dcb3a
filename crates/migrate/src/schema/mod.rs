//! What a database holds, as a value: read from it, compared with another, and turned into the migration between the two.
//!
//! [`Schema`] is read by [`sqlite::read`], [`postgres::read`] and [`mysql::read`], without the tables in which Towpath and
//! the migration tools keep what they applied. [`diff`] says how one schema differs from another, and [`capture`] writes
//! the SQL that leads from the one to the other and back.
//!
//! What counts as the same:
//!
//! * Layout, comments, and the letter case of what the database does not tell apart mean nothing.
//! * In which order a table's columns stand is told apart from differences: `ALTER TABLE … ADD COLUMN` puts a column last
//!   wherever it stands in the `CREATE TABLE` of another database. [`Difference::reordered`] names such tables, and a
//!   schema's fingerprint is the same.
//! * Rows, privileges, owners, comments on objects and statistics are no part of a schema.

pub mod capture;
mod diff;
mod model;
pub mod mysql;
mod name;
mod parts;
pub mod postgres;
mod sql;
pub mod sqlite;

pub use capture::{Captured, Direction, Note, capture};
pub use diff::{Change, Detail, Difference, ObjectDifference, Reordered, diff};
pub use model::{
    Column, Constraint, ConstraintKind, Generated, Index, Kind, Object, ObjectKey, Schema, Table,
};
pub use name::Name;
pub use parts::Part;
pub use sql::Sql;

use crate::{Layout, receipt};

/// Whether a table holds what was applied, Towpath's or another tool's, and so is no part of a user's schema.
pub(crate) fn is_record(table: &str) -> bool {
    table == receipt::TABLE
        || Layout::ALL
            .into_iter()
            .any(|layout| layout.history_table() == Some(table))
}
