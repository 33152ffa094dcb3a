//! `towpath db`: the databases of environments, and what migrations do to them. A file a verb.

mod lint;
mod look;
mod open;
mod plan;
mod status;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Global, context, error::CliError, exit::Exit};
use crate::{engine::Place, home::Home};

/// Show what is applied to the databases of environments, and what the work tree's migrations would do
///
/// Only looks: a deployment is what migrates.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath db status\n  towpath db status staging --json\n  towpath db plan production\n  towpath db lint"
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
}

impl Db {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, CliError> {
        match self.verb {
            Verb::Status(verb) => verb.run(&Project::open(global).await?).await,
            Verb::Plan(verb) => verb.run(&Project::open(global).await?).await,
            Verb::Lint(verb) => verb.run(global).await,
        }
    }
}

/// A project that is only looked at: nobody has to say who looks.
struct Project {
    root: PathBuf,
    place: Place,
    home: Home,
    global: Global,
    json: bool,
}

impl Project {
    async fn open(global: &Global) -> Result<Project, CliError> {
        let root = context::find_root()?;
        let manifest = context::manifest(global)?;
        Ok(Project {
            home: context::home_to_look_at(global, &manifest).await?,
            place: Place {
                manifest,
                work_tree: Some(root.clone()),
            },
            root,
            global: global.clone(),
            json: global.json,
        })
    }
}
