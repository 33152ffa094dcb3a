//! `towpath db migrate`: the work tree's migrations, applied by hand.

use clap::Args;
use serde_json::{Value, json};
use towpath_core::path::SchemaWork;
use towpath_migrate::{ApplyError, MigrationSet, Pause, Version, title};

use super::{
    Project,
    applying::{Applying, pause_at_interrupt},
    hand::{self, Hand, failed},
};
use crate::{
    cli::{error::CliError, exit::Exit, style},
    clock::now,
};

/// Apply the work tree's migrations to an environment's databases, without a deployment
///
/// For a developer's own environment, and for repairs: what is deployed migrates by itself, by the commit that it is. A database that has
/// migrations is copied first, unless the manifest says `snapshot = false`. The journal says who did it, and why.
///
/// Ctrl-C pauses a migration that is run in batches; the next `db migrate` goes on from there.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath db migrate local\n  towpath db migrate staging --dry-run\n  \
                  towpath db migrate staging --reason \"the index is needed before the release\""
)]
pub struct Migrate {
    #[command(flatten)]
    hand: Hand,
    /// Only say what would be applied.
    #[arg(long)]
    dry_run: bool,
}

impl Migrate {
    pub(super) async fn run(self, project: &Project) -> Result<Exit, CliError> {
        let (mut shown, mut paused) = (Vec::new(), None);
        for opened in self.hand.all(project, "migrate").await? {
            let set = match &opened.set {
                None => continue,
                Some(Err(refused)) => return Err(refused.clone().into()),
                Some(Ok(set)) => set.clone(),
            };
            let tool = opened.tool.clone();
            let (told, plan) = match &tool {
                Some(tool) => {
                    let (status, told) = project.plan_told(&opened, tool, &set, "migrate").await?;
                    (Some((tool, status)), told.plan)
                }
                None => {
                    let plan = opened.database.plan(&set).await;
                    (None, plan.map_err(|error| opened.refused(error))?)
                }
            };
            let home = format!("{} of {}", opened.name, opened.home);
            let versions: Vec<_> = plan.pending.iter().map(|one| one.version).collect();
            shown.push(json!({
                "database": opened.name,
                "home": opened.home,
                "applied": shown_all(&set, &versions),
                "adopted": shown_all(&set, &plan.adopted),
            }));
            if plan.is_empty() {
                eprintln!("{home}: nothing to apply");
                continue;
            }
            if self.dry_run {
                for migration in &plan.pending {
                    let text = title(migration.version, &migration.name);
                    eprintln!("{home}: would apply {}", style::plain(&text));
                }
                continue;
            }
            let taken = self.hand.take(project, opened, SchemaWork::Migrate).await?;
            if taken.opened.is_copied && !plan.pending.is_empty() && !plan.history.is_empty() {
                taken.copy().await?;
            }
            if let Some((tool, status)) = told {
                let applied = taken.migrate_by(project, tool, &set, &status).await;
                taken.done().await?;
                applied?;
                continue;
            }
            let pause = Pause::default();
            let database = taken.opened.database.clone();
            let database = database.create_if_missing().pausing(&pause);
            let is_batched = plan.pending.iter().any(|one| one.batches.is_some());
            // Whatever else is under way, Ctrl-C ends where it is.
            let interrupt = is_batched.then(|| pause_at_interrupt(&pause));
            let mut progress = Applying::new();
            let applied = database
                .apply(&plan, &taken.key, || now().0, |event| progress.tell(&event))
                .await;
            progress.close();
            interrupt.inspect(tokio::task::JoinHandle::abort);
            // Also what was applied before one that failed.
            taken.done().await?;
            match applied {
                Ok(_) => {}
                Err(error @ ApplyError::Paused { .. }) => {
                    if let (Some(shown), ApplyError::Paused { version, .. }) =
                        (shown.last_mut(), &error)
                    {
                        let before = versions.iter().take_while(|one| *one != version);
                        shown["applied"] = json!(before.collect::<Vec<_>>());
                    }
                    eprintln!("{home}: {}", style::plain(&error.to_string()));
                    eprintln!(
                        "`towpath db migrate {}` goes on from there",
                        taken.opened.environment
                    );
                    paused = Some(error);
                }
                Err(error) => return Err(failed(&error.to_string(), error.remedy())),
            }
            if paused.is_some() {
                break;
            }
        }
        if project.json {
            println!(
                "{}",
                json!({
                    "version": 1,
                    "dry_run": self.dry_run,
                    "databases": shown,
                    "paused": paused.as_ref().map(shown_paused),
                })
            );
        }
        Ok(match paused {
            Some(_) => Exit::Detached,
            None => Exit::Done,
        })
    }
}

fn shown_all(set: &MigrationSet, versions: &[Version]) -> Value {
    let all = versions.iter().map(|version| hand::shown(set, *version));
    all.collect()
}

/// Where it was paused, for scripts.
fn shown_paused(error: &ApplyError) -> Value {
    match error {
        ApplyError::Paused {
            version, batched, ..
        } => json!({
            "version": version,
            "rows": batched.rows,
            "total": batched.total,
            "changed": batched.changed,
        }),
        _ => Value::Null,
    }
}
