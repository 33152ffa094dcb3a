//! An applier killed at any moment: what it leaves is whole migrations with their receipts, and the next continues.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use towpath_migrate::{PlanError, Settlement, layout};

use crate::{
    child::{Applier, Orders},
    kit::{Place, apply, database_at, execute, texts, url},
};

/// How often an applier is killed; more with TOWPATH_TEST_ROUNDS.
fn rounds() -> u64 {
    std::env::var("TOWPATH_TEST_ROUNDS").map_or(60, |rounds| rounds.parse().unwrap())
}

pub const FILES: &[(&str, &str)] = &[
    (
        "01_log.sql",
        "CREATE TABLE log (version INTEGER NOT NULL);
         CREATE TABLE guests (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
         CREATE TABLE visits (guest_id INTEGER REFERENCES guests (id) ON DELETE CASCADE, day TEXT);
         INSERT INTO log VALUES (1);",
    ),
    (
        "02_fill.sql",
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
         INSERT INTO guests (name) SELECT 'guest ' || i FROM n;
         INSERT INTO visits SELECT id, 'monday' FROM guests;
         INSERT INTO log VALUES (2);",
    ),
    ("03_index.sql", "CREATE INDEX visits_by_guest ON visits (guest_id); INSERT INTO log VALUES (3);"),
    (
        "04_rebuild.sql",
        "CREATE TABLE new_guests (id INTEGER PRIMARY KEY, name TEXT NOT NULL, mail TEXT NOT NULL DEFAULT '');
         INSERT INTO new_guests (id, name) SELECT id, name FROM guests;
         DROP TABLE guests;
         ALTER TABLE new_guests RENAME TO guests;
         INSERT INTO log VALUES (4);",
    ),
    (
        "05_trigger.sql",
        "CREATE TRIGGER lower AFTER INSERT ON guests BEGIN
           UPDATE guests SET name = lower(name) WHERE id = new.id; END;
         INSERT INTO log VALUES (5);",
    ),
    ("06_update.sql", "UPDATE guests SET mail = name || '@example.test'; INSERT INTO log VALUES (6);"),
    ("07_view.sql", "CREATE VIEW regulars AS SELECT * FROM guests; INSERT INTO log VALUES (7);"),
    ("08_shrink.sql", "DELETE FROM visits WHERE guest_id % 2 = 0; INSERT INTO log VALUES (8);"),
    ("09_column.sql", "ALTER TABLE visits ADD COLUMN hour INTEGER; INSERT INTO log VALUES (9);"),
    ("10_gone.sql", "DROP VIEW regulars; DROP INDEX visits_by_guest; INSERT INTO log VALUES (10);"),
];

/// What they leave in the log.
const LOG: [&str; 10] = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"];

/// The same for the same seed: a failing round can be run again.
pub fn scatter(seed: u64, below: u64) -> u64 {
    let mixed = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 33) % below.max(1)
}

pub fn orders<'a>(database: &Path, migrations: &'a Path) -> Orders<'a> {
    Orders {
        database: url(database),
        migrations,
        key: "killed",
        patience: Duration::from_secs(60),
        pause_at: None,
    }
}

/// How long an applier takes from its plan to its end.
fn usual(migrations: &Path) -> Duration {
    let place = Place::new();
    let mut applier = orders(&place.file(), migrations).start();
    applier.wait_for("planned");
    let begin = Instant::now();
    applier.wait_for("done");
    begin.elapsed()
}

/// Lets an applier run for some time after its plan, then kills it.
fn killed_after(mut applier: Applier, delay: Duration) {
    applier.wait_for("planned");
    // The moment is the input of the test, and waiting for it its only use.
    std::thread::sleep(delay);
    applier.kill();
}

#[tokio::test]
async fn killed_at_any_moment_each_migration_is_applied_exactly_once() {
    let place = Place::new();
    let folder = place.migrations(FILES);
    let set = layout::sqlx::load(&folder).unwrap();
    apply(&place.database(), &set).await.unwrap();
    let expected = place.database().schema_fingerprint().await.unwrap();
    let content = "SELECT count(*) || ' ' || group_concat(mail) FROM guests";
    let expected_content = texts(&place.file(), content).await;
    let usual = usual(&folder);

    let mut cut_short = 0;
    let rounds = rounds();
    for round in 0..rounds {
        let place = Place::new();
        let (file, database) = (place.file(), place.database());
        let delay = scatter(round, u64::try_from(usual.as_micros()).unwrap() * 5 / 4);
        killed_after(orders(&file, &folder).start(), Duration::from_micros(delay));

        let plan = database.plan(&set).await.unwrap();
        cut_short += usize::from(!plan.pending.is_empty());
        assert!(
            plan.adopted.is_empty(),
            "round {round}: a row without its receipt"
        );
        let history = &plan.history;
        assert!(
            history.receipts.keys().eq(history.native.keys()),
            "round {round}"
        );
        apply(&database, &set).await.unwrap();

        let log = texts(&file, "SELECT CAST(version AS TEXT) FROM log").await;
        assert_eq!(log, LOG, "round {round}");
        assert_eq!(
            database.schema_fingerprint().await.unwrap(),
            expected,
            "round {round}"
        );
        assert_eq!(
            texts(&file, content).await,
            expected_content,
            "round {round}"
        );
        assert_eq!(
            texts(&file, "PRAGMA integrity_check").await,
            ["ok"],
            "round {round}"
        );
        let receipts = database.history().await.unwrap().receipts;
        for migration in set.migrations() {
            assert_eq!(
                receipts[&migration.version].checksum, migration.checksum,
                "round {round}"
            );
        }
        assert!(
            database.plan(&set).await.unwrap().is_empty(),
            "round {round}"
        );
    }
    println!("{rounds} appliers killed, {cut_short} before their last migration was applied");
    assert!(
        cut_short > 5,
        "only {cut_short} of {rounds} rounds killed it in time to matter"
    );
}

