//! Databases on servers: where they are is a value of the environment, and a deployment migrates them there.

use std::fs;

use crate::{
    project::Project,
    stand_ins::{mariadb::MariaDb, postgres::Postgres},
};

/// A project whose database is on a server; its URL lies in a file beside the repository.
pub fn on_server(engine: &str, url: &str) -> Project {
    let project = Project::new();
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
    project.change(
        "towpath.toml",
        "test     = [\"sh check.sh\"]\nsign_off = [{ name = \"qa\", role = \"qa\" }, { name = \"acceptance\", role = \"leader\" }]\n",
        "allow = { read_secrets = [\"developer\"] }\n",
    );
    project.write(
        "migrations/0001_trips.sql",
        "CREATE TABLE trips (said varchar(20) NOT NULL);\nINSERT INTO trips (said) VALUES ('one');\n",
    );
    project.write(
        "migrations/0002_told.up.sql",
        "ALTER TABLE trips RENAME COLUMN said TO told;\n",
    );
    project.write(
        "migrations/0002_told.down.sql",
        "ALTER TABLE trips RENAME COLUMN told TO said;\n",
    );
    project
}

/// From the first release to the second and back, and what is said on the way.
fn there_and_back(project: &Project, sql: impl Fn(&str) -> String, kind: &str) {
    let second = fs::read(project.clone().join("migrations/0002_told.up.sql")).unwrap();
    let back = fs::read(project.clone().join("migrations/0002_told.down.sql")).unwrap();
    project.git("rm --quiet --cached -r --ignore-unmatch migrations");
    fs::remove_file(project.clone().join("migrations/0002_told.up.sql")).unwrap();
    fs::remove_file(project.clone().join("migrations/0002_told.down.sql")).unwrap();
    project.commit("1");
    project.towpath("deploy stg", 0);
    assert_eq!(sql("SELECT said FROM trips").trim(), "one");

    project.write(
        "migrations/0002_told.up.sql",
        String::from_utf8(second).unwrap(),
    );
    project.write(
        "migrations/0002_told.down.sql",
        String::from_utf8(back).unwrap(),
    );
    project.write("version", "2");
    project.commit("2");
    project.towpath("db plan stg", 0).shows(&["2 told"]);
    project.towpath("deploy stg", 0);
    assert_eq!(sql("SELECT told FROM trips").trim(), "one");
    project
        .towpath("db status stg", 0)
        .shows(&["staging", "2 (told)"]);
    let snapshots = project.data().join("snapshots/staging");
    let taken = fs::read_dir(&snapshots).unwrap().flatten();
    let names: Vec<String> = taken
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    assert_eq!(names, [format!("main-d2.migrate-main.1.{kind}")]);

    project.towpath("rollback stg", 0);
    assert_eq!(sql("SELECT said FROM trips").trim(), "one");
    assert_eq!(sql("SELECT count(*) FROM _sqlx_migrations").trim(), "1");

    // What says where the database is, is a secret: it stands nowhere but in its file.
    let journal = fs::read(project.data().join("journal.db")).unwrap();
    let password = b"open%2Fsesame";
    assert!(!journal.windows(password.len()).any(|part| part == password));
}

#[tokio::test]
async fn a_database_on_postgresql_is_migrated_copied_and_taken_back() {
    let Some(server) = Postgres::start().await else {
        return;
    };
    let project = on_server("postgres", &server.url("ferry"));
    there_and_back(&project, |sql| server.sql("ferry", sql), "dump");
}

#[tokio::test]
async fn a_database_on_mariadb_is_migrated_copied_and_taken_back() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    let project = on_server("mysql", &server.create("ferry"));
    there_and_back(&project, |sql| server.sql("ferry", sql), "sql");
}

#[test]
fn a_server_that_is_not_there_or_not_said_is_told_before_anything_starts() {
    let project = on_server(
        "postgres",
        "postgres://ferry:open%2Fsesame@127.0.0.1:9/ferry",
    );
    project.commit("1");
    let ran = project.towpath("deploy stg", 1);
    assert!(
        ran.stderr
            .contains("could not reach the database ferry at 127.0.0.1:9"),
        "{}",
        ran.told()
    );
    assert!(
        ran.stderr.contains("make sure that its server runs"),
        "{}",
        ran.told()
    );
    assert!(!ran.told().contains("sesame"), "{}", ran.told());

    fs::write(project.path("url"), "mysql://ferry@127.0.0.1:9/ferry").unwrap();
    let ran = project.towpath("db status stg", 7);
    assert!(
        ran.stderr
            .contains("DATABASE_URL is not the URL of a postgres database"),
        "{}",
        ran.told()
    );
}
