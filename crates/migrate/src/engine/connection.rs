//! One connection to a database, whichever engine it has: SQL in, plain values out.
//!
//! The tables that we and the users' tools keep are read and written with it, so that what is said about them is said
//! once. Parameters are written `?`; what a query answers are whole numbers and text.

use std::{borrow::Cow, collections::BTreeMap, fmt::Write as _, sync::Arc};

use sqlx::{
    AssertSqlSafe, Column as _, ColumnIndex, Connection as _, Decode, MySqlConnection,
    PgConnection, SqliteConnection, Type, ValueRef as _,
};

use crate::{Version, classify::Dialect};

/// A connection to a database of some engine.
#[derive(Debug)]
pub(super) enum Connection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
    Mysql(MySqlConnection),
}

/// A parameter.
#[derive(Debug, Clone)]
pub(super) enum Value<'a> {
    Integer(i64),
    /// A number or nothing: PostgreSQL wants to know of which type nothing is.
    Number(Option<i64>),
    Flag(bool),
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
    Null,
}

/// A statement that changes something, with its parameters.
pub(super) struct Change<'a> {
    pub(super) sql: String,
    pub(super) values: Vec<Value<'a>>,
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Value::Integer(value)
    }
}

/// By its key: the tools whose tables have a number for it have whole ones only.
impl From<Version> for Value<'_> {
    fn from(version: Version) -> Self {
        Value::Integer(version.key())
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Value::Flag(value)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Value::Text(value.into())
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(value: &'a String) -> Self {
        Value::Text(value.into())
    }
}

impl From<Vec<u8>> for Value<'_> {
    fn from(value: Vec<u8>) -> Self {
        Value::Bytes(value.into())
    }
}

impl<'a> From<Option<&'a String>> for Value<'a> {
    fn from(value: Option<&'a String>) -> Self {
        value.map_or(Value::Null, Value::from)
    }
}

impl From<Option<String>> for Value<'_> {
    fn from(value: Option<String>) -> Self {
        value.map_or(Value::Null, |text| Value::Text(text.into()))
    }
}

impl From<Option<i64>> for Value<'_> {
    fn from(value: Option<i64>) -> Self {
        Value::Number(value)
    }
}

/// A row of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// The names of the columns: one list for all rows.
    columns: Arc<[String]>,
    cells: Vec<Option<Cell>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Cell {
    Integer(i64),
    Text(String),
}

impl Row {
    fn cell(&self, column: &str) -> Result<Option<&Cell>, sqlx::Error> {
        let index = self.columns.iter().position(|name| name == column);
        index
            .and_then(|index| self.cells.get(index))
            .map(Option::as_ref)
            .ok_or_else(|| sqlx::Error::ColumnNotFound(column.to_owned()))
    }

    /// A whole number; nothing counts as 0.
    pub(super) fn integer(&self, column: &str) -> Result<i64, sqlx::Error> {
        match self.cell(column)? {
            None => Ok(0),
            Some(Cell::Integer(value)) => Ok(*value),
            Some(Cell::Text(text)) => text.parse().map_err(|error| sqlx::Error::ColumnDecode {
                index: column.to_owned(),
                source: Box::new(error),
            }),
        }
    }

    /// A flag, which engines keep as numbers.
    pub(super) fn flag(&self, column: &str) -> Result<bool, sqlx::Error> {
        Ok(self.integer(column)? != 0)
    }

    /// Text; nothing counts as empty.
    pub(super) fn text(&self, column: &str) -> Result<String, sqlx::Error> {
        Ok(self.maybe(column)?.unwrap_or_default())
    }

    /// Text, or nothing.
    pub(super) fn maybe(&self, column: &str) -> Result<Option<String>, sqlx::Error> {
        Ok(self.cell(column)?.map(|cell| match cell {
            Cell::Integer(value) => value.to_string(),
            Cell::Text(text) => text.clone(),
        }))
    }
}

