//! `towpath db restore`: a copy put back, once it is said what that loses.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use clap::Args;
use serde_json::json;
use tokio::time::timeout;
use towpath_core::{path::SchemaWork, time::human};
use towpath_migrate::{Database, title};

use super::{
    Project,
    hand::{Hand, database_failed, failed},
};
use crate::cli::{error::CliError, exit::Exit, style};

/// Make a database's content that of a snapshot
///
/// Says first what is lost, and does nothing without `--yes`: whatever was written since the snapshot was taken, and the migrations applied since. What
/// is there now is copied before, so that this can be taken back too. Never done but by this command.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath db restore staging before.dump\n  towpath db restore staging before.dump --yes --reason \"the import went wrong\""
)]
pub struct Restore {
    #[command(flatten)]
    hand: Hand,
    /// The snapshot.
    #[arg(value_name = "FILE")]
    from: PathBuf,
    /// Do it.
    #[arg(long)]
    yes: bool,
}

/// How long rows are counted, now and in the snapshot each.
const COUNTING: Duration = Duration::from_mins(1);

/// What is known of the rows that are lost.
struct Rows {
    /// Tables with another number of rows than in the snapshot: how many now, and how many in the snapshot.
    differ: BTreeMap<String, (i64, i64)>,
    /// Whether those of now are what the server takes them for.
    is_estimated: bool,
}

impl Rows {
    /// Counts them, or says why that was not possible.
    async fn of(database: &Database, snapshot: &Path) -> Result<Rows, String> {
        let told = |error: &dyn std::fmt::Display| format!("could not {error}");
        let then = timeout(COUNTING, database.rows_in(snapshot)).await;
        let then = then.map_err(|_| {
            format!(
                "the snapshot was not read to its end within {}",
                human(COUNTING)
            )
        })?;
        let then = then.map_err(|error| told(&error))?;
        let (now, is_estimated) = match timeout(COUNTING, database.rows()).await {
            Ok(counted) => (counted.map_err(|error| told(&error))?, false),
            Err(_) => {
                let estimated = database.estimated_rows().await;
                let estimated = estimated.map_err(|error| told(&error))?;
                let not_done = || format!("they were not counted within {}", human(COUNTING));
                (estimated.ok_or_else(not_done)?, true)
            }
        };
        let count = |rows: &BTreeMap<String, i64>, table| rows.get(table).copied().unwrap_or(0);
        let tables = now.keys().chain(then.keys());
        let both = tables.map(|table| (table.clone(), (count(&now, table), count(&then, table))));
        Ok(Rows {
            differ: both.filter(|(_, (now, then))| now != then).collect(),
            is_estimated,
        })
    }

    fn print(&self) {
        let about = if self.is_estimated { "about " } else { "" };
        for (table, (now, then)) in &self.differ {
            let table = style::plain(table);
            eprintln!("{table}: {about}{now} rows now, {then} then");
        }
        if self.differ.is_empty() && !self.is_estimated {
            eprintln!("every table has as many rows as then");
        }
    }
}

impl Restore {
    pub(super) async fn run(self, project: &Project) -> Result<Exit, CliError> {
        let opened = self.hand.one(project, "restore").await?;
        let taken_at = std::fs::metadata(&self.from).and_then(|data| data.modified());
        let taken_at = taken_at.map_err(|error| {
            failed(
                &format!("read the snapshot {}: {error}", self.from.display()),
                "name a file that `towpath db snapshot` or a deployment has written".into(),
            )
        })?;
        let history = opened.history().await.map_err(database_failed)?;
        let since_ms = taken_at
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| {
                i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
            });
        let later: Vec<String> = history
            .receipts
            .values()
            .filter(|receipt| receipt.applied_at_ms > since_ms)
            .map(|receipt| style::plain(&title(receipt.version, &receipt.name)))
            .collect();
        let age = SystemTime::now()
            .duration_since(taken_at)
            .unwrap_or_default();
        let title = format!("{} of {}", opened.name, opened.home);
        eprintln!(
            "{title} goes back by {}: whatever was written since is lost",
            human(age)
        );
        let rows = Rows::of(&opened.database, &self.from).await;
        match &rows {
            Ok(rows) => rows.print(),
            Err(why) => eprintln!("how many rows that are is not known: {}", style::plain(why)),
        }
        if !later.is_empty() {
            eprintln!("not applied any more: {}", later.join(", "));
        }
        if !self.yes {
            return Err(CliError::new(
                Exit::Refused,
                "db::not-confirmed",
                format!("{title} was not touched"),
                "add --yes to do it",
            ));
        }
        let taken = self.hand.take(project, opened, SchemaWork::Restore).await?;
        let copy = taken.copy_beside().await?;
        let restored = taken.opened.database.restore(&self.from, &taken.key).await;
        taken.done().await?;
        restored.map_err(|error| failed(&error.to_string(), error.remedy()))?;
        match project.json {
            true => println!(
                "{}",
                json!({
                    "version": 1,
                    "restored": self.from,
                    "before": copy,
                    "seconds_lost": age.as_secs(),
                    "no_longer_applied": later,
                    "rows": rows.as_ref().ok().map(|rows| &rows.differ),
                    "rows_estimated": rows.as_ref().is_ok_and(|rows| rows.is_estimated),
                    "rows_unknown": rows.as_ref().err(),
                })
            ),
            false => println!("{title} is what {} holds", self.from.display()),
        }
        Ok(Exit::Done)
    }
}
