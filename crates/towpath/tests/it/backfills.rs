//! Migrations that are run in batches: told of while they run, paused, cancelled, killed, and gone on with.

use nix::sys::signal::Signal;
use serde_json::Value;
use towpath_core::path::Backfill;

use crate::{
    db_capture::with_local,
    project::{Project, eventually},
};

const ROWS: u64 = 80;
const SUM: &str = "SELECT coalesce(sum(n), 0) FROM boats";
const ONCE: &str = "SELECT count(*) FROM boats WHERE n = 1";

/// A project with a release in staging, whose next has boats, and one more for each of them.
fn project() -> Project {
    let project = Project::new();
    project.change(
        "towpath.toml",
        "sign_off = [{ name = \"qa\", role = \"qa\" }, { name = \"acceptance\", role = \"leader\" }]\n",
        "",
    );
    project.commit("1");
    project.towpath("deploy stg", 0);
    write(&project);
    project.write("version", "2");
    project.commit("2");
    project
}

fn write(project: &Project) {
    project.write(
        "migrations/0003_boats.sql",
        format!(
            "-- towpath: expand\nCREATE TABLE boats (id INTEGER PRIMARY KEY, n INTEGER NOT NULL);\n\
             INSERT INTO boats WITH RECURSIVE k (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < {ROWS}) \
             SELECT i, 0 FROM k;\n"
        ),
    );
    project.write(
        "migrations/0004_add.sql",
        "-- towpath: data, batch = 1, pause = 60ms because it only counts\nUPDATE boats SET n = n + 1;\n",
    );
}

/// How far the backfill of the deployment is that staging has.
fn so_far(project: &Project) -> Option<Backfill> {
    let active = project.environment("staging").active?;
    let mut steps = active.steps.into_iter();
    steps.find_map(|step| step.backfill)
}

fn begun(project: &Project) {
    eventually("the backfill begins", || {
        so_far(project)?;
        (project.number("staging", SUM) > 0).then_some(())
    });
}

fn prove_once(project: &Project) {
    assert_eq!(project.number("staging", ONCE), ROWS as i64);
    let status: Value = project.towpath("db status stg --json", 0).json();
    let applied = status["databases"][0]["applied"]
        .as_array()
        .unwrap()
        .clone();
    assert_eq!(applied.last().unwrap()["version"], 4);
    assert_eq!(applied.last().unwrap()["progress"], Value::Null);
    assert_eq!(status["databases"][0]["begun"], serde_json::json!([]));
}

#[test]
fn a_hold_pauses_it_and_its_release_lets_it_go_on() {
    let project = project();
    let deploying = project.ask("deploy stg").start();
    begun(&project);
    project
        .ask("hold stg --reason 'the harbour is busy'")
        .by("mallory")
        .ends(3);
    project.towpath("hold stg --reason 'the harbour is busy'", 0);
    let paused = eventually("it pauses", || {
        so_far(&project).filter(|backfill| backfill.paused.is_some())
    });
    assert_eq!(paused.migration, "4 (add)");
    assert_eq!((paused.total, paused.changed), (ROWS, paused.rows));
    assert!(paused.rows > 0 && paused.rows < ROWS, "{paused}");
    assert_eq!(project.number("staging", SUM), paused.rows as i64);
    let why = "dana@acme.test holds staging: the harbour is busy; `towpath hold staging --release` lets it go on";
    assert_eq!(paused.paused.as_deref(), Some(why));
    project
        .towpath("status", 0)
        .shows(&[&format!("d2 of v2: migrate, {paused}")]);
    project.towpath("hold stg --release", 0);
    let ended = deploying.ended();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.told());
    ended.says(&[
        "paused: dana@acme.test holds staging",
        "applied 2 migrations, after a snapshot",
    ]);
    prove_once(&project);
    let journal = project.towpath("journal show --json", 0).stdout;
    assert!(journal.contains("backfill-advanced"), "{journal}");
    project.towpath("journal verify", 0);
}