/// A query with one more parameter.
macro_rules! bound {
    ($query:expr, $value:expr) => {
        match $value {
            Value::Integer(value) => $query.bind(*value),
            Value::Number(value) => $query.bind(*value),
            Value::Flag(value) => $query.bind(*value),
            Value::Text(value) => $query.bind(value.clone().into_owned()),
            Value::Bytes(value) => $query.bind(value.clone().into_owned()),
            Value::Null => $query.bind(None::<String>),
        }
    };
}

impl Connection {
    pub(super) fn dialect(&self) -> Dialect {
        match self {
            Connection::Sqlite(_) => Dialect::Sqlite,
            Connection::Postgres(_) => Dialect::Postgres,
            Connection::Mysql(_) => Dialect::Mysql,
        }
    }

    /// Runs SQL as it stands: the user's migration or ours, never put together from anybody's input. An empty text
    /// is not sent.
    pub(super) async fn execute(&mut self, sql: &str) -> Result<(), sqlx::Error> {
        match sql.is_empty() {
            true => Ok(()),
            false => self.change(sql).await.map(drop),
        }
    }

    /// Runs SQL as it stands; answers with how many rows it changed.
    pub(super) async fn change(&mut self, sql: &str) -> Result<u64, sqlx::Error> {
        let sql = sqlx::raw_sql(AssertSqlSafe(sql));
        Ok(match self {
            Connection::Sqlite(connection) => sql.execute(connection).await?.rows_affected(),
            Connection::Postgres(connection) => sql.execute(connection).await?.rows_affected(),
            Connection::Mysql(connection) => sql.execute(connection).await?.rows_affected(),
        })
    }

    /// Runs one statement with parameters; answers with how many rows it changed.
    pub(super) async fn write(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
    ) -> Result<u64, sqlx::Error> {
        macro_rules! run {
            ($connection:expr, $sql:expr) => {{
                let mut query = sqlx::query(AssertSqlSafe($sql));
                for value in values {
                    query = bound!(query, value);
                }
                query.execute($connection).await?.rows_affected()
            }};
        }
        Ok(match self {
            Connection::Sqlite(connection) => run!(connection, sql),
            Connection::Postgres(connection) => run!(connection, numbered(sql, values)),
            Connection::Mysql(connection) => run!(connection, sql),
        })
    }

    /// Makes a change.
    pub(super) async fn make(&mut self, change: &Change<'_>) -> Result<u64, sqlx::Error> {
        self.write(&change.sql, &change.values).await
    }

    /// Makes two changes to different tables. PostgreSQL is told both at once.
    pub(super) async fn make_both(
        &mut self,
        first: Change<'_>,
        second: Change<'_>,
    ) -> Result<(), sqlx::Error> {
        if let Connection::Postgres(_) = self {
            let sql = format!("WITH first AS ({}) {}", first.sql, second.sql);
            let values = [first.values, second.values].concat();
            return self.write(&sql, &values).await.map(drop);
        }
        self.make(&first).await?;
        self.make(&second).await.map(drop)
    }

