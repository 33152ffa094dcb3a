//! What migrations make, on scratch databases that are dropped whatever happens.

use sqlx::{Connection as _, MySqlConnection, PgConnection};
use towpath_migrate::{Database, ScratchError, schema::diff};

use crate::{
    kit::{Place, apply, clock, execute, set},
    mariadb::MariaDb,
    postgres::Postgres,
};

const NOW: i64 = 1_790_000_000_000;

/// Two migrations, and one that fails after something was made.
const FILES: [(&str, &str); 3] = [
    (
        "1_users.sql",
        "CREATE TABLE users (id INTEGER PRIMARY KEY, name VARCHAR(40));",
    ),
    ("2_index.sql", "CREATE INDEX by_name ON users (name);"),
    (
        "3_fails.sql",
        "CREATE TABLE more (id INTEGER); INSERT INTO nowhere VALUES (1);",
    ),
];

/// What the first two make is the same there and here; what fails says so.
async fn drift(database: &Database) {
    let sets = set(&FILES);
    let two = sets.only(|migration| migration.version < 3);
    assert_eq!(two.migrations().len(), 2);
    apply(database, &two).await.unwrap();
    let made = database.schema_of(&two, clock()).await.unwrap();
    let left = diff(&made, &database.schema().await.unwrap());
    assert!(left.is_empty(), "{left}");
    assert_eq!(
        made.fingerprint(),
        database.schema_fingerprint().await.unwrap()
    );

    let one = sets.only(|migration| migration.version < 2);
    let drift = diff(
        &database.schema_of(&one, clock()).await.unwrap(),
        &database.schema().await.unwrap(),
    );
    assert_eq!(drift.objects.len(), 1);
    assert_eq!(drift.objects[0].details[0].name, "by_name");

    let failed = database.schema_of(&sets, clock()).await.unwrap_err();
    assert!(matches!(failed, ScratchError::Apply(_)), "{failed:?}");
    assert!(
        failed
            .to_string()
            .contains("run the migrations on a scratch database: could not "),
        "{failed}"
    );
}

#[tokio::test]
async fn sqlite_has_a_file_for_it() {
    let place = Place::new();
    drift(&place.database()).await;
    execute(&place.file(), "CREATE TABLE by_hand (x)").await;
    let database = place.database();
    let made = database
        .schema_of(&set(&FILES[..2]), clock())
        .await
        .unwrap();
    assert_eq!(
        diff(&made, &database.schema().await.unwrap()).to_string(),
        "table by_hand: unexpected\n+ column x\n"
    );
    let place = Place::new();
    assert!(place.database().schema().await.unwrap().tables.is_empty());
    assert_eq!(place.listing(), Vec::<String>::new());
}

#[tokio::test]
async fn postgresql_has_a_database_for_it() {
    let Some(server) = Postgres::start().await else {
        return;
    };
    let url = server.create("app");
    let database = Database::open(&url).unwrap();
    let old = NOW - 3_600_000;
    for name in [
        format!("towpath_scratch_{old}_7_0"),
        format!("towpath_scratch_{NOW}_7_0"),
        format!("towpath_scratch_{old}_7_1"),
    ] {
        server.create(&name);
    }
    let used = PgConnection::connect(&server.url(&format!("towpath_scratch_{old}_7_1")))
        .await
        .unwrap();
    drift(&database).await;
    // What was left behind is gone; what is new or in use is not.
    let left = server.sql(
        "postgres",
        "SELECT datname FROM pg_database WHERE datname LIKE 'towpath%' ORDER BY 1",
    );
    assert_eq!(
        left,
        format!("towpath_scratch_{old}_7_1\ntowpath_scratch_{NOW}_7_0\n")
    );
    used.close().await.unwrap();

    server.sql("postgres", "CREATE ROLE modest LOGIN PASSWORD 'open'");
    let url = url.replace("postgres:open%2Fsesame", "modest:open");
    let failed = Database::open(&url)
        .unwrap()
        .schema_of(&set(&FILES[..1]), clock())
        .await
        .unwrap_err();
    assert_eq!(
        failed.to_string(),
        "make a scratch database: permission denied to create database"
    );
    assert!(
        failed
            .remedy()
            .starts_with("allow the user of the URL to create databases")
    );
}

#[tokio::test]
async fn mysql_has_a_database_for_it() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    let database = Database::open(&server.create("app")).unwrap();
    let old = NOW - 3_600_000;
    let mut guard = MySqlConnection::connect(&server.url("app")).await.unwrap();
    let used = format!("towpath_scratch_{old}_7_1");
    let got: i64 = sqlx::query_scalar("SELECT GET_LOCK(?, 0)")
        .bind(&used)
        .fetch_one(&mut guard)
        .await
        .unwrap();
    assert_eq!(got, 1);
    for name in [
        format!("towpath_scratch_{old}_7_0"),
        format!("towpath_scratch_{NOW}_7_0"),
        used.clone(),
    ] {
        server.create(&name);
    }
    drift(&database).await;
    let left = server.sql("", "SHOW DATABASES LIKE 'towpath%'");
    assert_eq!(left, format!("{used}\ntowpath_scratch_{NOW}_7_0\n"));
    guard.close().await.unwrap();
}
