//! `towpath config`: what services and commands find in their environment, and why. A file a verb.

mod audit;
pub(super) mod checks;
mod diff;
mod export;
mod guess;
mod import;
mod list;
mod said;
mod set;
mod show;
mod view;
mod why;

use clap::{Args, Subcommand};

use super::{Global, error::CliError, exit::Exit, secret::Tree};

/// Show, compare and set the configuration of environments
///
/// Keys are declared once, in [config.KEY]; values stand in layers, from a key's default to what an environment says of one service.
/// Secrets are in a file of their own: `towpath secret`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath config show staging\n  towpath config show staging --why PUBLIC_URL\n  \
                  towpath config diff staging production\n  towpath config set staging LOG_LEVEL debug\n  towpath config audit"
)]
pub struct Config {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Show(show::Show),
    List(list::List),
    Diff(diff::Diff),
    Audit(audit::Audit),
    Set(set::Set),
    Unset(set::Unset),
    Import(import::Import),
    Export(export::Export),
}

impl Config {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, CliError> {
        match self.verb {
            Verb::Show(verb) => verb.run(Tree::open(global).await?).await,
            Verb::List(verb) => verb.run(Tree::open(global).await?).await,
            Verb::Diff(verb) => verb.run(Tree::open(global).await?).await,
            Verb::Audit(verb) => verb.run(global),
            Verb::Set(verb) => verb.run(global),
            Verb::Unset(verb) => verb.run(global),
            Verb::Import(verb) => verb.run(global).await,
            Verb::Export(verb) => verb.run(Tree::open(global).await?).await,
        }
    }
}
