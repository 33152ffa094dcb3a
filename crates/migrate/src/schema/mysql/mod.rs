//! What a database of MySQL or MariaDB holds, read from its `SHOW CREATE …` statements, which print everything in one way.
//!
//! Statements that change a schema end transactions there, so that there is no snapshot of one: what changes while it is
//! read may be read half. Who defined a view or a routine is left out; so is the next number of a table that numbers its
//! rows. Not read: the modes and character sets that routines and triggers were made under, and the order of triggers of
//! one event.

pub(crate) mod table;

use sqlx::{AssertSqlSafe, MySqlConnection, Row as _, mysql::MySqlRow};

use super::{
    Name, Object, ObjectKey, Schema, Sql, is_record,
    model::Kind,
    name::quote,
    sql::{Word, words},
};
use crate::classify::Dialect::Mysql;

/// Reads everything that the connection's database holds. The session's `sql_mode` is as before afterwards, unless it
/// fails.
pub async fn read(connection: &mut MySqlConnection) -> Result<Schema, sqlx::Error> {
    // Some modes print names and types otherwise.
    let mode: String = sqlx::query("SELECT @@SESSION.sql_mode")
        .fetch_one(&mut *connection)
        .await?
        .try_get_unchecked(0)?;
    run(connection, "SET SESSION sql_mode = ''").await?;
    let mut schema = Schema::empty(Mysql);
    relations(connection, &mut schema).await?;
    triggers(connection, &mut schema).await?;
    routines(connection, &mut schema).await?;
    events(connection, &mut schema).await?;
    run(connection, &format!("SET SESSION sql_mode = '{mode}'")).await?;
    Ok(schema)
}

async fn run(connection: &mut MySqlConnection, sql: &str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(connection)
        .await
        .map(drop)
}

/// Rows of text; what is NULL is empty.
async fn rows(
    connection: &mut MySqlConnection,
    sql: &str,
) -> Result<Vec<Vec<String>>, sqlx::Error> {
    let rows: Vec<MySqlRow> = sqlx::raw_sql(AssertSqlSafe(sql))
        .fetch_all(connection)
        .await?;
    let texts = rows.iter().map(|row| {
        let text = |index| {
            row.try_get_unchecked::<Option<String>, _>(index)
                .map(Option::unwrap_or_default)
        };
        (0..row.len()).map(text).collect()
    });
    texts.collect()
}

async fn relations(
    connection: &mut MySqlConnection,
    schema: &mut Schema,
) -> Result<(), sqlx::Error> {
    let found = rows(
        connection,
        "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = DATABASE()",
    )
    .await?;
    let database = created(connection, "SELECT DATABASE()", 0).await?;
    for row in found.iter().filter(|row| !is_record(&row[0])) {
        let name = Name::exact(&row[0]);
        let quoted = quote(&row[0], Mysql);
        match row[1].as_str() {
            "VIEW" => {
                let text = created(connection, &format!("SHOW CREATE VIEW {quoted}"), 1).await?;
                add(schema, Kind::View, name, None, &text);
            }
            "SEQUENCE" => {
                let text =
                    created(connection, &format!("SHOW CREATE SEQUENCE {quoted}"), 1).await?;
                add(schema, Kind::Sequence, name, None, &text);
            }
            _ => {
                let text = created(connection, &format!("SHOW CREATE TABLE {quoted}"), 1).await?;
                let text = without_database(&text, &database);
                schema
                    .tables
                    .insert(name.clone(), table::parse(name, &text));
            }
        }
    }
    Ok(())
}

async fn triggers(
    connection: &mut MySqlConnection,
    schema: &mut Schema,
) -> Result<(), sqlx::Error> {
    let found = rows(
        connection,
        "SELECT trigger_name, event_object_table FROM information_schema.triggers WHERE trigger_schema = DATABASE()",
    )
    .await?;
    for row in found.iter().filter(|row| !is_record(&row[1])) {
        let text = created(
            connection,
            &format!("SHOW CREATE TRIGGER {}", quote(&row[0], Mysql)),
            2,
        )
        .await?;
        add(
            schema,
            Kind::Trigger,
            Name::exact(&row[0]),
            Some(Name::exact(&row[1])),
            &text,
        );
    }
    Ok(())
}

