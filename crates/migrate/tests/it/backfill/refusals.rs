//! What cannot be cut into ranges is refused, before anything of it is run where its text tells, and by the database
//! otherwise.

use towpath_migrate::PlanError;

use super::*;
use crate::kit::{Place, tables};

async fn planned(sql: &str) -> Result<(), String> {
    let place = Place::new();
    let planned = place.database().plan(&set(&[("1_a.sql", sql)])).await;
    match planned {
        Ok(_) => Ok(()),
        Err(PlanError::Script(error)) => Err(format!("{error}; {}", error.remedy())),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn what_the_text_tells_is_refused_when_it_is_planned() {
    assert_eq!(
        planned("-- towpath: data, batch = 5\nUPDATE a SET x = 1;").await,
        Ok(())
    );
    let two = "-- towpath: data, batch = 5\n\nUPDATE a SET x = 1; UPDATE b SET x = 1;";
    assert_eq!(
        planned(two).await.unwrap_err(),
        "run migration 1 (a): line 3, `UPDATE a SET x = 1;`: it cannot be run in batches: it is not one UPDATE, DELETE, \
         or INSERT … SELECT; leave `batch` out, or make the migration one UPDATE, DELETE, or INSERT … SELECT that does the \
         same to each row of a table, whatever the other rows are"
    );
    for sql in [
        "-- towpath: data, batch = 5",
        "-- towpath: data, batch = 5\nCREATE TABLE a (x);",
        "-- towpath: data, batch = 5\nUPDATE a SET x = (SELECT max(x) FROM a);",
        "-- towpath: data, batch = 5\nUPDATE a SET x = 1 WHERE (y;",
    ] {
        assert!(planned(sql).await.is_err(), "{sql}");
    }
}

#[tokio::test]
async fn what_the_database_tells_is_refused_before_a_row_is_changed() {
    let cases = [
        (
            "CREATE TABLE boats (id INTEGER, n INTEGER)",
            "boats is no table with a primary key of one column",
        ),
        (
            "CREATE TABLE boats (id INTEGER, b INTEGER, n INTEGER, PRIMARY KEY (id, b))",
            "boats is no table with a primary key of one column",
        ),
        (
            "CREATE TABLE old (id INTEGER PRIMARY KEY, n INTEGER); CREATE VIEW boats AS SELECT * FROM old",
            "boats is no table with a primary key of one column",
        ),
        (
            "CREATE TABLE boats (id TEXT PRIMARY KEY, n INTEGER); INSERT INTO boats VALUES (NULL, 0)",
            "boats has rows without id, its key",
        ),
        (
            "CREATE TABLE boats (id TEXT PRIMARY KEY, n INTEGER); INSERT INTO boats VALUES ('a' || char(0) || 'b', 0)",
            "boats has rows with a NUL character in id, its key",
        ),
        (
            "CREATE TABLE boats (n INTEGER PRIMARY KEY, id INTEGER)",
            "it sets n, the key by which boats is cut",
        ),
    ];
    let cases = cases.map(|(table, expected)| (table, ADD_ONE, expected));
    let by_number = (
        "CREATE TABLE boats (id INTEGER PRIMARY KEY, oid INTEGER)",
        "-- towpath: data, batch = 10\nUPDATE boats SET oid = 1, RowId = id + 1000;",
        "it sets rowid, the key by which boats is cut",
    );
    for (table, sql, expected) in cases.into_iter().chain([by_number]) {
        let place = Place::new();
        let database = place.database();
        let set = set(&[("1_boats.sql", table), ("2_add.sql", sql)]);
        let error = apply(&database, &set).await.unwrap_err();
        let said = error.to_string();
        assert_eq!(
            said,
            format!("run migration 2 (add) in batches: {expected}")
        );
        assert!(
            error.remedy().contains("leave `batch` out"),
            "{}",
            error.remedy()
        );
        let history = database.history_for(&set).await.unwrap();
        assert!(!history.knows(2), "{table}");
    }
}

/// What an earlier version left gets room for how far a backfill is.
#[tokio::test]
async fn records_of_before_have_room_for_batches() {
    let place = Place::new();
    let database = place.database();
    apply(&database, &set(&[("1_boats.sql", TABLE)]))
        .await
        .unwrap();
    let file = place.file();
    crate::kit::execute(&file, "ALTER TABLE _towpath_receipts DROP COLUMN batched").await;
    let set = set(&[("1_boats.sql", TABLE), ("2_add.sql", ADD_ONE)]);
    assert_eq!(database.plan(&set).await.unwrap().pending.len(), 1);
    apply(&database, &set).await.unwrap();
    assert_eq!(database.history_for(&set).await.unwrap().receipts.len(), 2);
    assert!(tables(&file).await.contains(&"boats".to_owned()));
}
