//! `towpath db`: what is applied to which database, and what the work tree's migrations would do.

use serde_json::{Value, json};

use crate::project::Project;

fn databases(project: &Project, line: &str, status: i32) -> Vec<Value> {
    let shown: Value = project.towpath(&format!("{line} --json"), status).json();
    assert_eq!(shown["version"], 1);
    assert_eq!(shown["ok"], status == 0);
    shown["databases"].as_array().unwrap().clone()
}

fn versions(list: &Value) -> Vec<i64> {
    let list = list.as_array().unwrap().iter();
    list.map(|one| one["version"].as_i64().unwrap()).collect()
}

#[test]
fn what_is_applied_and_what_is_not_is_told_for_each_database() {
    let project = Project::new();
    let before = databases(&project, "db status stg", 0);
    // Nothing is made only to look.
    assert!(!project.data().exists());
    assert_eq!(before.len(), 1);
    assert_eq!(versions(&before[0]["applied"]), [] as [i64; 0]);
    assert_eq!(versions(&before[0]["pending"]), [1]);
    project.towpath("deploy stg", 4);
    project.commit_second();
    let after = databases(&project, "db status", 0);
    let staging = after.iter().find(|one| one["environment"] == "staging");
    let staging = staging.unwrap();
    assert_eq!(versions(&staging["applied"]), [1]);
    assert_eq!(versions(&staging["pending"]), [2]);
    assert_eq!(staging["pending"][0]["contract"], "expand");
    assert_eq!(staging["pending"][0]["keeps_older_releases"], true);
    assert_eq!(
        staging["applied"][0]["applied_by"],
        json!("d1.migrate-main.1")
    );
    let production = after.iter().find(|one| one["environment"] == "production");
    assert_eq!(versions(&production.unwrap()["pending"]), [1, 2]);
    let plan = project.towpath("db plan stg", 0);
    assert_eq!(
        plan.stdout,
        "main of staging: 1 migration applied\n  2 tide: expand, because older releases ignore the column  (nothing undoes it)\n"
    );
    // Looking has changed nothing.
    assert_eq!(databases(&project, "db status", 0), after);
}

#[test]
fn migrations_after_which_nobody_can_return_are_told_apart() {
    let project = Project::new();
    project.towpath("deploy stg", 4);
    project.write(
        "migrations/0002_gone.sql",
        "-- towpath: contract because nobody reads it\nDROP TABLE trips;\n",
    );
    project.write("migrations/0003_who_knows.sql", "CREATE TABLE more (id);\n");
    let plan = project.towpath("db plan stg", 0).stdout;
    for text in [
        "2 gone: contract, because nobody reads it",
        "3 who knows: expand by its SQL, because ",
        "afterwards, no release that lacks 2 (gone) can be returned to",
    ] {
        assert!(plan.contains(text), "{plan}");
    }
    std::fs::remove_file(project.clone().join("migrations/0002_gone.sql")).unwrap();
    std::fs::remove_file(project.clone().join("migrations/0003_who_knows.sql")).unwrap();
    project.write(
        "migrations/0002_gone.up.sql",
        "ALTER TABLE trips RENAME TO tours;\n",
    );
    project.write(
        "migrations/0002_gone.down.sql",
        "ALTER TABLE tours RENAME TO trips;\n",
    );
    let plan = project.towpath("db plan stg", 0).stdout;
    let text = "afterwards, a release that lacks 2 (gone) is returned to by undoing that";
    assert!(plan.contains(text), "{plan}");
    let status = project.towpath("db status stg", 0).stdout;
    assert!(
        status.contains("1, 1 that older releases cannot run on"),
        "{status}"
    );
}

