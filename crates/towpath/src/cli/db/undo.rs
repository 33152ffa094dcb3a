//! `towpath db undo`: the latest migrations, undone by hand.

use clap::Args;
use serde_json::json;
use towpath_core::path::SchemaWork;
use towpath_migrate::{Version, title};

use super::{
    Project,
    applying::Applying,
    hand::{Hand, database_failed, failed, version},
    tool::not_with_a_tool,
};
use crate::{
    cli::{error::CliError, exit::Exit, style},
    clock::now,
};

/// Undo an environment's latest migrations, by what was stored when they were applied
///
/// What undoes a migration is kept in the database beside its receipt, so that it is there when the files are not. What was written since to
/// what a migration has added is lost; the database is copied first, unless the manifest says `snapshot = false`. A release that knows a
/// migration does not run without it: `towpath rollback` takes release and schema back together.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath db undo local\n  towpath db undo staging --to 20261101 --dry-run\n  towpath db undo local --steps 3"
)]
pub struct Undo {
    #[command(flatten)]
    hand: Hand,
    /// How many.
    #[arg(long, default_value_t = 1, conflicts_with = "to")]
    steps: usize,
    /// All after this version, which stays.
    #[arg(long, value_parser = version)]
    to: Option<Version>,
    /// Only say what would be undone.
    #[arg(long)]
    dry_run: bool,
}

impl Undo {
    pub(super) async fn run(self, project: &Project) -> Result<Exit, CliError> {
        let opened = self.hand.one(project, "undo").await?;
        if opened.tool.is_some() {
            return Err(not_with_a_tool(
                &format!(
                    "undo what was applied to {} of {}",
                    opened.name, opened.home
                ),
                "go forward with a migration that puts right what it did; or have the tool take it back, then \
                 `towpath db settle ENVIRONMENT NAME --not-applied`",
            ));
        }
        let history = opened.history().await.map_err(database_failed)?;
        // A repeatable migration is not undone: another text of it is applied over it.
        let latest = history.receipts.values().rev();
        let latest = latest.filter(|receipt| !receipt.version.is_repeatable());
        let chosen: Vec<_> = match self.to {
            Some(to) => latest.take_while(|receipt| receipt.version > to).collect(),
            None => latest.take(self.steps).collect(),
        };
        let versions: Vec<Version> = chosen.iter().map(|receipt| receipt.version).collect();
        let home = format!("{} of {}", opened.name, opened.home);
        for receipt in &chosen {
            let text = style::plain(&title(receipt.version, &receipt.name));
            match &receipt.down {
                None => eprintln!("{home}: nothing that undoes {text} was kept"),
                Some(_) if self.dry_run => eprintln!("{home}: would undo {text}"),
                Some(_) => {}
            }
        }
        if versions.is_empty() {
            eprintln!("{home}: nothing to undo");
        }
        if !self.dry_run && !versions.is_empty() {
            let taken = self.hand.take(project, opened, SchemaWork::Undo).await?;
            if taken.opened.is_copied {
                taken.copy().await?;
            }
            let layout = taken.opened.layout;
            let mut shown = Applying::new();
            let undone = taken
                .opened
                .database
                .undo(
                    layout,
                    &versions,
                    &taken.key,
                    || now().0,
                    |event| {
                        shown.tell(&event);
                    },
                )
                .await;
            // Also what was undone before one that failed.
            taken.done().await?;
            undone.map_err(|error| failed(&error.to_string(), error.remedy()))?;
        }
        if project.json {
            println!(
                "{}",
                json!({"version": 1, "dry_run": self.dry_run, "undone": versions})
            );
        }
        Ok(Exit::Done)
    }
}
