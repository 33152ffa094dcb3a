//! `towpath schema`: the manifest's JSON Schema.

use clap::Args;
use towpath_core::manifest;

use super::{error::CliError, exit::Exit};

/// Print the JSON Schema of towpath.toml
#[derive(Args)]
#[command(
    after_help = "Example:\n  towpath schema > towpath.schema.json    # for editors that check TOML against a schema"
)]
pub struct Schema {}

impl Schema {
    pub(super) fn run(self) -> Result<Exit, CliError> {
        println!("{:#}", manifest::schema());
        Ok(Exit::Done)
    }
}
