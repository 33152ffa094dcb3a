//! Clones on real servers: they hold what the database does, it is left as it is, and they go again.

use sqlx::{Connection as _, MySqlConnection, PgConnection};
use towpath_migrate::{CloneError, CloneName, Database};

use crate::{
    kit::{Place, apply, listing, set},
    mariadb::MariaDb,
    postgres::Postgres,
};

const FILES: [(&str, &str); 1] = [(
    "1_boats.sql",
    "CREATE TABLE boats (id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL);
     INSERT INTO boats VALUES (1, 'Aurora');",
)];

fn name(number: usize) -> CloneName {
    CloneName::new(1_790_000_000_000, number)
}

/// What is in the clone is what is in the database, with what it remembers of its migrations; nothing lies about.
async fn check(database: &Database, number: usize) -> Database {
    let place = Place::new();
    let folder = place.path("dumps");
    std::fs::create_dir(&folder).unwrap();
    // What a try left behind that was killed.
    std::fs::write(folder.join(name(number).as_str()), "half").unwrap();
    let clone = database
        .make_clone(&name(number), &folder, "test")
        .await
        .unwrap();
    assert_eq!(listing(&folder), Vec::<String>::new());
    assert_eq!(
        clone.schema_fingerprint().await.unwrap(),
        database.schema_fingerprint().await.unwrap()
    );
    assert_eq!(clone.rows().await.unwrap()["boats"], 1);
    let (there, here) = (clone.history().await, database.history().await);
    assert_eq!(there.unwrap().receipts, here.unwrap().receipts);
    clone
}

#[tokio::test]
async fn postgresql_copies_it_whoever_is_connected() {
    let Some(server) = Postgres::start().await else {
        return;
    };
    let url = server.create("app");
    let database = Database::open(&url).unwrap();
    apply(&database, &set(&FILES)).await.unwrap();
    let clones = || {
        server.sql(
            "postgres",
            "SELECT count(*) FROM pg_database WHERE datname LIKE 'towpath_clone%'",
        )
    };
    check(&database, 0).await;
    let mut service = PgConnection::connect(&url).await.unwrap();
    let clone = check(&database, 1).await;
    assert_eq!(clones(), "2\n");

    // Whoever is connected to a clone does not keep it.
    let led = database.url_on_clone(&url, &name(1)).unwrap();
    let mut guest = PgConnection::connect(&led).await.unwrap();
    sqlx::query("DELETE FROM boats")
        .execute(&mut guest)
        .await
        .unwrap();
    assert_eq!(clone.rows().await.unwrap()["boats"], 0);
    // A name that is there is made anew.
    check(&database, 1).await;
    for number in [0, 1, 1, 2] {
        database.drop_clone(&name(number)).await.unwrap();
    }
    assert_eq!(clones(), "0\n");
    assert_eq!(database.rows().await.unwrap()["boats"], 1);
    let boats: i64 = sqlx::query_scalar("SELECT count(*) FROM boats")
        .fetch_one(&mut service)
        .await
        .unwrap();
    assert_eq!(boats, 1);

    server.sql("postgres", "CREATE ROLE modest LOGIN PASSWORD 'open'");
    let url = url.replace("postgres:open%2Fsesame", "modest:open");
    let place = Place::new();
    let failed = Database::open(&url)
        .unwrap()
        .make_clone(&name(3), place.path(""), "test")
        .await
        .unwrap_err();
    assert_eq!(
        failed.to_string(),
        "make a database for a clone: permission denied to create database"
    );
    assert!(failed.remedy().contains("CREATEDB"), "{}", failed.remedy());
}

#[tokio::test]
async fn mysql_copies_it_while_it_is_used() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    let url = server.create("app");
    let database = Database::open(&url).unwrap();
    apply(&database, &set(&FILES)).await.unwrap();
    let mut service = MySqlConnection::connect(&url).await.unwrap();
    let clone = check(&database, 0).await;
    let led = database.url_on_clone(&url, &name(0)).unwrap();
    let mut guest = MySqlConnection::connect(&led).await.unwrap();
    sqlx::query("DELETE FROM boats")
        .execute(&mut guest)
        .await
        .unwrap();
    assert_eq!(clone.rows().await.unwrap()["boats"], 0);
    check(&database, 0).await;
    for _ in 0..2 {
        database.drop_clone(&name(0)).await.unwrap();
    }
    assert_eq!(server.sql("", "SHOW DATABASES LIKE 'towpath%'"), "");
    let boats: i64 = sqlx::query_scalar("SELECT count(*) FROM boats")
        .fetch_one(&mut service)
        .await
        .unwrap();
    assert_eq!(boats, 1);
}

#[tokio::test]
async fn a_file_is_not_cloned_beside_itself() {
    let place = Place::new();
    let database = place.database();
    apply(&database, &set(&FILES)).await.unwrap();
    let failed = database.make_clone(&name(0), place.path(""), "test").await;
    assert!(matches!(failed, Err(CloneError::File)));
    database.drop_clone(&name(0)).await.unwrap();
    assert_eq!(database.rows().await.unwrap()["boats"], 1);
}
