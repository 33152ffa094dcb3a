//! Cut short in the very middle of a statement, or while another waits for the lock.

use std::{path::Path, time::Duration};

use sqlx::{Connection as _, PgConnection};

use super::{Server, complains, open, orders};
use crate::{
    child::{Applier, Orders},
    kit::{Place, apply, set},
    mariadb::MariaDb,
    postgres::Postgres,
    relay::{Protocol, Relay, Stop},
};

const INDEXES: &[(&str, &str)] = &[
    (
        "1_t.sql",
        "CREATE TABLE t (x int, y int); CREATE TABLE log (n int);",
    ),
    (
        "2_named.sql",
        "-- no-transaction
         INSERT INTO log VALUES (1);
         CREATE INDEX CONCURRENTLY t_x_idx ON t (x);
         INSERT INTO log VALUES (2);",
    ),
    (
        "3_nameless.sql",
        "-- no-transaction
         INSERT INTO log VALUES (3);
         CREATE INDEX CONCURRENTLY ON t (y);
         INSERT INTO log VALUES (4);",
    ),
];

fn applier(url: &str, folder: &Path, key: &'static str) -> Applier {
    let orders = orders(url.to_owned(), folder);
    Orders { key, ..orders }.start()
}

/// Somebody with a transaction, which sees what was before the index; its maker waits for that to end.
async fn somebody(url: &str) -> PgConnection {
    let mut somebody = PgConnection::connect(url).await.unwrap();
    let look = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1";
    sqlx::raw_sql(look).execute(&mut somebody).await.unwrap();
    somebody
}

/// Waits until an index is nearly made.
async fn nearly_made(server: &Postgres) {
    let sql = "SELECT count(*) FROM pg_stat_progress_create_index WHERE phase = 'waiting for old snapshots'";
    while server.sql("app", sql) != "1\n" {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn indexes(server: &Postgres) -> String {
    server.sql(
        "app",
        "SELECT relname, indisvalid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
         WHERE indrelid = 't'::regclass ORDER BY 1",
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_is_made_to_its_end_after_its_maker_was_killed() {
    let Some(server) = Postgres::start().await else {
        return;
    };
    let url = server.create("app");
    apply(&open(&url), &set(&INDEXES[..1])).await.unwrap();
    for count in [2, 3] {
        let place = Place::new();
        let folder = place.migrations(&INDEXES[..count]);
        let somebody = somebody(&url).await;
        let first = applier(&url, &folder, "first");
        nearly_made(&server).await;
        let mut second = applier(&url, &folder, "second");
        let waiting = second.wait_for("waiting");
        assert!(waiting.contains("towpath first (process"), "{waiting}");
        // The server does not notice, and keeps the lock until it has done what it was asked for. It is not given up
        // for the sake of a lock either, which nobody waits behind.
        first.kill();
        tokio::time::sleep(towpath_migrate::LOCK_TIMEOUT + Duration::from_millis(500)).await;
        somebody.close().await.unwrap();
        let end = second.end();
        assert_eq!(end, format!("done {count}=second"));
    }
    assert_eq!(indexes(&server), "t_x_idx|t\nt_y_idx|t\n");
    assert_eq!(
        server.sql("app", "SELECT * FROM log ORDER BY n"),
        "1\n2\n3\n4\n"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_that_was_given_up_is_made_anew() {
    let Some(server) = Postgres::start().await else {
        return;
    };
    let url = server.create("app");
    apply(&open(&url), &set(&INDEXES[..1])).await.unwrap();
    let mut valid = String::new();
    for (count, index) in [(2, "t_x_idx"), (3, "t_y_idx")] {
        let place = Place::new();
        let folder = place.migrations(&INDEXES[..count]);
        let somebody = somebody(&url).await;
        for _ in 0..2 {
            let first = applier(&url, &folder, "first");
            nearly_made(&server).await;
            let makers =
                "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_progress_create_index";
            assert_eq!(server.sql("app", makers), "t\n");
            complains(first);
            assert_eq!(indexes(&server), format!("{valid}{index}|f\n"));
        }
        somebody.close().await.unwrap();
        apply(&open(&url), &set(&INDEXES[..count])).await.unwrap();
        valid += &format!("{index}|t\n");
        assert_eq!(indexes(&server), valid);
    }
    assert_eq!(
        server.sql("app", "SELECT * FROM log ORDER BY n"),
        "1\n2\n3\n4\n"
    );
}

/// The first is killed between two migrations, the second has been waiting for it.
async fn the_one_who_waits_goes_on<S: Server>(server: &S) {
    let url = server.create("app");
    let place = Place::new();
    let folder = place.migrations(&[
        (
            "1_log.sql",
            "CREATE TABLE log (n int); INSERT INTO log VALUES (1);",
        ),
        ("2_more.sql", "INSERT INTO log VALUES (2);"),
    ]);
    let orders = orders(url.clone(), &folder);
    let mut first = Orders {
        key: "first",
        pause_at: Some(2),
        ..orders
    }
    .start();
    first.wait_for("started 2");
    let mut second = applier(&url, &folder, "second");
    second.wait_for("waiting");
    first.kill();
    assert_eq!(second.end(), "done 2=second");
    assert_eq!(server.sql("app", "SELECT n FROM log ORDER BY n"), "1\n2\n");
}

#[tokio::test]
async fn whoever_waits_for_one_who_is_killed_goes_on() {
    if let Some(server) = Postgres::start().await {
        the_one_who_waits_goes_on(&server).await;
    }
    if let Some(server) = MariaDb::start().await {
        the_one_who_waits_goes_on(&server).await;
    }
}

/// MariaDB drops tables one by one, and can die between two.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_tables_that_were_dropped_in_part_are_dropped_to_the_end() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    let files = [(
        "1_tables.sql",
        "CREATE TABLE a (x int); CREATE TABLE b (x int); CREATE TABLE log (n int);
         DROP TABLE a, b;
         INSERT INTO log VALUES (1);",
    )];
    let place = Place::new();
    let (folder, set) = (place.migrations(&files), set(&files));
    let relay = Relay::start(Protocol::Mysql, server.port(), Stop::Never).await;
    let mut applier = orders(relay.url(&server.create("usual")), &folder).start();
    applier.wait_for("done");
    // Before each request, from the last one on, until it is the one that drops them.
    for at in (0..relay.asked()).rev() {
        let name = format!("round_{at}");
        let url = server.create(&name);
        let relay = Relay::start(Protocol::Mysql, server.port(), Stop::Before(at)).await;
        let applier = orders(relay.url(&url), &folder).start();
        relay.stopped().await;
        applier.kill();
        drop(relay);
        let history = open(&url).history().await.unwrap();
        let progress = history
            .receipts
            .get(&1.into())
            .and_then(|receipt| receipt.progress.clone());
        let begun =
            progress.is_some_and(|progress| progress.done == 3 && progress.before.is_some());
        let in_part = begun && server.sql(&name, "SHOW TABLES LIKE 'a'") == "a\n";
        if in_part {
            // What the server has done of it.
            server.sql(&name, "DROP TABLE a");
        }
        apply(&open(&url), &set).await.unwrap();
        assert_eq!(server.sql(&name, "SHOW TABLES LIKE 'b'"), "", "{at}");
        assert_eq!(server.sql(&name, "SELECT n FROM log"), "1\n", "{at}");
        if in_part {
            return;
        }
    }
    panic!("no request that drops them");
}
