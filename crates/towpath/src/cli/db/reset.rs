//! `towpath db reset`: a developer's own database, made anew of its migrations and its seed.

use clap::Args;
use serde_json::json;
use towpath_core::{
    manifest::{Environment, Manifest},
    names::EnvironmentName,
    path::SchemaWork,
};

use super::{
    Project,
    applying::Applying,
    hand::{Hand, database_failed, failed},
    look::Refused,
    open::Opened,
    seed::Seed,
    tool::not_with_a_tool,
};
use crate::{
    cli::{check::plural, error::CliError, exit::Exit, style},
    clock::now,
};

/// Empty a developer's own database, apply the work tree's migrations to it, and run its seed
///
/// What is there is copied first, and then lost. Refused in production, where deployments come to, and where environments share the database;
/// does nothing without `--yes`. Rows that belong in every such database come from `seed` of `[databases.NAME]`, a command that is run with the
/// environment's configuration and secrets. When it fails, the status is 1, and the database is as the migrations and the seed have left it.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath db reset\n  towpath db reset --yes\n  towpath db reset local --yes --no-seed"
)]
pub struct Reset {
    /// The environment, by name or alias; unless said, `local`, or the only one that nothing is deployed to.
    environment: Option<String>,
    /// The database, where there are several.
    #[arg(long, short = 'd')]
    database: Option<String>,
    /// Why; it is kept in the journal.
    #[arg(long)]
    reason: Option<String>,
    /// Leave the seed out.
    #[arg(long)]
    no_seed: bool,
    /// Do it.
    #[arg(long)]
    yes: bool,
}

impl Reset {
    pub(super) async fn run(self, project: &Project) -> Result<Exit, CliError> {
        let manifest = &project.place.manifest;
        let environment = project.own_environment(self.environment.as_deref())?;
        if let Some(why) = why_not(manifest, environment) {
            return Err(refusal(&environment.name, &why));
        }
        let hand = Hand {
            environment: environment.name.to_string(),
            database: self.database,
            reason: self.reason,
        };
        let opened = hand.one(project, "reset").await?;
        if let Some(why) = why_shared(manifest, &opened) {
            return Err(refusal(&environment.name, &why));
        }
        if opened.tool.is_some() {
            return Err(not_with_a_tool(
                &format!("make {} of {} anew", opened.name, opened.home),
                "reset it with the tool, such as with `npx prisma migrate reset`, or remove it; then `towpath db migrate`",
            ));
        }
        let set = match &opened.set {
            Some(Ok(set)) => set.clone(),
            Some(Err(refused)) => return Err(refused.clone().into()),
            None => {
                return Err(failed(
                    "make it anew: the manifest names no migrations",
                    format!("write `migrations` into [databases.{}]", opened.name),
                ));
            }
        };
        // What the migrations make is seen before anything is lost.
        let tried = opened.database.schema_of(&set, || now().0).await;
        tried.map_err(|error| failed(&error.to_string(), error.remedy()))?;
        let title = format!("{} of {}", opened.name, opened.home);
        let count = plural(set.migrations().len(), "migration");
        eprintln!(
            "{title} is emptied, and gets the {count} of the work tree: whatever it holds is lost"
        );
        let rows = opened.database.rows().await.map_err(database_failed)?;
        for (table, count) in rows.iter().filter(|(_, count)| **count > 0) {
            eprintln!("{}: {count} rows", style::plain(table));
        }
        if !self.yes {
            return Err(CliError::new(
                Exit::Refused,
                "db::not-confirmed",
                format!("{title} was not touched"),
                "add --yes to do it",
            ));
        }
        // So is what the seed needs.
        let seed = match self.no_seed {
            true => None,
            false => Seed::ready(project, &opened, hand.reason.as_deref()).await?,
        };
        let held = opened.database.schema().await;
        let held = held.map_err(database_failed)?;
        let is_empty = held.tables.is_empty() && held.objects.is_empty();
        let taken = hand.take(project, opened, SchemaWork::Reset).await?;
        let copy = match is_empty {
            true => None,
            false => Some(taken.copy().await?),
        };
        let database = taken.opened.database.clone().create_if_missing();
        let cleared = database.clear(&taken.key).await;
        if let Err(error) = cleared {
            taken.done().await?;
            return Err(failed(&error.to_string(), error.remedy()));
        }
        let plan = database.plan(&set).await.map_err(Refused::from)?;
        let mut shown = Applying::new();
        let applied = database
            .apply(&plan, &taken.key, || now().0, |event| shown.tell(&event))
            .await;
        shown.close();
        taken.done().await?;
        applied.map_err(|error| failed(&error.to_string(), error.remedy()))?;
        if let Some(seed) = &seed {
            seed.run().await?;
        }
        match project.json {
            true => {
                let versions = plan.pending.iter().map(|one| one.version);
                let versions: Vec<_> = versions.collect();
                println!(
                    "{}",
                    json!({"version": 1, "applied": versions, "before": copy, "seeded": seed.as_ref().map(Seed::command)})
                );
            }
            false => println!("{title} is made anew"),
        }
        Ok(Exit::Done)
    }
}

/// Why nothing of an environment is made anew.
fn why_not(manifest: &Manifest, environment: &Environment) -> Option<String> {
    if manifest.is_production(environment) {
        return Some("it is production".into());
    }
    if let Some(branch) = &environment.branch {
        let branch = branch.0.as_str();
        return Some(format!("deployments come to it from {branch}"));
    }
    if !environment.after.is_empty() {
        let before = names(&environment.after);
        return Some(format!("deployments come to it through {before}"));
    }
    None
}

/// Why a database is not one environment's own.
fn why_shared(manifest: &Manifest, opened: &Opened) -> Option<String> {
    let (name, home) = (&opened.name, &opened.home);
    if *home != opened.environment {
        return Some(format!("its database {name} is that of {home}"));
    }
    let others: Vec<EnvironmentName> = manifest
        .environments
        .iter()
        .map(|environment| &environment.name)
        .filter(|other| *other != home && manifest.database_home(other, name) == *home)
        .cloned()
        .collect();
    (!others.is_empty()).then(|| format!("{} uses its database {name} too", names(&others)))
}

fn names(list: &[EnvironmentName]) -> String {
    let list: Vec<&str> = list.iter().map(|name| name.as_str()).collect();
    list.join(", ")
}

fn refusal(environment: &EnvironmentName, why: &str) -> CliError {
    CliError::new(
        Exit::Refused,
        "db::not-your-own",
        format!("a database of {environment} is not made anew: {why}"),
        "name an environment of your own; `towpath db undo` and `towpath db restore` take a database back",
    )
}
