//! `towpath db status`: what is applied where, and what is not yet.

use clap::Args;
use serde_json::{Value, json};

use super::{Project, look::Look, reach::Reached};
use crate::cli::{error::CliError, exit::Exit, style, table};

/// Show which migrations the databases of environments have, and which of the work tree's they have not
///
/// An environment that cannot be looked at is left out, and told. Ends with status 1 when the work tree's migrations cannot be applied to one
/// of the databases, and otherwise with 5 when an environment was left out.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath db status\n  towpath db status staging\n  towpath db status --json"
)]
pub struct Status {
    /// Environments, by name or alias; all, unless said.
    environments: Vec<String>,
}

impl Status {
    pub(super) async fn run(self, project: &Project) -> Result<Exit, CliError> {
        let environments = project.asked(&self.environments)?;
        let look = async |environment: &_| Look::at(project, environment, "status").await;
        let reached = Reached::of(&environments, look).await?;
        let looks = &reached.found;
        let is_good = looks.iter().all(Look::is_good);
        let is_whole = reached.unreached.is_empty();
        if project.json {
            let databases: Vec<Value> = looks.iter().map(Look::shown).collect();
            println!(
                "{}",
                json!({
                    "version": 1,
                    "ok": is_good && is_whole,
                    "databases": databases,
                    "unreached": reached.shown(),
                })
            );
        } else if project.place.manifest.databases.is_empty() {
            println!("no databases are declared");
            eprintln!("`[databases.NAME]` in towpath.toml declares one");
        } else {
            print(looks);
            reached.tell();
        }
        Ok(match (is_good, is_whole) {
            (true, true) => Exit::Done,
            (true, false) => Exit::Errored,
            (false, _) => Exit::Failed,
        })
    }
}

fn print(looks: &[Look]) {
    let paint = style::of_stdout();
    let row = |look: &Look| {
        let last = look.history.in_order().pop();
        let pending = match &look.pending {
            None => paint.dim("-"),
            Some(Err(_)) => paint.bad("cannot be told"),
            Some(Ok(pending)) if pending.is_empty() => "0".to_owned(),
            Some(Ok(pending)) => match look.breaking(pending).count() {
                0 => pending.len().to_string(),
                breaks => format!(
                    "{}, {}",
                    pending.len(),
                    paint.waits(&format!("{breaks} that older releases cannot run on"))
                ),
            },
        };
        vec![
            look.environment.to_string(),
            look.database.to_string(),
            look.home.to_string(),
            look.applied().to_string(),
            last.map_or("-".into(), |last| {
                let progress = last.progress.as_ref();
                let batched = progress.and_then(|progress| progress.batched.as_ref());
                let so_far = batched.map_or(String::new(), |batched| {
                    format!(", {} of {} rows", batched.rows, batched.total)
                });
                let title = towpath_migrate::title(last.version, &last.name);
                style::plain(&format!("{title}{so_far}"))
            }),
            pending,
        ]
    };
    let rows: Vec<Vec<String>> = looks.iter().map(row).collect();
    table::print(
        &[
            "ENVIRONMENT",
            "DATABASE",
            "KEPT BY",
            "APPLIED",
            "LAST",
            "PENDING",
        ],
        &rows,
    );
    for look in looks {
        if let Some(Err(refused)) = &look.pending {
            eprintln!(
                "{} of {}: {}\n  help: {}",
                look.database, look.environment, refused.why, refused.help
            );
        }
    }
}
