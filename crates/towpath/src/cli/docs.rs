//! `towpath docs`: the page that describes the environments, made from the manifest and kept true.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use serde_json::json;
use similar::{ChangeTag, TextDiff};
use towpath_core::{
    catalogue::{
        self,
        page::{self, Flavour, MarkError, Standing},
    },
    manifest::Manifest,
};

use super::{
    Global,
    context::{self, Context},
    error::CliError,
    exit::Exit,
    style,
    way::Way,
};

/// The page's file where none is named.
const PAGE: &str = "ENVIRONMENTS.md";

/// Print or write the page that describes the environments, or check that it is true
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath docs\n  towpath docs --out docs/environments.md\n  \
                  towpath docs --check --out docs/environments.md\n  towpath docs --format mermaid"
)]
pub struct Docs {
    /// What to make.
    #[arg(long, value_enum, default_value_t = Format::Markdown)]
    format: Format,
    /// Write it to this file; of Markdown, only what stands between the comments `towpath:begin` and `towpath:end`.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write nothing; end with status 1 and a diff when the file is not up to date. Without --out: ENVIRONMENTS.md beside
    /// the manifest.
    #[arg(long)]
    check: bool,
    /// Tell also what is deployed where just now. A page that is kept in the repository is better without: it would be out of
    /// date with the next deployment.
    #[arg(long)]
    deployed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A page with tables, a diagram, and the process of each environment
    Markdown,
    /// The same, as GitBook has it
    Gitbook,
    /// The same, as one HTML file
    Html,
    /// The pipeline alone: the branches, and what feeds each environment
    Svg,
    /// The pipeline, as mermaid draws it
    Gitgraph,
    /// The diagram of groups, homes and environments, as mermaid draws it
    Mermaid,
    /// Entities for Backstage's catalogue, as a catalog-info.yaml
    Backstage,
    /// The catalogue for programs, as `env list --json` prints it
    Json,
}

impl Docs {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, CliError> {
        let root = context::find_root()?;
        let manifest = context::manifest(global)?;
        let standing = match self.deployed {
            true => Some(standing(global).await?),
            false => None,
        };
        let made = make(&manifest, standing.as_deref(), self.format);
        let path = match (self.out, self.check) {
            (Some(out), _) => context::here()?.join(out),
            (None, true) => root.join(PAGE),
            (None, false) if global.json && self.format != Format::Json => {
                println!("{}", json!({"version": 1, "text": made}));
                return Ok(Exit::Done);
            }
            (None, false) => {
                let mut out = io::stdout().lock();
                return match out.write_all(made.as_bytes()).and_then(|()| out.flush()) {
                    Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                        Err(super::error::output(error))
                    }
                    _ => Ok(Exit::Done),
                };
            }
        };
        let before = match fs::read_to_string(&path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(unreadable(&path, &error)),
        };
        let wanted = match self.format {
            Format::Markdown => {
                page::put_into(before.as_deref(), &made).map_err(|error| no_place(&path, error))?
            }
            _ => made,
        };
        let is_true = before.as_deref() == Some(wanted.as_str());
        if self.check {
            return Ok(check(
                &path,
                before.as_deref(),
                &wanted,
                is_true,
                global.json,
            ));
        }
        if !is_true {
            crate::files::replace(&path, &wanted).map_err(|error| unwritable(&path, &error))?;
        }
        match (global.json, is_true) {
            (true, _) => println!(
                "{}",
                json!({"version": 1, "file": path, "changed": !is_true})
            ),
            (false, true) => println!("{} is up to date", path.display()),
            (false, false) => println!("wrote {}", path.display()),
        }
        Ok(Exit::Done)
    }
}

/// How each environment stands just now.
async fn standing(global: &Global) -> Result<Vec<Standing>, CliError> {
    let context = Context::open(global).await?;
    let status = Way::find(&context).await?.status(&context).await?;
    let standing = status.environments.into_iter().map(|view| Standing {
        environment: view.name,
        release: view.live.as_ref().map(|live| live.release.to_string()),
        commit: view
            .live
            .as_ref()
            .map(|live| (live.commit.clone(), live.subject.clone())),
        since: view.live.as_ref().map(|live| live.since.to_string()),
        under_way: view.active.map(|active| active.deployment.to_string()),
    });
    Ok(standing.collect())
}

fn make(manifest: &Manifest, standing: Option<&[Standing]>, format: Format) -> String {
    let page = || page::document(manifest, standing);
    match format {
        Format::Markdown => page::markdown(&page(), Flavour::GitHub),
        Format::Gitbook => page::markdown(&page(), Flavour::GitBook),
        Format::Html => page::html(&page()),
        Format::Svg => page::figure(manifest),
        Format::Gitgraph => page::git_graph(manifest),
        Format::Backstage => catalogue::backstage(manifest),
        Format::Mermaid => page::mermaid(manifest),
        Format::Json => {
            let entries = catalogue::entries(manifest);
            format!("{:#}\n", json!({"version": 1, "environments": entries}))
        }
    }
}

fn check(path: &Path, before: Option<&str>, wanted: &str, is_true: bool, json: bool) -> Exit {
    if json {
        println!("{}", json!({"version": 1, "file": path, "ok": is_true}));
    } else if is_true {
        println!("{} is up to date", path.display());
    } else {
        show_diff(before.unwrap_or_default(), wanted);
        eprintln!(
            "{} is not up to date: the same command without --check, and with --out {}, writes it",
            path.display(),
            path.display()
        );
    }
    match is_true {
        true => Exit::Done,
        false => Exit::Failed,
    }
}

fn show_diff(before: &str, wanted: &str) {
    let paint = style::of_stdout();
    let diff = TextDiff::from_lines(before, wanted);
    for hunk in diff.unified_diff().context_radius(3).iter_hunks() {
        println!("{}", paint.dim(&hunk.header().to_string()));
        for change in hunk.iter_changes() {
            let line = style::plain(change.value().trim_end_matches(['\n', '\r']));
            println!(
                "{}",
                match change.tag() {
                    ChangeTag::Delete => paint.bad(&format!("-{line}")),
                    ChangeTag::Insert => paint.good(&format!("+{line}")),
                    ChangeTag::Equal => format!(" {line}"),
                }
            );
        }
    }
}

fn unreadable(path: &Path, error: &io::Error) -> CliError {
    CliError::new(
        Exit::Disorder,
        "docs::unreadable",
        format!("could not read {}: {error}", path.display()),
        "name a file in UTF-8 that you may read: --out FILE",
    )
}

fn unwritable(path: &Path, error: &io::Error) -> CliError {
    CliError::new(
        Exit::Disorder,
        "docs::not-written",
        format!("could not write {}: {error}", path.display()),
        "check that the directory is there, is yours to write in, and has room",
    )
}

fn no_place(path: &Path, error: MarkError) -> CliError {
    let message = format!("{}: {error}", path.display());
    CliError::new(Exit::Refused, "docs::no-place", message, error.help())
}
