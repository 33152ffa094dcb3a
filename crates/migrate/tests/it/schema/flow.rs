//! The whole way of a captured migration: from what somebody changed by hand to files in the team's layout, which are
//! applied and undone as any other.

use towpath_migrate::{
    Database, Layout, MigrationSet,
    classify::{Dialect, classify},
    layout::{self, Draft},
    schema::{capture, diff},
};

use crate::{
    kit::{Place, apply, clock, execute},
    mariadb::MariaDb,
    postgres::Postgres,
};

type Files = Vec<(String, String)>;

fn read(layout: Layout, files: &Files) -> MigrationSet {
    layout::parse(layout, files.iter().map(|(name, text)| (name, text))).unwrap()
}

/// A first migration in a layout.
async fn begin(layout: Layout, database: &Database, up: &[&str]) -> Files {
    let up: Vec<String> = up.iter().map(|statement| (*statement).to_owned()).collect();
    let draft = Draft {
        name: "begin",
        heading: &[],
        up: &up,
        down: &[],
    };
    let files = layout::next(layout, [""; 0], draft, 0).unwrap().files;
    apply(database, &read(layout, &files)).await.unwrap();
    files
}

/// Captures what differs from the migrations, and has it applied and undone on a database without it.
async fn capture_and_apply(
    layout: Layout,
    mut files: Files,
    changed: &Database,
    other: &Database,
    dialect: Dialect,
) {
    let set = read(layout, &files);
    apply(other, &set).await.unwrap();
    let (expected, found) = (
        changed.schema_of(&set, clock()).await.unwrap(),
        changed.schema().await.unwrap(),
    );
    let captured = capture(&expected, &found);
    let classified = classify(&captured.up.join(";\n"), dialect);
    // What triggers and functions do is not looked into; everything else is understood.
    let bodies = ["TRIGGER", "FUNCTION"];
    let unknown = classified.statements.iter().filter(|statement| {
        statement.kind().as_str() == "unknown"
            && !bodies.iter().any(|kind| statement.beginning.contains(kind))
    });
    assert_eq!(
        unknown
            .map(|statement| &statement.beginning)
            .collect::<Vec<_>>(),
        Vec::<&String>::new()
    );

    let heading = ["towpath: contract because it was looked at".to_owned()];
    let draft = Draft {
        name: "by hand",
        heading: &heading,
        up: &captured.up,
        down: &captured.down,
    };
    let names: Vec<_> = files.iter().map(|(name, _)| name.clone()).collect();
    let next = layout::next(layout, names, draft, 1_790_000_000_000).unwrap();
    assert!(next.undoable);
    files.extend(next.files);
    let set = read(layout, &files);
    assert_eq!(set.migrations()[1].contract.kind.as_str(), "contract");
    apply(other, &set).await.unwrap();
    let left = diff(&found, &other.schema().await.unwrap());
    assert!(left.is_empty(), "{left}");
    other
        .undo(layout, &[next.version], "key", clock(), |_| {})
        .await
        .unwrap();
    let left = diff(&expected, &other.schema().await.unwrap());
    assert!(left.is_empty(), "{left}");
}

#[tokio::test]
async fn on_sqlite_in_every_layout_that_undoes() {
    for layout in Layout::ALL
        .into_iter()
        .filter(|layout| *layout != Layout::Refinery)
    {
        let (place, elsewhere) = (Place::new(), Place::new());
        let (changed, other) = (place.database(), elsewhere.database());
        let begun = [
            "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)",
            "CREATE TABLE child (of INT REFERENCES users (id))",
        ];
        let files = begin(layout, &changed, &begun).await;
        execute(
            &place.file(),
            "ALTER TABLE users ADD COLUMN age INT CHECK (age > 0); CREATE TABLE log (at TEXT);
             CREATE TRIGGER logged AFTER INSERT ON users BEGIN INSERT INTO log VALUES ('a;'); DELETE FROM child; END;
             DROP TABLE child; CREATE TABLE child (of INT NOT NULL REFERENCES users (id)) STRICT;",
        )
        .await;
        capture_and_apply(layout, files, &changed, &other, Dialect::Sqlite).await;
    }
}

#[tokio::test]
async fn on_postgresql() {
    let Some(server) = Postgres::start().await else {
        return;
    };
    for layout in [Layout::Goose, Layout::Sqlx] {
        let (name, other) = (format!("changed_{layout}"), format!("other_{layout}"));
        let [changed, other] =
            [&name, &other].map(|name| Database::open(&server.create(name)).unwrap());
        let begun = [
            "CREATE TABLE users (id serial PRIMARY KEY, name text)",
            "CREATE VIEW names AS SELECT name FROM users",
        ];
        let files = begin(layout, &changed, &begun).await;
        server.sql(
            &name,
            "DROP VIEW names; CREATE TYPE mood AS ENUM ('a;', 'b'); ALTER TABLE users ALTER name TYPE varchar(9), ADD mood mood;
             CREATE VIEW names AS SELECT name, mood FROM users;
             CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN\n  RETURN NEW;\nEND $$;
             CREATE TRIGGER t BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION f();",
        );
        capture_and_apply(layout, files, &changed, &other, Dialect::Postgres).await;
    }
}

#[tokio::test]
async fn on_mysql() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    for layout in [Layout::Dbmate, Layout::Flyway] {
        let (name, other) = (format!("changed_{layout}"), format!("other_{layout}"));
        let [changed, other] =
            [&name, &other].map(|name| Database::open(&server.create(name)).unwrap());
        let begun = [
            "CREATE TABLE users (id int PRIMARY KEY AUTO_INCREMENT, name varchar(40))",
            "CREATE VIEW names AS SELECT name FROM users",
        ];
        let files = begin(layout, &changed, &begun).await;
        for statement in [
            "ALTER TABLE users ADD age int CHECK (age > 0), ADD KEY by_name (name)",
            "CREATE TABLE child (of int, FOREIGN KEY (of) REFERENCES users (id))",
            "DELIMITER //\nCREATE TRIGGER t BEFORE INSERT ON users FOR EACH ROW BEGIN SET NEW.age = 1; SET NEW.name = 'a;'; END//\n",
        ] {
            server.sql(&name, statement);
        }
        capture_and_apply(layout, files, &changed, &other, Dialect::Mysql).await;
    }
}
