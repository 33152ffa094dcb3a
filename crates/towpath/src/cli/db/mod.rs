//! `towpath db`: the databases of environments, and what migrations do to them. A file a verb.

mod adopt;
mod applying;
mod capture;
mod compare;
mod drift;
mod files;
mod hand;
mod lint;
mod look;
mod migrate;
mod open;
mod plan;
mod reach;
mod reset;
mod restore;
mod seed;
mod settle;
mod snapshot;
mod status;
mod tool;
mod undo;

use std::{collections::BTreeMap, path::PathBuf};

use clap::{Args, Subcommand};
use tokio::sync::{Mutex, OnceCell};
use towpath_core::{manifest, names::DatabaseName};
use towpath_migrate::MigrationSet;

use super::{Global, context, error::CliError, exit::Exit};
use crate::{engine::Place, git::Question, home::Home};
use look::Refused;

/// Look at the databases of environments, and at what migrations do to them; and change one by hand
///
/// A deployment migrates by itself. What is done by hand takes the same rights, and stands in the same journal.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath db status\n  towpath db status staging --json\n  towpath db plan production\n  towpath db lint\n  \
                  towpath db migrate local\n  towpath db undo local"
)]
pub struct Db {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Status(status::Status),
    Plan(plan::Plan),
    Lint(lint::Lint),
    Drift(drift::Drift),
    Capture(capture::Capture),
    Reset(reset::Reset),
    Migrate(migrate::Migrate),
    Undo(undo::Undo),
    Snapshot(snapshot::Snapshot),
    Restore(restore::Restore),
    Adopt(adopt::Adopt),
    Settle(settle::Settle),
}

impl Db {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, CliError> {
        match self.verb {
            Verb::Status(verb) => verb.run(&Project::open(global).await?).await,
            Verb::Plan(verb) => verb.run(&Project::open(global).await?).await,
            Verb::Lint(verb) => verb.run(global).await,
            Verb::Drift(verb) => verb.run(&Project::open(global).await?).await,
            Verb::Capture(verb) => verb.run(&Project::open(global).await?).await,
            Verb::Reset(verb) => verb.run(&Project::open(global).await?).await,
            Verb::Migrate(verb) => verb.run(&Project::open(global).await?).await,
            Verb::Undo(verb) => verb.run(&Project::open(global).await?).await,
            Verb::Snapshot(verb) => verb.run(&Project::open(global).await?).await,
            Verb::Restore(verb) => verb.run(&Project::open(global).await?).await,
            Verb::Adopt(verb) => verb.run(&Project::open(global).await?).await,
            Verb::Settle(verb) => verb.run(&Project::open(global).await?).await,
        }
    }
}

/// A project: nobody has to say who looks, only who changes something.
struct Project {
    root: PathBuf,
    place: Place,
    /// The migrations of each database that has a directory of them.
    sets: BTreeMap<DatabaseName, Result<MigrationSet, Refused>>,
    /// The data directory, once somebody has asked for it, and what was asked of git to find it.
    home: OnceCell<Home>,
    question: Mutex<Option<Question>>,
    global: Global,
    json: bool,
}

impl Project {
    async fn open(global: &Global) -> Result<Project, CliError> {
        let root = context::find_root()?;
        let manifest = context::manifest(global)?;
        // On a server nothing of ours is looked at, and git is not waited for.
        let has_files = |databases: &BTreeMap<DatabaseName, manifest::Database>| {
            databases.values().any(|one| !one.engine.is_server())
        };
        let question = match global.data.is_none() && has_files(&manifest.databases) {
            true => context::question(global, &root),
            false => None,
        };
        Ok(Project {
            // Thousands of files may take as long as git.
            sets: open::sets(&manifest, &root),
            home: OnceCell::new(),
            question: Mutex::new(question),
            place: Place {
                manifest,
                work_tree: Some(root.clone()),
            },
            root,
            global: global.clone(),
            json: global.json,
        })
    }

    /// The data directory.
    async fn home(&self) -> Result<&Home, CliError> {
        let found = self.home.get_or_try_init(async || {
            let asked = self.question.lock().await.take();
            context::home_to_look_at(&self.global, &self.place.manifest, &self.root, asked).await
        });
        found.await
    }
}
