//! SQLite, on files.

use std::{fs, path::Path};

use sqlx::{
    ConnectOptions, Connection, Executor,
    sqlite::{SqliteConnectOptions, SqliteJournalMode},
};
use towpath_probe::{Finding, Health};

use crate::rig::{ask, assert_found, subject};

async fn file(path: &Path) -> Finding {
    ask(&subject("sqlite", "", &path.display().to_string(), &[])).await
}

#[tokio::test]
async fn a_file_is_a_database_or_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.db");
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    connection
        .execute("create table guests (name text)")
        .await
        .unwrap();
    connection.close().await.unwrap();
    let shown = path.display();

    let finding = file(&path).await;
    assert_found(
        &finding,
        Health::Green,
        &format!("{shown} is a SQLite database with 1 table"),
    );
    assert_eq!(finding.facts["tables"], "1");
    let url = format!("sqlite://{shown}?mode=rwc");
    let finding = ask(&subject("SQLite", "", "", &[("DATABASE_URL", &url)])).await;
    assert_eq!(finding.health, Health::Green, "{finding:?}");

    let empty = directory.path().join("empty.db");
    fs::write(&empty, "").unwrap();
    let finding = file(&empty).await;
    let reason = format!("{} is a SQLite database without a table", empty.display());
    assert_found(&finding, Health::Amber, &reason);

    let text = directory.path().join("text.db");
    fs::write(
        &text,
        "this is a text and no database, long enough to be one".repeat(100),
    )
    .unwrap();
    let finding = file(&text).await;
    let reason = format!(
        "{} cannot be read as a SQLite database: file is not a database",
        text.display()
    );
    assert_found(&finding, Health::Red, &reason);

    let missing = directory.path().join("missing.db");
    let finding = file(&missing).await;
    assert_found(
        &finding,
        Health::Red,
        &format!("there is no file {}", missing.display()),
    );
    assert!(!missing.exists(), "asking made it");
}

#[tokio::test]
async fn looking_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.db");
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal);
    let mut writer = options.connect().await.unwrap();
    writer
        .execute("create table guests (name text)")
        .await
        .unwrap();
    // What is only in the log yet is seen too.
    let finding = file(&path).await;
    assert_eq!(finding.facts["tables"], "1", "{finding:?}");
    writer.close().await.unwrap();
    let finding = file(&path).await;
    assert_eq!(finding.facts["tables"], "1", "{finding:?}");
    let names = fs::read_dir(directory.path()).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["app.db"]);
}
