//! What a database holds: its fingerprint, equal for what means the same; how two differ; the way from one to the other.

mod flow;
mod mysql;
mod postgres;
mod random;
mod random_postgres;
mod scratch;
mod sqlite;

use crate::kit::{Place, apply, execute, set};

async fn fingerprint(sql: &str) -> String {
    let place = Place::new();
    execute(&place.file(), sql).await;
    place.database().schema_fingerprint().await.unwrap()
}

#[tokio::test]
async fn how_a_schema_came_about_does_not_count() {
    let place = Place::new();
    let steps = set(&[
        (
            "1_make.sql",
            "CREATE TABLE old (id INTEGER PRIMARY KEY,\n  name TEXT UNIQUE -- a name\n);",
        ),
        (
            "2_index.sql",
            "CREATE INDEX by_name ON old (name); CREATE VIEW v AS SELECT * FROM old;",
        ),
        (
            "3_rename.sql",
            "DROP VIEW v; ALTER TABLE old RENAME TO users; ANALYZE;",
        ),
    ]);
    apply(&place.database(), &steps).await.unwrap();
    let at_once = "CREATE TABLE \"users\"(id INTEGER PRIMARY KEY, name TEXT UNIQUE);
                   CREATE INDEX by_name ON \"users\" ( name );";
    assert_eq!(
        place.database().schema_fingerprint().await.unwrap(),
        fingerprint(at_once).await
    );
}

#[tokio::test]
async fn what_a_schema_holds_does() {
    let plain = fingerprint("CREATE TABLE a (x);").await;
    assert_eq!(
        plain,
        fingerprint("CREATE TABLE a (x); INSERT INTO a VALUES (1);").await
    );
    for other in [
        "CREATE TABLE a (x, y);",
        "CREATE TABLE a (x TEXT);",
        "CREATE TABLE a (x); CREATE INDEX i ON a (x);",
        "CREATE TABLE a (x); CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; END;",
        "CREATE TABLE a (x DEFAULT 'X');",
        "SELECT 1;",
    ] {
        assert_ne!(plain, fingerprint(other).await, "{other}");
    }
}
