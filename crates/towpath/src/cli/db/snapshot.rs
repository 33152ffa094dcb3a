//! `towpath db snapshot`: a copy of a database.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use towpath_core::path::SchemaWork;

use super::{
    Project,
    hand::{Hand, failed},
};
use crate::cli::{error::CliError, exit::Exit};

/// Copy an environment's database, consistently, while it is in use
///
/// SQLite's online backup, `pg_dump` or `mysqldump`. `towpath db restore` puts it back.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath db snapshot staging\n  towpath db snapshot staging --to before.dump --json"
)]
pub struct Snapshot {
    #[command(flatten)]
    hand: Hand,
    /// The file to write; one in the data directory, unless said.
    #[arg(long)]
    to: Option<PathBuf>,
}

impl Snapshot {
    pub(super) async fn run(self, project: &Project) -> Result<Exit, CliError> {
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
        Ok(Exit::Done)
    }
}
