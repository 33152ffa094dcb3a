//! refinery, the library that its program and its users' programs run. It reverts nothing.

use refinery_core::{Runner, load_sql_migrations, rusqlite::Connection};
use towpath_migrate::Layout;

use super::{Engine, Site, Tool, Written, the_tool_comes_second, we_come_second};

struct Refinery;

impl Refinery {
    fn runner(site: &Site<'_>) -> Runner {
        let mut migrations: Vec<_> = load_sql_migrations(site.folder())
            .unwrap()
            .into_iter()
            .collect();
        migrations.sort();
        Runner::new(&migrations)
    }
}

impl Tool for Refinery {
    const LAYOUT: Layout = Layout::Refinery;

    fn files(&self, migration: &Written) -> Vec<(String, String)> {
        let name = format!("V{}__{}.sql", migration.day, migration.name);
        vec![(name, migration.up.clone())]
    }

    async fn up(&self, site: &Site<'_>) {
        let mut connection = Connection::open(site.file()).unwrap();
        Refinery::runner(site).run(&mut connection).unwrap();
    }

    async fn pending(&self, site: &Site<'_>) -> usize {
        let runner = Refinery::runner(site);
        let mut connection = Connection::open(site.file()).unwrap();
        let applied = runner.get_applied_migrations(&mut connection).unwrap();
        let is_applied = |version| applied.iter().any(|done| done.version() == version);
        let all = runner.get_migrations().iter();
        all.filter(|migration| !is_applied(migration.version()))
            .count()
    }

    async fn down(&self, _: &Site<'_>) -> Option<()> {
        None
    }
}

#[tokio::test]
async fn refinery_and_we_share_a_sqlite_database() {
    we_come_second(&Refinery, &Engine::Sqlite).await;
    the_tool_comes_second(&Refinery, &Engine::Sqlite).await;
}
