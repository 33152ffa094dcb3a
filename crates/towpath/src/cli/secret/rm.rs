//! `towpath secret rm`: removes a secret.

use clap::Args;
use serde_json::json;
use towpath_secrets::file::FileError;

use super::{Tree, why};
use crate::{
    cli::{error::CliError, exit::Exit},
    clock,
};

/// Remove a secret from an environment's file
///
/// Earlier commits still have it: where it was used, it is good until it is revoked there.
#[derive(Args)]
#[command(after_help = "Examples:\n  towpath secret rm staging OLD_TOKEN -m 'the vendor is gone'")]
pub struct Rm {
    /// The environment, by name or alias.
    environment: String,
    /// The secret.
    key: String,
    /// Why, for the record.
    #[arg(short = 'm', long)]
    reason: Option<String>,
}

impl Rm {
    pub(super) async fn run(self, tree: Tree) -> Result<Exit, CliError> {
        let environment = tree.environment(&self.environment)?.clone();
        let name = environment.name.as_str();
        if !tree
            .existing(&environment)?
            .keys()
            .contains(&self.key.as_str())
        {
            return Err(FileError::NoSuchKey(self.key).into());
        }
        let reason = why(self.reason.as_deref(), "removed by hand");
        tree.recorder
            .write(name, "rm", vec![self.key.clone()], &reason)
            .await?;
        let mut change = tree.change(&environment)?;
        change.opened.remove(&self.key, clock::now().timestamp())?;
        change.opened.save(clock::now().timestamp())?;
        let file = environment.secret_file();
        match tree.context.json {
            true => println!(
                "{}",
                json!({"version": 1, "environment": name, "key": self.key, "file": file})
            ),
            false => println!(
                "{} is removed from {name}; revoke it where it was used, and commit {file}",
                self.key
            ),
        }
        Ok(Exit::Done)
    }
}
