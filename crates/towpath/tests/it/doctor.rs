//! What `doctor` finds of a database that is there, and of things that are not. The kinds themselves are tried on real servers
//! where they are written.

use std::{fs, path::Path};

use serde_json::Value;
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::project::Project;

/// The project, with a database of a vendor's in staging, shared with production, and one that refuses everybody.
fn project() -> Project {
    let project = Project::new();
    let file = project.path("vendor.db");
    make_ledger(&file);
    project.change(
        "towpath.toml",
        "[environments.staging.config]",
        &format!(
            "[environments.staging.resources]\n\
             ledger = {{ kind = \"sqlite\", config = [\"LEDGER_URL\"] }}\n\
             archive = {{ kind = \"postgres\", config = [\"ARCHIVE_URL\"] }}\n\n\
             [environments.production.resources]\n\
             ledger = {{ from = \"stg\" }}\n\n\
             [environments.staging.config]\n\
             LEDGER_URL = \"sqlite://{}\"",
            file.display()
        ),
    );
    project
}

fn make_ledger(file: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true);
        let mut ledger = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::query("CREATE TABLE entries (amount INTEGER)")
            .execute(&mut ledger)
            .await
            .unwrap();
        ledger.close().await.unwrap();
    });
}

fn findings(project: &Project, line: &str, exit: i32) -> Vec<Value> {
    let json: Value = project.towpath(&format!("{line} --json"), exit).json();
    assert_eq!(
        (&json["version"], &json["ok"]),
        (&1.into(), &(exit == 0).into())
    );
    json["findings"].as_array().unwrap().clone()
}

fn health<'a>(findings: &'a [Value], resource: &str) -> &'a Value {
    let found = findings
        .iter()
        .find(|finding| finding["resource"] == resource);
    &found.unwrap()["health"]
}

#[test]
fn what_is_there_is_green_and_since_when_is_kept() {
    let project = project();
    let first = findings(&project, "doctor", 0);
    assert_eq!(health(&first, "ledger"), "green");
    assert_eq!(
        health(&first, "archive"),
        "unknown",
        "there is no URL to ask with"
    );
    let [_, ledger] = first.as_slice() else {
        panic!("each is asked once: {first:?}")
    };
    assert_eq!(
        ledger["environments"],
        serde_json::json!(["staging", "production"])
    );
    let again = findings(&project, "doctor prd", 0);
    assert_eq!(again.len(), 1);
    assert_eq!(again[0]["since"], ledger["since"]);
    fs::remove_file(project.path("vendor.db")).unwrap();
    let gone = findings(&project, "doctor", 1);
    assert_eq!(health(&gone, "ledger"), "red");
    assert_ne!(gone[1]["since"], ledger["since"]);
    project.towpath("doctor --fail-on unknown", 1);
    let shown = project.towpath("doctor staging", 1).stdout;
    assert!(shown.contains("HEALTH") && shown.contains("red"), "{shown}");
}

#[test]
fn no_secret_is_printed() {
    let project = project();
    let secret = "correct-horse-battery";
    let url = format!("postgres://ledger:{secret}@127.0.0.1:1/archive");
    let given = ("TOWPATH_SECRET_STAGING__ARCHIVE_URL", url.as_str());
    let told = project.ask("doctor staging").with(given.0, given.1).ends(1);
    assert!(
        told.stdout.contains("refused") || told.stdout.contains("red"),
        "{}",
        told.stdout
    );
    for text in [&told.stdout, &told.stderr] {
        assert!(
            !text.contains(secret) && !text.contains("battery"),
            "{text}"
        );
    }
    let json = project
        .ask("doctor staging --json")
        .with(given.0, given.1)
        .ends(1);
    assert!(!json.stdout.contains(secret), "{}", json.stdout);
}

#[test]
fn what_is_found_is_told_where_nothing_can_be_kept() {
    let project = project();
    let file = project.path("a-file");
    fs::write(&file, "").unwrap();
    let told = project
        .ask("doctor prd")
        .with("TOWPATH_DATA", file.join("data"))
        .ends(0);
    assert!(told.stdout.contains("green"), "{}", told.stdout);
    assert!(told.stderr.contains("is not kept"), "{}", told.stderr);
}
