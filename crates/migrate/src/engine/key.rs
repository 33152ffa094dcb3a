//! The key by which a backfill cuts a table into ranges: its primary key of one column, and how its values are written.
//!
//! The database itself writes each value as SQL, so that it means the same to it when it is read again, whatever it is.

use super::connection::{Connection, Value};
use crate::classify::{Dialect, backfill::Backfill};

/// A table's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    /// The column, in quotes.
    pub(super) column: String,
    writing: Writing,
}

/// How the database writes a value of it as SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writing {
    /// SQLite's `quote`, for whatever it holds.
    Quote,
    /// PostgreSQL's `quote_literal`, which any type reads.
    Literal,
    /// MySQL: a number by its digits.
    Digits,
    /// MySQL: text by its bytes, whatever a backslash means just now.
    Text,
    /// MySQL: bytes.
    Bytes,
    /// MariaDB: its own text.
    Plain,
}

/// Why a table cannot be cut.
#[derive(Debug)]
pub(super) struct NoKey {
    pub(super) problem: String,
    pub(super) remedy: &'static str,
}

impl Key {
    /// An expression for the SQL of a column's value.
    pub(super) fn written(&self, column: &str) -> String {
        match self.writing {
            Writing::Quote => format!("quote({column})"),
            Writing::Literal => format!("quote_literal({column}::text)"),
            Writing::Digits => format!("CAST({column} AS CHAR)"),
            Writing::Text => {
                format!("concat('_utf8mb4 X''', hex(convert({column} USING utf8mb4)), '''')")
            }
            Writing::Bytes => format!("concat('X''', hex({column}), '''')"),
            Writing::Plain => format!("concat('''', {column}, '''')"),
        }
    }

    /// The key of the table that a backfill goes over.
    pub(super) async fn find(
        connection: &mut Connection,
        backfill: &Backfill<'_>,
    ) -> Result<Result<Key, NoKey>, sqlx::Error> {
        let found = match connection.dialect() {
            Dialect::Sqlite => sqlite(connection, backfill).await?,
            Dialect::Postgres => postgres(connection, backfill).await?,
            Dialect::Mysql => mysql(connection, backfill).await?,
        };
        Ok(found.and_then(|(name, key)| match sets(backfill, &name) {
            true => Err(moved(backfill, &name)),
            false => Ok(key),
        }))
    }
}

type Found = Result<(String, Key), NoKey>;

fn none(backfill: &Backfill<'_>) -> Found {
    Err(NoKey {
        problem: format!(
            "{} is no table with a primary key of one column",
            backfill.table
        ),
        remedy: "give the table such a key, or leave `batch` out",
    })
}

fn sets(backfill: &Backfill<'_>, name: &str) -> bool {
    let mut assigned = backfill.assigned.iter();
    assigned.any(|set| set.eq_ignore_ascii_case(name))
}

fn moved(backfill: &Backfill<'_>, name: &str) -> NoKey {
    NoKey {
        problem: format!("it sets {name}, the key by which {} is cut", backfill.table),
        remedy: "leave `batch` out: a row that gets another key could be met twice, or never",
    }
}

fn unordered(name: &str, kind: &str) -> Found {
    Err(NoKey {
        problem: format!("its key {name} is of the type {kind}"),
        remedy: "leave `batch` out, or use a table whose primary key is a number, text or a UUID",
    })
}

