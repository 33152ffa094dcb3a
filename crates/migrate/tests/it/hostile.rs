//! Files that nobody should write, and that must not hang, lie or take the process with them.

use proptest::{collection::vec, prelude::*, sample::select};
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};
use towpath_migrate::{LayoutError, Migration, PlanError, layout};

use crate::kit::{Place, apply, set, tables, texts};

#[tokio::test]
async fn a_nul_never_reaches_the_database() {
    let error = layout::sqlx::parse([("1_nul.sql", "SELECT 1;\0DROP TABLE users;")]).unwrap_err();
    assert!(matches!(error, LayoutError::Nul { line: 1, .. }), "{error}");

    // Nor when a plan was put together by hand.
    let place = Place::new();
    let mut plan = place
        .database()
        .plan(&set(&[("1_a.sql", "SELECT 1;")]))
        .await
        .unwrap();
    plan.pending = vec![Migration {
        up: "SELECT 1;\n\0".into(),
        ..plan.pending[0].clone()
    }];
    let error = place
        .database()
        .apply(&plan, "key", || 0, |_| {})
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("line 2: a NUL character"),
        "{error}"
    );
}

#[tokio::test]
async fn five_megabytes_of_statements_take_time_by_their_length() {
    let place = Place::new();
    let mut sql = String::from("CREATE TABLE t (x);\n");
    while sql.len() < 5_000_000 {
        sql.push_str("INSERT INTO t VALUES ('0123456789012345678901234567890123456789;');\n");
    }
    let lines = sql.lines().count() - 1;
    apply(&place.database(), &set(&[("1_big.sql", &sql)]))
        .await
        .unwrap();
    let count = texts(&place.file(), "SELECT CAST(count(*) AS TEXT) FROM t").await;
    assert_eq!(count, [lines.to_string()]);
}

#[tokio::test]
async fn one_statement_of_five_megabytes_is_one_statement() {
    let place = Place::new();
    let sql = format!(
        "CREATE TABLE t (x);\nINSERT INTO t VALUES ('{}');",
        "';'".repeat(1_250_000).replace('\'', "''")
    );
    apply(&place.database(), &set(&[("1_big.sql", &sql)]))
        .await
        .unwrap();
    let broken = format!("SELECT '{}", "x".repeat(5_000_000));
    let error = apply(
        &place.database(),
        &set(&[("1_big.sql", &sql), ("2_big.sql", &broken)]),
    )
    .await
    .unwrap_err();
    // SQLite's own message has all of it.
    assert!(error.to_string().len() < 1000, "{error}");
    assert!(
        error.remedy().starts_with("look for a quote"),
        "{}",
        error.remedy()
    );
}

#[tokio::test]
async fn what_is_not_closed_is_told_with_its_line() {
    let place = Place::new();
    let cases = [
        (
            "SELECT 1;\n\nSELECT 'open;\nSELECT 2;",
            "statement 2 (line 3)",
            "look for a quote that is not closed",
        ),
        (
            "CREATE TABLE t (x",
            "statement 1 (line 1)",
            "finish the statement",
        ),
        (
            "CREATE TABLE x (y);\nCREATE TRIGGER t AFTER INSERT ON x BEGIN SELECT 1;",
            "statement 2 (line 2)",
            "finish the statement",
        ),
    ];
    for (sql, place_in_file, remedy) in cases {
        let error = apply(&place.database(), &set(&[("1_open.sql", sql)]))
            .await
            .unwrap_err();
        assert!(error.to_string().contains(place_in_file), "{error}");
        assert!(
            error.remedy().starts_with(remedy),
            "{error}: {}",
            error.remedy()
        );
    }
    // SQLite takes the end of the file for that of a comment, and so do we.
    apply(
        &place.database(),
        &set(&[("1_open.sql", "CREATE TABLE t (x); /* open")]),
    )
    .await
    .unwrap();
}

#[tokio::test]
async fn a_migration_that_touches_the_receipts_does_not_get_one() {
    let place = Place::new();
    let set = set(&[(
        "1_bad.sql",
        "CREATE TABLE t (x); DROP TABLE _towpath_receipts;",
    )]);
    let error = apply(&place.database(), &set).await.unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("record migration 1 (bad): no such table"),
        "{error}"
    );
    assert_eq!(tables(&place.file()).await, Vec::<String>::new());
}

#[tokio::test]
async fn no_extension_is_loaded() {
    let place = Place::new();
    let error = apply(
        &place.database(),
        &set(&[("1_bad.sql", "SELECT load_extension('x');")]),
    )
    .await
    .unwrap_err();
    assert!(error.to_string().contains("not authorized"), "{error}");
}

#[tokio::test]
async fn an_empty_migration_is_one() {
    let place = Place::new();
    let set = set(&[
        ("1_empty.sql", ""),
        ("2_comment.sql", "-- Add migration script here\n"),
    ]);
    assert_eq!(apply(&place.database(), &set).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_transaction_cannot_be_ended_in_disguise() {
    let place = Place::new();
    for sql in [
        "/**/COMMIT",
        "\u{feff}commit;",
        ";;END;",
        "EXPLAIN SELECT 1; COMMIT",
    ] {
        let sql = format!("CREATE TABLE t (x);{sql}");
        let error = place
            .database()
            .plan(&set(&[("1_bad.sql", &sql)]))
            .await
            .unwrap_err();
        assert!(matches!(error, PlanError::Script(_)), "{sql}: {error}");
    }
}

/// Runs a script as SQLite itself takes it apart; answers with the schema it leaves, unless it fails.
async fn by_sqlite(script: &str) -> Option<Vec<String>> {
    let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(script))
        .execute(&mut connection)
        .await
        .ok()?;
    Some(
        sqlx::query_scalar(SCHEMA)
            .fetch_all(&mut connection)
            .await
            .unwrap(),
    )
}

async fn by_us(script: &str) -> Option<Vec<String>> {
    let place = Place::new();
    apply(&place.database(), &set(&[("1_any.sql", script)]))
        .await
        .ok()?;
    Some(texts(&place.file(), SCHEMA).await)
}

const SCHEMA: &str =
    "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND tbl_name NOT LIKE '\\_%' ESCAPE '\\'";

proptest! {
    #[test]
    fn scripts_come_apart_where_sqlite_takes_them_apart(
        parts in vec(
            select(vec![
                "CREATE TABLE a (x);", "CREATE TABLE IF NOT EXISTS [b;] (`y;` DEFAULT 'it''s;' /* ; */);", "SELECT 1;",
                "CREATE TABLE IF NOT EXISTS a (x);", "DROP TABLE a;", "EXPLAIN SELECT 2;", "SELECT 'begin', end;",
                "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT CASE 1 WHEN 1 THEN 2 END; SELECT ';'; END;",
                "CREATE TEMP TRIGGER u AFTER DELETE ON a BEGIN DELETE FROM a; END;", ";", "'", "\"", "`", "[", "]",
                "--", "/*", "*/", "\n", " ", "END;", "-", "/", "x", "\u{feff}", "CREATE", "TRIGGER", "é",
            ]),
            0..10,
        ),
    ) {
        let script = parts.concat();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (expected, found) = runtime.block_on(async { (by_sqlite(&script).await, by_us(&script).await) });
        prop_assert_eq!(found, expected, "{}", script);
    }
}
