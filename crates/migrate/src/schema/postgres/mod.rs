//! What a PostgreSQL database (12 or later) holds, read from its catalogue and printed by its own functions
//! (<https://www.postgresql.org/docs/current/functions-info.html>), in one snapshot and with an empty `search_path`, so that
//! every name comes with its namespace.
//!
//! All namespaces but the system's are read, without what belongs to an extension. Not read: extensions' versions,
//! operators, casts, text search, foreign servers, event triggers, publications, extended statistics, tablespaces,
//! how columns are stored, and of aggregates all but what makes their value.

mod objects;
mod relations;

pub(super) use relations::INVALID;

use sqlx::{Connection as _, PgConnection};

use super::Schema;
use crate::classify::Dialect;

/// Namespaces that are the user's, for a `WHERE` on `pg_namespace n`.
const OURS: &str = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'";

/// Reads everything that the connection's database holds.
pub async fn read(connection: &mut PgConnection) -> Result<Schema, sqlx::Error> {
    let mut transaction = connection
        .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .await?;
    sqlx::raw_sql("SET LOCAL search_path = ''")
        .execute(&mut *transaction)
        .await?;
    let mut schema = Schema::empty(Dialect::Postgres);
    relations::read(&mut transaction, &mut schema).await?;
    objects::read(&mut transaction, &mut schema).await?;
    transaction.rollback().await?;
    Ok(schema)
}

/// Leaves out what belongs to an extension: a condition on the object with this class and this expression for its oid.
fn not_of_an_extension(class: &str, oid: &str) -> String {
    format!(
        "NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = '{class}'::regclass AND d.objid = {oid} AND d.deptype = 'e')"
    )
}

/// The name of the collation with this expression for its oid, as SQL has it.
fn collation(oid: &str) -> String {
    format!(
        "(SELECT CASE WHEN cn.nspname = 'pg_catalog' THEN '' ELSE quote_ident(cn.nspname) || '.' END || quote_ident(co.collname)
          FROM pg_collation co JOIN pg_namespace cn ON cn.oid = co.collnamespace WHERE co.oid = {oid})"
    )
}

/// A text as SQL has it.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
