//! On SQLite.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use sqlx::{Connection as _, migrate::Migrator};
use tokio::runtime::Handle;
use towpath_migrate::{ADOPTED, Database, layout};

use super::*;
use crate::{
    child::Orders,
    crash::scatter,
    kit::{Place, connect, database_at, url},
};

#[derive(Clone)]
struct File(Arc<Place>);

impl File {
    fn new() -> File {
        File(Arc::new(Place::new()))
    }

    fn path(&self) -> PathBuf {
        self.0.file()
    }
}

impl Store for File {
    fn database(&self) -> Database {
        self.0.database()
    }

    fn sql(&self, sql: &str) -> Vec<String> {
        let file = self.path();
        let sql = sql.to_owned();
        let run = async move {
            use sqlx::{
                Column as _, ConnectOptions as _, Connection as _, Row as _, ValueRef as _,
            };
            let mut connection = sqlx::sqlite::SqliteConnectOptions::new()
                .filename(&file)
                .busy_timeout(Duration::from_secs(20))
                .connect()
                .await
                .unwrap();
            let rows = sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
                .fetch_all(&mut connection)
                .await
                .unwrap();
            let text = |row: &sqlx::sqlite::SqliteRow| {
                assert!(!row.columns()[0].name().is_empty());
                assert!(!row.try_get_raw(0).unwrap().is_null());
                row.try_get::<i64, _>(0)
                    .map_or_else(|_| row.get::<String, _>(0), |number| number.to_string())
            };
            let rows = rows.iter().map(text).collect();
            connection.close().await.unwrap();
            rows
        };
        std::thread::spawn(|| {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap()
                .block_on(run)
        })
        .join()
        .unwrap()
    }
}

#[tokio::test]
async fn rows_are_changed_in_batches() {
    every_row_is_met_once(&File::new()).await;
    an_empty_table_is_done_at_once(&File::new()).await;
    what_is_paused_goes_on_where_it_was(&File::new()).await;
    a_batch_that_fails_keeps_those_before_it(&File::new()).await;
    text_is_a_key_as_well(&File::new(), "text").await;
    rows_are_copied_and_deleted(&File::new()).await;
}

#[tokio::test]
async fn services_write_to_it_meanwhile() {
    services_write_on(&File::new()).await;
}

#[tokio::test]
async fn whatever_is_a_key_there_is_cut() {
    let store = File::new();
    let table = "CREATE TABLE odd (k PRIMARY KEY NOT NULL, n bigint NOT NULL);";
    let sql = "-- towpath: data, batch = 2, pause = 0ms\nUPDATE odd SET n = n + 1;";
    let set = with(&store, table, "2_add.sql", sql).await;
    store.sql("INSERT INTO odd VALUES (1, 0), (1.5, 0), (0.1, 0), (-1e300, 0), ('1', 0), ('x', 0), (x'00ff', 0), (x'', 0)");
    apply(&store.database(), &set).await.unwrap();
    assert_eq!(store.one("SELECT count(*) FROM odd WHERE n = 1"), 8);
}

#[tokio::test]
async fn rows_cascade_as_they_do_for_services() {
    let store = File::new();
    let table = "CREATE TABLE boats (id INTEGER PRIMARY KEY, n INTEGER NOT NULL);
CREATE TABLE trips (boat INTEGER NOT NULL REFERENCES boats (id) ON DELETE CASCADE);";
    let sql = "-- towpath: data, batch = 2, pause = 0ms because they are gone\nDELETE FROM boats WHERE id > 3;";
    let set = with(&store, table, "2_delete.sql", sql).await;
    fill(&store, 1..=9);
    store.sql("INSERT INTO trips SELECT id FROM boats");
    apply(&store.database(), &set).await.unwrap();
    assert_eq!(store.one("SELECT count(*) FROM trips"), 3);
}