    /// Runs a query with parameters.
    pub(super) async fn rows(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, sqlx::Error> {
        macro_rules! run {
            ($connection:expr, $sql:expr) => {{
                let mut query = sqlx::query(AssertSqlSafe($sql));
                for value in values {
                    query = bound!(query, value);
                }
                read(&query.fetch_all($connection).await?)
            }};
        }
        match self {
            Connection::Sqlite(connection) => run!(connection, sql),
            Connection::Postgres(connection) => match with_values(sql, values) {
                // One way to the server and back; to prepare a statement is another.
                Some(sql) => {
                    let query = sqlx::raw_sql(AssertSqlSafe(sql));
                    read(&query.fetch_all(connection).await?)
                }
                None => run!(connection, numbered(sql, values)),
            },
            Connection::Mysql(connection) => run!(connection, sql),
        }
    }

    /// Runs SQL as it stands, then a query; whether that answers with any row. PostgreSQL is told both at once.
    pub(super) async fn any_after(
        &mut self,
        before: &str,
        sql: &str,
        values: &[Value<'_>],
    ) -> Result<bool, sqlx::Error> {
        if let Connection::Postgres(connection) = self
            && let Some(query) = with_values(sql, values)
        {
            let both = sqlx::raw_sql(AssertSqlSafe(format!("{before}; {query}")));
            return Ok(!both.fetch_all(connection).await?.is_empty());
        }
        self.execute(before).await?;
        self.any(sql, values).await
    }

    /// Whether a query answers with any row.
    pub(super) async fn any(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
    ) -> Result<bool, sqlx::Error> {
        Ok(!self.rows(sql, values).await?.is_empty())
    }

    /// The names of a table's columns, in the schema that names without one mean; none when there is no such table.
    pub(super) async fn columns(&mut self, table: &str) -> Result<Vec<String>, sqlx::Error> {
        let mut columns = self.columns_of(&[table]).await?;
        Ok(columns.remove(table).unwrap_or_default())
    }

    /// The columns of those of the tables that there are, with one query where each costs a way to a server.
    pub(super) async fn columns_of(
        &mut self,
        tables: &[&str],
    ) -> Result<BTreeMap<String, Vec<String>>, sqlx::Error> {
        let wanted = vec!["?"; tables.len()].join(", ");
        let sql = match self.dialect() {
            Dialect::Sqlite => {
                let each = "SELECT ? AS home, name, cid AS place FROM pragma_table_info(?)";
                vec![each; tables.len()].join(" UNION ALL ") + " ORDER BY place"
            }
            Dialect::Postgres => format!(
                "SELECT home, attname::text AS name FROM unnest(ARRAY[{wanted}]::text[]) AS home
                 JOIN pg_attribute ON attrelid = to_regclass(quote_ident(home))
                 WHERE attnum > 0 AND NOT attisdropped ORDER BY attnum"
            ),
            Dialect::Mysql => format!(
                "SELECT CAST(lower(table_name) AS CHAR) AS home, CAST(column_name AS CHAR) AS name
                 FROM information_schema.columns
                 WHERE table_schema = database() AND table_name IN ({wanted}) ORDER BY ordinal_position"
            ),
        };
        let times = match self.dialect() {
            Dialect::Sqlite => 2,
            Dialect::Postgres | Dialect::Mysql => 1,
        };
        let values: Vec<Value<'_>> = tables
            .iter()
            .flat_map(|&table| std::iter::repeat_n(Value::from(table), times))
            .collect();
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in self.rows(&sql, &values).await? {
            found
                .entry(row.text("home")?)
                .or_default()
                .push(row.text("name")?);
        }
        Ok(found)
    }

    /// Ends it and waits for that, which rolls back what was not committed.
    pub(super) async fn close(self) -> Result<(), sqlx::Error> {
        match self {
            Connection::Sqlite(connection) => connection.close().await,
            Connection::Postgres(connection) => connection.close().await,
            Connection::Mysql(connection) => connection.close().await,
        }
    }

    /// SQLite's own connection, for what only SQLite has.
    pub(super) fn sqlite(&mut self) -> Option<&mut SqliteConnection> {
        match self {
            Connection::Sqlite(connection) => Some(connection),
            _ => None,
        }
    }
}

/// SQL with the parameters as PostgreSQL has them. None of ours has a question mark elsewhere.
fn numbered(sql: &str, values: &[Value<'_>]) -> String {
    if values.is_empty() {
        return sql.to_owned();
    }
    let mut parts = sql.split('?');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for (index, part) in parts.enumerate() {
        // Writing to a String cannot fail.
        let _ = write!(text, "${}{part}", index + 1);
    }
    text
}

/// SQL with the values in it, where they are such that they mean the same in every setting of a session.
fn with_values(sql: &str, values: &[Value<'_>]) -> Option<String> {
    if values.is_empty() {
        return Some(sql.to_owned());
    }
    if sql.matches('?').count() != values.len() {
        return None;
    }
    let mut parts = sql.split('?');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for (value, part) in values.iter().zip(parts) {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        // Writing to a String cannot fail.
        let _ = match value {
            Value::Integer(number) if *number >= 0 => write!(text, "{number}{part}"),
            Value::Text(value) if value.chars().all(is_plain) => write!(text, "'{value}'{part}"),
            _ => return None,
        };
    }
    Some(text)
}

/// Rows as they are: numbers, or text. All have the same columns.
fn read<R>(rows: &[R]) -> Result<Vec<Row>, sqlx::Error>
where
    R: sqlx::Row,
    usize: ColumnIndex<R>,
    for<'r> i64: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> i32: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> bool: Decode<'r, R::Database> + Type<R::Database>,
    for<'r> String: Decode<'r, R::Database> + Type<R::Database>,
{
    let columns = rows.first().map_or(&[][..], R::columns).iter();
    let columns: Arc<[String]> = columns.map(|column| column.name().to_owned()).collect();
    rows.iter()
        .map(|row| {
            let cells = (0..columns.len()).map(|index| cell(row, index));
            Ok(Row {
                columns: columns.clone(),
                cells: cells.collect::<Result<_, sqlx::Error>>()?,
            })
        })
        .collect()
}

fn cell<'r, R>(row: &'r R, index: usize) -> Result<Option<Cell>, sqlx::Error>
where
    R: sqlx::Row,
    usize: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    i32: Decode<'r, R::Database> + Type<R::Database>,
    bool: Decode<'r, R::Database> + Type<R::Database>,
    String: Decode<'r, R::Database> + Type<R::Database>,
{
    let value = row.try_get_raw(index)?;
    if value.is_null() {
        return Ok(None);
    }
    let kind = value.type_info();
    // An error is a dear thing to make, and most cells are text.
    let number = if <i64 as Type<R::Database>>::compatible(&kind) {
        row.try_get::<i64, _>(index).ok()
    } else if <i32 as Type<R::Database>>::compatible(&kind) {
        row.try_get::<i32, _>(index).ok().map(i64::from)
    } else if <bool as Type<R::Database>>::compatible(&kind) {
        row.try_get::<bool, _>(index).ok().map(i64::from)
    } else {
        None
    };
    Ok(Some(match number {
        Some(number) => Cell::Integer(number),
        None => Cell::Text(row.try_get::<String, _>(index)?),
    }))
}

#[cfg(test)]
mod tests {
    use super::{Value, numbered, with_values};

    #[test]
    fn parameters_get_numbers() {
        assert_eq!(numbered("SELECT \"?\"", &[]), "SELECT \"?\"");
        let two = [1.into(), 2.into()];
        assert_eq!(numbered("a = ? AND b = ?", &two), "a = $1 AND b = $2");
    }

    #[test]
    fn values_are_put_in_where_they_are_plain() {
        let put = |values: &[Value<'_>]| with_values("a = ? AND b = ?", values);
        assert_eq!(
            put(&[1.into(), "two_3".into()]).unwrap(),
            "a = 1 AND b = 'two_3'"
        );
        // What could end a text, be an escape in some setting or bind closer than it looks, goes beside the SQL.
        for value in ["it's", "\\", "two words", "?"] {
            assert_eq!(put(&[1.into(), value.into()]), None, "{value}");
        }
        assert_eq!(put(&[(-1).into(), 2.into()]), None);
        assert_eq!(put(&[1.into(), Value::Null]), None);
        assert_eq!(put(&[1.into()]), None);
        assert_eq!(with_values("SELECT '?'", &[]).unwrap(), "SELECT '?'");
    }
}
