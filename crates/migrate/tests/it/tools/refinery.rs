//! refinery, the library that its program and its users' programs run. It reverts nothing.

use std::path::Path;

use refinery_core::{Report, Runner, load_sql_migrations, rusqlite::Connection};
use towpath_migrate::Layout;

use super::{Tool, Written, the_tool_comes_second, we_come_second};

const ROWS: &str = "SELECT version || typeof(version) || name || checksum || typeof(checksum) || typeof(applied_on)
     FROM refinery_schema_history ORDER BY version";

struct Refinery;

impl Refinery {
    fn runner(folder: &Path) -> Runner {
        let mut migrations: Vec<_> = load_sql_migrations(folder).unwrap().into_iter().collect();
        migrations.sort();
        Runner::new(&migrations)
    }

    fn run(folder: &Path, file: &Path) -> Report {
        let mut connection = Connection::open(file).unwrap();
        Refinery::runner(folder).run(&mut connection).unwrap()
    }
}

impl Tool for Refinery {
    const LAYOUT: Layout = Layout::Refinery;

    fn files(&self, migration: &Written) -> Vec<(String, String)> {
        let name = format!("V{}__{}.sql", migration.day, migration.name);
        vec![(name, migration.up.into())]
    }

    fn up(&self, folder: &Path, file: &Path) {
        Refinery::run(folder, file);
    }

    fn pending(&self, folder: &Path, file: &Path) -> usize {
        let runner = Refinery::runner(folder);
        let mut connection = Connection::open(file).unwrap();
        let applied = runner.get_applied_migrations(&mut connection).unwrap();
        let is_applied = |version| applied.iter().any(|done| done.version() == version);
        let all = runner.get_migrations().iter();
        all.filter(|migration| !is_applied(migration.version()))
            .count()
    }

    fn down(&self, _: &Path, _: &Path) -> Option<()> {
        None
    }
}

#[tokio::test]
async fn whoever_comes_first_nothing_is_applied_twice() {
    we_come_second(&Refinery, ROWS).await;
    the_tool_comes_second(&Refinery, ROWS).await;
}