#[test]
fn cancelled_it_stops_and_a_retry_goes_on_where_it_was() {
    let project = project();
    let deploying = project.ask("deploy stg").start();
    begun(&project);
    project.towpath("cancel d2 --reason 'not today'", 0);
    let ended = deploying.ended();
    assert_eq!(ended.status.code(), Some(1), "{}", ended.told());
    let done = project.number("staging", SUM);
    assert!(done > 0 && done < ROWS as i64, "{done}");
    project
        .towpath("db status stg", 0)
        .shows(&[&format!("4 (add), {done} of {ROWS} rows")]);
    // It is not applied as long as it is pending.
    let status: Value = project.towpath("db status stg --json", 0).json();
    let of = |key: &str| status["databases"][0][key].as_array().unwrap().clone();
    let versions = |all: &[Value]| {
        all.iter()
            .map(|one| one["version"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(versions(&of("applied")), [1, 3]);
    assert_eq!(versions(&of("begun")), [4]);
    assert_eq!(of("begun")[0]["progress"]["batched"]["rows"], done);
    assert_eq!(versions(&of("pending")), [4]);
    project.towpath("retry stg", 0);
    prove_once(&project);
}

#[test]
fn killed_it_goes_on_where_it_was() {
    let project = project();
    let deploying = project.ask("deploy stg").start();
    begun(&project);
    deploying.signal(Signal::SIGKILL);
    assert!(deploying.ended().was_killed());
    project.towpath("retry stg", 0);
    prove_once(&project);
}

#[test]
fn by_hand_ctrl_c_pauses_it() {
    let project = with_local();
    write(&project);
    project.towpath("db plan local", 0).shows(&[
        "4 add: data, because it only counts  (nothing undoes it; 1 rows at a time, 60ms between)",
    ]);
    let migrating = project.ask("db migrate local --json").start();
    let file = project.data().join("databases/local/main.db");
    eventually("the backfill begins", || {
        let is_there = file.exists()
            && project.number(
                "local",
                "SELECT count(*) FROM sqlite_schema WHERE name = 'boats'",
            ) == 1;
        (is_there && project.number("local", SUM) > 0).then_some(())
    });
    migrating.signal(Signal::SIGINT);
    let ended = migrating.ended();
    assert_eq!(ended.status.code(), Some(130), "{}", ended.told());
    let shown: Value = ended.json();
    let done = project.number("local", SUM);
    assert!(done > 0 && done < ROWS as i64, "{done}");
    assert_eq!(shown["paused"]["rows"], done);
    assert_eq!(shown["paused"]["version"], 4);
    ended.says(&[
        "stops after this batch",
        &format!("it was paused after {done} of {ROWS} rows"),
        "`towpath db migrate local` goes on from there",
    ]);
    project.towpath("db migrate local", 0).says(&[
        &format!("4 (add): {done} of {ROWS} rows"),
        "applied 4 (add)",
    ]);
    assert_eq!(project.number("local", ONCE), ROWS as i64);
    project.towpath("db migrate local", 0);
    project.towpath("db drift local", 0);
}

#[test]
fn lint_tells_what_can_be_run_in_batches_and_what_cannot() {
    let project = Project::new();
    project.write(
        "migrations/0003_all.sql",
        "UPDATE trips SET said = 'all';\n",
    );
    project.write(
        "migrations/0004_counted.sql",
        "-- towpath: data, batch = 10 because it is asked for\n\
         INSERT INTO trips (said) SELECT count(*) FROM others;\n",
    );
    let files = "migrations/0003_all.sql migrations/0004_counted.sql";
    project.towpath(&format!("db lint {files}"), 1).shows(&[
        "on a large table, in batches: `-- towpath: irreversible, batch = 1000`",
        "it cannot be run in batches: it looks at all rows at once",
    ]);
    project.towpath("db plan stg", 1).shows(&[
        "line 2, `INSERT INTO trips (said) SELECT count(*) FROM others;`: it cannot be run in batches: it looks at all rows",
        "leave `batch` out, or make the migration one UPDATE",
    ]);
    project.write(
        "migrations/0004_counted.sql",
        "-- towpath: data, bach = 10\nSELECT 1;\n",
    );
    project
        .towpath("db plan stg", 1)
        .shows(&["\"bach\" is not a setting"]);
}
