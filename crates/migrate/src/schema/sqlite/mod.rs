//! What a SQLite database holds, read from `sqlite_schema`: SQLite keeps the statements that made things, and changes
//! their text when it alters them (<https://www.sqlite.org/schematab.html>).
//!
//! Its pragmas leave out checks, what a column is computed from, and the names of constraints, so the text is what is
//! read; `pragma_table_list` tells the tables that a module keeps for itself.
//!
//! Names of `NOT NULL` and `DEFAULT`, which are shown to nobody, are not kept. A key in the definition of its column is
//! the same as one of the table.

pub(crate) mod table;

use std::collections::BTreeMap;

use sqlx::SqliteConnection;

use super::{
    Index, Name, Object, ObjectKey, Schema, Sql, Table, is_record,
    model::Kind,
    sql::{Word, words},
};
use crate::classify::Dialect;

/// A row of `sqlite_schema`.
#[derive(Debug, sqlx::FromRow)]
struct Row {
    kind: String,
    name: String,
    table: String,
    sql: String,
}

/// Reads everything that the connection's main database holds.
pub async fn read(connection: &mut SqliteConnection) -> Result<Schema, sqlx::Error> {
    // Without SQL: the indexes that SQLite makes for UNIQUE and PRIMARY KEY, which are in their table's SQL.
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT type AS kind, name, tbl_name AS \"table\", sql FROM sqlite_schema
         WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
         AND lower(name) NOT IN (SELECT lower(name) FROM pragma_table_list WHERE schema = 'main' AND type = 'shadow')
         ORDER BY rowid",
    )
    .fetch_all(connection)
    .await?;
    Ok(of_rows(&rows))
}

fn of_rows(rows: &[Row]) -> Schema {
    let mut schema = Schema::empty(Dialect::Sqlite);
    let rows = || rows.iter().filter(|row| !is_record(&row.table));
    for row in rows() {
        let name = Name::caseless(&row.name);
        match row.kind.as_str() {
            "table" if is_virtual(&row.sql) => add(&mut schema, Kind::VirtualTable, row),
            "table" => {
                schema.tables.insert(name.clone(), table(name, &row.sql));
            }
            "view" => add(&mut schema, Kind::View, row),
            "trigger" => add(&mut schema, Kind::Trigger, row),
            _ => {}
        }
    }
    for row in rows().filter(|row| row.kind == "index") {
        let name = Name::caseless(&row.name);
        let definition = Sql::written(&row.sql, Dialect::Sqlite);
        if let Some(table) = schema.tables.get_mut(&Name::caseless(&row.table)) {
            table
                .indexes
                .insert(name.clone(), Index { name, definition });
        }
    }
    schema
}

fn is_virtual(sql: &str) -> bool {
    words(sql, Dialect::Sqlite)
        .get(1)
        .is_some_and(|word| word.is("virtual"))
}

fn add(schema: &mut Schema, kind: Kind, row: &Row) {
    let key = ObjectKey::new(kind, Name::caseless(&row.name));
    let mut object = Object::new(key.clone(), Sql::written(&row.sql, Dialect::Sqlite));
    object.on = (kind == Kind::Trigger).then(|| Name::caseless(&row.table));
    schema.objects.insert(key, object);
}

/// A table by the statement that makes it.
pub(super) fn table(name: Name, sql: &str) -> Table {
    let words: Vec<Word<'_>> = words(sql, Dialect::Sqlite);
    let parsed = table::parse(&words);
    Table {
        name,
        columns: parsed.columns,
        constraints: parsed.constraints,
        indexes: BTreeMap::new(),
        options: parsed.options,
        definition: Some(sql.to_owned()),
    }
}
