//! `towpath secret rotate`: replaces a secret, with a time in which the old and the new one are both there.

use clap::Args;
use secrecy::ExposeSecret;
use serde_json::json;

use super::{Tree, input::Input, why};
use crate::{
    cli::{error::CliError, exit::Exit},
    clock,
};

/// Replace a secret in two steps, so that the old and the new one are both valid in between
///
/// The first step makes the new value the secret's; the old one stays beside it, and services find it in the variable that `previous`
/// in [config.KEY] names. Deploy, revoke the old one at the vendor, then `--finish`. Each step is one change of one file: a crash leaves
/// the one before it or the one after.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath secret rotate production SESSION_KEY --generate\n  towpath secret rotate production SESSION_KEY --finish\n  \
                  towpath secret rotate production SESSION_KEY --abort"
)]
pub struct Rotate {
    /// The environment, by name or alias.
    environment: String,
    /// The secret.
    key: String,
    /// The old value is valid no more: forget it.
    #[arg(long, conflicts_with_all = ["abort", "generate"])]
    finish: bool,
    /// The old value stays: forget the new one.
    #[arg(long, conflicts_with = "generate")]
    abort: bool,
    #[command(flatten)]
    input: Input,
    /// Why, for the record.
    #[arg(short = 'm', long)]
    reason: Option<String>,
}

impl Rotate {
    pub(super) async fn run(self, tree: Tree) -> Result<Exit, CliError> {
        self.input.check(&self.key)?;
        let environment = tree.environment(&self.environment)?.clone();
        let name = environment.name.as_str();
        let declared = tree.declared(&self.key)?;
        let previous = declared.and_then(|declared| declared.previous.clone());
        let value = match self.finish || self.abort {
            true => None,
            false => Some(self.input.value(&self.key)?),
        };
        if let (Some(declared), Some(value)) = (declared, &value) {
            let checked = declared
                .value_type
                .check(value.expose_secret(), &declared.values);
            checked.map_err(|should| {
                let message = format!("{} must be {should}", self.key);
                CliError::new(
                    Exit::Refused,
                    "config::bad-value",
                    message,
                    "give another one",
                )
            })?;
        }
        let (by, otherwise) = match (self.finish, self.abort) {
            (true, _) => ("rotate --finish", "the old value is valid no more"),
            (_, true) => ("rotate --abort", "the rotation is taken back"),
            _ => ("rotate", "rotated by hand"),
        };
        let reason = why(self.reason.as_deref(), otherwise);
        tree.existing(&environment)?;
        tree.recorder
            .write(name, by, vec![self.key.clone()], &reason)
            .await?;
        let mut change = tree.change(&environment)?;
        let now = clock::now().timestamp();
        let said = match &value {
            Some(value) => {
                change.opened.begin_rotation(&self.key, value, now)?;
                let place = match &previous {
                    Some(variable) => format!("services find the old value in {variable}"),
                    None => format!(
                        "no variable holds the old value: `previous` in [config.{}] would name one",
                        self.key
                    ),
                };
                format!(
                    "{} of {name} has a new value, and the old one beside it; {place}",
                    self.key
                )
            }
            None if self.finish => {
                change.opened.finish_rotation(&self.key)?;
                format!("only the new value of {} is left in {name}", self.key)
            }
            None => {
                change.opened.abort_rotation(&self.key)?;
                format!("only the old value of {} is left in {name}", self.key)
            }
        };
        change.opened.save(now)?;
        let file = environment.secret_file();
        match tree.context.json {
            true => println!(
                "{}",
                json!({"version": 1, "environment": name, "key": self.key, "rotating": value.is_some(), "file": file})
            ),
            false => println!("{said}; commit {file}"),
        }
        Ok(Exit::Done)
    }
}
