//! Snapshots: exact, while in use, all or nothing; restored under those who have the database open.

use std::fs;

use sqlx::Connection as _;
use towpath_migrate::{DatabaseError, SnapshotError};

use crate::kit::{Place, apply, connect, database_at, execute, set, texts};

const ROWS: &str = "SELECT rowid || x FROM t ORDER BY rowid";

async fn filled() -> Place {
    let place = Place::new();
    let make = "CREATE TABLE t (x TEXT); INSERT INTO t VALUES ('a'), ('b'), ('c'); DELETE FROM t WHERE x = 'b';
                CREATE VIRTUAL TABLE words USING fts5 (x, content = 't'); INSERT INTO words (words) VALUES ('rebuild');
                PRAGMA user_version = 7;";
    apply(&place.database(), &set(&[("1_make.sql", make)]))
        .await
        .unwrap();
    place
}

#[tokio::test]
async fn a_snapshot_is_exact_and_taken_while_in_use() {
    let place = filled().await;
    let mut service = connect(&place.file()).await;
    sqlx::raw_sql("BEGIN IMMEDIATE; INSERT INTO t VALUES ('uncommitted');")
        .execute(&mut service)
        .await
        .unwrap();
    let snapshot = place
        .database()
        .snapshot(place.path("a.snapshot"))
        .await
        .unwrap();
    sqlx::raw_sql("COMMIT").execute(&mut service).await.unwrap();
    service.close().await.unwrap();

    assert_eq!(snapshot.bytes, fs::metadata(&snapshot.path).unwrap().len());
    // Row numbers too, which a full-text index refers to.
    assert_eq!(texts(&snapshot.path, ROWS).await, ["1a", "3c"]);
    let found = "SELECT x FROM t WHERE rowid IN (SELECT rowid FROM words WHERE words MATCH 'c')";
    assert_eq!(texts(&snapshot.path, found).await, ["c"]);
    assert_eq!(
        texts(
            &snapshot.path,
            "SELECT CAST(user_version AS TEXT) FROM pragma_user_version"
        )
        .await,
        ["7"]
    );
    let copy = database_at(&snapshot.path);
    assert_eq!(
        copy.history().await.unwrap(),
        place.database().history().await.unwrap()
    );
    let own = place.database().schema_fingerprint().await.unwrap();
    assert_eq!(copy.schema_fingerprint().await.unwrap(), own);
    assert_eq!(
        place.listing(),
        ["a.snapshot", "app.db", "app.db.towpath-lock"]
    );
}

#[tokio::test]
async fn a_snapshot_never_overwrites() {
    let place = filled().await;
    fs::write(place.path("precious"), "precious").unwrap();
    let error = place
        .database()
        .snapshot(place.path("precious"))
        .await
        .unwrap_err();
    assert!(matches!(error, SnapshotError::Exists { .. }), "{error}");
    assert_eq!(fs::read(place.path("precious")).unwrap(), b"precious");
    let error = place.database().snapshot(place.file()).await.unwrap_err();
    assert!(matches!(error, SnapshotError::Exists { .. }), "{error}");

    let error = place
        .database()
        .snapshot(place.path("no/such/folder"))
        .await
        .unwrap_err();
    assert!(matches!(error, SnapshotError::File { .. }), "{error}");
    let error = database_at(&place.path("absent.db"))
        .snapshot(place.path("x"))
        .await
        .unwrap_err();
    assert!(
        matches!(error, SnapshotError::Database(DatabaseError::Absent { .. })),
        "{error}"
    );
    assert_eq!(
        place.listing(),
        ["app.db", "app.db.towpath-lock", "precious"]
    );
}

#[tokio::test]
async fn restoring_reaches_those_who_have_the_database_open() {
    let place = filled().await;
    place
        .database()
        .snapshot(place.path("before"))
        .await
        .unwrap();
    let mut service = connect(&place.file()).await;
    sqlx::raw_sql(
        "DROP TABLE words; DELETE FROM t; INSERT INTO t VALUES ('later'); CREATE TABLE later (x);",
    )
    .execute(&mut service)
    .await
    .unwrap();
    place
        .database()
        .restore(place.path("before"), "key")
        .await
        .unwrap();

    let rows: Vec<String> = sqlx::query_scalar(ROWS)
        .fetch_all(&mut service)
        .await
        .unwrap();
    assert_eq!(rows, ["1a", "3c"]);
    sqlx::raw_sql("INSERT INTO t VALUES ('after');")
        .execute(&mut service)
        .await
        .unwrap();
    service.close().await.unwrap();
    assert_eq!(texts(&place.file(), ROWS).await, ["1a", "3c", "4after"]);
    assert_eq!(texts(&place.file(), "PRAGMA journal_mode").await, ["wal"]);
    assert_eq!(texts(&place.file(), "PRAGMA integrity_check").await, ["ok"]);
    assert_eq!(
        place.database().history().await.unwrap().latest(),
        Some(1.into())
    );
}

