//! Going back where the old release does not run on the new schema: stored down-migrations, and where there are none.

use crate::project::{Project, Ran};

const PEOPLE: &str = r#"test     = ["sh check.sh"]
sign_off = [{ name = "qa", role = "qa" }, { name = "acceptance", role = "leader" }]
"#;

/// A project whose first release is live in staging, where nobody has to sign, with these lines in its place.
fn project(staging: &str) -> Project {
    let project = Project::new();
    project.change("towpath.toml", PEOPLE, staging);
    project.commit("nobody signs");
    project.towpath("deploy stg", 0);
    project
}

/// The second release: it renames a column, and adds a table, and both can be undone.
fn commit_second(project: &Project) {
    project.write("version", "2");
    project.write(
        "migrations/0002_told.up.sql",
        "ALTER TABLE trips RENAME COLUMN said TO told;\nINSERT INTO trips (told) VALUES ('two');\n",
    );
    project.write(
        "migrations/0002_told.down.sql",
        "ALTER TABLE trips RENAME COLUMN told TO said;\n",
    );
    project.write(
        "migrations/0003_moon.up.sql",
        "CREATE TABLE moons (n INTEGER);\n",
    );
    project.write("migrations/0003_moon.down.sql", "DROP TABLE moons;\n");
    project.commit("2: told");
}

/// The schema is the first release's, and the rows of both are there.
fn is_back(project: &Project) {
    let staging = project.environment("staging");
    assert_eq!(staging.live.unwrap().release.0, 1);
    let rows = "SELECT count(*) FROM trips WHERE said IN ('one', 'two')";
    assert_eq!(project.number("staging", rows), 2);
    let tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'moons'";
    assert_eq!(project.number("staging", tables), 0);
    let theirs = "SELECT count(*) FROM _sqlx_migrations";
    assert_eq!(project.number("staging", theirs), 1);
    let known = project.towpath("status stg --json", 0);
    assert!(known.stdout.contains("\"live\""), "{}", known.told());
}

#[test]
fn a_rollback_runs_the_down_migrations_that_were_stored_and_says_so_before() {
    let told = "undoes 3 (moon): what was written since to what it added is lost; then 2 (told)";
    let project = project("");
    commit_second(&project);
    let plan = project.towpath("plan stg", 0);
    plan.shows(&[
        "+ 2 told  contract by its SQL, because",
        "+ 3 moon  expand by its SQL, because",
        "way back: to v1, which undoes 3 (moon): what was written since to what it added is lost; then 2 (told)",
    ]);
    project.towpath("deploy stg", 0);
    let staging = project.environment("staging");
    assert_eq!(staging.returns_to.map(|release| release.0), Some(1));
    assert!(
        staging.returns_by[0].contains(told),
        "{:?}",
        staging.returns_by
    );
    assert_eq!(staging.safe_back_to, None);
    // The files are gone by the time that they are needed.
    project.git("rm --quiet -r migrations");
    project
        .towpath("rollback stg --dry-run", 0)
        .shows(&["undo-main", told, "may roll back:"]);
    assert_eq!(project.history().len(), 2, "nothing was done");
    let ran = project.towpath("rollback stg", 0);
    assert!(ran.stderr.contains(told), "{}", ran.told());
    is_back(&project);
    let last = &project.history()[0];
    assert_eq!(last.steps[0].id, "undo-main");
    assert_eq!(
        last.steps[0].said.as_deref(),
        Some("undid moon, told, after a snapshot")
    );
    let snapshots = project.data().join("snapshots/staging");
    assert!(snapshots.join("main-d3.undo-main.1.db").exists());

    // It comes again as it came the first time.
    project.towpath("deploy stg v2", 0);
    let rows = "SELECT count(*) FROM trips WHERE told IN ('one', 'two')";
    assert_eq!(project.number("staging", rows), 3);
}

#[test]
fn what_only_adds_takes_nothing_from_the_way_back() {
    let project = project("");
    project.commit_second();
    let way = ["way back: to v1, by code alone", "safe back to: v1"];
    project.towpath("plan stg", 0).shows(&way);
    project.towpath("deploy stg", 0);
    let told = ["returns to   v1\n", "safe back to v1\n"];
    project.towpath("status stg", 0).shows(&told);
    project
        .towpath("status", 0)
        .shows(&["SAFE BACK TO", "v2 ✓  v1 "]);
}

#[test]
fn what_cannot_be_undone_is_refused_with_the_data_at_stake_and_the_way_forward() {
    let project = project("");
    project.write(
        "migrations/0002_gone.up.sql",
        "ALTER TABLE trips DROP COLUMN said;\n",
    );
    project.write(
        "migrations/0002_gone.down.sql",
        "ALTER TABLE trips ADD COLUMN said TEXT;\n",
    );
    project.commit("2: gone");
    project.towpath("plan stg", 0).shows(&[
        "way back: none: v1 does not run on database main of staging: migration 2 (gone) cannot be undone: irreversible by its SQL, because what `said` holds is lost",
    ]);
    project.towpath("deploy stg", 0);
    for line in [
        "rollback stg",
        "rollback stg --dry-run",
        "rollback stg --to v1",
    ] {
        project.towpath(line, 3).says(&[
            "path::cannot-return",
            "migration 2 (gone) cannot be undone",
            "what `said` holds is lost",
            "go forward with a release that takes the code back and keeps migration 2 (gone)",
        ]);
    }
    assert_eq!(project.environment("staging").returns_to, None);
}

