//! dbmate, the program.

use std::{path::PathBuf, process::Command};

use towpath_migrate::Layout;

use super::{
    Engine, Site, Tool, Written, the_tool_comes_second, the_tool_reverts, we_come_second, we_undo,
};
use crate::{
    place::NODE,
    server::{missing, output, packages},
};

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

    fn run(&self, site: &Site<'_>, verb: &str) -> String {
        let mut url = site.url.clone();
        if url.starts_with("postgres:") {
            url.push_str("?sslmode=disable");
        }
        let mut command = Command::new(&self.program);
        command
            .args(["--url", &url, "--migrations-dir"])
            .arg(site.folder())
            .args(["--no-dump-schema", verb])
            .env_remove("DATABASE_URL")
            .current_dir(site.folder());
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

    async fn up(&self, site: &Site<'_>) {
        self.run(site, "up");
    }

    async fn pending(&self, site: &Site<'_>) -> usize {
        let status = self.run(site, "status");
        let pending = status
            .lines()
            .find_map(|line| line.strip_prefix("Pending: "));
        pending
            .unwrap_or_else(|| panic!("{status}"))
            .parse()
            .unwrap()
    }

    async fn down(&self, site: &Site<'_>) -> Option<()> {
        self.run(site, "rollback");
        Some(())
    }
}

async fn share(dbmate: &Dbmate, engine: &Engine) {
    we_come_second(dbmate, engine).await;
    the_tool_comes_second(dbmate, engine).await;
    the_tool_reverts(dbmate, engine).await;
    we_undo(dbmate, engine).await;
}

#[tokio::test]
async fn dbmate_and_we_share_a_sqlite_database() {
    let Some(dbmate) = Dbmate::look() else { return };
    share(&dbmate, &Engine::Sqlite).await;
}

#[tokio::test]
async fn dbmate_and_we_share_a_postgresql_database() {
    let (Some(dbmate), Some(engine)) = (Dbmate::look(), Engine::postgres().await) else {
        return;
    };
    share(&dbmate, &engine).await;
}

#[tokio::test]
async fn dbmate_and_we_share_a_mariadb_database() {
    let (Some(dbmate), Some(engine)) = (Dbmate::look(), Engine::mysql().await) else {
        return;
    };
    share(&dbmate, &engine).await;
}
