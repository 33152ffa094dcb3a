//! Rehearsing the way back: what it finds, and what it proves to those who ask for it.

use nix::sys::signal::Signal;
use towpath_core::path::Release;

use crate::project::{Project, Ran, eventually};

const PEOPLE: &str = r#"test     = ["sh check.sh"]
sign_off = [{ name = "qa", role = "qa" }, { name = "acceptance", role = "leader" }]
"#;

const TEST: &str = "test     = [\"sh check.sh\"]\n";
const TESTS: &str = "test     = [\"sh check.sh\", \"sh column.sh\"]\n";

const PRODUCTION: &str = "[environments.production]\n";

/// A project whose first release is live in staging, where nobody has to sign.
fn project() -> Project {
    let project = Project::new();
    project.change("towpath.toml", PEOPLE, TEST);
    project.write(
        "migrations/0001_trips.sql",
        "CREATE TABLE trips (number INTEGER PRIMARY KEY, said TEXT NOT NULL);\n\
         CREATE INDEX by_number ON trips (number, said);\n\
         INSERT INTO trips (said) VALUES ('one');\n",
    );
    let asked = format!("{PRODUCTION}require = [\"rollback-proven\"]\n");
    project.change("towpath.toml", PRODUCTION, &asked);
    project.commit("nobody signs");
    project.towpath("deploy stg", 0);
    project
}

/// A second release that renames a column, with this way back.
fn commit_renamed(project: &Project, down: &str) {
    project.write("version", "2");
    project.write(
        "migrations/0002_told.up.sql",
        "ALTER TABLE trips RENAME COLUMN said TO told;\n",
    );
    project.write("migrations/0002_told.down.sql", down);
    project.commit("2: told");
}

const RENAMED_BACK: &str = "ALTER TABLE trips RENAME COLUMN told TO said;\n";

/// What the rehearsal of the second release said of it.
fn rehearsed(ran: &Ran) -> Release {
    #[derive(serde::Deserialize)]
    struct Answer {
        release: Release,
    }
    ran.json::<Answer>().release
}

/// What the rehearsal found, which has also stopped what is automatic.
fn finding(project: &Project, ran: &Ran) -> String {
    let rehearsal = rehearsed(ran).rehearsal.expect("it was recorded");
    assert!(!rehearsal.proves());
    assert!(project.environment("staging").hold.is_some());
    project.towpath("journal verify", 0);
    let journal = project.towpath("journal show --json --limit 1000", 0);
    assert!(journal.stdout.contains("rehearsal-failed"));
    assert!(!journal.stdout.contains("\"rollback-proven\""));
    let releases = project.towpath("releases", 0);
    assert!(!releases.stdout.contains("rollback proven"));
    rehearsal.finding.unwrap()
}

#[test]
fn what_comes_back_as_it_was_is_stamped_and_let_in_where_that_is_asked_for() {
    let project = project();
    commit_renamed(&project, RENAMED_BACK);
    project.towpath("deploy stg", 0);
    let refused = [
        "the way back from v2 was not rehearsed",
        "`towpath rehearse staging v2`",
    ];
    project
        .ask("promote stg")
        .by("olive")
        .ends(3)
        .says(&refused);
    project
        .ask("plan prd v2")
        .by("olive")
        .ends(3)
        .shows(&refused);

    let ran = project.towpath("rehearse stg v2 --json", 0);
    let rehearsal = rehearsed(&ran).rehearsal.unwrap();
    assert!(rehearsal.proves());
    assert_eq!(rehearsal.to.map(|release| release.0), Some(1));
    let numbers: Vec<u32> = rehearsal.deployments.iter().map(|one| one.0).collect();
    assert_eq!(numbers, [2, 3, 4], "what was live already is not deployed");
    assert_eq!(rehearsal.schemas.len(), 1);
    let back = &project.history()[1];
    let steps: Vec<&str> = back.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(steps[0], "undo-main");
    assert!(
        steps.ends_with(&["smoke-1", "test-1", "settle"]),
        "{steps:?}"
    );
    assert!(
        project.effects().of("test staging v1").len() > 1,
        "v1 is tested on what is left"
    );
    assert_eq!(project.environment("staging").live.unwrap().release.0, 2);
    assert_eq!(project.environment("staging").hold, None);
    let told = "rollback proven in staging: to v1 and back (d2, d3, d4)";
    project.towpath("status stg", 0).shows(&[told]);
    project.towpath("releases", 0).shows(&["rollback proven"]);
    project.towpath("journal verify", 0);

    project
        .ask("plan prd v2")
        .by("olive")
        .ends(0)
        .shows(&[told]);
    project.ask("promote stg").by("olive").ends(0);
    assert_eq!(project.environment("production").live.unwrap().release.0, 2);
}

