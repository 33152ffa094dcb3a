//! `towpath db reset`: a database that is somebody's own is made anew, and no other.

use serde_json::{Value, json};

use crate::db_capture::with_local;

const TRIPS: &str = "SELECT count(*) FROM trips";

#[test]
fn a_developers_own_database_is_made_anew() {
    let project = with_local();
    // Where there is none yet, it is made.
    let first: Value = project.towpath("db reset --yes --json", 0).json();
    assert_eq!(first["applied"], json!([1, 2]));
    assert_eq!(first["before"], Value::Null);
    project.execute("local", "INSERT INTO trips (said) VALUES ('mine')");
    project.execute("local", "CREATE TABLE by_hand (x)");
    project.towpath("db reset", 3).says(&[
        "main of local is emptied, and gets the 2 migrations of the work tree: whatever it holds is lost",
        "trips: 2 rows\n",
        "main of local was not touched",
        "add --yes",
    ]);
    assert_eq!(project.number("local", TRIPS), 2);
    let again = project.towpath("db reset local --yes", 0);
    again.says(&[
        "copied main of local to",
        "applied 1 (trips)",
        "applied 2 (tide)",
    ]);
    assert_eq!(project.number("local", TRIPS), 1);
    project.towpath("db drift local", 0);
    let journal = project.towpath("journal show --json", 0).stdout;
    assert!(journal.contains("\"reset\""), "{journal}");
    // What cannot be made anew is not emptied.
    project.write("migrations/0003_bad.sql", "CREATE TABLE trips (x);\n");
    project.towpath("db reset --yes", 1);
    assert_eq!(project.number("local", TRIPS), 1);
    // And what was lost can be had back.
    std::fs::remove_file(project.clone().join("migrations/0003_bad.sql")).unwrap();
    project.execute("local", "INSERT INTO trips (said) VALUES ('mine')");
    let before: Value = project.towpath("db reset --yes --json", 0).json();
    let copy = before["before"].as_str().unwrap();
    project.towpath(&format!("db restore local {copy} --yes"), 0);
    assert_eq!(project.number("local", TRIPS), 2);
}

#[test]
fn what_others_use_is_never_made_anew() {
    let project = with_local();
    let refused = |line: &str, text: &str| {
        project
            .towpath(&format!("db reset {line} --yes"), 3)
            .says(&["db::not-your-own", text]);
    };
    refused("production", "it is production");
    refused("stg", "deployments come to it from develop");
    let manifest = std::fs::read_to_string(project.clone().join("towpath.toml")).unwrap();
    let other = |name: &str, home: &str| {
        format!(
            "\n[environments.{name}]\nused_by = [\"developer\"]\ndatabases.main = {{ same_as = \"{home}\" }}\n"
        )
    };
    project.write(
        "towpath.toml",
        manifest + &other("preview", "staging") + &other("pair", "local"),
    );
    refused("preview", "its database main is that of staging");
    refused("local", "pair uses its database main too");
    assert_eq!(project.number("staging", TRIPS), 1);
}
