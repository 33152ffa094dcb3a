//! Drift as a gate: a release comes only onto databases that are what their migrations make.

use crate::{
    databases::on_server,
    db::with_second,
    project::{Project, Ran},
    stand_ins::{mariadb::MariaDb, postgres::Postgres},
};

/// Staging wants no drift, and asks nobody.
fn strict(project: &Project) {
    project.change(
        "towpath.toml",
        "[environments.staging]\n",
        "[environments.staging]\nrequire = [\"no-drift\"]\n",
    );
    project.commit("no drift in staging");
}

fn refused(ran: &Ran, texts: &[&str]) {
    let told = ran.told();
    for text in texts {
        assert!(told.contains(text), "{text:?} in {told}");
    }
}

#[test]
fn a_release_does_not_come_onto_what_somebody_changed_by_hand() {
    let project = with_second();
    strict(&project);
    project.execute("staging", "CREATE INDEX by_said ON trips (said)");
    let why = "main of staging is not what its applied migrations make: table trips: different; + index by_said: CREATE INDEX by_said ON trips (said)";
    // It is told beforehand, and changes nothing.
    let records = project.records();
    let plan = project.towpath("plan stg", 3);
    refused(&plan, &["no drift", why]);
    assert_eq!(project.records(), records);
    let ran = project.towpath("deploy stg", 3);
    refused(&ran, &[why]);
    // The migration was not applied.
    assert_eq!(
        project.number(
            "staging",
            "SELECT count(*) FROM pragma_table_info('trips') WHERE name = 'tide'"
        ),
        0
    );
    project.execute("staging", "DROP INDEX by_said");
    project.towpath("plan stg", 0);
    project.towpath("deploy stg", 0);
    assert_eq!(project.environment("staging").queue.len(), 0);
}

#[test]
fn what_was_changed_by_hand_comes_in_as_a_migration() {
    let project = with_second();
    project.commit("the tide");
    project.towpath("deploy stg", 0);
    project.execute("staging", "ALTER TABLE trips ADD COLUMN mood TEXT");
    strict(&project);
    project.towpath("deploy stg", 3);
    project.towpath("db capture the-mood --environment stg --reason tried", 0);
    project.commit("the mood");
    project.towpath("deploy stg", 0);
}

#[test]
fn an_applied_migration_that_nobody_has_any_more_is_its_own_answer() {
    let project = with_second();
    strict(&project);
    project.towpath("db migrate stg", 0);
    // Neither what is live nor what comes has the second one.
    for entry in std::fs::read_dir(project.clone().join("migrations")).unwrap() {
        let path = entry.unwrap().path();
        if path
            .file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with("0002")
        {
            std::fs::remove_file(path).unwrap();
        }
    }
    project.write("version", "3");
    project.commit("without the second");
    let ran = project.towpath("deploy stg", 3);
    refused(
        &ran,
        &["it cannot be told whether main of staging is what its applied migrations make"],
    );
}

/// The same on a server: changed by hand, refused, taken back.
fn on_a_server(project: &Project, sql: impl Fn(&str) -> String) {
    project.change(
        "towpath.toml",
        "[environments.staging]\n",
        "[environments.staging]\nrequire = [\"no-drift\"]\n",
    );
    project.commit("1");
    project.towpath("deploy stg", 0);
    sql("ALTER TABLE trips ADD COLUMN note varchar(9)");
    project.write("version", "2");
    project.commit("2");
    let ran = project.towpath("deploy stg", 3);
    refused(
        &ran,
        &[
            "main of staging is not what its applied migrations make: table ",
            "note",
        ],
    );
    sql("ALTER TABLE trips DROP COLUMN note");
    project.towpath("deploy stg", 0);
}

#[tokio::test]
async fn a_database_on_postgresql_is_compared_on_a_scratch_database() {
    let Some(server) = Postgres::start().await else {
        return;
    };
    let project = on_server("postgres", &server.url("ferry"));
    on_a_server(&project, |sql| server.sql("ferry", sql));
    // Who may not make one cannot tell, and nothing comes in unseen.
    server.sql(
        "ferry",
        "CREATE ROLE humble LOGIN PASSWORD 'humble'; GRANT ALL ON SCHEMA public TO humble; GRANT ALL ON ALL TABLES IN SCHEMA public TO humble",
    );
    let url = server.url("ferry");
    let at = url.find('@').unwrap();
    let humble = format!("postgres://humble:humble{}", &url[at..]);
    std::fs::write(project.path("url"), humble).unwrap();
    project.write("version", "3");
    project.commit("3");
    let ran = project.towpath("deploy stg", 3);
    refused(
        &ran,
        &[
            "it cannot be told whether main of staging",
            "make a scratch database",
        ],
    );
    let plan = project.towpath("plan stg", 3);
    refused(&plan, &["allow the user of the URL to create databases"]);
}

#[tokio::test]
async fn a_database_on_mariadb_is_compared_on_a_scratch_database() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    let project = on_server("mysql", &server.create("ferry"));
    on_a_server(&project, |sql| server.sql("ferry", sql));
}
