//! Drift, capture, reset, snapshot and restore by their commands, on servers.

use serde_json::{Value, json};

use crate::{
    databases::on_server,
    project::Project,
    stand_ins::{mariadb::MariaDb, postgres::Postgres},
};

/// A project whose developer has a database of their own on a server.
fn with_own(engine: &str, url: &str) -> Project {
    let project = on_server(engine, url);
    let manifest = std::fs::read_to_string(project.clone().join("towpath.toml")).unwrap();
    let local = format!(
        "\n[environments.local]\nused_by = [\"developer\"]\n\n[environments.local.config]\nDATABASE_URL = \"file://{}\"\n",
        project.path("url").display()
    );
    project.write("towpath.toml", manifest + &local);
    project
}

/// What somebody changed by hand is shown, becomes a migration, and is taken back by it.
fn changed_by_hand(project: &Project, sql: impl Fn(&str) -> String) {
    project.towpath("db migrate local", 0);
    project
        .towpath("db drift local", 0)
        .shows(&["main of local: no drift"]);
    sql("ALTER TABLE trips ADD COLUMN mood varchar(9)");
    sql("CREATE INDEX by_mood ON trips (mood)");
    project.towpath("db drift local", 1).shows(&[
        "trips: different",
        "+ column mood: ",
        "+ index by_mood: ",
    ]);
    let shown: Value = project.towpath("db drift local --json", 1).json();
    assert_eq!(
        shown["databases"][0]["drift"]["objects"][0]["change"],
        "different"
    );

    let shown = project.towpath("db capture the-mood --dry-run", 0);
    shown.shows(&["0003_the_mood.up.sql", "mood", "contract: expand"]);
    project.towpath("db capture the-mood --reason tried", 0);
    project.towpath("db drift local", 0);
    let status: Value = project.towpath("db status local --json", 0).json();
    assert_eq!(status["databases"][0]["pending"], json!([]));
    // What was captured undoes what was done by hand, and does it again.
    project.towpath("db undo local", 0);
    project.towpath("db drift local", 0);
    project.towpath("db migrate local", 0);
    assert_eq!(sql("SELECT count(mood) FROM trips").trim(), "0");
    project.towpath("db drift local", 0);
}

/// What was lost is told, and a database that is somebody's own is made anew, with its seed.
fn made_anew(project: &Project, sql: impl Fn(&str) -> String) {
    project.change(
        "towpath.toml",
        "[databases.main]\n",
        "[databases.main]\nseed = \"sh seed.sh\"\n",
    );
    project.write(
        "seed.sh",
        "test \"${DATABASE_URL##*/}\" = own || exit 9\necho as it should\n",
    );
    sql("INSERT INTO trips (told) VALUES ('mine'), ('it''s; (mine)')");
    sql("CREATE TABLE by_hand (x int)");
    project.towpath("db reset", 3).says(&[
        "main of local is emptied",
        "trips: 3 rows\n",
        "main of local was not touched",
    ]);
    assert_eq!(sql("SELECT count(*) FROM trips").trim(), "3");
    project.towpath("db drift local", 1);
    let reset: Value = project.towpath("db reset --yes --json", 0).json();
    assert_eq!(reset["applied"], json!([1, 2, 3]));
    assert_eq!(reset["seeded"], "sh seed.sh");
    assert_eq!(sql("SELECT count(*) FROM trips").trim(), "1");
    project.towpath("db drift local", 0);

    // What was there can be had back; what that loses is counted in the dump.
    let copy = reset["before"].as_str().unwrap();
    project
        .towpath(&format!("db restore local {copy}"), 3)
        .says(&["trips: 1 rows now, 3 then"]);
    project.towpath(&format!("db restore local {copy} --yes"), 0);
    assert_eq!(sql("SELECT count(*) FROM trips").trim(), "3");
    let taken: Value = project.towpath("db snapshot local --json", 0).json();
    let file = taken["path"].as_str().unwrap();
    sql("INSERT INTO by_hand VALUES (1), (2)");
    sql("DELETE FROM trips WHERE told = 'mine'");
    let refused = project.towpath(&format!("db restore local {file}"), 3);
    refused.says(&[
        "by_hand: 2 rows now, 0 then",
        "trips: 2 rows now, 3 then",
        "main of local was not touched",
    ]);
    let restored: Value = project
        .towpath(&format!("db restore local {file} --yes --json"), 0)
        .json();
    assert_eq!(
        restored["rows"],
        json!({"by_hand": [2, 0], "trips": [2, 3]})
    );
    assert_eq!(restored["rows_unknown"], Value::Null);
    assert_eq!(sql("SELECT count(*) FROM by_hand").trim(), "0");
    project
        .towpath(&format!("db restore local {file}"), 3)
        .says(&["every table has as many rows as then"]);
    std::fs::write(file, "no dump").unwrap();
    project
        .towpath(&format!("db restore local {file}"), 3)
        .says(&["how many rows that are is not known: could not restore"]);
}

