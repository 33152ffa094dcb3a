//! `towpath db plan`: what the work tree's migrations would do to an environment's databases.

use clap::Args;
use serde_json::{Value, json};
use towpath_core::{
    path::{Contract, ContractSource},
    time::human,
};
use towpath_migrate::title;

use super::{
    Project,
    look::{Look, Pending},
};
use crate::cli::{check::plural, error::CliError, exit::Exit, style};

/// Show which of the work tree's migrations an environment's databases would get, and who could run on them afterwards
///
/// Nothing is applied. Ends with status 1 when they cannot be applied.
#[derive(Args)]
#[command(after_help = "Examples:\n  towpath db plan staging\n  towpath db plan production --json")]
pub struct Plan {
    /// The environment, by name or alias.
    environment: String,
}

impl Plan {
    pub(super) async fn run(self, project: &Project) -> Result<Exit, CliError> {
        let environment = project.place.environment(&self.environment)?;
        let looks = Look::at(project, environment, "plan").await?;
        let is_good = looks.iter().all(Look::is_good);
        match project.json {
            true => {
                let databases: Vec<Value> = looks.iter().map(Look::shown).collect();
                println!(
                    "{}",
                    json!({"version": 1, "ok": is_good, "databases": databases})
                );
            }
            false if looks.is_empty() => println!("{} uses no database", environment.name),
            false => looks.iter().for_each(print),
        }
        Ok(match is_good {
            true => Exit::Done,
            false => Exit::Failed,
        })
    }
}

fn print(look: &Look) {
    let paint = style::of_stdout();
    let of = match look.home == look.environment {
        true => format!("{} of {}", look.database, look.environment),
        false => format!(
            "{} of {}, kept by {}",
            look.database, look.environment, look.home
        ),
    };
    let applied = plural(look.applied(), "migration");
    println!("{}: {applied} applied", paint.strong(&of));
    match &look.pending {
        None => println!("  the manifest names no migrations for it"),
        Some(Err(refused)) => {
            println!("  {} {}\n    {}", paint.bad("✗"), refused.why, refused.help)
        }
        Some(Ok(pending)) if pending.is_empty() => println!("  nothing to apply"),
        Some(Ok(pending)) => {
            pending.iter().for_each(print_migration);
            if let Some(closed) = afterwards(look, pending) {
                println!("  {}", paint.waits(&closed));
            }
        }
    }
}

/// Which older releases cannot be returned to as they are.
fn afterwards(look: &Look, pending: &[Pending]) -> Option<String> {
    let titles: Vec<String> = look
        .breaking(pending)
        .map(|one| {
            let migration = &one.migration;
            style::plain(&title(migration.version, &migration.name))
        })
        .collect();
    if titles.is_empty() {
        return None;
    }
    let titles = titles.join(", ");
    // What comes after the first that breaks them is undone with it.
    let mut undone = pending.iter().skip_while(|one| !one.breaks());
    Some(match undone.all(Pending::can_be_undone) {
        true => format!("afterwards, a release that lacks {titles} is returned to by undoing that"),
        false => format!("afterwards, no release that lacks {titles} can be returned to"),
    })
}

fn print_migration(pending: &Pending) {
    let paint = style::of_stdout();
    let Pending {
        migration,
        admitted,
    } = pending;
    let kind = match (admitted.contract, admitted.source) {
        (Contract::Unknown, _) => paint.waits("says nothing of older releases"),
        (kind, ContractSource::Declared) => kind.to_string(),
        (kind, ContractSource::Derived) => format!("{kind} by its SQL"),
    };
    let said = match &admitted.because {
        None => kind,
        Some(because) => format!("{kind}, because {}", style::plain(because)),
    };
    let mut notes = Vec::new();
    if !migration.transactional {
        notes.push("not in a transaction");
    }
    if migration.down.is_none() {
        notes.push("nothing undoes it");
    }
    let batches = migration.batches.map(|batches| {
        let rest = human(batches.pause);
        format!("{} rows at a time, {rest} between", batches.rows)
    });
    notes.extend(batches.as_deref());
    let notes = match notes.is_empty() {
        true => String::new(),
        false => paint.dim(&format!("  ({})", notes.join("; "))),
    };
    let title = style::plain(&admitted.line());
    println!("  {title}: {said}{notes}");
}
