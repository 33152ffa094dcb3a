//! `towpath db snapshot`: a copy of a database, and those that there are.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use towpath_core::{names::DatabaseName, path::SchemaWork, time::human};

use super::{
    Project,
    hand::{Hand, failed},
};
use crate::{
    cli::{error::CliError, exit::Exit, table},
    clock::now,
    engine::snapshots,
};

/// Copy an environment's database, consistently, while it is in use
///
/// SQLite's online backup, `pg_dump` or `mysqldump`. `towpath db restore` puts it back. Of those in the data directory as many are kept as the
/// manifest says with `keep_snapshots`; `--list` shows them.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath db snapshot staging\n  towpath db snapshot staging --to before.dump --json\n  towpath db snapshot staging --list"
)]
pub struct Snapshot {
    #[command(flatten)]
    hand: Hand,
    /// The file to write; one in the data directory, unless said.
    #[arg(long)]
    to: Option<PathBuf>,
    /// Only show those in the data directory, the newest first.
    #[arg(long, conflicts_with = "to")]
    list: bool,
}

impl Snapshot {
    pub(super) async fn run(self, project: &Project) -> Result<Exit, CliError> {
        if self.list {
            return self.listed(project).await;
        }
        let opened = self.hand.one(project, "snapshot").await?;
        let taken = self
            .hand
            .take(project, opened, SchemaWork::Snapshot)
            .await?;
        let place = match &self.to {
            Some(to) => to.clone(),
            None => taken.snapshot_place()?,
        };
        let snapshot = taken.opened.database.snapshot(&place).await;
        let snapshot = snapshot.map_err(|error| failed(&error.to_string(), error.remedy()))?;
        match project.json {
            true => println!(
                "{}",
                json!({"version": 1, "path": snapshot.path, "bytes": snapshot.bytes})
            ),
            false => println!("{} ({} bytes)", snapshot.path.display(), snapshot.bytes),
        }
        if self.to.is_none() {
            taken.remove_old();
        }
        Ok(Exit::Done)
    }

    /// Shows the snapshots that there are.
    async fn listed(&self, project: &Project) -> Result<Exit, CliError> {
        let mut found = Vec::new();
        for opened in self.hand.all(project, "snapshot").await? {
            let folder = project.home().await?.snapshots().join(opened.home.as_str());
            let all = snapshots::of(&folder, &opened.name).map_err(|error| {
                failed(
                    &format!("list {}: {error}", folder.display()),
                    "make it a folder that this user may read".into(),
                )
            })?;
            found.extend(all.into_iter().map(|one| (opened.name.clone(), one)));
        }
        if project.json {
            let shown: Vec<Value> = found
                .iter()
                .map(|(name, one)| {
                    json!({
                        "database": name,
                        "path": one.path,
                        "bytes": one.bytes,
                        "taken_at": one.taken_at,
                        "deployment": one.deployment,
                    })
                })
                .collect();
            println!("{}", json!({"version": 1, "snapshots": shown}));
            return Ok(Exit::Done);
        }
        let row = |(name, one): &(DatabaseName, snapshots::Snapshot)| {
            let taken_by = one.deployment.map(|number| number.to_string());
            vec![
                name.to_string(),
                format!("{} ago", human(now().since(one.taken_at))),
                one.bytes.to_string(),
                taken_by.unwrap_or_else(|| "by hand".into()),
                one.path.display().to_string(),
            ]
        };
        let rows: Vec<Vec<String>> = found.iter().map(row).collect();
        table::print(&["DATABASE", "TAKEN", "BYTES", "BY", "FILE"], &rows);
        Ok(Exit::Done)
    }
}
