//! Knex: sections of what is completed and what is pending, read as they are.

use super::{at, project, release, told};
use crate::{
    place::NODE,
    stand_ins::{postgres::Postgres, server::packages},
};

#[tokio::test]
async fn knex_migrates_postgresql() {
    let Some(server) = Postgres::start().await else {
        return;
    };
    let Some(directory) = packages(&NODE) else {
        return;
    };
    let knex = format!(
        "ln -sfn {}/node_modules node_modules && node_modules/.bin/knex",
        directory.display()
    );
    let project = project(
        "postgres",
        &format!(
            "migrations = \"migrations\"\nmigrate = \"{knex} migrate:latest\"\nstatus = \"{knex} migrate:list\"\n"
        ),
    );
    at(&project, &server.create("ferry"));
    project.write(".gitignore", "node_modules\n");
    project.write(
        "knexfile.js",
        "module.exports = { client: 'pg', connection: process.env.DATABASE_URL };\n",
    );
    let migration = |name: &str, comment: &str, up: &str| {
        let text = format!("{comment}\nexports.up = (knex) => {up};\nexports.down = () => {{}};\n");
        project.write(&format!("migrations/{name}.js"), text);
    };
    migration(
        "20260101000000_guests",
        "// towpath: expand because nothing was there before",
        "knex.schema.createTable('guests', (table) => table.increments())",
    );
    release(&project, "1");
    project
        .towpath("deploy stg", 0)
        .says(&["applied 20260101000000_guests"]);

    migration(
        "20260102000000_mood",
        "",
        "knex.schema.alterTable('guests', (table) => table.text('mood'))",
    );
    migration("20260103000000_broken", "", "knex.raw('SELECT nonsense')");
    assert_eq!(
        told(&project),
        [
            vec!["20260101000000_guests"],
            vec!["20260102000000_mood", "20260103000000_broken"]
        ]
    );
    release(&project, "2");
    // Knex takes back the whole batch.
    project.towpath("deploy stg", 1).says(&[
        "applied: nothing; not applied: 20260102000000_mood, 20260103000000_broken",
        "column \"nonsense\" does not exist",
    ]);
    assert_eq!(told(&project)[0].len(), 1);
    migration("20260103000000_broken", "", "knex.raw('SELECT 1')");
    release(&project, "3");
    project
        .towpath("deploy stg", 0)
        .says(&["applied 2 migrations, after a snapshot"]);
    assert_eq!(
        server.sql("ferry", "SELECT count(mood) FROM guests").trim(),
        "0"
    );
}