#[test]
fn what_cannot_be_undone_is_found_by_the_planner() {
    let project = project();
    project.write(
        "migrations/0002_gone.sql",
        "DROP INDEX by_number;\nALTER TABLE trips DROP COLUMN said;\n",
    );
    project.commit("2: gone");
    let ran = project.towpath("rehearse stg --json", 1);
    let found = finding(&project, &ran);
    for said in [
        "there is no way back from v2: v1 does not run on database main of staging",
        "migration 2 (gone) cannot be undone",
        "go forward with a release",
    ] {
        assert!(found.contains(said), "{found}");
    }
    assert_eq!(project.history().len(), 2, "nothing was tried");
    let staging = project.environment("staging").live.unwrap();
    assert_eq!(staging.release.0, 2);
    assert!(!staging.verified, "a rehearsal verifies nothing");
    project
        .ask("plan prd v2")
        .by("olive")
        .ends(3)
        .shows(&["the way back from v2 is not proven", "migration 2 (gone)"]);
}

#[test]
fn a_down_migration_that_forgets_an_index_is_found_by_the_schema() {
    let project = project();
    commit_renamed(
        &project,
        "CREATE TABLE old (number INTEGER PRIMARY KEY, said TEXT NOT NULL);\n\
         INSERT INTO old SELECT number, told FROM trips;\n\
         DROP TABLE trips;\n\
         ALTER TABLE old RENAME TO trips;\n",
    );
    let ran = project.towpath("rehearse stg --json", 1);
    let found = finding(&project, &ran);
    assert!(
        found.contains("the schema of database main is not what it was before the way back"),
        "{found}"
    );
    assert_eq!(project.history().len(), 4);
    // What the first time has spoiled is not what there was, however often it is asked.
    let ran = project.towpath("rehearse stg --json", 1);
    assert_eq!(project.history().len(), 7);
    assert_eq!(finding(&project, &ran), found);
}

#[test]
fn a_down_migration_that_leaves_an_index_is_found_by_going_forward() {
    let project = project();
    project.write(
        "migrations/0003_fast.up.sql",
        "CREATE INDEX by_told ON trips (told);\n",
    );
    project.write("migrations/0003_fast.down.sql", "SELECT 1;\n");
    commit_renamed(&project, RENAMED_BACK);
    let ran = project.towpath("rehearse stg --json", 1);
    let found = finding(&project, &ran);
    assert!(
        found.contains("going forward to v2 again (d4) failed"),
        "{found}"
    );
    assert!(found.contains("by_told already exists"), "{found}");
}

#[test]
fn an_old_release_that_fails_on_the_new_schema_is_found_by_its_test() {
    let project = project();
    let database = project.data().join("databases/staging/main.db");
    project.write(
        "column.sh",
        format!(
            "if grep -qas 'told TEXT' {}*; then echo 'no column: said'; exit 1; fi\n",
            database.display()
        ),
    );
    project.change("towpath.toml", TEST, TESTS);
    project.commit("2: it asks for what was said");
    project.towpath("deploy stg", 0);
    project.change("towpath.toml", TESTS, TEST);
    project.write(
        "migrations/0002_told.sql",
        "-- towpath: expand because nobody asks for it any more\n\
         ALTER TABLE trips RENAME COLUMN said TO told;\n",
    );
    project.commit("3: told");
    let ran = project.towpath("rehearse stg --json", 1);
    let found = finding(&project, &ran);
    assert!(found.contains("returning to v2 (d4) failed"), "{found}");
    assert!(found.contains("no column: said"), "{found}");
    let back = &project.history()[0];
    assert!(
        back.steps.iter().all(|step| !step.id.starts_with("undo")),
        "by code alone"
    );
}

#[test]
fn an_interrupted_rehearsal_is_taken_up_where_it_was() {
    let project = project();
    commit_renamed(&project, RENAMED_BACK);
    let killed = project.ask("rehearse stg").dies_at("2 is undone").run();
    assert_eq!(killed.status.code(), None, "{}", killed.told());
    project.towpath("rehearse stg", 0);
    assert_eq!(project.history().len(), 4);
    project.towpath("journal verify", 0);
}

#[test]
fn whoever_may_not_roll_back_may_not_rehearse() {
    let project = project();
    commit_renamed(&project, RENAMED_BACK);
    let stranger = project.ask("rehearse stg").by("mallory");
    stranger.ends(3).says(&["path::not-allowed"]);
    project.change(
        "towpath.toml",
        "[environments.staging.config]",
        "[environments.staging.allow]\nrollback = [\"leader\"]\n\n[environments.staging.config]",
    );
    project.commit("3: only a leader rolls back");
    let refused = project.towpath("rehearse stg", 3);
    refused.says(&["may not roll back staging"]);
    assert_eq!(project.history().len(), 1, "nothing was done");
}

#[test]
fn a_server_does_the_same_with_what_was_pushed() {
    let project = project();
    let server = project.ask("server --listen 127.0.0.1:0").start();
    // It takes branches as they are at its first look.
    eventually("the server has looked", || {
        let journal = project.ask("journal show --json --limit 1000").run();
        journal.stdout.contains("branch-moved").then_some(())
    });
    commit_renamed(&project, RENAMED_BACK);
    eventually("the push is deployed", || {
        let live = project.environment("staging").live;
        live.filter(|live| live.release.0 == 2 && live.verified)
    });
    let ran = project.towpath("rehearse stg --json", 0);
    assert!(rehearsed(&ran).rehearsal.unwrap().proves());
    assert_eq!(project.history().len(), 4);
    server.signal(Signal::SIGTERM);
    server.ended();
    project.towpath("journal verify", 0);
}
