//! Diesel's migrations, by the library that its program and its users' programs run.

use std::path::Path;

use diesel::{Connection as _, SqliteConnection};
use diesel_migrations::{FileBasedMigrations, MigrationHarness as _};
use towpath_migrate::Layout;

use super::{Tool, Written, the_tool_comes_second, the_tool_reverts, we_come_second};

const ROWS: &str = "SELECT version || typeof(version) || length(run_on) FROM __diesel_schema_migrations ORDER BY 1";

struct Diesel;

impl Diesel {
    fn with<A>(
        folder: &Path,
        file: &Path,
        work: impl FnOnce(&mut SqliteConnection, FileBasedMigrations) -> A,
    ) -> A {
        let mut connection = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
        work(
            &mut connection,
            FileBasedMigrations::from_path(folder).unwrap(),
        )
    }
}

impl Tool for Diesel {
    const LAYOUT: Layout = Layout::Diesel;

    fn files(&self, migration: &Written) -> Vec<(String, String)> {
        let folder = format!("2026-01-{:02}-120000_{}", migration.day, migration.name);
        vec![
            (format!("{folder}/up.sql"), migration.up.into()),
            (format!("{folder}/down.sql"), migration.down.into()),
        ]
    }

    fn up(&self, folder: &Path, file: &Path) {
        Diesel::with(folder, file, |connection, migrations| {
            connection.run_pending_migrations(migrations).unwrap();
        });
    }

    fn pending(&self, folder: &Path, file: &Path) -> usize {
        Diesel::with(folder, file, |connection, migrations| {
            connection.pending_migrations(migrations).unwrap().len()
        })
    }

    fn down(&self, folder: &Path, file: &Path) -> Option<()> {
        Diesel::with(folder, file, |connection, migrations| {
            connection.revert_last_migration(migrations).unwrap();
        });
        Some(())
    }
}

#[tokio::test]
async fn whoever_comes_first_nothing_is_applied_twice() {
    we_come_second(&Diesel, ROWS).await;
    the_tool_comes_second(&Diesel, ROWS).await;
}

#[tokio::test]
async fn what_diesel_reverts_is_noticed() {
    the_tool_reverts(&Diesel, ROWS).await;
}
