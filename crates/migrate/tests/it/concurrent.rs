//! Several appliers at once, in processes of their own.

use std::{path::Path, time::Duration};

use crate::{
    child::Orders,
    kit::{Place, texts, url},
};

const LOGGED: &[(&str, &str)] = &[
    (
        "1_log.sql",
        "CREATE TABLE log (version INTEGER); INSERT INTO log VALUES (1);",
    ),
    ("2_two.sql", "INSERT INTO log VALUES (2);"),
    ("3_three.sql", "INSERT INTO log VALUES (3);"),
    ("4_four.sql", "INSERT INTO log VALUES (4);"),
];

const LOG: &str = "SELECT CAST(version AS TEXT) FROM log";

fn orders<'a>(database: &Path, migrations: &'a Path, key: &'a str) -> Orders<'a> {
    Orders {
        database: url(database),
        migrations,
        key,
        patience: Duration::from_secs(60),
        pause_at: None,
    }
}

#[tokio::test]
async fn the_second_waits_and_does_nothing_twice() {
    let place = Place::new();
    let (file, folder) = (place.file(), place.migrations(LOGGED));
    let mut first = Orders {
        pause_at: Some(3),
        ..orders(&file, &folder, "first")
    }
    .start();
    first.wait_for("started 3");

    let impatient = Orders {
        patience: Duration::from_millis(1),
        ..orders(&file, &folder, "impatient")
    };
    let refused = impatient.start().end();
    assert!(refused.starts_with("failed lock "), "{refused}");
    assert!(refused.contains("\"first\" (process "), "{refused}");

    let mut second = orders(&file, &folder, "second").start();
    assert!(second.wait_for("waiting").contains("\"first\""));
    first.go_on();
    assert_eq!(first.end(), "done 1=first 2=first 3=first 4=first");
    assert_eq!(second.end(), "done 3=first 4=first");
    assert_eq!(texts(&file, LOG).await, ["1", "2", "3", "4"]);
}

#[tokio::test]
async fn a_dead_one_leaves_no_lock_behind() {
    let place = Place::new();
    let (file, folder) = (place.file(), place.migrations(LOGGED));
    let mut first = Orders {
        pause_at: Some(3),
        ..orders(&file, &folder, "first")
    }
    .start();
    first.wait_for("started 3");
    first.kill();
    assert_eq!(
        orders(&file, &folder, "second").start().end(),
        "done 3=second 4=second"
    );
    assert_eq!(texts(&file, LOG).await, ["1", "2", "3", "4"]);
}

#[tokio::test]
async fn of_many_at_once_each_answers_with_the_same_receipts() {
    for _ in 0..5 {
        let place = Place::new();
        let (file, folder) = (place.file(), place.migrations(LOGGED));
        let keys = ["a", "b", "c", "d"];
        let appliers: Vec<_> = keys.map(|key| orders(&file, &folder, key).start()).into();
        for applier in appliers {
            let end = applier.end();
            assert!(end.starts_with("done"), "{end}");
        }
        assert_eq!(texts(&file, LOG).await, ["1", "2", "3", "4"]);
    }
}
