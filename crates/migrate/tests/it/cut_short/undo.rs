//! Undoing that is cut short goes on when it is asked for again.

use towpath_migrate::{Layout, MigrationSet, UndoError};

use super::{Server, open, rounds};
use crate::{
    kit::{apply, clock, set},
    mariadb::MariaDb,
    postgres::Postgres,
    relay::{Relay, Stop},
};

const POSTGRES: &[(&str, &str)] = &[
    (
        "1_first.up.sql",
        "CREATE TABLE log (n int); CREATE TABLE t (x int); CREATE INDEX t_x ON t (x); INSERT INTO t VALUES (1);",
    ),
    (
        "1_first.down.sql",
        "-- no-transaction
         INSERT INTO log VALUES (1);
         DROP INDEX CONCURRENTLY t_x;
         INSERT INTO log VALUES (2);
         BEGIN;
         UPDATE t SET x = x + 1;
         INSERT INTO log SELECT x + 10 FROM t;
         COMMIT;
         DROP TABLE t;",
    ),
];

const MYSQL: &[(&str, &str)] = &[
    (
        "1_first.up.sql",
        "CREATE TABLE log (n int); CREATE TABLE t (x int); INSERT INTO t VALUES (1);",
    ),
    (
        "1_first.down.sql",
        "SET @n = (SELECT max(x) FROM t);
         INSERT INTO log VALUES (1);
         UPDATE t SET x = x + 1;
         ALTER TABLE t ADD COLUMN y int;
         INSERT INTO log VALUES (2);
         INSERT INTO log SELECT x + 10 FROM t;
         DROP TABLE t;
         INSERT INTO log VALUES (@n + 2);",
    ),
];

async fn undo(url: &str) -> Result<usize, UndoError> {
    let database = open(url);
    let versions = [1.into()];
    let undone = database.undo(Layout::Sqlx, &versions, "key", clock(), |_| {});
    undone.await.map(|receipts| receipts.len())
}

async fn goes_on<S: Server>(server: &S, set: &MigrationSet, log: &str) {
    let url = server.create("usual");
    apply(&open(&url), set).await.unwrap();
    let relay = Relay::start(S::PROTOCOL, server.port(), Stop::Never).await;
    assert_eq!(undo(&relay.url(&url)).await.unwrap(), 1);
    assert_eq!(server.sql("usual", "SELECT n FROM log ORDER BY n"), log);
    let schema = open(&url).schema_fingerprint().await.unwrap();

    let (rounds, asked) = (rounds().div_ceil(2), relay.asked());
    let (mut begun, mut whole) = (0, 0);
    for round in 0..rounds {
        let at = round * asked / rounds;
        let name = format!("round_{round}");
        let url = server.create(&name);
        apply(&open(&url), set).await.unwrap();
        let stop = match round % 2 {
            0 => Stop::Before(at),
            _ => Stop::After(at),
        };
        let relay = Relay::start(S::PROTOCOL, server.port(), stop).await;
        let through = relay.url(&url);
        let (undone, ()) = tokio::join!(undo(&through), async {
            relay.stopped().await;
            drop(relay);
        });
        // What stopped at the last request of all may have been done.
        if let Err(error) = undone {
            assert!(error.to_string().contains("reach the database"), "{error}");
        }
        let history = open(&url).history().await.unwrap();
        match history.receipts.get(&1.into()) {
            Some(receipt) if receipt.progress.is_some() => begun += 1,
            _ => whole += 1,
        }
        undo(&url).await.unwrap();
        let found = server.sql(&name, "SELECT n FROM log ORDER BY n");
        assert_eq!(found, log, "{stop:?} of {asked}");
        assert_eq!(
            open(&url).schema_fingerprint().await.unwrap(),
            schema,
            "{stop:?}"
        );
        assert!(
            open(&url).history_for(set).await.unwrap().is_empty(),
            "{stop:?}"
        );
        server.drop_database(&name);
    }
    assert!(begun > 0 && whole > 0, "{begun} begun, {whole} whole");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgresql() {
    if let Some(server) = Postgres::start().await {
        goes_on(&server, &set(POSTGRES), "1\n2\n12\n").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mariadb() {
    if let Some(server) = MariaDb::start().await {
        goes_on(&server, &set(MYSQL), "1\n2\n3\n12\n").await;
    }
}