#[test]
fn migrations_that_cannot_be_applied_are_a_status_with_the_way_out() {
    let project = Project::new();
    project.towpath("deploy stg", 4);
    let first = std::fs::read_dir(project.clone().join("migrations"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let name = first.file_name().into_string().unwrap();
    project.write(&format!("migrations/{name}"), "CREATE TABLE other (id);\n");
    let edited = databases(&project, "db plan stg", 1);
    let problem = &edited[0]["problem"];
    assert!(
        problem["message"]
            .as_str()
            .unwrap()
            .contains("edited after it was applied")
    );
    assert!(problem["help"].as_str().unwrap().contains("new migration"));
    project
        .towpath("db status", 1)
        .says(&["main of staging: could not plan past migration 1", "help: "]);
    project
        .towpath("db plan moon", 3)
        .says(&["ask::no-such-environment"]);
}

fn lint(project: &Project, line: &str, status: i32) -> Vec<Value> {
    let shown: Value = project
        .towpath(&format!("db lint {line} --json"), status)
        .json();
    assert_eq!(shown["ok"], status == 0);
    shown["migrations"].as_array().unwrap().clone()
}

#[test]
fn what_is_declared_is_held_against_the_sql() {
    let project = Project::new();
    project.towpath("deploy stg", 4);
    let cases = [
        (
            "-- towpath: expand\nALTER TABLE trips ADD COLUMN mood TEXT;\n",
            0,
            "expand",
        ),
        ("ALTER TABLE trips ADD COLUMN mood TEXT;\n", 0, "expand"),
        ("DROP TABLE trips;\n", 1, "irreversible"),
        ("-- towpath: expand\nDROP TABLE trips;\n", 1, "irreversible"),
        (
            "-- towpath: expand because it was never used\nDROP TABLE trips;\n",
            0,
            "irreversible",
        ),
        (
            "-- towpath: contract\nDROP TABLE trips;\n",
            1,
            "irreversible",
        ),
        (
            "-- towpath: irreversible\nDROP TABLE trips;\n",
            0,
            "irreversible",
        ),
        ("-- towpath: expand\nFROBNICATE trips;\n", 1, "unknown"),
        (
            "-- towpath: data\nUPDATE trips SET said = 'x';\n",
            1,
            "irreversible",
        ),
    ];
    for (sql, status, read) in cases {
        project.write("migrations/0002_new.sql", sql);
        let found = lint(&project, "migrations/0002_new.sql", status);
        assert_eq!(found.len(), 1, "{sql}");
        assert_eq!(found[0]["read"], read, "{sql}: {}", found[0]);
        assert_eq!(found[0]["proposal"].is_null(), status == 0);
    }
}

#[test]
fn the_oldest_snapshots_go_and_the_others_are_listed() {
    let project = Project::new();
    project.change(
        "towpath.toml",
        "migrations = \"migrations\"",
        "migrations = \"migrations\"\nkeep_snapshots = 2",
    );
    let people = r#"sign_off = [{ name = "qa", role = "qa" }, { name = "acceptance", role = "leader" }]
"#;
    project.change("towpath.toml", people, "");
    project.commit("two of them, and nobody signs");
    project.towpath("deploy stg", 0);
    let listed = || -> Vec<Value> {
        let shown: Value = project.towpath("db snapshot stg --list --json", 0).json();
        shown["snapshots"].as_array().unwrap().clone()
    };
    assert!(listed().is_empty());
    project.towpath("db snapshot stg", 0);
    project.towpath("db snapshot stg", 0);
    let first = listed();
    let oldest = first[1]["path"].as_str().unwrap().to_owned();
    project
        .towpath("db snapshot stg", 0)
        .says(&["removed the old snapshot", &oldest]);
    // One somewhere else is nobody's to remove.
    project.towpath("db snapshot stg --to elsewhere.db", 0);
    let now = listed();
    assert_eq!(now.len(), 2);
    assert_eq!(now[1], first[0]);
    assert!(now[0]["bytes"].as_i64().unwrap() > 0);
    assert!(now.iter().all(|one| one["deployment"].is_null()));
    project
        .towpath("db snapshot stg --list", 0)
        .shows(&["TAKEN", "by hand"]);
    // The copy that is taken before a restore does not push out what is restored.
    let oldest = now[1]["path"].as_str().unwrap();
    project.towpath(&format!("db restore stg {oldest} --yes"), 0);
    assert!(std::path::Path::new(oldest).exists());
}

#[test]
fn after_names_a_migration_that_comes_before() {
    let project = Project::new();
    let gone = "\n-- towpath: irreversible after 7 because 7 stopped reading it\nALTER TABLE trips DROP COLUMN said;\n";
    project.write("migrations/0002_gone.sql", gone);
    let why = "read the contract of 0002_gone.sql: line 2: no migration has the version 7, which `after` names";
    let told = project.towpath("db lint", 1).stdout;
    assert!(told.contains(why), "{told}");
    let found = lint(&project, "", 1);
    assert_eq!(
        (&found[1]["after"], &found[1]["ok"]),
        (&7.into(), &false.into())
    );
    project.commit("2: gone");
    project
        .towpath("plan stg", 6)
        .says(&[why, "in migrations", "such as `contract after 7`"]);
    project.write(
        "migrations/0002_gone.sql",
        gone.replace("after 7", "after 1"),
    );
    project.commit("2: gone, after what there is");
    project.towpath("plan stg", 0);
}

#[test]
fn without_paths_the_migrations_that_somebody_lacks_are_looked_at() {
    let project = Project::new();
    project.write(
        "migrations/0002_gone.sql",
        "-- towpath: expand\n\nALTER TABLE trips\n  DROP COLUMN said;\n",
    );
    let told = project.towpath("db lint", 1).stdout;
    for text in [
        "migrations/0002_gone.sql: declares expand",
        "line 3  ALTER TABLE trips DROP COLUMN said",
        "that is worse than declared; say why it does no harm, or declare it: `-- towpath: expand because …`",
        "to mend",
    ] {
        assert!(told.contains(text), "{told}");
    }
    let names: Vec<Value> = lint(&project, "", 1)
        .iter()
        .map(|one| one["migration"].clone())
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");
    // Files alone need no project.
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(
        outside.path().join("1_a.up.sql"),
        "-- towpath: expand\nCREATE INDEX i ON trips (said);\n",
    )
    .unwrap();
    std::fs::write(outside.path().join("1_a.down.sql"), "DROP INDEX i;\n").unwrap();
    let line = format!(
        "-C {} db lint . --dialect postgres --json",
        outside.path().display()
    );
    let shown: Value = project.towpath(&line, 0).json();
    let found = &shown["migrations"][0];
    assert_eq!(found["blocking"], true);
    let mut rules = found["lints"].as_array().unwrap().iter();
    assert!(rules.any(|lint| lint["rule"] == "require-concurrent-index-creation"));
    std::fs::write(
        outside.path().join("1_a.up.sql"),
        "-- +goose Up\n-- towpath: expand\nCREATE TABLE t (id bigint);\n-- +goose Down\nDROP TABLE t;\n",
    )
    .unwrap();
    let line = format!("-C {} db lint . --layout goose", outside.path().display());
    project.towpath(&line, 3).says(&["1_a.down.sql"]);
    std::fs::remove_file(outside.path().join("1_a.down.sql")).unwrap();
    project.towpath(&line, 0);
    project
        .towpath("db lint no-such-file.sql", 3)
        .says(&["db::unreadable", "no-such-file.sql"]);
}

#[test]
fn a_project_keeps_the_layout_of_its_tool_and_its_tools_table() {
    let first = "CREATE TABLE trips (id INTEGER PRIMARY KEY, said TEXT NOT NULL)";
    let second = "ALTER TABLE trips ADD COLUMN tide TEXT";
    let cases = [
        (
            "goose",
            [
                (
                    "00001_trips.sql",
                    format!("-- +goose Up\n{first};\n-- +goose Down\nDROP TABLE trips;\n"),
                ),
                ("00002_tide.sql", format!("-- +goose Up\n{second};\n")),
            ],
            "SELECT COUNT(*) FROM goose_db_version WHERE is_applied AND version_id > 0",
        ),
        (
            "diesel",
            [
                ("2026-01-01-000000_trips/up.sql", format!("{first};\n")),
                ("2026-02-01-000000_tide/up.sql", format!("{second};\n")),
            ],
            "SELECT COUNT(*) FROM __diesel_schema_migrations",
        ),
        (
            "dbmate",
            [
                (
                    "20260101000000_trips.sql",
                    format!("-- migrate:up\n{first};\n-- migrate:down\nDROP TABLE trips;\n"),
                ),
                (
                    "20260201000000_tide.sql",
                    format!("-- migrate:up\n{second};\n-- migrate:down\n"),
                ),
            ],
            "SELECT COUNT(*) FROM schema_migrations",
        ),
        (
            "refinery",
            [
                ("V1__trips.sql", format!("{first};\n")),
                ("V2__tide.sql", format!("{second};\n")),
            ],
            "SELECT COUNT(*) FROM refinery_schema_history",
        ),
    ];
    for (layout, files, history) in cases {
        let project = Project::new();
        project.change(
            "towpath.toml",
            "migrations = \"migrations\"",
            &format!("layout = \"{layout}\"\nmigrations = \"db/migrations\""),
        );
        let [one, two] = files;
        project.write(&format!("db/migrations/{}", one.0), &one.1);
        project.commit("1: in the layout of another tool");
        project.towpath("deploy stg", 4);
        // One that waits for a signature keeps the environment to itself.
        project.ask("sign-off stg").by("quinn").ends(4);
        project.ask("sign-off stg").by("lee").ends(0);
        project.write(&format!("db/migrations/{}", two.0), &two.1);
        project.commit("2: the tide");
        let before = databases(&project, "db status stg", 0);
        assert_eq!(
            before[0]["pending"].as_array().unwrap().len(),
            1,
            "{layout}"
        );
        project.towpath("deploy stg", 4);
        assert_eq!(project.number("staging", history), 2, "{layout}");
        assert_eq!(
            project.number("staging", "SELECT COUNT(tide) FROM trips"),
            0,
            "{layout}"
        );
        let after = databases(&project, "db status stg", 0);
        assert_eq!(versions(&after[0]["applied"]).len(), 2, "{layout}");
    }
}

/// A project with a second migration that can be undone, and with people who may do so in staging.
pub fn with_second() -> Project {
    let project = Project::new();
    project.change(
        "towpath.toml",
        "test     = [\"sh check.sh\"]\nsign_off = [{ name = \"qa\", role = \"qa\" }, { name = \"acceptance\", role = \"leader\" }]\n",
        "",
    );
    project.commit("nobody signs");
    project.towpath("deploy stg", 0);
    project.write(
        "migrations/0002_tide.up.sql",
        "ALTER TABLE trips ADD COLUMN tide TEXT;\n",
    );
    project.write(
        "migrations/0002_tide.down.sql",
        "ALTER TABLE trips DROP COLUMN tide;\n",
    );
    project
}

const TIDE: &str = "SELECT count(*) FROM pragma_table_info('trips') WHERE name = 'tide'";

#[test]
fn a_database_is_migrated_and_taken_back_by_hand_and_the_journal_says_so() {
    let project = with_second();
    project
        .towpath("db migrate stg --dry-run", 0)
        .says(&["would apply 2 (tide)"]);
    assert_eq!(project.number("staging", TIDE), 0);
    let ran = project.towpath("db migrate stg --json --reason ahead-of-the-release", 0);
    assert_eq!(ran.json::<Value>()["databases"][0]["applied"], json!([2]));
    ran.says(&["copied main of staging to", "applied 2 (tide)"]);
    assert_eq!(project.number("staging", TIDE), 1);
    project
        .towpath("db migrate stg", 0)
        .says(&["nothing to apply"]);
    let journal = project.towpath("journal show --json", 0).stdout;
    assert!(journal.contains("schema-work"), "{journal}");
    assert!(journal.contains("ahead-of-the-release"), "{journal}");
    assert!(journal.contains("dana@acme.test"), "{journal}");

    project.git("clean --quiet -fd migrations");
    project
        .towpath("db undo stg --dry-run", 0)
        .says(&["would undo 2 (tide)"]);
    project.towpath("db undo stg", 0).says(&["undid 2 (tide)"]);
    assert_eq!(project.number("staging", TIDE), 0);
    project.towpath("db undo stg", 1).says(&[
        "nothing that undoes it was kept when it was applied",
        "go forward",
    ]);
    // What the path knows of the schema went along.
    project.towpath("status stg", 0).shows(&["staging"]);
}

#[test]
fn what_a_restore_loses_is_said_before_and_it_is_taken_back_itself() {
    let project = with_second();
    let taken: Value = project.towpath("db snapshot stg --json", 0).json();
    let file = taken["path"].as_str().unwrap().to_owned();
    project.towpath("db migrate stg", 0);
    project.execute("staging", "INSERT INTO trips (said) VALUES ('since')");
    let refused = project.towpath(&format!("db restore stg {file}"), 3);
    refused.says(&[
        "main of staging goes back by",
        "whatever was written since is lost",
        "trips: 2 rows now, 1 then",
        "not applied any more: 2 (tide)",
        "main of staging was not touched",
        "add --yes",
    ]);
    assert_eq!(project.number("staging", TIDE), 1);
    let restored: Value = project
        .towpath(&format!("db restore stg {file} --yes --json"), 0)
        .json();
    assert_eq!(restored["no_longer_applied"], json!(["2 (tide)"]));
    assert_eq!(restored["rows"], json!({"trips": [2, 1]}));
    assert_eq!(restored["rows_estimated"], false);
    assert_eq!(project.number("staging", TIDE), 0);
    let before = restored["before"].as_str().unwrap();
    project.towpath(&format!("db restore stg {before} --yes"), 0);
    assert_eq!(project.number("staging", TIDE), 1);
    project
        .towpath("db restore stg nowhere.db --yes", 1)
        .says(&["could not read the snapshot nowhere.db"]);
}

#[test]
fn by_hand_takes_the_right_a_reason_and_a_moment_without_a_deployment() {
    let project = with_second();
    project
        .ask("db migrate stg")
        .by("mallory")
        .ends(3)
        .says(&["mallory@acme.test may not deploy to staging"]);
    project
        .ask("db migrate production")
        .by("olive")
        .ends(3)
        .says(&[
            "main of production is changed by deployments, which come through staging",
            "--reason",
        ]);
    project
        .ask("db migrate production --reason before-the-release")
        .by("olive")
        .ends(0)
        .says(&["applied 1 (trips)", "applied 2 (tide)"]);
    assert_eq!(project.number("production", TIDE), 1);
    project
        .towpath("db settle stg 1 --applied", 1)
        .says(&["nothing about it is in doubt"]);
}

#[test]
fn what_the_projects_own_tool_applied_is_taken_over() {
    let project = with_second();
    project.execute("staging", "DROP TABLE _towpath_receipts");
    project
        .towpath("db adopt stg", 0)
        .says(&["main of staging: 1 taken over"]);
    project
        .towpath("db adopt stg", 0)
        .says(&["main of staging: 0 taken over"]);
    let status = databases(&project, "db status stg", 0);
    assert_eq!(status[0]["applied"][0]["applied_by"], "adopted");
}

#[test]
fn who_else_uses_a_database_is_named_before_it_is_changed() {
    let project = Project::new();
    project.change(
        "towpath.toml",
        "[environments.production]\n",
        "[environments.local]\ngroup = \"development\"\nused_by = [\"developer\"]\n\
         databases.main = { same_as = \"staging\" }\n\n[environments.production]\n",
    );
    project.commit("a laptop's");
    project
        .towpath("plan stg", 0)
        .shows(&["changes: main of staging, which local use as well"]);
}
