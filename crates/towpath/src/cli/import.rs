//! `towpath import`: the page that a team has, as a manifest.

use std::{fs, io, path::PathBuf};

use clap::Args;
use serde_json::json;
use towpath_core::catalogue::import::{ImportError, Imported, Note, Page, Report, import};

use super::{
    Global,
    check::{self, plural},
    context,
    error::CliError,
    exit::Exit,
    style,
};

/// Make a manifest of the pages that describe your environments
///
/// Reads Markdown and HTML: a heading for each environment, tables of environments or with a column of them, lists with fields in
/// bold, mermaid flowcharts. What it understood, guessed and did not understand is told on standard error; nothing is
/// invented, and nothing is left out without being told.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath import wiki/environments.md > towpath.toml\n  \
                  towpath import catalogue.md process.md --into towpath.toml\n  towpath import page.md --json"
)]
pub struct Import {
    /// The pages; `-` reads one from standard input.
    #[arg(required = true, value_name = "PAGE")]
    pages: Vec<PathBuf>,
    /// Write into this manifest, which keeps what it says, its comments and its order; without it, the manifest is printed.
    #[arg(long, value_name = "FILE")]
    into: Option<PathBuf>,
    /// The project's name, where nothing else tells it; the directory's unless said.
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// Tell also what was understood, line by line.
    #[arg(long)]
    all: bool,
}

impl Import {
    pub(super) fn run(self, global: &Global) -> Result<Exit, CliError> {
        let here = context::here()?;
        let mut texts = Vec::new();
        for path in &self.pages {
            let name = path.display().to_string();
            let text = match name.as_str() {
                "-" => io::read_to_string(io::stdin()).map(String::into_bytes),
                _ => fs::read(here.join(path)),
            };
            let bytes = text.map_err(|error| unreadable(&name, &error))?;
            texts.push((name, page_text(bytes)));
        }
        let pages: Vec<Page<'_>> = texts
            .iter()
            .map(|(name, text)| Page { name, text })
            .collect();
        let into = self.into.as_ref().map(|path| here.join(path));
        let before = match &into {
            None => None,
            Some(path) => match fs::read_to_string(path) {
                Ok(text) => Some(text),
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => return Err(unreadable(&path.display().to_string(), &error)),
            },
        };
        let project = self.project.unwrap_or_else(|| {
            let directory = here.file_name().unwrap_or_default().to_string_lossy();
            project_name(&directory)
        });
        let imported = import(&pages, before.as_deref(), &project)
            .map_err(|error| refused(error, global.json))?;
        let is_new = before.as_deref() != Some(imported.text.as_str());
        if let Some(path) = into.as_ref().filter(|_| is_new) {
            crate::files::replace(path, &imported.text)
                .map_err(|error| unwritable(path, &error))?;
        }
        if global.json {
            let answer = json!({
                "version": 1,
                "file": into,
                "changed": is_new,
                "manifest": imported.text,
                "report": imported.report,
            });
            println!("{answer}");
            return Ok(Exit::Done);
        }
        if into.is_none() {
            print!("{}", imported.text);
        }
        tell(&imported.report, self.all);
        summary(&imported, into.as_ref(), is_new);
        Ok(Exit::Done)
    }
}

/// The text of a page; one that is not UTF-8 is read as the web reads it, a replacement for each byte that says nothing.
fn page_text(bytes: Vec<u8>) -> String {
    let text = String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    }
}

/// The directory's name as a project's.
fn project_name(directory: &str) -> String {
    let name: String = directory
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let name = name.trim_matches(|c: char| c == '-' || c.is_ascii_digit());
    let name: String = name.chars().take(40).collect();
    match name.trim_end_matches('-') {
        "" => "project".to_owned(),
        name => name.to_owned(),
    }
}

fn tell(report: &Report, all: bool) {
    let paint = style::of_stderr();
    let part = |heading: String, notes: &[Note]| {
        if notes.is_empty() {
            return;
        }
        eprintln!("{heading}");
        for note in notes {
            let place = match note.line {
                0 => String::new(),
                line => format!("{}:{line}: ", note.page),
            };
            eprintln!("  {}{}", paint.dim(&place), style::plain(&note.text));
        }
    };
    if all {
        part(paint.good("understood"), &report.understood);
    }
    part(paint.waits("guessed, look at these"), &report.guessed);
    part(
        paint.bad("not understood, so not in the manifest"),
        &report.not_understood,
    );
}

fn summary(imported: &Imported, into: Option<&PathBuf>, is_new: bool) {
    let report = &imported.report;
    let environments = imported.manifest.environments.iter();
    let resources = environments.map(|environment| environment.resources.len());
    eprintln!(
        "{} in {}, {}: {} understood, {} guessed, {} not understood",
        plural(imported.manifest.environments.len(), "environment"),
        plural(imported.manifest.groups.len(), "group"),
        plural(resources.sum(), "resource"),
        report.understood.len(),
        report.guessed.len(),
        report.not_understood.len(),
    );
    match into {
        Some(path) if is_new => println!("wrote {}", path.display()),
        Some(path) => println!("{} says all of it already", path.display()),
        None => {}
    }
}

fn unreadable(name: &str, error: &io::Error) -> CliError {
    CliError::new(
        Exit::Disorder,
        "import::unreadable",
        format!("could not read {name}: {error}"),
        "name a file that is there and that you may read, or `-` for standard input",
    )
}

fn unwritable(path: &std::path::Path, error: &io::Error) -> CliError {
    CliError::new(
        Exit::Disorder,
        "import::not-written",
        format!("could not write {}: {error}", path.display()),
        "check that the directory is there, is yours to write in, and has room",
    )
}

fn refused(error: ImportError, json: bool) -> CliError {
    let message = error.to_string();
    let (exit, code, help) = match &error {
        ImportError::TooLarge { .. } => (
            Exit::Refused,
            "import::too-large",
            "import the page's part about environments",
        ),
        ImportError::Page { .. } => (
            Exit::Refused,
            "import::page",
            "import the page's part about environments",
        ),
        ImportError::Nothing(report) => {
            if !json {
                tell(report, true);
            }
            (
                Exit::Refused,
                "import::nothing",
                "a page needs a heading for each environment, or a table with a column of them",
            )
        }
        ImportError::Invalid(problems) => {
            if !json {
                check::print(problems.as_slice());
            }
            (
                Exit::Manifest,
                "manifest::invalid",
                "nothing was written; mend the manifest, or import a part of the pages",
            )
        }
        ImportError::Unreadable(_) => (
            Exit::Manifest,
            "manifest::invalid",
            "nothing was written; `towpath check` shows what is wrong with the manifest",
        ),
    };
    CliError::new(exit, code, message, help)
}