#[tokio::test]
async fn what_a_backfill_has_mended_is_not_broken_again() {
    let store = File::new();
    let trips = "CREATE TABLE boats (id INTEGER PRIMARY KEY);
CREATE TABLE trips (id INTEGER PRIMARY KEY, boat INTEGER REFERENCES boats (id));";
    let first = set(&[("1_trips.sql", trips)]);
    apply(&store.database(), &first).await.unwrap();
    store.sql("PRAGMA foreign_keys = OFF; INSERT INTO trips VALUES (1, 9), (2, 9)");
    let set = set(&[
        ("1_trips.sql", trips),
        ("2_boat.sql", "INSERT INTO boats VALUES (1);"),
        (
            "3_mend.sql",
            "-- towpath: irreversible, batch = 1, pause = 0ms because they led nowhere\nDELETE FROM trips WHERE boat = 9;",
        ),
        ("4_break.sql", "INSERT INTO trips VALUES (3, 8), (4, 8);"),
    ]);
    let error = apply(&store.database(), &set).await.unwrap_err();
    assert!(
        matches!(&error, ApplyError::ForeignKeys { version, .. } if *version == 4),
        "{error}"
    );
}

/// sqlx takes no lock there: it applies one after we have looked, and before we write that it has begun.
#[tokio::test(flavor = "multi_thread")]
async fn what_sqlx_applies_while_it_is_measured_is_not_run_again() {
    for boats in [0, 20] {
        let store = File::new();
        let set = with(&store, TABLE, "2_add.sql", ADD_ONE).await;
        let folder = store
            .0
            .migrations(&[("1_boats.sql", TABLE), ("2_add.sql", ADD_ONE)]);
        if boats > 0 {
            fill(&store, 1..=boats);
        }
        let sqlx_applies = async || {
            let mut connection = connect(&store.path()).await;
            let migrator = Migrator::new(folder.as_path()).await.unwrap();
            migrator.run(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        };
        let is_applied = AtomicBool::new(false);
        let now = || {
            if !is_applied.swap(true, Ordering::Relaxed) {
                tokio::task::block_in_place(|| Handle::current().block_on(sqlx_applies()));
            }
            1_790_000_000_000
        };
        let database = store.database();
        let plan = database.plan(&set).await.unwrap();
        let applied = database.apply(&plan, "key", now, |_| {}).await.unwrap();
        assert_eq!(applied[0].applied_by, ADOPTED);
        assert_eq!(store.one("SELECT count(*) FROM boats WHERE n = 1"), boats);
        prove_ended(&database, &set).await;
    }
}

#[tokio::test]
async fn killed_at_any_moment_every_row_is_met_once() {
    let place = Place::new();
    let folder = place.migrations(&[
        (
            "1_boats.sql",
            "CREATE TABLE boats (id INTEGER PRIMARY KEY, n INTEGER NOT NULL);
             WITH RECURSIVE k (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < 2000)
             INSERT INTO boats SELECT i, 0 FROM k;",
        ),
        (
            "2_add.sql",
            "-- towpath: data, batch = 20, pause = 0ms\nUPDATE boats SET n = n + 1;",
        ),
    ]);
    let set = layout::sqlx::load(&folder).unwrap();
    let orders = |file: &std::path::Path| {
        let orders = Orders {
            database: url(file),
            migrations: &folder,
            key: "killed",
            patience: Duration::from_secs(60),
            pause_at: None,
        };
        let mut applier = orders.start();
        applier.wait_for("planned");
        applier
    };
    let begin = Instant::now();
    orders(&place.file()).wait_for("done");
    let usual = u64::try_from(begin.elapsed().as_micros()).unwrap();
    let mut cut_short = 0;
    for round in 0..30 {
        let place = Place::new();
        let file = place.file();
        let applier = orders(&file);
        // The moment is the input of the test, and waiting for it its only use.
        std::thread::sleep(Duration::from_micros(scatter(round, usual)));
        applier.kill();
        let database = database_at(&file);
        let plan = database.plan(&set).await.unwrap();
        if let Some(begun) = plan.history.begun(2) {
            let batched = begun.progress.as_ref().and_then(|p| p.batched.as_ref());
            let batched = batched.unwrap();
            cut_short += usize::from(batched.rows > 0 && batched.rows < 2000);
            let changed = crate::kit::texts(&file, "SELECT CAST(sum(n) AS TEXT) FROM boats").await;
            assert_eq!(changed, [batched.rows.to_string()], "round {round}");
        }
        apply(&database, &set).await.unwrap();
        let counts = "SELECT n || ' ' || count(*) FROM boats GROUP BY n";
        assert_eq!(
            crate::kit::texts(&file, counts).await,
            ["1 2000"],
            "round {round}"
        );
        prove_ended(&database, &set).await;
    }
    assert!(cut_short > 0, "none was cut short between two batches");
}
