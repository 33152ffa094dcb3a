//! `towpath init`: writes a first manifest.

use std::{fs::OpenOptions, io::Write};

use clap::Args;
use serde_json::json;
use towpath_core::manifest;

use super::{Global, context, error::CliError, exit::Exit};

/// Write a first towpath.toml
#[derive(Args)]
#[command(after_help = "Examples:\n  towpath init\n  towpath init guestbook")]
pub struct Init {
    /// The project's name; the directory's unless said.
    name: Option<String>,
}

impl Init {
    pub(super) fn run(self, global: &Global) -> Result<Exit, CliError> {
        let here = context::here()?;
        let name = match self.name {
            Some(name) => name,
            None => here
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned(),
        };
        let path = here.join(context::MANIFEST);
        let failed = |error: std::io::Error| {
            let help = match error.kind() {
                std::io::ErrorKind::AlreadyExists => {
                    "it is left as it is; `towpath check` checks it"
                }
                _ => "check that the directory is yours to write in",
            };
            CliError::new(
                Exit::Disorder,
                "init::not-written",
                format!("could not write {}: {error}", path.display()),
                help,
            )
        };
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(failed)?;
        file.write_all(manifest::starter(&name).as_bytes())
            .map_err(failed)?;
        if global.json {
            println!("{}", json!({"version": 1, "written": path}));
        } else {
            println!("wrote {}", path.display());
            eprintln!(
                "  next: describe your services in it, then `towpath check` and `towpath plan staging`"
            );
        }
        Ok(Exit::Done)
    }
}
