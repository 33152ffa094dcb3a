//! dbmate, the program.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use towpath_migrate::Layout;

use super::{Tool, Written, the_tool_comes_second, the_tool_reverts, we_come_second};
use crate::{
    place::NODE,
    server::{missing, output, packages},
};

const ROWS: &str = "SELECT version || typeof(version) FROM schema_migrations ORDER BY 1";

struct Dbmate {
    program: PathBuf,
}

impl Dbmate {
    fn look() -> Option<Dbmate> {
        let program = packages(&NODE)?.join("node_modules/@dbmate/linux-x64/bin/dbmate");
        match program.is_file() {
            true => Some(Dbmate { program }),
            false => missing("dbmate for this kind of machine"),
        }
    }

    fn run(&self, folder: &Path, file: &Path, verb: &str) -> String {
        let mut command = Command::new(&self.program);
        command
            .arg("--url")
            .arg(format!("sqlite:{}", file.display()))
            .arg("--migrations-dir")
            .arg(folder)
            .args(["--no-dump-schema", verb])
            .env_remove("DATABASE_URL")
            .current_dir(folder);
        output(&mut command)
    }
}

impl Tool for Dbmate {
    const LAYOUT: Layout = Layout::Dbmate;

    fn files(&self, migration: &Written) -> Vec<(String, String)> {
        let Written {
            day,
            name,
            up,
            down,
        } = migration;
        vec![(
            format!("202601{day:02}120000_{name}.sql"),
            format!("-- migrate:up\n{up}\n\n-- migrate:down\n{down}\n"),
        )]
    }

    fn up(&self, folder: &Path, file: &Path) {
        self.run(folder, file, "up");
    }

    fn pending(&self, folder: &Path, file: &Path) -> usize {
        let status = self.run(folder, file, "status");
        let pending = status
            .lines()
            .find_map(|line| line.strip_prefix("Pending: "));
        pending
            .unwrap_or_else(|| panic!("{status}"))
            .parse()
            .unwrap()
    }

    fn down(&self, folder: &Path, file: &Path) -> Option<()> {
        self.run(folder, file, "rollback");
        Some(())
    }
}

#[tokio::test]
async fn whoever_comes_first_nothing_is_applied_twice() {
    let Some(dbmate) = Dbmate::look() else { return };
    we_come_second(&dbmate, ROWS).await;
    the_tool_comes_second(&dbmate, ROWS).await;
}

#[tokio::test]
async fn what_dbmate_reverts_is_noticed() {
    let Some(dbmate) = Dbmate::look() else { return };
    the_tool_reverts(&dbmate, ROWS).await;
}
