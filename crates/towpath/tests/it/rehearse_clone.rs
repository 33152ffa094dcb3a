//! Rehearsing on a throw-away clone: it proves the same, what is live is left as it is, and nothing of the clone is left, however it
//! ends.

use std::{fs, path::PathBuf};

use nix::sys::signal::Signal;
use towpath_core::path::Release;

use crate::{
    project::{Project, Ran, Users, eventually},
    stand_ins::{mariadb::MariaDb, postgres::Postgres},
};

const PEOPLE: &str = r#"test     = ["sh check.sh"]
sign_off = [{ name = "qa", role = "qa" }, { name = "acceptance", role = "leader" }]
"#;

/// What the service and the test of each release find in the clone is written down.
const TEST: &str = "test     = [\"sh check.sh\", \"echo tests use $DATABASE_URL >> $EFFECTS\"]\n\
                    allow    = { read_secrets = [\"developer\"] }\n";
const START: &str = "start       = \"exec dist/web\"";
const TELLING: &str = "start       = \"echo web uses $DATABASE_URL >> $EFFECTS; exec dist/web\"";

const PRODUCTION: &str = "[environments.production]\n";

/// A project whose first release is live in staging, where nobody has to sign.
fn project() -> Project {
    let project = begun();
    project.write(
        "migrations/0001_trips.sql",
        "CREATE TABLE trips (number INTEGER PRIMARY KEY, said TEXT NOT NULL);\n\
         CREATE INDEX by_number ON trips (number, said);\n\
         INSERT INTO trips (said) VALUES ('one');\n",
    );
    project.commit("nobody signs");
    project.towpath("deploy stg", 0);
    project
}

fn begun() -> Project {
    let project = Project::new();
    project.change("towpath.toml", PEOPLE, TEST);
    project.change("towpath.toml", START, TELLING);
    let asked = format!("{PRODUCTION}require = [\"rollback-proven\"]\n");
    project.change("towpath.toml", PRODUCTION, &asked);
    project
}

/// A second release that renames a column and adds a row, with this way back.
fn commit_renamed(project: &Project, down: &str) {
    project.write("version", "2");
    project.write(
        "migrations/0002_told.up.sql",
        "ALTER TABLE trips RENAME COLUMN said TO told;\nINSERT INTO trips (told) VALUES ('two');\n",
    );
    project.write("migrations/0002_told.down.sql", down);
    project.commit("2: told");
}

const RENAMED_BACK: &str = "ALTER TABLE trips RENAME COLUMN told TO said;\n";

fn rehearsed(ran: &Ran) -> Release {
    #[derive(serde::Deserialize)]
    struct Answer {
        release: Release,
    }
    ran.json::<Answer>().release
}

fn folder(project: &Project) -> PathBuf {
    project.data().join("databases/staging~clone")
}

/// Nothing of a clone is left: no file, no process, no address, and the journal says so.
fn nothing_is_left(project: &Project) {
    assert!(!folder(project).exists());
    let of_clone = |pid: i32| {
        let at = fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
        at.display().to_string().contains("staging~clone")
    };
    // The kernel takes a moment to clear away one that was killed.
    eventually("no process of it is left", || {
        let left = project.processes();
        (!left.iter().any(|one| of_clone(one.pid))).then_some(())
    });
    let routes = fs::read(project.data().join("target/proxy/routes.json")).unwrap();
    let routes: serde_json::Value = serde_json::from_slice(&routes).unwrap();
    let services = &routes["environments"]["staging~clone"]["services"];
    let mut services = services.as_object().unwrap().values();
    assert!(
        services.all(|one| one["upstreams"].as_array().unwrap().is_empty()),
        "{routes}"
    );
    let journal = project
        .towpath("journal show --json --limit 100000", 0)
        .stdout;
    let count = |kind: &str| journal.matches(&format!("\"kind\":\"{kind}\"")).count();
    assert!(count("environment-cloned") > 0);
    assert_eq!(count("environment-cloned"), count("clone-removed"));
    project.towpath("journal verify", 0);
}

