//! `towpath check`: everything that is wrong with a manifest, and with what it says of code and secrets, in one run.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};
use serde_json::{Value, json};
use towpath_core::manifest::{self, Linted, Problem};

use super::{
    Global,
    config::checks::{self, Finding},
    context,
    error::CliError,
    exit::Exit,
    style,
};
use crate::clock;

/// Check the manifest and show everything that is wrong with it
///
/// Once the manifest declares keys of configuration, what the code reads must be among them, and secrets must be where they are said to be.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath check\n  towpath check --no-audit\n  towpath check other/towpath.toml --json"
)]
pub struct Check {
    /// The manifest; the nearest one upwards unless said.
    file: Option<PathBuf>,
    /// Do not look at which variables the code reads.
    #[arg(long)]
    no_audit: bool,
}

impl Check {
    pub(super) fn run(self, global: &Global) -> Result<Exit, CliError> {
        let path = match self.file {
            Some(file) => context::here()?.join(file),
            None => context::find_root()?.join(context::MANIFEST),
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
        let findings = around(&path, &text, &linted, !self.no_audit)?;
        let is_good = linted.is_good() && findings.is_empty();
        if global.json {
            let problems = linted.problems.iter().map(|problem| json!(problem));
            let problems: Vec<Value> = problems
                .chain(findings.iter().map(|finding| json!(finding)))
                .collect();
            println!(
                "{}",
                json!({"version": 1, "ok": is_good, "problems": problems})
            );
        } else {
            print(&linted.problems);
            print_findings(&findings);
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

/// What is wrong around the manifest. One that lies under another name says nothing of the files beside it.
fn around(
    path: &Path,
    text: &str,
    linted: &Linted,
    audits: bool,
) -> Result<Vec<Finding>, CliError> {
    let is_one = path
        .file_name()
        .is_some_and(|name| name == context::MANIFEST);
    match (&linted.manifest, path.parent()) {
        (Some(manifest), Some(root)) if is_one => checks::findings(root, text, manifest, audits),
        _ => Ok(Vec::new()),
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
    for problem in problems {
        print_one(problem);
    }
}

fn print_findings(findings: &[Finding]) {
    for finding in findings {
        print_one(&finding.diagnostic());
    }
}

fn print_one(problem: &dyn Diagnostic) {
    let theme = match style::of_stderr().is_on() {
        true => GraphicalTheme::unicode(),
        false => GraphicalTheme::unicode_nocolor(),
    };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(100);
    let mut text = String::new();
    match handler.render_report(&mut text, problem) {
        Ok(()) => eprintln!("{text}"),
        Err(_) => eprintln!("{problem}"),
    }
}
