//! `towpath secret export`: an environment's secrets, for other programs.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use towpath_secrets::{
    dotenv,
    file::Opened,
    sops::{self, Document, Recipient, Value},
};
use zeroize::Zeroizing;

use super::{Tree, private, why};
use crate::{
    cli::{error::CliError, exit::Exit},
    clock,
};

/// Write an environment's secrets, for other programs
///
/// As a SOPS file, they are sealed for those who can open the environment's own file, in a form that other tools expect: keys at the top, and
/// nothing else. In clear, `--reveal` must say so, and a file is readable by its owner alone. Both are recorded.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath secret export staging --format sops-dotenv --output staging.enc.env\n  \
                  towpath secret export staging --reveal --output .env -m 'moving to another host'"
)]
pub struct Export {
    /// The environment, by name or alias.
    environment: String,
    /// How it is written.
    #[arg(long, value_enum, default_value_t = Format::Dotenv)]
    format: Format,
    /// Write values in clear.
    #[arg(long)]
    reveal: bool,
    /// Into this file; to standard output unless said.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Why, for the record.
    #[arg(short = 'm', long)]
    reason: Option<String>,
}

/// How secrets are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// In clear, as npm's dotenv and dotenvx read it.
    Dotenv,
    /// In clear, one object.
    Json,
    /// Encrypted, a line a secret.
    SopsDotenv,
    /// Encrypted, one object.
    SopsJson,
    /// Encrypted, one map.
    SopsYaml,
}

impl Format {
    fn is_sealed(self) -> Option<sops::Format> {
        match self {
            Format::Dotenv | Format::Json => None,
            Format::SopsDotenv => Some(sops::Format::Dotenv),
            Format::SopsJson => Some(sops::Format::Json),
            Format::SopsYaml => Some(sops::Format::Yaml),
        }
    }
}

impl Export {
    pub(super) async fn run(self, tree: Tree) -> Result<Exit, CliError> {
        let environment = tree.environment(&self.environment)?;
        let name = environment.name.as_str();
        if self.format.is_sealed().is_none() && !self.reveal {
            return Err(CliError::new(
                Exit::Usage,
                "secrets::not-revealed",
                "secrets are written in clear only with --reveal",
                "`--format sops-dotenv` writes them encrypted",
            ));
        }
        let shut = tree.existing(environment)?;
        let keys: Vec<String> = shut.keys().into_iter().map(str::to_owned).collect();
        let reason = why(self.reason.as_deref(), "exported by hand");
        let recorder = &tree.recorder;
        recorder.read(name, "export", keys.clone(), &reason).await?;
        let opened = tree.opened(environment)?;
        let bytes = match self.format.is_sealed() {
            Some(form) => sealed(&opened, form).map_err(|error| bad(&error))?,
            None => self.clear(&opened)?,
        };
        if let Some(path) = &self.output {
            private::write(path, &bytes)?;
        }
        match (&self.output, tree.context.json) {
            (output, true) => {
                let text = std::str::from_utf8(&bytes).unwrap_or_default();
                let text = output.is_none().then_some(text);
                println!(
                    "{}",
                    json!({"version": 1, "environment": name, "keys": keys, "written": output, "text": text})
                );
            }
            (Some(path), false) => println!("wrote {}", path.display()),
            (None, false) => private::print(&bytes)?,
        }
        Ok(Exit::Done)
    }

    fn clear(&self, opened: &Opened) -> Result<Zeroizing<Vec<u8>>, CliError> {
        let values = values(opened);
        if self.format == Format::Json {
            let values = values
                .iter()
                .map(|(key, value)| (key.clone(), json!(value.expose_secret())));
            let object = serde_json::Value::Object(values.collect());
            return Ok(Zeroizing::new(format!("{object:#}\n").into_bytes()));
        }
        let pairs = values
            .iter()
            .map(|(key, value)| (key.as_str(), value.expose_secret()));
        let text = dotenv::write(pairs).map_err(|error| bad(&error))?;
        Ok(Zeroizing::new(text.as_bytes().to_vec()))
    }
}

fn values(opened: &Opened) -> Vec<(String, SecretString)> {
    let keys = opened.keys().into_iter();
    keys.filter_map(|key| Some((key.clone(), opened.get(&key)?)))
        .collect()
}

/// A file that any `sops` opens, for the same recipients.
fn sealed(opened: &Opened, form: sops::Format) -> Result<Zeroizing<Vec<u8>>, sops::SopsError> {
    let recipients = opened.recipients();
    let recipients: Vec<Recipient> = recipients
        .iter()
        .filter_map(|recipient| recipient.parse().ok())
        .collect();
    let mut document = Document::new(form, &recipients)?;
    for (key, value) in values(opened) {
        document.set(&[&key], Value::Text(value))?;
    }
    let bytes = document.seal(clock::now().timestamp())?;
    Ok(Zeroizing::new(bytes))
}

fn bad(why: &dyn std::fmt::Display) -> CliError {
    CliError::new(
        Exit::Refused,
        "secrets::inexpressible",
        format!("could not {why}"),
        "take another format: `--format json`, or `--format sops-json`",
    )
}