#[tokio::test]
async fn restoring_waits_for_a_writer_and_says_so() {
    let place = filled().await;
    place
        .database()
        .snapshot(place.path("before"))
        .await
        .unwrap();
    let mut service = connect(&place.file()).await;
    sqlx::raw_sql("BEGIN IMMEDIATE; DELETE FROM t;")
        .execute(&mut service)
        .await
        .unwrap();
    let database = place
        .database()
        .patience(std::time::Duration::from_millis(10));
    let error = database
        .restore(place.path("before"), "key")
        .await
        .unwrap_err();
    assert!(
        matches!(error, SnapshotError::Database(DatabaseError::Busy { .. })),
        "{error}"
    );
    sqlx::raw_sql("COMMIT").execute(&mut service).await.unwrap();
    service.close().await.unwrap();
    assert_eq!(texts(&place.file(), ROWS).await, Vec::<String>::new());
}

#[tokio::test]
async fn restoring_to_where_nothing_is_makes_the_database() {
    let place = filled().await;
    place
        .database()
        .snapshot(place.path("before"))
        .await
        .unwrap();
    let elsewhere = database_at(&place.path("new/app.db"));
    elsewhere
        .restore(place.path("before"), "key")
        .await
        .unwrap();
    assert_eq!(
        elsewhere.history().await.unwrap(),
        place.database().history().await.unwrap()
    );
}

#[tokio::test]
async fn what_is_no_snapshot_is_refused_and_nothing_is_touched() {
    let place = filled().await;
    fs::write(place.path("empty"), "").unwrap();
    fs::write(
        place.path("text"),
        "not a database at all, but long enough to be read as one".repeat(100),
    )
    .unwrap();
    place
        .database()
        .snapshot(place.path("whole"))
        .await
        .unwrap();
    let whole = fs::read(place.path("whole")).unwrap();
    fs::write(place.path("short"), &whole[..whole.len() / 2]).unwrap();
    let mut scratched = whole;
    scratched[4096..8192].fill(0xff);
    fs::write(place.path("scratched"), scratched).unwrap();
    std::os::unix::fs::symlink(place.file(), place.path("itself")).unwrap();

    for name in ["empty", "text", "short", "scratched", "itself", "absent"] {
        let error = place
            .database()
            .restore(place.path(name), "key")
            .await
            .unwrap_err();
        let (text, remedy) = (error.to_string(), error.remedy());
        let fits = match name {
            "empty" => matches!(error, SnapshotError::Damaged { .. }),
            "itself" => matches!(error, SnapshotError::Same { .. }),
            "absent" => matches!(error, SnapshotError::Database(DatabaseError::Absent { .. })),
            "text" => matches!(
                error,
                SnapshotError::Database(DatabaseError::NotADatabase { .. })
            ),
            _ => matches!(
                error,
                SnapshotError::Damaged { .. }
                    | SnapshotError::Database(DatabaseError::NotADatabase { .. })
            ),
        };
        assert!(fits, "{name}: {text}; {remedy}");
    }
    assert_eq!(texts(&place.file(), ROWS).await, ["1a", "3c"]);
}

#[tokio::test]
async fn pages_of_another_size_are_restored_where_that_is_possible() {
    let place = filled().await;
    let odd = place.path("odd");
    execute(&odd, "PRAGMA page_size = 1024; CREATE TABLE t (x TEXT);").await;
    let error = place.database().restore(&odd, "key").await.unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("its pages have 1024 bytes, and those of the database 4096"),
        "{error}"
    );
    assert_eq!(texts(&place.file(), ROWS).await, ["1a", "3c"]);

    execute(&place.file(), "PRAGMA journal_mode = DELETE").await;
    for file in [place.file(), place.path("new.db")] {
        database_at(&file).restore(&odd, "key").await.unwrap();
        assert_eq!(texts(&file, ROWS).await, Vec::<String>::new());
        assert_eq!(texts(&file, "PRAGMA integrity_check").await, ["ok"]);
    }
}

#[tokio::test]
async fn what_a_snapshot_was_taken_of_may_be_restored_over_larger_and_smaller() {
    let place = filled().await;
    place
        .database()
        .snapshot(place.path("small"))
        .await
        .unwrap();
    execute(&place.file(), "INSERT INTO t VALUES (randomblob(3000000))").await;
    place
        .database()
        .snapshot(place.path("large"))
        .await
        .unwrap();
    for (name, rows) in [("small", "2"), ("large", "3"), ("small", "2")] {
        place
            .database()
            .restore(place.path(name), "key")
            .await
            .unwrap();
        assert_eq!(
            texts(&place.file(), "SELECT CAST(count(*) AS TEXT) FROM t").await,
            [rows]
        );
        assert_eq!(texts(&place.file(), "PRAGMA integrity_check").await, ["ok"]);
    }
}

#[tokio::test]
async fn what_is_cleared_holds_nothing_and_begins_anew() {
    let place = filled().await;
    let database = place.database();
    let mut service = connect(&place.file()).await;
    let before = database.schema_fingerprint().await.unwrap();
    database.clear("key").await.unwrap();
    assert!(database.history().await.unwrap().is_empty());
    let schema = database.schema().await.unwrap();
    assert!(schema.tables.is_empty() && schema.objects.is_empty());
    // Whoever has it open sees the same.
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema")
        .fetch_one(&mut service)
        .await
        .unwrap();
    assert_eq!(left, 0);
    service.close().await.unwrap();
    assert_ne!(database.schema_fingerprint().await.unwrap(), before);
    let made = set(&[("1_new.sql", "CREATE TABLE new (x);")]);
    apply(&database, &made).await.unwrap();
    // Nothing is made only to be emptied.
    let absent = Place::new();
    absent.database().clear("key").await.unwrap();
    assert!(absent.listing().is_empty());
}
