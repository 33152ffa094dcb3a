//! An applier of SQLite killed right before each change that it makes to a file, one after the other: between any two
//! statements, and between any two writes of one, it leaves one of these states and no other.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use towpath_migrate::{MigrationSet, PlanError, Settlement, layout};

use crate::{
    child::Orders,
    crash::{FILES, orders},
    kit::{Place, apply, execute, tables, texts},
};

/// How many of the points are tried, as far as there are so many; another number with TOWPATH_TEST_ROUNDS.
fn rounds() -> u64 {
    std::env::var("TOWPATH_TEST_ROUNDS").map_or(40, |rounds| rounds.parse().unwrap())
}

/// The library that kills, made of its source beside this file.
fn killer(place: &Place) -> PathBuf {
    let (source, library) = (place.path("kill_points.c"), place.path("kill_points.so"));
    std::fs::write(&source, include_str!("kill_points.c")).unwrap();
    let made = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .args([&library, &source])
        .arg("-ldl")
        .status()
        .unwrap();
    assert!(made.success());
    library
}

/// The points to be tried: of all there are, every so many'th.
fn points(migrations: &Path, library: &Path) -> Vec<u64> {
    let place = Place::new();
    let (file, counted) = (place.file(), place.path("changes"));
    let applier = orders(&file, migrations).killed_at(library, 0, &counted);
    assert!(applier.end().starts_with("done"));
    let all: u64 = std::fs::read_to_string(counted).unwrap().parse().unwrap();
    let rounds = rounds().min(all);
    assert!(rounds > 0, "it changed no file");
    println!("{rounds} of {all} points");
    (0..rounds).map(|round| 1 + round * all / rounds).collect()
}

/// Kills an applier at a point; says whether it came so far.
fn killed(orders: &Orders<'_>, library: &Path, point: u64) -> bool {
    let applier = orders.killed_at(library, point, Path::new("/dev/null"));
    !applier.end().starts_with("done")
}

#[tokio::test]
async fn killed_before_any_change_of_a_file_each_migration_is_applied_exactly_once() {
    let place = Place::new();
    let folder = place.migrations(FILES);
    let set = layout::sqlx::load(&folder).unwrap();
    let library = killer(&place);
    apply(&place.database(), &set).await.unwrap();
    let expected = (
        place.database().schema().await.unwrap(),
        texts(&place.file(), CONTENT).await,
    );

    let points = points(&folder, &library);
    let mut between = 0;
    for point in &points {
        let place = Place::new();
        let (file, database) = (place.file(), place.database());
        assert!(killed(&orders(&file, &folder), &library, *point), "{point}");

        let plan = database.plan(&set).await.unwrap();
        let done = set.migrations().len() - plan.pending.len();
        between += usize::from(done > 0 && !plan.pending.is_empty());
        refuse_halves(&place, &set, done, *point).await;

        // The next is killed as well, now and then: at the change that would have come then.
        if point % 3 == 0 {
            killed(&orders(&file, &folder), &library, point / 2);
        }
        apply(&database, &set).await.unwrap();
        refuse_halves(&place, &set, set.migrations().len(), *point).await;
        let found = (
            database.schema().await.unwrap(),
            texts(&file, CONTENT).await,
        );
        assert!(found == expected, "point {point}");
        assert!(
            database.plan(&set).await.unwrap().is_empty(),
            "point {point}"
        );
    }
    println!("{between} between the first migration and the last");
    assert!(between * 3 > points.len());
}

const CONTENT: &str = "SELECT group_concat(version) FROM log UNION ALL
    SELECT count(*) || ' ' || group_concat(mail) FROM guests";

/// So many migrations are there, each once with its receipt and sqlx's row, and nothing of the next.
async fn refuse_halves(place: &Place, set: &MigrationSet, done: usize, point: u64) {
    let (file, database) = (place.file(), place.database());
    let history = database.history().await.unwrap();
    let expected = set.migrations().iter().take(done);
    let expected: Vec<_> = expected.map(|one| (one.version, &one.checksum)).collect();
    let receipts = history.receipts.values();
    let receipts: Vec<_> = receipts.map(|one| (one.version, &one.checksum)).collect();
    assert_eq!(receipts, expected, "point {point}");
    assert!(
        history.receipts.keys().eq(history.native.keys()),
        "point {point}"
    );
    if done > 0 {
        let log = texts(&file, "SELECT CAST(version AS TEXT) FROM log").await;
        let versions: Vec<String> = (1..=done).map(|version| version.to_string()).collect();
        assert_eq!(log, versions, "point {point}");
        let whole = texts(&file, "PRAGMA integrity_check").await;
        assert_eq!(whole, ["ok"], "point {point}");
    }
}

#[tokio::test]
async fn killed_outside_a_transaction_before_any_change_of_a_file_it_is_noticed() {
    let place = Place::new();
    let folder = place.migrations(&[(
        "1_steps.sql",
        "-- no-transaction\nCREATE TABLE a (x);\nCREATE TABLE b (x);\nCREATE TABLE c (x);\nVACUUM;",
    )]);
    let set = layout::sqlx::load(&folder).unwrap();
    let library = killer(&place);
    let (mut dirty, points) = (0, points(&folder, &library));
    for point in &points {
        let place = Place::new();
        let (file, database) = (place.file(), place.database());
        assert!(killed(&orders(&file, &folder), &library, *point), "{point}");
        match database.plan(&set).await {
            Ok(plan) if plan.is_empty() => {}
            // Not begun: nothing is there.
            Ok(_) => {
                let left = if file.exists() {
                    tables(&file).await
                } else {
                    Vec::new()
                };
                assert!(left.is_empty(), "point {point}: {left:?}");
            }
            Err(PlanError::Dirty { version, .. }) if version == 1 => {
                dirty += 1;
                let undo =
                    "DROP TABLE IF EXISTS a; DROP TABLE IF EXISTS b; DROP TABLE IF EXISTS c;";
                execute(&file, undo).await;
                let settled = database.settle(&set, 1, Settlement::NotApplied, "a person", || 0);
                settled.await.unwrap();
            }
            Err(error) => panic!("point {point}: {error}"),
        }
        apply(&database, &set).await.unwrap();
        assert_eq!(tables(&file).await.len(), 5, "point {point}");
    }
    assert!(
        dirty > 0,
        "of {} points none was in the middle",
        points.len()
    );
}
