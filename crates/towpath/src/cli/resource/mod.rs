//! `towpath resource`: vendors' things that the environments use, as the manifest declares them.

mod edit;

use clap::{Args, Subcommand};
use serde_json::json;
use towpath_core::{
    catalogue::{self, Used},
    manifest::Manifest,
    names::EnvironmentName,
};

use self::edit::{Sayings, Sharing, Which};
use super::{Global, context, env, error::CliError, exit::Exit, style, table};
use crate::engine::Place;

/// List the resources, show one, or edit them in the manifest
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath resource list --in stg\n  towpath resource show identity\n  \
                  towpath resource add stg mail --kind resend --id m-1 --owner platform\n  \
                  towpath resource set stg mail --link https://resend.test\n  \
                  towpath resource share stg mail --with local\n  towpath resource remove local mail"
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
    /// Declare one that an environment uses
    Add {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        said: Sayings,
    },
    /// Say something else of one; an empty text takes a key away
    Set {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        said: Sayings,
    },
    /// Share one that an environment declares with others: it is the very same thing there
    Share(Sharing),
    /// Take one away from an environment
    Remove(Which),
}

impl Resource {
    pub(super) fn run(self, global: &Global) -> Result<Exit, CliError> {
        match self.what {
            What::List { environment } => tell(global, None, environment.as_deref()),
            What::Show { name, environment } => tell(global, Some(&name), environment.as_deref()),
            What::Add { which, said } => edit::add(global, &which, said),
            What::Set { which, said } => edit::set(global, &which, said),
            What::Share(sharing) => edit::share(global, &sharing),
            What::Remove(which) => edit::remove(global, &which),
        }
    }
}

/// Lists them, or shows those of a name.
fn tell(global: &Global, name: Option<&str>, environment: Option<&str>) -> Result<Exit, CliError> {
    let place = Place {
        manifest: context::manifest(global)?,
        work_tree: None,
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
        plain(&used.resource.kind),
        plain(&used.resource.id),
        plain(&used.resource.owner),
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
