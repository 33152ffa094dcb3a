//! Random schemas of SQLite with rows in them, and the way from one to another.

use std::collections::BTreeMap;

use proptest::{collection::vec, prelude::*, sample::select};
use sqlx::SqliteConnection;
use towpath_migrate::schema::{Name, Schema, capture, diff};

use super::sqlite::{made, read, run, walk};

const TABLES: [&str; 3] = ["a", "B", "c d"];

/// A column besides `id` and `x`, which every table has.
#[derive(Debug, Clone)]
struct ColumnText {
    data_type: &'static str,
    rest: &'static str,
}

#[derive(Debug, Clone)]
struct TableText {
    key: usize,
    columns: BTreeMap<&'static str, ColumnText>,
    constraints: Vec<&'static str>,
    options: &'static str,
    objects: Vec<&'static str>,
}

impl TableText {
    fn sql(&self, name: &str) -> String {
        let (id, key) = [
            ("id INTEGER PRIMARY KEY", ""),
            ("id INTEGER PRIMARY KEY AUTOINCREMENT", ""),
            ("id INTEGER NOT NULL", ", PRIMARY KEY (id)"),
            ("id INTEGER NOT NULL", ", PRIMARY KEY (x, id DESC)"),
        ][self.key];
        // WITHOUT ROWID has no numbers of its own.
        let id = if self.options.contains("ROWID") {
            id.replace(" AUTOINCREMENT", "")
        } else {
            id.to_owned()
        };
        let mut text = format!("CREATE TABLE \"{name}\" ({id}, x INTEGER");
        for (column, definition) in &self.columns {
            let data_type = match (self.options.contains("STRICT"), definition.data_type) {
                (true, "" | "VARCHAR(10)") => "ANY",
                (_, data_type) => data_type,
            };
            text += &format!(", {column} {data_type} {}", definition.rest);
        }
        text += key;
        for constraint in &self.constraints {
            text += &format!(", {constraint}");
        }
        text += &format!(") {};\n", self.options);
        for object in &self.objects {
            text += &object.replace("TABLE", name);
            text += ";\n";
        }
        text
    }
}

fn column() -> impl Strategy<Value = ColumnText> {
    let rest = [
        "",
        "NOT NULL DEFAULT 1",
        "DEFAULT 1",
        "DEFAULT (1 + 1)",
        "NOT NULL DEFAULT (2)",
        "COLLATE NOCASE",
        "CHECK (x > 0)",
        "CONSTRAINT odd CHECK (x <> 12) DEFAULT 3",
        "REFERENCES a (id) ON DELETE CASCADE",
        "NOT NULL DEFAULT 1 REFERENCES B (id) DEFERRABLE INITIALLY DEFERRED",
        "AS (x + 1)",
        "AS (x + 1) STORED",
    ];
    (
        select(vec!["", "INTEGER", "TEXT", "REAL", "VARCHAR(10)"]),
        select(rest.to_vec()),
    )
        .prop_map(|(data_type, rest)| ColumnText { data_type, rest })
}

fn table() -> impl Strategy<Value = TableText> {
    let constraints = [
        "UNIQUE (x)",
        "CHECK (x < 100)",
        "CONSTRAINT few CHECK (id < 100)",
        "FOREIGN KEY (x) REFERENCES a",
    ];
    let objects = [
        "CREATE INDEX \"TABLE x\" ON \"TABLE\" (x)",
        "CREATE UNIQUE INDEX \"TABLE ids\" ON \"TABLE\" (id, x) WHERE x > 0",
        "CREATE VIEW \"TABLE v\" AS SELECT x FROM \"TABLE\"",
        "CREATE TRIGGER \"TABLE t\" AFTER UPDATE OF x ON \"TABLE\" BEGIN DELETE FROM \"TABLE\" WHERE id = old.id; SELECT 1; END",
    ];
    (
        0..4_usize,
        proptest::collection::btree_map(select(vec!["p", "q", "\"r s\""]), column(), 0..4),
        proptest::sample::subsequence(constraints.to_vec(), 0..3),
        select(vec!["", "", "", "STRICT", "WITHOUT ROWID"]),
        proptest::sample::subsequence(objects.to_vec(), 0..=4),
    )
        .prop_map(|(key, columns, constraints, options, objects)| TableText {
            key,
            columns,
            constraints,
            options,
            objects,
        })
}

