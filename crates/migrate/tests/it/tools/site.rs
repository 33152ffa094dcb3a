//! A database of one of the three engines, with a folder of migrations, and a look at all that is in it.

use std::{fs, path::PathBuf, time::Duration};

use towpath_migrate::{Database, Layout, MigrationSet, layout};

use super::{Tool, Written};
use crate::{
    kit::{Place, texts},
    mariadb::MariaDb,
    postgres::Postgres,
};

/// What databases are on.
pub(super) enum Engine {
    Sqlite,
    Postgres(Box<Postgres>),
    Mysql(MariaDb),
}

impl Engine {
    pub(super) async fn postgres() -> Option<Engine> {
        Some(Engine::Postgres(Box::new(Postgres::start().await?)))
    }

    pub(super) async fn mysql() -> Option<Engine> {
        Some(Engine::Mysql(MariaDb::start().await?))
    }

    /// An empty database.
    pub(super) fn site(&self, name: &'static str) -> Site<'_> {
        let place = Place::new();
        let url = match self {
            Engine::Sqlite => crate::kit::url(&place.file()),
            Engine::Postgres(server) => server.create(name),
            Engine::Mysql(server) => server.create(name),
        };
        Site {
            engine: self,
            name,
            url,
            place,
        }
    }

    /// The migrations of the tests.
    fn migrations(&self) -> [Written; 4] {
        let (trigger, untrigger) = match self {
            Engine::Sqlite => (
                "CREATE TRIGGER launched AFTER INSERT ON boats BEGIN\n  INSERT INTO log VALUES (new.name);\n  \
                 INSERT INTO log VALUES ('é');\nEND;",
                "DROP TRIGGER launched;",
            ),
            Engine::Postgres(_) => (
                "CREATE FUNCTION launch() RETURNS trigger LANGUAGE plpgsql AS $body$\nBEGIN\n  INSERT INTO log VALUES (new.name);\n  \
                 INSERT INTO log VALUES ('é');\n  RETURN new;\nEND;\n$body$;\n\
                 CREATE TRIGGER launched AFTER INSERT ON boats FOR EACH ROW EXECUTE FUNCTION launch();",
                "DROP TRIGGER launched ON boats;\nDROP FUNCTION launch();",
            ),
            Engine::Mysql(_) => (
                "CREATE TRIGGER launched AFTER INSERT ON boats FOR EACH ROW INSERT INTO log VALUES (new.name);",
                "DROP TRIGGER launched;",
            ),
        };
        [
            Written {
                day: 1,
                name: "boats",
                up: "CREATE TABLE boats (name VARCHAR(40) PRIMARY KEY, length REAL);\n\
                     INSERT INTO boats VALUES ('Aurora; -- not yet', 9.5);"
                    .into(),
                down: "DROP TABLE boats;".into(),
            },
            Written {
                day: 2,
                name: "log_of_boats",
                up: format!("CREATE TABLE log (said VARCHAR(40));\n{trigger}"),
                down: format!("{untrigger}\nDROP TABLE log;"),
            },
            Written {
                day: 3,
                name: "crews",
                up: "CREATE TABLE crews (boat VARCHAR(40) REFERENCES boats (name));\nCREATE INDEX crews_of ON crews (boat);\n\
                     CREATE VIEW manned AS SELECT boats.name FROM boats JOIN crews ON crews.boat = boats.name;"
                    .into(),
                down: "DROP VIEW manned;\nDROP TABLE crews;".into(),
            },
            Written {
                day: 10,
                name: "more",
                up: "ALTER TABLE crews ADD COLUMN leader VARCHAR(40) NOT NULL DEFAULT '';".into(),
                down: "ALTER TABLE crews DROP COLUMN leader;".into(),
            },
        ]
    }
}

/// A database and a folder.
pub(super) struct Site<'a> {
    engine: &'a Engine,
    name: &'static str,
    place: Place,
    /// Where its database is.
    pub(super) url: String,
}

impl Site<'_> {
    /// The file of SQLite's.
    pub(super) fn file(&self) -> PathBuf {
        self.place.file()
    }

    pub(super) fn folder(&self) -> PathBuf {
        self.place.path("migrations")
    }

    pub(super) fn database(&self) -> Database {
        Database::open(&self.url)
            .unwrap()
            .create_if_missing()
            .patience(Duration::from_secs(20))
    }

    /// Lays the first so many migrations in the folder, as the tool wants them, and reads their set.
    pub(super) fn lay<T: Tool>(&self, tool: &T, count: usize) -> MigrationSet {
        let folder = self.folder();
        let migrations = self.engine.migrations();
        for (name, text) in migrations[..count].iter().flat_map(|m| tool.files(m)) {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let set = layout::load(T::LAYOUT, &folder).unwrap();
        assert_eq!(set.migrations().len(), count);
        set
    }

    /// The whole schema, the tool's table included, and the tool's rows without what is never the same twice.
    pub(super) async fn content(&self, layout: Layout) -> Vec<String> {
        let (table, columns) = rows(layout);
        let query = |between| {
            let columns = columns.join(between);
            format!("SELECT {columns} FROM {table} ORDER BY {table}.version")
        };
        match self.engine {
            Engine::Sqlite => {
                let schema = "SELECT coalesce(sql, name) FROM sqlite_schema WHERE tbl_name NOT LIKE '_towpath_%' ORDER BY name";
                let mut content = texts(&self.file(), schema).await;
                content.extend(texts(&self.file(), &query(" || ' ' || ")).await);
                content
            }
            Engine::Postgres(server) => {
                let schema = server.schema(self.name, &["_towpath_*"]);
                vec![schema, server.sql(self.name, &query(", "))]
            }
            Engine::Mysql(server) => {
                let columns = "SELECT table_name, column_name, column_type, column_default, is_nullable, column_key, extra
                     FROM information_schema.columns WHERE table_schema = database() AND table_name NOT LIKE '\\_towpath%'
                     ORDER BY table_name, ordinal_position";
                let triggers =
                    "SELECT trigger_name, action_statement FROM information_schema.triggers
                     WHERE trigger_schema = database()";
                [columns, triggers, &query(", ")]
                    .iter()
                    .map(|sql| server.sql(self.name, sql))
                    .collect()
            }
        }
    }
}

/// What is the same each time in a tool's rows: its table, and columns of it.
fn rows(layout: Layout) -> (&'static str, &'static [&'static str]) {
    match layout {
        Layout::Sqlx => (
            "_sqlx_migrations",
            &["version", "description", "success", "length(checksum)"],
        ),
        Layout::Diesel => ("__diesel_schema_migrations", &["version", "length(run_on)"]),
        Layout::Refinery => (
            "refinery_schema_history",
            &["version", "name", "checksum", "(length(applied_on) > 9)"],
        ),
        _ => ("schema_migrations", &["version"]),
    }
}
