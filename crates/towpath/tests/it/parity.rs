//! How closely staging mirrors production, and what depends on it.

use serde_json::{Value, json};

use crate::project::{Project, Ran};

/// Staging mirrors production; they differ in test, watch and on_failure, of eight facts.
fn mirroring() -> Project {
    let project = Project::new();
    said(&project, "staging", "mirrors = \"prd\"");
    project
}

/// Says more of an environment.
fn said(project: &Project, environment: &str, line: &str) {
    let header = format!("[environments.{environment}]\n");
    project.change("towpath.toml", &header, &format!("{header}{line}\n"));
}

fn accepted(project: &Project, difference: &str, until: &str) {
    let entry = format!(
        "{{ difference = \"{difference}\", reason = \"no visitors\", owner = \"leader\", until = \"{until}\" }}"
    );
    said(project, "staging", &format!("accept = [{entry}]"));
}

fn score(project: &Project, line: &str) -> Value {
    let found: Value = project.towpath(&format!("{line} --json"), 0).json();
    assert_eq!(found["version"], 1);
    found["parity"][0].clone()
}

fn names(score: &Value) -> Vec<&str> {
    let facts = score["facts"].as_array().unwrap().iter();
    facts.map(|fact| fact["name"].as_str().unwrap()).collect()
}

const TOLD: &str = "\
staging mirrors production to 62%

DIFFERENCE  STAGING    PRODUCTION  ACCEPTED
test        1 command  -           no
watch       -          300ms       no
on_failure  hold       rollback    no

not compared, because nothing is live in staging and in production: databases.main.migrations, databases.main.schema, services.web.instances

bring them together, or accept a difference for a time in [environments.staging]:
  accept = [{ difference = \"test\", reason = \"…\", owner = \"…\", until = \"…\" }]
";

#[test]
fn what_differs_is_told_with_a_score() {
    let project = mirroring();
    assert_eq!(project.towpath("parity", 0).stdout, TOLD);
    // Nothing is made only to look.
    assert!(!project.data().exists());
    let parity = score(&project, "parity stg");
    assert_eq!(
        (&parity["score"], &parity["mirrored"]),
        (&json!(62), &json!("production"))
    );
    assert_eq!(names(&parity), ["test", "watch", "on_failure"]);
    assert_eq!(names(&score(&project, "parity stg prd --all")).len(), 8);
    assert_eq!(score(&project, "parity prd stg")["score"], 62);
}

#[test]
fn a_score_that_is_too_low_is_a_status() {
    let project = mirroring();
    project.towpath("parity --min 62", 0);
    let low = project.towpath("parity --min 63", 1);
    low.says(&["staging mirrors production to 62%, and 63% is asked for"]);
    let low: Value = project.towpath("parity --min 63 --json", 1).json();
    assert_eq!(low["ok"], false);
    project.towpath("parity --min 101", 2);
}

#[test]
fn what_is_accepted_counts_until_it_ends() {
    let project = mirroring();
    accepted(&project, "*", "9999-12-31");
    let shown = project.towpath("parity --min 100", 0).stdout;
    assert!(shown.contains("to 100%") && shown.contains("until 9999-12-31 by leader: no visitors"));
    let project = mirroring();
    accepted(&project, "*", "2020-02-29");
    let shown = project.towpath("parity --min 63", 1).stdout;
    assert!(
        shown.contains("no more: it ended on 2020-02-29, ask leader"),
        "{shown}"
    );
    let ended = score(&project, "parity");
    assert_eq!(ended["facts"][0]["expired"]["until"], "2020-02-29");
    assert_eq!(ended["facts"][0]["accepted"], Value::Null);
}

#[test]
fn who_is_compared_must_be_clear() {
    let project = Project::new();
    project
        .towpath("parity", 3)
        .says(&["parity::nothing-mirrors", "mirrors = \"production\""]);
    project
        .towpath("parity prd", 3)
        .says(&["parity::nothing-mirrors", "[environments.production]"]);
    project
        .towpath("parity stg staging", 3)
        .says(&["parity::itself"]);
    project
        .towpath("parity stg moon", 3)
        .says(&["ask::no-such-environment"]);
    assert_eq!(score(&project, "parity stg prd")["score"], 62);
}

/// A new release, verified in staging, on its way to production.
fn promoted(project: &Project, ends: i32) -> Ran {
    project.towpath("deploy stg", 4);
    project.ask("sign-off stg").by("quinn").ends(4);
    project.ask("sign-off stg").by("lee").ends(0);
    project.ask("promote stg").by("olive").ends(ends)
}

#[test]
fn production_takes_only_what_was_tried_in_something_like_it() {
    let project = mirroring();
    said(&project, "production", "parity = { min = 95 }");
    project.commit("2: production must be mirrored");
    let refused = promoted(&project, 3);
    let told = format!("{}{}", refused.stdout, refused.stderr);
    // What runs counts too; production would have what the release brings.
    let why = "staging mirrors production to 70%, and 95% is needed: test, watch, on_failure";
    assert!(told.contains(why), "{told}");
    accepted(&project, "*", "9999-12-31");
    project.commit("3: what is accepted");
    promoted(&project, 0);
    // What runs is compared now: one instance each, and the same migrations.
    let parity = score(&project, "parity --all");
    assert_eq!(parity["unknown"], json!([]));
    for name in [
        "databases.main.migrations",
        "databases.main.schema",
        "services.web.instances",
    ] {
        assert!(names(&parity).contains(&name), "{parity}");
    }
    // What somebody changed by hand is seen at once.
    project.execute("staging", "CREATE INDEX by_said ON trips (said)");
    let drifted = score(&project, "parity");
    assert!(
        names(&drifted).contains(&"databases.main.schema"),
        "{drifted}"
    );
    project.execute("staging", "DROP INDEX by_said");
    assert!(!names(&score(&project, "parity")).contains(&"databases.main.schema"));
    project.commit_second();
    project.towpath("deploy stg", 4);
    let ahead = score(&project, "parity");
    let facts = ahead["facts"].as_array().unwrap().iter();
    let mut migrations = facts.filter(|fact| fact["name"] == "databases.main.migrations");
    let migrations = migrations.next().unwrap();
    assert_eq!(migrations["mirroring"], "2, the last 2 tide");
    assert_eq!(migrations["accepted"]["owner"], "leader");
}