#[test]
fn a_clone_proves_the_way_back_while_staging_serves_on_as_it_is() {
    let project = project();
    let before = project.environment("staging");
    let file = project.data().join("databases/staging/main.db");
    let bytes = fs::read(&file).unwrap();
    let users = Users::of(&project.address("staging"));
    commit_renamed(&project, RENAMED_BACK);
    let ran = project.towpath("rehearse stg --clone --json", 0);
    let seen = users.saw();
    assert_eq!(seen.unanswered, Vec::<String>::new());
    assert_eq!(seen.releases.len(), 1, "{:?}", seen.releases);
    assert!(seen.requests > 10, "{}", seen.requests);

    let rehearsal = rehearsed(&ran).rehearsal.unwrap();
    assert!(rehearsal.proves() && rehearsal.on_clone);
    assert_eq!(rehearsal.environment.as_str(), "staging");
    assert_eq!(rehearsal.to.map(|release| release.0), Some(1));
    assert_eq!(rehearsal.schemas.len(), 1);
    nothing_is_left(&project);
    assert_eq!(fs::read(&file).unwrap(), bytes, "not a byte of it");
    let after = project.environment("staging");
    assert_eq!(
        after.live.unwrap().deployment,
        before.live.unwrap().deployment
    );
    assert_eq!(after.hold, None);

    let history = project.history();
    let [again, back, first] = &history[..3] else {
        panic!("{history:?}")
    };
    let ids = |one: &towpath::engine::DeploymentView| -> Vec<String> {
        one.steps.iter().map(|step| step.id.clone()).collect()
    };
    assert_eq!(ids(first)[1..3], ["clone-main", "migrate-main"]);
    assert_eq!(ids(back)[0], "undo-main");
    assert!(ids(back).ends_with(&[
        "smoke-1".into(),
        "test-1".into(),
        "test-2".into(),
        "settle".into()
    ]));
    assert!(!ids(again).contains(&"clone-main".to_owned()));
    let effects = project.effects();
    // One of staging itself, and then three of the clone.
    let copy = format!("sqlite://{}", folder(&project).join("main.db").display());
    for who in ["web", "tests"] {
        let of = format!("{who} uses").replace("tests uses", "tests use");
        let used = effects.of(&of);
        assert_eq!(used.len(), 4, "{used:?}");
        assert!(used[0].ends_with("/databases/staging/main.db"), "{used:?}");
        assert!(used[1..].iter().all(|one| one.ends_with(&copy)), "{used:?}");
    }
    assert_eq!(
        effects.of("test staging v1").len(),
        2,
        "as in staging itself"
    );
    assert_eq!(effects.of("test staging~clone").len(), 0);

    let told = "rollback proven on a clone of staging: to v1 and back";
    project.towpath("releases", 0).shows(&["rollback proven"]);
    project.towpath("deploy stg v2", 0);
    project.towpath("status stg", 0).shows(&[told]);
    project
        .ask("plan prd v2")
        .by("olive")
        .ends(0)
        .shows(&[told]);
    project.ask("promote stg").by("olive").ends(0);
}

