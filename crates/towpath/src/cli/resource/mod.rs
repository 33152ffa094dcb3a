//! `towpath resource`: vendors' things that the environments use, as the manifest declares them.

use clap::{Args, Subcommand};
use serde_json::json;
use towpath_core::{
    catalogue::{self, Used},
    manifest::Manifest,
    names::EnvironmentName,
};

use super::{Global, context, env, error::CliError, exit::Exit, style, table};
use crate::engine::Place;

/// List the resources, or show one
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath resource list\n  towpath resource list --in stg\n  towpath resource show identity"
)]
pub struct Resource {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// List them: each once, with who declares it and who shares it
    List {
        /// Only those that this environment uses.
        #[arg(long = "in", value_name = "ENVIRONMENT")]
        environment: Option<String>,
    },
    /// Show those of one name
    Show {
        /// Its name in the manifest.
        name: String,
        /// Only the one that this environment uses.
        #[arg(long = "in", value_name = "ENVIRONMENT")]
        environment: Option<String>,
    },
}

impl Resource {
    pub(super) fn run(self, global: &Global) -> Result<Exit, CliError> {
        let place = Place {
            manifest: context::manifest(global)?,
            work_tree: None,
        };
        let (name, environment) = match &self.what {
            What::List { environment } => (None, environment),
            What::Show { name, environment } => (Some(name), environment),
        };
        let environment = match environment {
            Some(typed) => Some(&place.environment(typed)?.name),
            None => None,
        };
        let mut resources = declared(&place.manifest, environment);
        if let Some(name) = name {
            if resources.iter().all(|used| used.name != *name) {
                return Err(unknown(name, environment, &resources));
            }
            resources.retain(|used| used.name == *name);
        }
        if global.json {
            println!("{}", json!({"version": 1, "resources": resources}));
        } else if name.is_some() {
            for used in &resources {
                env::resource(used);
                println!(
                    "    {} {}",
                    style::of_stdout().dim("declared in "),
                    used.declared_in
                );
            }
        } else {
            let rows: Vec<Vec<String>> = resources.iter().map(row).collect();
            let heading = [
                "RESOURCE",
                "KIND",
                "ID",
                "OWNER",
                "DECLARED IN",
                "SHARED WITH",
            ];
            table::print(&heading, &rows);
        }
        Ok(Exit::Done)
    }
}

/// Every declared resource, or those that an environment uses.
fn declared(manifest: &Manifest, environment: Option<&EnvironmentName>) -> Vec<Used> {
    let entries = catalogue::entries(manifest).into_iter();
    entries
        .filter(|entry| environment.is_none_or(|only| entry.name == *only))
        .flat_map(|entry| {
            let name = entry.name;
            let used = entry.resources.into_iter();
            used.filter(move |used| environment.is_some() || used.declared_in == name)
        })
        .collect()
}

fn row(used: &Used) -> Vec<String> {
    let plain = |text: &Option<String>| text.as_deref().map_or(String::new(), style::plain);
    vec![
        used.name.clone(),
        plain(&used.kind),
        plain(&used.id),
        plain(&used.owner),
        used.declared_in.to_string(),
        env::joined(&used.shared_with),
    ]
}

/// There is no resource of that name.
pub fn unknown(name: &str, environment: Option<&EnvironmentName>, known: &[Used]) -> CliError {
    let mut names: Vec<&str> = known.iter().map(|used| used.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let message = match environment {
        Some(environment) => format!("{environment} has no resource {name:?}"),
        None => format!("there is no resource {name:?}"),
    };
    let help = match names.as_slice() {
        [] => "`[environments.NAME.resources.NAME]` in towpath.toml declares one".to_owned(),
        names => format!("there are {}", names.join(", ")),
    };
    CliError::new(Exit::Refused, "catalogue::no-such-resource", message, help)
}

/// Every resource that is declared.
pub fn all(manifest: &Manifest) -> Vec<Used> {
    declared(manifest, None)
}
