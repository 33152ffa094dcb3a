//! `towpath db restore`: a copy put back, once it is said what that loses.

use std::{collections::BTreeMap, path::PathBuf, time::SystemTime};

use clap::Args;
use serde_json::json;
use towpath_core::{path::SchemaWork, time::human};
use towpath_migrate::{Database, classify::Dialect, title};

use super::{
    Project,
    hand::{Hand, database_failed, failed},
    open::Opened,
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

/// Of a table, how many rows it has now and how many in the snapshot.
type Rows = BTreeMap<String, (i64, i64)>;

impl Restore {
    /// Tables with another number of rows than in the snapshot. The file of SQLite is a database itself; what a server's program has
    /// written, only that program reads.
    async fn rows_lost(&self, opened: &Opened) -> Result<Rows, CliError> {
        if opened.database.dialect() != Dialect::Sqlite {
            return Ok(Rows::new());
        }
        let url = format!("sqlite://{}?mode=ro", self.from.display());
        let snapshot = Database::open(&url).map_err(database_failed)?;
        let then = snapshot.rows().await.map_err(database_failed)?;
        let now = opened.database.rows().await.map_err(database_failed)?;
        let of = |rows: &BTreeMap<String, i64>, table: &String| rows.get(table).copied();
        let tables = now.keys().chain(then.keys());
        Ok(tables
            .map(|table| {
                let counts = (of(&now, table), of(&then, table));
                (
                    table.clone(),
                    (counts.0.unwrap_or(0), counts.1.unwrap_or(0)),
                )
            })
            .filter(|(_, (now, then))| now != then)
            .collect())
    }

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
        let rows = self.rows_lost(&opened).await?;
        for (table, (now, then)) in &rows {
            let table = style::plain(table);
            eprintln!("{table}: {now} rows now, {then} then");
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
        let copy = taken.copy().await?;
        let restored = taken.opened.database.restore(&self.from, &taken.key).await;
        taken.done().await?;
        restored.map_err(|error| failed(&error.to_string(), error.remedy()))?;
        match project.json {
            true => println!(
                "{}",
                json!({"version": 1, "restored": self.from, "before": copy, "seconds_lost": age.as_secs(), "no_longer_applied": later, "rows": rows})
            ),
            false => println!("{title} is what {} holds", self.from.display()),
        }
        Ok(Exit::Done)
    }
}