#[tokio::test]
async fn killed_outside_a_transaction_it_is_noticed() {
    let place = Place::new();
    let folder = place.migrations(&[(
        "1_steps.sql",
        "-- no-transaction\nCREATE TABLE a (x);\nCREATE TABLE b (x);\nCREATE TABLE c (x);\nVACUUM;",
    )]);
    let set = layout::sqlx::load(&folder).unwrap();
    let usual = usual(&folder);
    for round in 0..20 {
        let place = Place::new();
        let (file, database) = (place.file(), place.database());
        let delay = scatter(round, u64::try_from(usual.as_micros()).unwrap() * 5 / 4);
        killed_after(orders(&file, &folder).start(), Duration::from_micros(delay));
        match database.plan(&set).await {
            Ok(plan) => {
                // Not begun: nothing is there; ended: all of it.
                let tables = if file.exists() {
                    crate::kit::tables(&file).await.len()
                } else {
                    0
                };
                assert_eq!(tables, if plan.is_empty() { 5 } else { 0 }, "round {round}");
            }
            Err(PlanError::Dirty { version, .. }) if version == 1 => {
                execute(
                    &file,
                    "DROP TABLE IF EXISTS a; DROP TABLE IF EXISTS b; DROP TABLE IF EXISTS c;",
                )
                .await;
                let settled = database.settle(&set, 1, Settlement::NotApplied, "a person", || 0);
                settled.await.unwrap();
            }
            Err(error) => panic!("round {round}: {error}"),
        }
        apply(&database, &set).await.unwrap();
        assert_eq!(crate::kit::tables(&file).await.len(), 5, "round {round}");
    }
}

#[tokio::test]
async fn a_future_that_is_dropped_is_as_a_process_that_died() {
    let place = Place::new();
    let set = layout::sqlx::load(place.migrations(FILES)).unwrap();
    let database = database_at(&place.file());
    for round in 0..10 {
        let plan = database.plan(&set).await.unwrap();
        let apply = database.apply(&plan, "dropped", || 0, |_| {});
        let _ = tokio::time::timeout(Duration::from_micros(scatter(round, 30_000)), apply).await;
    }
    apply(&database, &set).await.unwrap();
    let log = texts(&place.file(), "SELECT CAST(version AS TEXT) FROM log").await;
    assert_eq!(log, LOG);
    assert!(database.plan(&set).await.unwrap().is_empty());
}

/// A database whose content a count tells from another's, and a snapshot of each.
async fn two_contents(place: &Place) -> [std::path::PathBuf; 2] {
    execute(
        &place.file(),
        "PRAGMA journal_mode = WAL; CREATE TABLE t (x); CREATE INDEX i ON t (x);
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
         INSERT INTO t SELECT randomblob(100) FROM n;",
    )
    .await;
    place.database().snapshot(place.path("full")).await.unwrap();
    execute(
        &place.file(),
        "DELETE FROM t; INSERT INTO t VALUES (1); CREATE TABLE later (x);",
    )
    .await;
    place
        .database()
        .snapshot(place.path("empty"))
        .await
        .unwrap();
    [place.path("full"), place.path("empty")]
}

#[tokio::test]
async fn killed_while_restoring_it_is_the_one_or_the_other() {
    let place = Place::new();
    let (snapshots, folder) = (two_contents(&place).await, place.migrations(&[]));
    let mut before = "1 2".to_owned();
    let (mut changed, mut kept) = (0, 0);
    for round in 0..40 {
        let snapshot = &snapshots[usize::from(round % 2 == 1)];
        let file = place.file();
        let child = orders(&file, &folder).restore(snapshot);
        killed_after(child, Duration::from_micros(scatter(round, 40_000)));
        let count = "SELECT (SELECT count(*) FROM t) || ' ' || (SELECT count(*) FROM sqlite_schema WHERE type = 'table')";
        let found = texts(&file, count).await.remove(0);
        let expected = if round % 2 == 1 { "1 2" } else { "10000 1" };
        assert!(
            found == expected || found == before,
            "round {round}: {found}, not {expected} or {before}"
        );
        changed += usize::from(found != before);
        kept += usize::from(found == before);
        before = found;
        assert_eq!(
            texts(&file, "PRAGMA integrity_check").await,
            ["ok"],
            "round {round}"
        );
    }
    assert!(changed > 0 && kept > 0, "{changed} changed, {kept} kept");
}

#[tokio::test]
async fn killed_while_taking_a_snapshot_there_is_none_or_a_whole_one() {
    let place = Place::new();
    let ([full, _], folder) = (two_contents(&place).await, place.migrations(&[]));
    place.database().restore(&full, "key").await.unwrap();
    for round in 0..20 {
        let (file, to) = (place.file(), place.path("taken"));
        let child = orders(&file, &folder).snapshot(&to);
        killed_after(child, Duration::from_micros(scatter(round, 25_000)));
        if !to.exists() {
            // Whatever was left behind is in nobody's way.
            place.database().snapshot(&to).await.unwrap();
            assert!(
                !place.listing().iter().any(|name| name.contains("partial")),
                "round {round}"
            );
        }
        assert_eq!(
            texts(&to, "SELECT CAST(count(*) AS TEXT) FROM t").await,
            ["10000"],
            "round {round}"
        );
        assert_eq!(
            texts(&to, "PRAGMA integrity_check").await,
            ["ok"],
            "round {round}"
        );
        std::fs::remove_file(to).unwrap();
    }
}
