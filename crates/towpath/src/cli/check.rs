//! `towpath check`: everything that is wrong with a manifest, in one run.

use std::{fs, path::PathBuf};

use clap::Args;
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};
use serde_json::json;
use towpath_core::manifest::{self, Problem};

use super::{Global, context, error::CliError, exit::Exit, style};
use crate::clock;

/// Check the manifest and show everything that is wrong with it
#[derive(Args)]
#[command(after_help = "Examples:\n  towpath check\n  towpath check other/towpath.toml --json")]
pub struct Check {
    /// The manifest; the nearest one upwards unless said.
    file: Option<PathBuf>,
}

impl Check {
    pub(super) fn run(self, global: &Global) -> Result<Exit, CliError> {
        let path = match self.file {
            Some(file) => context::start(global)?.join(file),
            None => context::find_root(global)?.join(context::MANIFEST),
        };
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let unreadable = |why: String| {
            let message = format!("could not read {}: {why}", path.display());
            CliError::new(
                Exit::Manifest,
                "manifest::unreadable",
                message,
                "name a manifest that is there, in UTF-8",
            )
        };
        let bytes = fs::read(&path).map_err(|error| unreadable(error.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8".into()))?;
        let linted = manifest::lint(&text, &name, clock::today());
        let is_good = linted.is_good();
        if global.json {
            println!(
                "{}",
                json!({"version": 1, "ok": is_good, "problems": linted.problems})
            );
        } else {
            print(&linted.problems);
            match &linted.manifest {
                Some(_) if !is_good => {
                    eprintln!("{} can be used, and should not stay so", path.display());
                }
                Some(manifest) => println!(
                    "{} is valid: {} with {} and {}",
                    path.display(),
                    manifest.project,
                    plural(manifest.services.len(), "service"),
                    plural(manifest.environments.len(), "environment"),
                ),
                None => eprintln!("{} is not valid", path.display()),
            }
        }
        Ok(match is_good {
            true => Exit::Done,
            false => Exit::Manifest,
        })
    }
}

/// A number of things, in words.
pub fn plural(count: usize, what: &str) -> String {
    if count == 1 {
        format!("1 {what}")
    } else {
        format!("{count} {what}s")
    }
}

/// Prints problems with their places in the text, to standard error.
pub fn print(problems: &[Problem]) {
    let theme = match style::of_stderr().is_on() {
        true => GraphicalTheme::unicode(),
        false => GraphicalTheme::unicode_nocolor(),
    };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(100);
    for problem in problems {
        let mut text = String::new();
        match handler.render_report(&mut text, problem as &dyn Diagnostic) {
            Ok(()) => eprintln!("{text}"),
            Err(_) => eprintln!("{}", problem.one_line()),
        }
    }
}
