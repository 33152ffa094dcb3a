//! `towpath man`: writes the manual pages, one a verb.

use std::path::PathBuf;

use clap::{Args, CommandFactory};

use super::{
    Cli,
    error::{self, CliError},
    exit::Exit,
};

/// Write the manual pages into a directory
#[derive(Args)]
pub struct Man {
    /// The directory.
    directory: PathBuf,
}

impl Man {
    pub(super) fn run(self) -> Result<Exit, CliError> {
        std::fs::create_dir_all(&self.directory).map_err(error::output)?;
        clap_mangen::generate_to(Cli::command(), &self.directory).map_err(error::output)?;
        Ok(Exit::Done)
    }
}
