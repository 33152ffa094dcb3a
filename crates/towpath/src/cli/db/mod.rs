//! `towpath db`: the databases of environments, and what migrations do to them. A file a verb.

mod look;
mod plan;
mod status;

use clap::{Args, Subcommand};

use super::{Global, context::Context, error::CliError, exit::Exit};

/// Show what is applied to the databases of environments, and what the work tree's migrations would do
///
/// Only looks: a deployment is what migrates.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath db status\n  towpath db status staging --json\n  towpath db plan production"
)]
pub struct Db {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Status(status::Status),
    Plan(plan::Plan),
}

impl Db {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, CliError> {
        let context = Context::open(global).await?;
        match self.verb {
            Verb::Status(verb) => verb.run(&context).await,
            Verb::Plan(verb) => verb.run(&context).await,
        }
    }
}
