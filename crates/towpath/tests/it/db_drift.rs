//! `towpath db drift`: what is there and no migration has made.

use serde_json::Value;

use crate::db::with_second;

#[test]
fn what_no_migration_has_made_is_drift() {
    let project = with_second();
    let clean = project.towpath("db drift stg", 0);
    assert_eq!(clean.stdout, "main of staging: no drift\n");
    project.execute("staging", "CREATE INDEX by_said ON trips (said)");
    let drift = project.towpath("db drift", 1);
    assert_eq!(
        drift.stdout,
        "main of staging\n  table trips: different\n  + index by_said: CREATE INDEX by_said ON trips (said)\nmain of production: no drift\n"
    );
    let shown: Value = project.towpath("db drift stg --json", 1).json();
    assert_eq!(shown["ok"], false);
    let found = &shown["databases"][0];
    assert_eq!(found["home"], "staging");
    assert_eq!(found["drift"]["objects"][0]["name"], "trips");
    assert_eq!(found["problem"], Value::Null);
    project.execute("staging", "DROP INDEX by_said");
    project.towpath("db drift stg", 0);
    // What is not applied yet is not expected.
    project.towpath("db migrate stg", 0);
    project.towpath("db drift stg", 0);
    project.execute("staging", "ALTER TABLE trips DROP COLUMN tide");
    project
        .towpath("db drift stg", 1)
        .shows(&["table trips: different", "- column tide: TEXT"]);
}

#[test]
fn drift_cannot_be_told_without_the_migrations_that_are_applied() {
    let project = with_second();
    project.towpath("db migrate stg", 0);
    project.git("clean --quiet -fd migrations");
    project.towpath("db drift stg", 5).shows(&[
        "could not tell: migration 2 (tide) is applied there and is not in the work tree",
        "check out the commit that is deployed",
    ]);
    project.write("migrations/0001_trips.sql", "CREATE TABLE other (id);\n");
    let shown: Value = project.towpath("db drift stg --json", 5).json();
    assert_eq!(shown["ok"], false);
    let problem = shown["databases"][0]["problem"]["message"].as_str();
    assert!(problem.unwrap().contains("is otherwise in the work tree"));
}
