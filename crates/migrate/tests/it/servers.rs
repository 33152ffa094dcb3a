//! The servers that tests start: what is committed is there again after a crash, also where nobody waited for the disk.

use crate::{mariadb::MariaDb, postgres::Postgres};

#[tokio::test]
async fn postgresql_goes_on_after_a_crash() {
    let Some(mut server) = Postgres::start().await else {
        return;
    };
    server.create("app");
    server.sql("app", "create table boats (name text primary key)");
    server.sql("app", "insert into boats values ('Aurora')");
    server.crash();
    server.restart().await;
    assert_eq!(server.sql("app", "select name from boats"), "Aurora\n");

    let schema = server.schema("app", &[]);
    assert!(schema.contains("CREATE TABLE public.boats ("), "{schema}");
    let schema = server.schema("app", &["boats"]);
    assert!(!schema.contains("boats"), "{schema}");
}

#[tokio::test]
async fn mariadb_goes_on_after_a_crash() {
    let Some(mut server) = MariaDb::start().await else {
        return;
    };
    server.create("app");
    server.sql("app", "create table boats (name varchar(40) primary key)");
    server.sql("app", "insert into boats values ('Aurora')");
    server.crash();
    server.restart().await;
    assert_eq!(server.sql("app", "select name from boats"), "Aurora\n");
}