#[test]
fn a_point_of_no_return_is_said_and_waits_until_it_is_accepted() {
    let project = project("no_return = \"ask\"\n");
    project.write("migrations/0002_gone.sql", "DROP TABLE trips;\n");
    project.commit("2: gone");
    let point = "v1, live in staging, cannot be returned to afterwards: migration 2 (gone) cannot be undone: irreversible by its SQL";
    project
        .towpath("plan stg", 0)
        .shows(&["… no return", &format!("point of no return: {point}")]);
    let ran = project.towpath("deploy stg", 4);
    assert!(ran.stdout.contains(point), "{}", ran.told());
    ran.says(&["`towpath accept d2 --reason …` lets it pass"]);
    let kept = "SELECT count(*) FROM trips";
    assert_eq!(project.number("staging", kept), 1);
    let waits = project.environment("staging").queue.remove(0);
    assert!(waits.points_of_no_return[0].starts_with(point));

    let stranger = project.ask("accept d2 -m 'it is empty'").by("mallory");
    stranger.ends(3).says(&["path::not-allowed"]);
    project
        .towpath("accept d2 --reason ' '", 3)
        .says(&["a reason is needed"]);
    let ran = project.towpath("accept d2 --reason 'it is empty' --json", 0);
    let shown: serde_json::Value = ran.json();
    assert_eq!(shown["deployment"]["status"], "settled");
    assert_eq!(shown["deployment"]["accepted"]["reason"], "it is empty");
    let tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'trips'";
    assert_eq!(project.number("staging", tables), 0);
    let journal = project.towpath("journal show --json --limit 1000", 0);
    assert!(journal.stdout.contains("no-return-accepted"));
    project.towpath("journal verify", 0);
    project
        .towpath("status stg", 0)
        .shows(&["accepted that it cannot be taken back, by dana@acme.test: it is empty"]);
}

#[test]
fn what_a_promised_release_needs_is_not_taken_away() {
    let project = project("keep_safe_back = 1\nkeep_warm = \"0s\"\n");
    project.write(
        "migrations/0002_told.sql",
        "ALTER TABLE trips ADD COLUMN told TEXT;\n",
    );
    project.commit("2: told beside said");
    project.towpath("deploy stg", 0);
    project.write(
        "migrations/0003_gone.sql",
        "-- towpath: irreversible after 2 because what knows 2 writes `told`\nALTER TABLE trips DROP COLUMN said;\n",
    );
    project.commit("3: said is gone");
    let refused = [
        "safe back",
        "migration 3 (gone) of database main takes away what releases of staging need that keep_safe_back = 1 keeps possible: v1 (verified)",
        "first bring staging releases that know migration 2; 1 more of them",
    ];
    project.towpath("plan stg", 3).shows(&refused);
    let ran = project.towpath("deploy stg", 3);
    assert!(ran.stdout.contains("v1 (verified)"), "{}", ran.told());
    // One more that knows migration 2, and then it may go.
    project.git("rm --quiet --cached migrations/0003_gone.sql");
    std::fs::remove_file(project.clone().join("migrations/0003_gone.sql")).unwrap();
    project.commit("4: nothing else");
    project.towpath("deploy stg", 0);
    project.write(
        "migrations/0003_gone.sql",
        "-- towpath: irreversible after 2 because what knows 2 writes `told`\nALTER TABLE trips DROP COLUMN said;\n",
    );
    project.commit("5: said is gone");
    project
        .towpath("plan stg", 0)
        .shows(&["what is kept possible stays possible", "safe back to: v2"]);
    project.towpath("deploy stg", 0);
}

#[test]
fn a_failure_undoes_by_itself_only_where_the_manifest_says_so() {
    for (rule, status, code) in [
        ("", "undo-failed", 5),
        ("undo = \"automatic\"\n", "rolled-back", 1),
    ] {
        let project = project(&format!("on_failure = \"rollback\"\n{rule}"));
        project.write("behaviour", "bad\n");
        project.change(
            "towpath.toml",
            "smoke    = [{ get = \"/healthz\" }]\non_failure",
            "smoke    = [{ get = \"/\" }]\non_failure",
        );
        commit_second(&project);
        let ran: Ran = project.towpath("deploy stg", code);
        assert!(ran.stdout.contains(status), "{}", ran.told());
        if rule.is_empty() {
            ran.shows(&[
                "returning to v1 undoes 3 (moon)",
                "`towpath rollback staging`",
            ]);
            assert_eq!(project.environment("staging").live.unwrap().release.0, 2);
            project.towpath("rollback stg", 0);
        }
        is_back(&project);
    }
}

#[test]
fn killed_while_it_undoes_it_goes_on_where_it_was() {
    let project = project("");
    commit_second(&project);
    for point in [
        "the snapshot is taken",
        "about to undo",
        "3 is undone",
        "2 is undone",
    ] {
        project.towpath("deploy stg", 0);
        let killed = project.ask("rollback stg").dies_at(point).run();
        assert_eq!(killed.status.code(), None, "{point}: {}", killed.told());
        project.towpath("retry stg", 0);
        let staging = project.environment("staging");
        assert_eq!(staging.live.unwrap().release.0, 1, "{point}");
        let tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'moons'";
        assert_eq!(project.number("staging", tables), 0, "{point}");
        let last = &project.history()[0];
        assert_eq!((last.status.as_str(), last.steps[0].tries), ("settled", 1));
        project.towpath("journal verify", 0);
    }
    let receipts = "SELECT count(*) FROM _towpath_receipts";
    assert_eq!(project.number("staging", receipts), 1);
}
