//! `towpath secret get`: shows a secret.

use clap::Args;
use secrecy::ExposeSecret;
use serde_json::json;
use towpath_secrets::file::FileError;

use super::{Tree, input, why};
use crate::cli::{error::CliError, exit::Exit};

/// Show that a secret is there, and its value where that is asked for
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath secret get staging SESSION_KEY\n  towpath secret get staging SESSION_KEY --reveal -m 'mail does not go out'"
)]
pub struct Get {
    /// The environment, by name or alias.
    environment: String,
    /// The secret.
    key: String,
    /// Print the value. Whoever sees the screen sees it.
    #[arg(long)]
    reveal: bool,
    /// Why, for the record.
    #[arg(short = 'm', long)]
    reason: Option<String>,
}

impl Get {
    pub(super) async fn run(self, tree: Tree) -> Result<Exit, CliError> {
        let environment = tree.environment(&self.environment)?;
        let name = environment.name.as_str();
        let missing = || FileError::NoSuchKey(self.key.clone());
        if !self.reveal {
            tree.recorder.list(name).await?;
            let shut = tree.existing(environment)?;
            if !shut.keys().contains(&self.key.as_str()) {
                return Err(missing().into());
            }
            match tree.context.json {
                true => println!(
                    "{}",
                    json!({"version": 1, "environment": name, "key": self.key, "value": null})
                ),
                false => println!("{}", input::MASK),
            }
            return Ok(Exit::Done);
        }
        let reason = why(self.reason.as_deref(), "looked at by hand");
        tree.recorder
            .read(name, "get", vec![self.key.clone()], &reason)
            .await?;
        let value = tree
            .opened(environment)?
            .get(&self.key)
            .ok_or_else(missing)?;
        match tree.context.json {
            true => println!(
                "{}",
                json!({"version": 1, "environment": name, "key": self.key, "value": value.expose_secret()})
            ),
            false => input::print(&value),
        }
        Ok(Exit::Done)
    }
}
