//! `towpath db settle`: a person says what is true where a database and its records disagree.

use clap::Args;
use serde_json::json;
use towpath_core::path::SchemaWork;
use towpath_migrate::{Settlement, Version};

use super::{
    Project,
    hand::{Hand, failed, version},
};
use crate::{
    cli::{error::CliError, exit::Exit},
    clock::now,
};

/// Say whether a migration is in the schema, where its records leave that in doubt
///
/// Compare the schema with the migration's file first: what is said here is believed.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath db settle staging 7 --applied\n  towpath db settle staging 7 --not-applied --reason \"undone by hand\""
)]
#[command(group = clap::ArgGroup::new("finding").required(true))]
pub struct Settle {
    #[command(flatten)]
    hand: Hand,
    /// The migration's version.
    #[arg(id = "migration", value_name = "VERSION", value_parser = version)]
    version: Version,
    /// All of it is in the schema.
    #[arg(long, group = "finding")]
    applied: bool,
    /// Nothing of it is in the schema.
    #[arg(long, group = "finding")]
    not_applied: bool,
}

impl Settle {
    pub(super) async fn run(self, project: &Project) -> Result<Exit, CliError> {
        let opened = self.hand.one(project, "settle").await?;
        let set = match &opened.set {
            Some(Ok(set)) => set.clone(),
            Some(Err(refused)) => return Err(refused.clone().into()),
            None => {
                return Err(failed(
                    "settle a migration: the manifest names no migrations",
                    format!("write `migrations` into [databases.{}]", opened.name),
                ));
            }
        };
        let settlement = match self.applied {
            true => Settlement::Applied,
            false => Settlement::NotApplied,
        };
        let taken = self.hand.take(project, opened, SchemaWork::Settle).await?;
        taken
            .opened
            .database
            .settle(&set, self.version, settlement, &taken.key, || now().0)
            .await
            .map_err(|error| failed(&error.to_string(), error.remedy()))?;
        taken.done().await?;
        match project.json {
            true => println!(
                "{}",
                json!({"version": 1, "settled": self.version, "applied": self.applied})
            ),
            false => println!(
                "{} is {}",
                self.version,
                if self.applied {
                    "applied"
                } else {
                    "not applied"
                }
            ),
        }
        Ok(Exit::Done)
    }
}
