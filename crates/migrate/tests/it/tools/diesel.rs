//! Diesel's migrations, by the library that its program and its users' programs run.

use diesel::{Connection as _, SqliteConnection};
use diesel_migrations::{FileBasedMigrations, MigrationHarness as _};
use towpath_migrate::Layout;

use super::{
    Engine, Site, Tool, Written, the_tool_comes_second, the_tool_reverts, we_come_second, we_undo,
};

struct Diesel;

impl Diesel {
    fn with<A>(
        site: &Site<'_>,
        work: impl FnOnce(&mut SqliteConnection, FileBasedMigrations) -> A,
    ) -> A {
        let mut connection = SqliteConnection::establish(site.file().to_str().unwrap()).unwrap();
        let migrations = FileBasedMigrations::from_path(site.folder()).unwrap();
        work(&mut connection, migrations)
    }
}

impl Tool for Diesel {
    const LAYOUT: Layout = Layout::Diesel;

    fn files(&self, migration: &Written) -> Vec<(String, String)> {
        let folder = format!("2026-01-{:02}-120000_{}", migration.day, migration.name);
        vec![
            (format!("{folder}/up.sql"), migration.up.clone()),
            (format!("{folder}/down.sql"), migration.down.clone()),
        ]
    }

    async fn up(&self, site: &Site<'_>) {
        Diesel::with(site, |connection, migrations| {
            connection.run_pending_migrations(migrations).unwrap();
        });
    }

    async fn pending(&self, site: &Site<'_>) -> usize {
        Diesel::with(site, |connection, migrations| {
            connection.pending_migrations(migrations).unwrap().len()
        })
    }

    async fn down(&self, site: &Site<'_>) -> Option<()> {
        Diesel::with(site, |connection, migrations| {
            connection.revert_last_migration(migrations).unwrap();
        });
        Some(())
    }
}

#[tokio::test]
async fn diesel_and_we_share_a_sqlite_database() {
    we_come_second(&Diesel, &Engine::Sqlite).await;
    the_tool_comes_second(&Diesel, &Engine::Sqlite).await;
    the_tool_reverts(&Diesel, &Engine::Sqlite).await;
    we_undo(&Diesel, &Engine::Sqlite).await;
}
