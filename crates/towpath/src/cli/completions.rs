//! `towpath completions`: for shells.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, error::CliError, exit::Exit};

/// Print completions for a shell
#[derive(Args)]
#[command(
    after_help = "Example:\n  towpath completions bash > ~/.local/share/bash-completion/completions/towpath"
)]
pub struct Completions {
    /// Which shell.
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self) -> Result<Exit, CliError> {
        clap_complete::generate(
            self.shell,
            &mut Cli::command(),
            "towpath",
            &mut std::io::stdout(),
        );
        Ok(Exit::Done)
    }
}