#[tokio::test]
async fn by_hand_on_postgresql() {
    let Some(server) = Postgres::start().await else {
        return;
    };
    let project = with_own("postgres", &server.create("own"));
    changed_by_hand(&project, |sql| server.sql("own", sql));
    made_anew(&project, |sql| server.sql("own", sql));
}

#[tokio::test]
async fn by_hand_on_mariadb() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    let project = with_own("mysql", &server.create("own"));
    changed_by_hand(&project, |sql| server.sql("own", sql));
    made_anew(&project, |sql| server.sql("own", sql));
}

/// Whoever may not make databases is told what to allow, and nothing is said of drift.
#[tokio::test]
async fn what_cannot_be_told_on_a_server_is_its_own_answer() {
    let Some(server) = Postgres::start().await else {
        return;
    };
    let url = server.create("own");
    let project = with_own("postgres", &url);
    project.towpath("db migrate local", 0);
    server.sql(
        "own",
        "CREATE ROLE humble LOGIN PASSWORD 'humble'; GRANT ALL ON ALL TABLES IN SCHEMA public TO humble",
    );
    let at = url.find('@').unwrap();
    let humble = format!("postgres://humble:humble{}", &url[at..]);
    std::fs::write(project.path("url"), humble).unwrap();
    project.towpath("db drift local", 5).shows(&[
        "? could not make a scratch database",
        "allow the user of the URL to create databases",
    ]);
}

/// A key that somebody does not have, or a server that is down, keeps nobody from looking at the others.
#[tokio::test]
async fn what_is_out_of_reach_is_left_out() {
    let Some(server) = Postgres::start().await else {
        return;
    };
    let project = with_own("postgres", &server.create("own"));
    let left_out = "production is left out: could not find the database main: production has no value for DATABASE_URL";
    project.towpath("db migrate local", 0);
    let status = project.towpath("db status", 5);
    status.shows(&["local", "2 (told)"]).says(&[left_out]);
    let shown: Value = project.towpath("db status --json", 5).json();
    assert_eq!(shown["ok"], false);
    assert_eq!(shown["unreached"][0]["environment"], "production");
    let found = shown["databases"].as_array().unwrap();
    assert!(found.iter().any(|one| one["environment"] == "local"));
    project
        .towpath("db drift", 5)
        .shows(&["main of local: no drift"])
        .says(&[left_out]);
    // Alone, it is the answer.
    project
        .towpath("db status production", 7)
        .says(&["error[db::failed]: could not find the database main"]);

    project.write(
        "migrations/0003_mood.sql",
        "ALTER TABLE trips ADD COLUMN mood text;\n",
    );
    let lint = project.towpath("db lint", 0);
    lint.says(&[left_out]).shows(&["1 new migration looked at"]);
    // Nobody has to be asked for what all of them are.
    let all = project.towpath("db lint --all", 1);
    let all = all.shows(&["3 migrations looked at, 1 to mend"]);
    assert!(!all.stderr.contains("left out"), "{}", all.stderr);
    // Towpath sets limits itself; a tool that runs the file alone does not.
    for line in ["db lint", "db lint migrations/0003_mood.sql"] {
        let told = project.towpath(line, 0).stdout;
        assert!(!told.contains("timeout"), "{told}");
    }
    drop(server);
    project
        .towpath("db lint", 1)
        .says(&["what is applied somewhere is not known, and all are looked at"])
        .shows(&["3 new migrations looked at, 1 to mend"]);
}
