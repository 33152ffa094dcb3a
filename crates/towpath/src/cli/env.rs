//! `towpath env`: the environments, as the manifest describes them.

use clap::{Args, Subcommand};
use serde_json::json;
use towpath_core::catalogue::{self, Entry, Used};

use super::{Global, context, error::CliError, exit::Exit, style, table};
use crate::engine::Place;

/// List the environments, or show one
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath env list\n  towpath env show prd\n  towpath env list --json"
)]
pub struct Env {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// List them, in the manifest's order
    List,
    /// Show one: what it is for, what comes to it, who uses it, what it uses
    Show {
        /// The environment, by name or alias.
        environment: String,
    },
}

impl Env {
    pub(super) fn run(self, global: &Global) -> Result<Exit, CliError> {
        let manifest = context::manifest(global)?;
        match self.what {
            What::List => {
                let entries = catalogue::entries(&manifest);
                if global.json {
                    println!("{}", json!({"version": 1, "environments": entries}));
                } else {
                    let rows: Vec<Vec<String>> = entries.iter().map(row).collect();
                    let heading = [
                        "ENVIRONMENT",
                        "GROUP",
                        "ALIASES",
                        "BRANCH",
                        "AFTER",
                        "USED BY",
                        "RESOURCES",
                    ];
                    table::print(&heading, &rows);
                }
            }
            What::Show { environment } => {
                let place = Place {
                    manifest,
                    work_tree: None,
                };
                let found = place.environment(&environment)?;
                let entry = catalogue::entry(&place.manifest, found);
                match global.json {
                    true => println!("{}", json!({"version": 1, "environment": entry})),
                    false => show(&entry),
                }
            }
        }
        Ok(Exit::Done)
    }
}

fn row(entry: &Entry) -> Vec<String> {
    vec![
        entry.name.to_string(),
        joined(entry.group.as_slice()),
        entry.aliases.join(", "),
        entry.branch.clone().unwrap_or_default(),
        joined(&entry.after),
        users(entry),
        entry.resources.len().to_string(),
    ]
}

/// Roles, then who is only told in words.
fn users(entry: &Entry) -> String {
    let roles = entry.used_by.iter().map(ToString::to_string);
    let words = entry.audience.iter().map(|words| style::plain(words));
    roles.chain(words).collect::<Vec<_>>().join(", ")
}

fn show(entry: &Entry) {
    let paint = style::of_stdout();
    println!("{}", paint.strong(entry.name.as_str()));
    let line = |name: &str, text: String| {
        if !text.is_empty() {
            println!("  {} {text}", paint.dim(&format!("{name:<12}")));
        }
    };
    let text = |text: &Option<String>| text.as_deref().map_or(String::new(), style::plain);
    line("description", text(&entry.description));
    line("purpose", text(&entry.purpose));
    line("url", text(&entry.url));
    line("group", joined(entry.group.as_slice()));
    line("aliases", entry.aliases.join(", "));
    line("branch", text(&entry.branch));
    line("after", joined(&entry.after));
    line("mirrors", joined(entry.mirrors.as_slice()));
    line("used by", users(entry));
    for borrowed in &entry.borrowed {
        line(
            "database",
            format!("{} is the one of {}", borrowed.database, borrowed.of),
        );
    }
    for home in &entry.homes {
        let title = home.title.as_ref().unwrap_or(&home.name);
        let vendor = [&home.kind, &home.id].into_iter().flatten();
        let vendor: Vec<String> = vendor.map(|said| style::plain(said)).collect();
        line(
            "home",
            format!("{} {}", style::plain(title), vendor.join(" ")),
        );
    }
    for step in &entry.by_hand {
        line("by hand", style::plain(step));
    }
    if !entry.resources.is_empty() {
        println!("\n{}", paint.dim("resources"));
    }
    for used in &entry.resources {
        resource(used);
    }
}

/// A resource, as an environment uses it.
pub fn resource(used: &Used) {
    let paint = style::of_stdout();
    let plain = |text: &Option<String>| text.as_deref().map_or(String::new(), style::plain);
    let said = |name: &str, text: String| {
        if !text.is_empty() {
            println!("    {} {text}", paint.dim(&format!("{name:<12}")));
        }
    };
    match &used.resource.title {
        Some(title) => println!("  {}  {}", paint.strong(&used.name), style::plain(title)),
        None => println!("  {}", paint.strong(&used.name)),
    }
    said("description", plain(&used.resource.description));
    said("kind", plain(&used.resource.kind));
    said("id", plain(&used.resource.id));
    said("link", plain(&used.resource.link));
    said("owner", plain(&used.resource.owner));
    said("config", used.resource.config.join(", "));
    said("endpoint", plain(&used.resource.endpoint));
    said("shared with", joined(&used.shared_with));
}

/// Names after one another.
pub fn joined(names: &[impl ToString]) -> String {
    names
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}
