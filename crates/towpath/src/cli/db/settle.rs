//! `towpath db settle`: a person says what is true where a database and its records disagree.

use clap::Args;
use serde_json::json;
use towpath_core::path::SchemaWork;
use towpath_migrate::{MigrationSet, Settlement, Version};

use super::{
    Project,
    hand::{Hand, database_failed, failed, shown, version},
    open::Opened,
    tool::not_with_a_tool,
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
    /// The migration's version; its name, where the project's own tool applies it.
    #[arg(id = "migration", value_name = "VERSION")]
    version: String,
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
        if opened.tool.is_some() && self.applied {
            return Err(not_with_a_tool(
                &format!("settle migration {} as applied", self.version),
                "its tool's status decides that: have the tool tell it as applied, then `towpath db adopt` gives it its receipt",
            ));
        }
        let version = match opened.tool.is_some() {
            true => self.named(&opened, &set).await?,
            false => version(&self.version).map_err(|help| self.unknown(help))?,
        };
        let taken = self.hand.take(project, opened, SchemaWork::Settle).await?;
        taken
            .opened
            .database
            .settle(&set, version, settlement, &taken.key, || now().0)
            .await
            .map_err(|error| failed(&error.to_string(), error.remedy()))?;
        taken.done().await?;
        match project.json {
            true => println!(
                "{}",
                json!({"version": 1, "settled": shown(&set, version), "applied": self.applied})
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

    /// The version of a migration that the project's own tool calls by this name.
    async fn named(&self, opened: &Opened, set: &MigrationSet) -> Result<Version, CliError> {
        let history = opened.history().await.map_err(database_failed)?;
        let files = set.migrations().iter().map(|one| (one.version, &one.name));
        let receipts = history.receipts.values();
        let mut all = files.chain(receipts.map(|one| (one.version, &one.name)));
        let found = all.find(|(_, name)| **name == self.version);
        let help = "name it as `towpath db status --json` does";
        found
            .map(|(version, _)| version)
            .ok_or_else(|| self.unknown(help.into()))
    }

    fn unknown(&self, help: String) -> CliError {
        CliError::new(
            Exit::Usage,
            "db::no-such-migration",
            format!("there is no migration {:?}", self.version),
            help,
        )
    }
}