#[test]
fn what_is_found_on_a_clone_is_told_and_holds_nothing() {
    let project = project();
    commit_renamed(
        &project,
        "CREATE TABLE old (number INTEGER PRIMARY KEY, said TEXT NOT NULL);\n\
         INSERT INTO old SELECT number, told FROM trips;\n\
         DROP TABLE trips;\n\
         ALTER TABLE old RENAME TO trips;\n",
    );
    let ran = project.towpath("rehearse stg --clone --json", 1);
    let found = rehearsed(&ran).rehearsal.unwrap().finding.unwrap();
    assert!(
        found.contains("the schema of database main is not what it was before the way back"),
        "{found}"
    );
    nothing_is_left(&project);
    let staging = project.environment("staging");
    assert_eq!((staging.hold, staging.live.unwrap().release.0), (None, 1));
    assert_eq!(project.number("staging", "SELECT count(*) FROM trips"), 1);

    // What the way back leaves, and going forward does not mind, is seen by what the copy was like.
    project.write(
        "migrations/0002_told.up.sql",
        "ALTER TABLE trips RENAME COLUMN said TO told;\n\
         CREATE INDEX IF NOT EXISTS by_told ON trips (told);\n",
    );
    project.write("migrations/0002_told.down.sql", RENAMED_BACK);
    project.commit("3: it leaves an index");
    let ran = project.towpath("rehearse stg --clone --json", 1);
    let found = rehearsed(&ran).rehearsal.unwrap().finding.unwrap();
    assert!(
        found.contains("with the same migrations applied"),
        "{found}"
    );
    nothing_is_left(&project);

    // A clone of another moment is no worse for it.
    project.write("migrations/0002_told.down.sql", "SELECT nothing;\n");
    project.commit("4: no way back");
    let ran = project.towpath("rehearse stg --clone --json", 1);
    let found = rehearsed(&ran).rehearsal.unwrap().finding.unwrap();
    assert!(found.contains("returning to v1"), "{found}");
    nothing_is_left(&project);
    project
        .ask("plan prd v4")
        .by("olive")
        .ends(3)
        .shows(&["the rehearsal on a clone of staging failed"]);

    // Where the release is live, a copy cannot tell what there was before it; what was found is remembered.
    project.towpath("deploy stg v3", 0);
    let ran = project.towpath("rehearse stg v3 --clone --json", 1);
    let found = rehearsed(&ran).rehearsal.unwrap().finding.unwrap();
    assert!(
        found.contains("with the same migrations applied"),
        "{found}"
    );
}

#[test]
fn whoever_is_killed_leaves_a_clone_that_is_gone_on_with_or_taken_down() {
    let project = project();
    commit_renamed(&project, RENAMED_BACK);
    for point in [
        "the clone is there",
        "2 is undone",
        "nothing of the clone runs",
    ] {
        let killed = project.ask("rehearse stg --clone").dies_at(point).run();
        assert!(killed.was_killed(), "{}", killed.told());
        assert!(folder(&project).exists());
        project.towpath("rehearse stg --clone", 0);
        nothing_is_left(&project);
    }
    // Nobody asks again: whoever works next takes it down.
    let killed = project
        .ask("rehearse stg --clone")
        .dies_at("the clone is there");
    let killed = killed.with("TOWPATH_TEST_CLONE_IDLE_MS", "0").run();
    assert!(killed.was_killed(), "{}", killed.told());
    assert!(folder(&project).exists());
    let server = project.ask("server --listen 127.0.0.1:0").start();
    eventually("the clone is gone", || {
        (!folder(&project).exists()).then_some(())
    });
    eventually("the journal says so", || {
        let journal = project.ask("journal show --json --limit 100000").run();
        journal
            .stdout
            .trim_end()
            .lines()
            .last()?
            .contains("clone-removed")
            .then_some(())
    });
    server.signal(Signal::SIGTERM);
    server.ended();
    nothing_is_left(&project);
    assert_eq!(project.environment("staging").live.unwrap().release.0, 1);
}

#[test]
fn whoever_cancels_it_or_lets_go_of_it_has_it_taken_down() {
    let project = project();
    commit_renamed(&project, RENAMED_BACK);
    let gate = project.path("test-gate");
    fs::write(&gate, "").unwrap();
    let tests = || project.effects().of("test staging v2").len();
    let interrupted = project.ask("rehearse stg --clone").start();
    eventually("the test runs", || (tests() == 1).then_some(()));
    interrupted.signal(Signal::SIGINT);
    let ran = interrupted.ended();
    assert_ne!(ran.status.code(), Some(0), "{}", ran.told());
    assert!(
        ran.stderr.contains("taking the clone down"),
        "{}",
        ran.told()
    );
    nothing_is_left(&project);
    assert_eq!(project.history()[0].status, "cancelled");

    let server = project.ask("server --listen 127.0.0.1:0").start();
    let cancelled = project.ask("rehearse stg --clone").start();
    eventually("the test runs", || (tests() == 2).then_some(()));
    let number = project.history()[0].deployment;
    project.towpath(&format!("cancel {number} --reason enough"), 0);
    let ran = cancelled.ended();
    assert_ne!(ran.status.code(), Some(0), "{}", ran.told());
    fs::remove_file(&gate).unwrap();
    eventually("the clone is gone", || {
        (!folder(&project).exists()).then_some(())
    });
    // What was cancelled says nothing of the release; it is rehearsed anew, by the server.
    let ran = project.towpath("rehearse stg --clone --json", 0);
    assert!(rehearsed(&ran).rehearsal.unwrap().proves());
    nothing_is_left(&project);
    server.signal(Signal::SIGTERM);
    server.ended();
}

