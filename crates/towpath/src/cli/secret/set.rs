//! `towpath secret set`: sets a secret.

use clap::Args;
use secrecy::ExposeSecret;
use serde_json::json;
use towpath_secrets::file::FileError;

use super::{Tree, input::Input, why};
use crate::{
    cli::{error::CliError, exit::Exit},
    clock,
};

/// Set a secret, from standard input or a prompt
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath secret set staging SESSION_KEY            # asks for it\n  \
                  towpath secret set staging SESSION_KEY --generate\n  towpath secret set staging TLS_KEY < key.pem"
)]
pub struct Set {
    /// The environment, by name or alias.
    environment: String,
    /// The secret.
    key: String,
    #[command(flatten)]
    input: Input,
    /// Why, for the record.
    #[arg(short = 'm', long)]
    reason: Option<String>,
}

impl Set {
    pub(super) async fn run(self, tree: Tree) -> Result<Exit, CliError> {
        self.input.check(&self.key)?;
        let environment = tree.environment(&self.environment)?.clone();
        let declared = tree.declared(&self.key)?;
        // Before somebody is asked for a value that would be taken for nothing.
        let shut = match tree.recorder.may_list(environment.name.as_str()).await? {
            true => tree.shut(&environment)?,
            false => None,
        };
        if shut.is_some_and(|shut| shut.rotating().contains(&self.key.as_str())) {
            return Err(FileError::Rotating(self.key).into());
        }
        let value = self.input.value(&self.key)?;
        if let Some(declared) = declared {
            let checked = declared
                .value_type
                .check(value.expose_secret(), &declared.values);
            checked.map_err(|should| {
                CliError::new(
                    Exit::Refused,
                    "config::bad-value",
                    format!("{} must be {should}", self.key),
                    format!(
                        "give another one, or change the type in [config.{}]",
                        self.key
                    ),
                )
            })?;
        }
        let reason = why(self.reason.as_deref(), "set by hand");
        let name = environment.name.as_str();
        tree.recorder
            .write(name, "set", vec![self.key.clone()], &reason)
            .await?;
        let mut change = tree.change(&environment)?;
        let has_changed = change
            .opened
            .set(&self.key, &value, clock::now().timestamp())?;
        if has_changed || change.is_new {
            change.opened.save(clock::now().timestamp())?;
        }
        let file = environment.secret_file();
        match tree.context.json {
            true => println!(
                "{}",
                json!({"version": 1, "environment": name, "key": self.key, "changed": has_changed, "file": file})
            ),
            false if has_changed => println!("{} is set for {name}; commit {file}", self.key),
            false => println!("{} of {name} has that value already", self.key),
        }
        Ok(Exit::Done)
    }
}
