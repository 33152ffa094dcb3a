//! An applier killed at any moment: what it leaves is whole migrations with their receipts, and the next continues.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use towpath_migrate::{PlanError, Settlement, layout};

use crate::{
    child::Orders,
    kit::{Place, apply, database_at, execute, texts},
};

const ROUNDS: u64 = 60;

const FILES: &[(&str, &str)] = &[
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
];

/// The same for the same seed: a failing round can be run again.
fn scatter(seed: u64, below: u64) -> u64 {
    let mixed = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 33) % below.max(1)
}

fn orders<'a>(database: &'a Path, migrations: &'a Path) -> Orders<'a> {
    Orders {
        database,
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
fn killed_after(orders: &Orders<'_>, delay: Duration) {
    let mut applier = orders.start();
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
    for round in 0..ROUNDS {
        let place = Place::new();
        let (file, database) = (place.file(), place.database());
        let delay = scatter(round, u64::try_from(usual.as_micros()).unwrap() * 5 / 4);
        killed_after(&orders(&file, &folder), Duration::from_micros(delay));

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
        assert_eq!(
            log,
            ["1", "2", "3", "4", "5", "6", "7", "8"],
            "round {round}"
        );
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
    assert!(
        cut_short > 5,
        "only {cut_short} of {ROUNDS} rounds killed it in time to matter"
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
        killed_after(&orders(&file, &folder), Duration::from_micros(delay));
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
            Err(PlanError::Dirty { version: 1, .. }) => {
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
    assert_eq!(log, ["1", "2", "3", "4", "5", "6", "7", "8"]);
    assert!(database.plan(&set).await.unwrap().is_empty());
}