#[test]
fn a_clone_is_made_beside_a_deployment_that_waits() {
    let project = project();
    project.change("towpath.toml", TEST, PEOPLE);
    project.commit("2: people sign");
    project.towpath("deploy stg", 4);
    assert!(project.environment("staging").active.is_some());
    commit_renamed(&project, RENAMED_BACK);
    project.towpath("rehearse stg --clone", 0);
    nothing_is_left(&project);
    assert!(project.environment("staging").active.is_some());
    let stranger = project.ask("rehearse stg --clone").by("mallory");
    stranger.ends(3).says(&["path::not-allowed"]);
}

/// The same on a server, whose database is unchanged and has no clone beside it at the end.
fn on_a_server(engine: &str, url: &str, sql: impl Fn(&str) -> String, clones: &str) {
    let project = begun();
    project.change(
        "towpath.toml",
        "[databases.main]\n",
        &format!("[databases.main]\nengine = \"{engine}\"\n"),
    );
    let file = project.path("url");
    fs::write(&file, url).unwrap();
    let value = format!(
        "[environments.staging.config]\nDATABASE_URL = \"file://{}\"\n",
        file.display()
    );
    project.change("towpath.toml", "[environments.staging.config]\n", &value);
    project.write(
        "migrations/0001_trips.sql",
        "CREATE TABLE trips (said varchar(20) NOT NULL);\nINSERT INTO trips (said) VALUES ('one');\n",
    );
    project.commit("on a server");
    project.towpath("deploy stg", 0);
    commit_renamed(&project, RENAMED_BACK);
    let ran = project.towpath("rehearse stg --clone --json", 0);
    assert!(rehearsed(&ran).rehearsal.unwrap().proves());
    nothing_is_left(&project);
    assert_eq!(sql("SELECT said FROM trips").trim(), "one");
    assert_eq!(sql(clones).trim(), "");
    let effects = project.effects();
    let used = effects.of("web uses");
    assert_eq!(used.len(), 4, "{used:?}");
    let (staging, clone) = used.split_first().unwrap();
    assert!(staging.ends_with("/ferry"), "{staging}");
    assert!(
        clone.iter().all(|one| one.contains("/towpath_clone_")),
        "{clone:?}"
    );

    let killed = project
        .ask("rehearse stg --clone")
        .dies_at("2 is undone")
        .run();
    assert!(killed.was_killed(), "{}", killed.told());
    assert!(sql(clones).contains("towpath_clone_"));
    project.towpath("rehearse stg --clone", 0);
    nothing_is_left(&project);
    assert_eq!(sql(clones).trim(), "");
    assert_eq!(sql("SELECT said FROM trips").trim(), "one");
    // What says where the database is, is a secret: it stands nowhere but in its file.
    let journal = fs::read(project.data().join("journal.db")).unwrap();
    let password = b"open%2Fsesame";
    assert!(!journal.windows(password.len()).any(|part| part == password));
}

#[tokio::test]
async fn a_database_on_postgresql_is_cloned_beside_it() {
    let Some(server) = Postgres::start().await else {
        return;
    };
    on_a_server(
        "postgres",
        &server.create("ferry"),
        |asked| server.sql("ferry", asked),
        "SELECT datname FROM pg_database WHERE datname LIKE 'towpath_clone%'",
    );
}

#[tokio::test]
async fn a_database_on_mariadb_is_cloned_beside_it() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    on_a_server(
        "mysql",
        &server.create("ferry"),
        |asked| server.sql("ferry", asked),
        "SHOW DATABASES LIKE 'towpath_clone%'",
    );
}
