//! A partition that is left half detached: PostgreSQL refuses to begin that again, and wants it ended.

use std::time::Duration;

use sqlx::{Connection as _, PgConnection};
use towpath_migrate::ApplyError;

use super::open;
use crate::{
    kit::{apply, set},
    postgres::Postgres,
};

const FILES: &[(&str, &str)] = &[
    (
        "1_trips.sql",
        "CREATE TABLE trips (day int, said text) PARTITION BY LIST (day);
         CREATE TABLE \"Monday\" PARTITION OF trips FOR VALUES IN (1);
         CREATE TABLE log (n int);",
    ),
    (
        "2_gone.sql",
        "-- no-transaction
         INSERT INTO log VALUES (1);
         ALTER TABLE trips DETACH PARTITION public.\"Monday\" CONCURRENTLY;
         INSERT INTO log VALUES (2);",
    ),
];

#[tokio::test]
async fn it_is_detached_to_the_end() {
    let Some(server) = Postgres::start().await else {
        return;
    };
    let url = server.create("app");
    apply(&open(&url), &set(&FILES[..1])).await.unwrap();
    let mut reader = PgConnection::connect(&url).await.unwrap();
    let look = "BEGIN; SELECT * FROM trips";
    sqlx::raw_sql(look).execute(&mut reader).await.unwrap();

    // It waits for whoever reads, and is given up.
    let short = Some(Duration::from_millis(300));
    let hasty = open(&url).timeouts(Duration::from_millis(200), short);
    let error = apply(&hasty, &set(FILES)).await.unwrap_err();
    assert!(matches!(error, ApplyError::Statement(_)), "{error}");
    let pending = "SELECT count(*) FROM pg_inherits WHERE inhdetachpending";
    assert_eq!(server.sql("app", pending), "1\n");
    reader.close().await.unwrap();

    apply(&open(&url), &set(FILES)).await.unwrap();
    let left = "SELECT count(*) FROM pg_inherits";
    assert_eq!(server.sql("app", left), "0\n");
    let log = "SELECT string_agg(n::text, ' ' ORDER BY n) FROM log";
    assert_eq!(server.sql("app", log), "1 2\n");
    assert!(open(&url).plan(&set(FILES)).await.unwrap().is_empty());
}
