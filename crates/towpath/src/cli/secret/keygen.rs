//! `towpath secret keygen`: makes a pair of keys.

use std::{fs, io::Write, os::unix::fs::OpenOptionsExt, path::PathBuf};

use clap::Args;
use secrecy::ExposeSecret;
use serde_json::json;
use towpath_secrets::sops;

use crate::{
    cli::{Global, error::CliError, exit::Exit},
    clock,
    config::key_file,
};

/// Make a pair of keys: the secret half goes into your key file, the public half into the manifest
///
/// The key file is where `sops` looks for it: SOPS_AGE_KEY_FILE, or ~/.config/sops/age/keys.txt. Keys that are there stay.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath secret keygen\n  towpath secret keygen --output /etc/towpath/agent.txt"
)]
pub struct Keygen {
    /// Write to this file instead of your own key file.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Keygen {
    pub(super) fn run(self, global: &Global) -> Result<Exit, CliError> {
        let path = self.output.or_else(key_file).ok_or_else(|| {
            CliError::new(
                Exit::Disorder,
                "secrets::no-key-file",
                "there is no home directory to keep a key in",
                "name a file: --output FILE",
            )
        })?;
        let (secret, recipient) = sops::keygen();
        let failed = |error: std::io::Error| {
            CliError::new(
                Exit::Disorder,
                "secrets::no-key-file",
                format!("could not write {}: {error}", path.display()),
                "name another file: --output FILE",
            )
        };
        if let Some(above) = path.parent().filter(|above| !above.as_os_str().is_empty()) {
            fs::create_dir_all(above).map_err(failed)?;
        }
        let mut file = fs::OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        let written = writeln!(
            file,
            "# created: {}\n# public key: {recipient}\n{}",
            clock::now(),
            secret.expose_secret()
        );
        written.and_then(|()| file.sync_all()).map_err(failed)?;
        match global.json {
            true => println!(
                "{}",
                json!({"version": 1, "recipient": recipient.to_string(), "file": path})
            ),
            false => {
                println!("{recipient}");
                eprintln!(
                    "the secret half is in {}; keep a copy where you keep such things",
                    path.display()
                );
                eprintln!(
                    "describe the public half in towpath.toml:\n\n  [recipients.NAME]\n  age = \"{recipient}\"\n"
                );
            }
        }
        Ok(Exit::Done)
    }
}
