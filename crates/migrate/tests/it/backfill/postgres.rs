//! On PostgreSQL.

use std::sync::Arc;

use super::*;
use crate::postgres::Postgres;

#[derive(Clone)]
struct Home {
    server: Arc<Postgres>,
    name: &'static str,
    url: String,
}

impl Home {
    fn new(server: &Arc<Postgres>, name: &'static str) -> Home {
        Home {
            url: server.create(name),
            server: server.clone(),
            name,
        }
    }
}

impl Store for Home {
    fn database(&self) -> Database {
        Database::open(&self.url).unwrap()
    }

    fn sql(&self, sql: &str) -> Vec<String> {
        let answer = self.server.sql(self.name, sql);
        answer.lines().map(str::to_owned).collect()
    }
}

#[tokio::test]
async fn rows_are_changed_in_batches() {
    let Some(server) = Postgres::start().await else {
        return;
    };
    let server = Arc::new(server);
    let home = |name| Home::new(&server, name);
    every_row_is_met_once(&home("once")).await;
    an_empty_table_is_done_at_once(&home("empty")).await;
    what_is_paused_goes_on_where_it_was(&home("paused")).await;
    a_batch_that_fails_keeps_those_before_it(&home("fails")).await;
    text_is_a_key_as_well(&home("text"), "varchar(200)").await;
    rows_are_copied_and_deleted(&home("copied")).await;
    services_write_on(&home("meanwhile")).await;
    uuids_in_a_schema_of_their_own(&home("uuids")).await;
    who_waits_for_a_lock_tries_again(&home("locks")).await;
}

async fn uuids_in_a_schema_of_their_own(store: &Home) {
    let table = "CREATE SCHEMA \"My app\";
CREATE TABLE \"My app\".\"Boats\" (\"Id\" uuid PRIMARY KEY DEFAULT gen_random_uuid(), n int NOT NULL DEFAULT 0);
CREATE TABLE \"My app\".tags (boat uuid, tag int);";
    let sql = "-- towpath: data, batch = 8, pause = 0ms
UPDATE \"My app\".\"Boats\" AS b SET n = b.n + t.tag FROM \"My app\".tags t WHERE t.boat = b.\"Id\" AND (b.n = 0 OR b.n = 9);";
    let set = with(store, table, "2_add.sql", sql).await;
    store.sql("INSERT INTO \"My app\".\"Boats\" SELECT FROM generate_series(1, 50)");
    store.sql("INSERT INTO \"My app\".tags SELECT \"Id\", 1 FROM \"My app\".\"Boats\"");
    apply(&store.database(), &set).await.unwrap();
    assert_eq!(
        store.one("SELECT count(*) FROM \"My app\".\"Boats\" WHERE n = 1"),
        50
    );
}

/// Somebody holds a row for longer than a statement may wait, and lets go while there is patience.
async fn who_waits_for_a_lock_tries_again(store: &Home) {
    let set = with(store, TABLE, "2_add.sql", ADD_ONE).await;
    fill(store, 1..=30);
    let holder = {
        let store = store.clone();
        std::thread::spawn(move || {
            store.sql("BEGIN; UPDATE boats SET n = 0 WHERE id = 15; SELECT pg_sleep(2); COMMIT");
        })
    };
    let locked = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(2)%' AND wait_event = 'PgSleep'";
    while store.one(locked) == 0 {}
    let database = store
        .database()
        .timeouts(std::time::Duration::from_millis(300), None);
    apply(&database, &set).await.unwrap();
    holder.join().unwrap();
    assert_eq!(store.one("SELECT count(*) FROM boats WHERE n = 1"), 30);
}