async fn sqlite(
    connection: &mut Connection,
    backfill: &Backfill<'_>,
) -> Result<Found, sqlx::Error> {
    let table = match backfill.parts.as_slice() {
        [table] => table,
        [schema, table] if schema.eq_ignore_ascii_case("main") => table,
        _ => return Ok(none(backfill)),
    };
    /// What a row's number is called where no column is called so (<https://www.sqlite.org/lang_createtable.html#rowid>).
    const NUMBERS: [&str; 3] = ["rowid", "_rowid_", "oid"];
    let sql = "SELECT name FROM pragma_table_info(?) WHERE pk > 0";
    let rows = connection.rows(sql, &[table.into()]).await?;
    let [row] = rows.as_slice() else {
        return Ok(none(backfill));
    };
    let name = row.text("name")?;
    for number in NUMBERS.into_iter().filter(|number| sets(backfill, number)) {
        let sql = "SELECT 1 FROM pragma_table_info(?) WHERE lower(name) = ?";
        if !connection.any(sql, &[table.into(), number.into()]).await? {
            return Ok(Err(moved(backfill, number)));
        }
    }
    let column = format!("\"{}\"", name.replace('"', "\"\""));
    // A primary key may be NULL there, unless it is a number.
    let sql = format!(
        "SELECT 1 FROM {} WHERE {column} IS NULL LIMIT 1",
        backfill.table
    );
    if connection.any(&sql, &[]).await? {
        return Ok(Err(NoKey {
            problem: format!("{} has rows without {name}, its key", backfill.table),
            remedy: "give these rows a key, or leave `batch` out",
        }));
    }
    // What `quote` writes of such a text ends before it.
    let sql = format!(
        "SELECT 1 FROM {} WHERE typeof({column}) = 'text' AND instr({column}, char(0)) LIMIT 1",
        backfill.table
    );
    if connection.any(&sql, &[]).await? {
        return Ok(Err(NoKey {
            problem: format!(
                "{} has rows with a NUL character in {name}, its key",
                backfill.table
            ),
            remedy: "give these rows other keys, or leave `batch` out",
        }));
    }
    let key = Key {
        column,
        writing: Writing::Quote,
    };
    Ok(Ok((name, key)))
}

async fn postgres(
    connection: &mut Connection,
    backfill: &Backfill<'_>,
) -> Result<Found, sqlx::Error> {
    const KINDS: &[&str] = &[
        "int2", "int4", "int8", "numeric", "text", "varchar", "bpchar", "uuid", "bytea",
    ];
    let sql = "SELECT quote_ident(attname) AS quoted, attname::text AS name, typname::text AS kind
               FROM pg_index
               JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
               JOIN pg_type ON pg_type.oid = atttypid
               WHERE indrelid = to_regclass(?) AND indisprimary AND indnkeyatts = 1";
    let rows = connection.rows(sql, &[(&backfill.table).into()]).await?;
    let [row] = rows.as_slice() else {
        return Ok(none(backfill));
    };
    let (name, kind) = (row.text("name")?, row.text("kind")?);
    if !KINDS.contains(&kind.as_str()) {
        return Ok(unordered(&name, &kind));
    }
    let key = Key {
        column: row.text("quoted")?,
        writing: Writing::Literal,
    };
    Ok(Ok((name, key)))
}

async fn mysql(connection: &mut Connection, backfill: &Backfill<'_>) -> Result<Found, sqlx::Error> {
    let tables = [Some(&backfill.parts), backfill.into.as_ref()];
    for parts in tables.into_iter().flatten() {
        let (schema, table) = place(parts);
        let sql = "SELECT CAST(engine AS CHAR) AS engine FROM information_schema.tables
                   WHERE table_schema = coalesce(?, database()) AND table_name = ?";
        for row in connection.rows(sql, &[schema, table]).await? {
            let engine = row.text("engine")?;
            if !engine.eq_ignore_ascii_case("innodb") {
                return Ok(Err(NoKey {
                    problem: format!(
                        "{} is kept by {engine}, which has no transactions",
                        parts.join(".")
                    ),
                    remedy: "convert the table to InnoDB, or leave `batch` out",
                }));
            }
        }
    }
    let (schema, table) = place(&backfill.parts);
    let sql = "SELECT CAST(column_name AS CHAR) AS name, CAST(data_type AS CHAR) AS kind
               FROM information_schema.columns
               WHERE table_schema = coalesce(?, database()) AND table_name = ? AND column_key = 'PRI'";
    let rows = connection.rows(sql, &[schema, table]).await?;
    let [row] = rows.as_slice() else {
        return Ok(none(backfill));
    };
    let (name, kind) = (row.text("name")?, row.text("kind")?.to_ascii_lowercase());
    let writing = match kind.as_str() {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "decimal" => Writing::Digits,
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => Writing::Text,
        "binary" | "varbinary" => Writing::Bytes,
        "uuid" => Writing::Plain,
        kind => return Ok(unordered(&name, kind)),
    };
    let column = format!("`{}`", name.replace('`', "``"));
    Ok(Ok((name, Key { column, writing })))
}

fn place(parts: &[String]) -> (Value<'_>, Value<'_>) {
    let table = parts.last().map_or(Value::Null, Value::from);
    match parts {
        [schema, _] => (schema.into(), table),
        _ => (Value::Null, table),
    }
}