async fn routines(
    connection: &mut MySqlConnection,
    schema: &mut Schema,
) -> Result<(), sqlx::Error> {
    let found = rows(
        connection,
        "SELECT routine_name, routine_type FROM information_schema.routines
         WHERE routine_schema = DATABASE() AND routine_type IN ('FUNCTION', 'PROCEDURE')",
    )
    .await?;
    for row in found {
        let kind = if row[1] == "FUNCTION" {
            Kind::Function
        } else {
            Kind::Procedure
        };
        let text = created(
            connection,
            &format!("SHOW CREATE {} {}", row[1], quote(&row[0], Mysql)),
            2,
        )
        .await?;
        add(schema, kind, Name::caseless(&row[0]), None, &text);
    }
    Ok(())
}

async fn events(connection: &mut MySqlConnection, schema: &mut Schema) -> Result<(), sqlx::Error> {
    let found = rows(
        connection,
        "SELECT event_name FROM information_schema.events WHERE event_schema = DATABASE()",
    )
    .await?;
    for row in found {
        let text = created(
            connection,
            &format!("SHOW CREATE EVENT {}", quote(&row[0], Mysql)),
            3,
        )
        .await?;
        add(schema, Kind::Event, Name::caseless(&row[0]), None, &text);
    }
    Ok(())
}

/// The column of a `SHOW CREATE …` that has the statement.
async fn created(
    connection: &mut MySqlConnection,
    sql: &str,
    column: usize,
) -> Result<String, sqlx::Error> {
    let found = rows(connection, sql).await?;
    let text = found
        .into_iter()
        .next()
        .and_then(|row| row.into_iter().nth(column));
    Ok(text.unwrap_or_default())
}

fn add(schema: &mut Schema, kind: Kind, name: Name, on: Option<Name>, text: &str) {
    let key = ObjectKey::new(kind, name);
    let text = if text.is_empty() {
        HIDDEN.to_owned()
    } else {
        without_definer(text)
    };
    let mut object = Object::new(key.clone(), Sql::written(&text, Mysql));
    object.on = on;
    schema.objects.insert(key, object);
}

/// What stands for a definition that the server does not show.
pub(super) const HIDDEN: &str = "HIDDEN FROM THIS USER";

/// A statement without `` DEFINER=`user`@`host` ``.
fn without_definer(text: &str) -> String {
    let words: Vec<Word<'_>> = words(text, Mysql);
    // It stands before the kind of what is made.
    let kinds = [
        "view",
        "trigger",
        "function",
        "procedure",
        "event",
        "aggregate",
    ];
    let head = words
        .iter()
        .position(|word| kinds.iter().any(|kind| word.is(kind)))
        .unwrap_or(0);
    let Some(begin) = words[..head].iter().position(|word| word.is("definer")) else {
        return text.to_owned();
    };
    // DEFINER = user @ host
    match words.get(begin + 5) {
        Some(next) => format!("{}{}", &text[..words[begin].start], &text[next.start..]),
        None => text.to_owned(),
    }
}

/// A table's definition without the name of its own database, which MariaDB puts before that of a sequence.
fn without_database(text: &str, database: &str) -> String {
    let words = words(text, Mysql);
    let mut kept = String::new();
    let mut copied = 0;
    for pair in words.windows(2) {
        if pair[0].text.starts_with('`') && pair[0].name() == database && pair[1].text == "." {
            kept += &text[copied..pair[0].start];
            copied = pair[1].end();
        }
    }
    kept + &text[copied..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_defined_it_is_left_out() {
        assert_eq!(
            without_definer(
                "CREATE ALGORITHM=UNDEFINED DEFINER=`a b`@`%` SQL SECURITY DEFINER VIEW `v` AS select 1"
            ),
            "CREATE ALGORITHM=UNDEFINED SQL SECURITY DEFINER VIEW `v` AS select 1"
        );
        assert_eq!(
            without_definer("CREATE VIEW `v` AS select 'DEFINER=`a`@`b`'"),
            "CREATE VIEW `v` AS select 'DEFINER=`a`@`b`'"
        );
    }
}