/// A table on both sides: gone, new, the same, with other columns only, or another altogether.
fn sides() -> impl Strategy<Value = (Option<TableText>, Option<TableText>)> {
    (table(), table(), 0..6_u8).prop_map(|(before, other, kind)| match kind {
        0 => (Some(before), None),
        1 => (None, Some(other)),
        2 => (Some(before.clone()), Some(before)),
        3 => {
            let after = TableText {
                columns: other.columns,
                ..before.clone()
            };
            (Some(before), Some(after))
        }
        4 => {
            let after = TableText {
                objects: other.objects,
                ..before.clone()
            };
            (Some(before), Some(after))
        }
        _ => (Some(before), Some(other)),
    })
}

fn script(tables: &[Option<TableText>]) -> String {
    TABLES
        .iter()
        .zip(tables)
        .filter_map(|(name, table)| Some(table.as_ref()?.sql(name)))
        .collect()
}

/// The rows of the columns that both schemas have with one type.
async fn rows(
    connection: &mut SqliteConnection,
    one: &Schema,
    other: &Schema,
) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    for (name, table) in &one.tables {
        let Some(counterpart) = other.tables.get(name) else {
            continue;
        };
        let strict = |schema: &Schema| schema.tables[name].options.contains_key("strict");
        let kept = table.columns.iter().filter(|column| {
            counterpart.column(&column.name).is_some_and(|other| {
                column.data_type == other.data_type
                    && column.generated.is_none()
                    && other.generated.is_none()
            }) && strict(one) == strict(other)
        });
        let kept: Vec<String> = kept
            .map(|column| format!("quote(\"{}\")", column.name.as_str()))
            .collect();
        let kept = if kept.is_empty() {
            "''".to_owned()
        } else {
            kept.join(" || ',' || ")
        };
        let query = format!("SELECT {kept} FROM \"{}\" ORDER BY id", name.as_str());
        let values = sqlx::query_scalar(sqlx::AssertSqlSafe(query))
            .fetch_all(&mut *connection)
            .await
            .unwrap();
        found.insert(name.to_string(), values);
    }
    found
}

async fn fill(connection: &mut SqliteConnection, schema: &Schema) {
    for (name, table) in &schema.tables {
        let names: Vec<_> = table
            .columns
            .iter()
            .filter(|column| column.generated.is_none())
            .map(|column| format!("\"{}\"", column.name.as_str()))
            .collect();
        for row in 1..4 {
            let values = vec![row.to_string(); names.len()].join(", ");
            let names = names.join(", ");
            run(
                connection,
                &format!(
                    "INSERT INTO \"{}\" ({names}) VALUES ({values})",
                    name.as_str()
                ),
            )
            .await;
        }
    }
}

async fn there_and_back(before: String, after: String) {
    let mut connection = made(&before).await;
    let expected = read(&mut connection).await;
    fill(&mut connection, &expected).await;
    let found = read(&mut made(&after).await).await;
    let difference = diff(&expected, &found);
    assert_eq!(diff(&found, &expected), difference.clone().swapped());
    assert_eq!(
        difference.is_empty(),
        expected.fingerprint() == found.fingerprint()
    );
    let captured = capture(&expected, &found);
    let kept = rows(&mut connection, &expected, &found).await;

    walk(&mut connection, &captured.up).await;
    let left = diff(&found, &read(&mut connection).await);
    assert!(left.is_empty(), "up\n{}\n{left}", captured.up.join(";\n"));
    assert_eq!(
        rows(&mut connection, &found, &expected).await,
        sorted_as(&kept, &found)
    );

    walk(&mut connection, &captured.down).await;
    let left = diff(&expected, &read(&mut connection).await);
    assert!(
        left.is_empty(),
        "down\n{}\n{left}",
        captured.down.join(";\n")
    );
    assert_eq!(rows(&mut connection, &expected, &found).await, kept);
}

/// Rows by the columns' order of another schema: the tests put columns in one order on both sides.
fn sorted_as(
    rows: &BTreeMap<String, Vec<String>>,
    schema: &Schema,
) -> BTreeMap<String, Vec<String>> {
    let names: Vec<String> = schema.tables.keys().map(Name::to_string).collect();
    rows.iter()
        .filter(|(name, _)| names.contains(name))
        .map(|(name, rows)| (name.clone(), rows.clone()))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_is_captured_leads_there_and_back(tables in vec(sides(), TABLES.len())) {
        let (before, after): (Vec<_>, Vec<_>) = tables.into_iter().unzip();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(there_and_back(script(&before), script(&after)));
    }
}
