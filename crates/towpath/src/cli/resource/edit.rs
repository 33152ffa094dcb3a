//! Editing resources in `towpath.toml`: its comments, order and style stay.

use std::{fs, path::Path};

use clap::Args;
use serde_json::json;
use towpath_core::{
    manifest::{Change, EditError, Manifest, Said, Words, edit_resource},
    names::EnvironmentName,
};

use crate::{
    cli::{Global, check, context, error::CliError, exit::Exit},
    engine::Place,
};

/// Which resource.
#[derive(Args)]
pub struct Which {
    /// The environment, by name or alias.
    environment: String,
    /// Its name in the manifest.
    name: String,
}

/// What is said of it.
#[derive(Args)]
pub struct Sayings {
    /// What people call it.
    #[arg(long)]
    title: Option<String>,
    /// What it does for the environment.
    #[arg(long)]
    description: Option<String>,
    /// The vendor's product, such as okta.
    #[arg(long)]
    kind: Option<String>,
    /// The vendor's identifier.
    #[arg(long)]
    id: Option<String>,
    /// Where people look at it.
    #[arg(long, value_name = "URL")]
    link: Option<String>,
    /// Who looks after it: a role, a team or a person.
    #[arg(long)]
    owner: Option<String>,
    /// Where `towpath doctor` asks for it, instead of at the vendor's own address.
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// A key of configuration or secrets that belongs to it; may be given again.
    #[arg(long, value_name = "KEY")]
    config: Vec<String>,
}

impl Sayings {
    /// In the order of the options. An empty text takes the key away.
    fn all(self) -> Vec<Said> {
        let texts = [
            ("title", self.title),
            ("description", self.description),
            ("kind", self.kind),
            ("id", self.id),
            ("link", self.link),
            ("owner", self.owner),
            ("endpoint", self.endpoint),
        ];
        let said = |(key, text): (&'static str, Option<String>)| {
            let value = match text? {
                text if text.is_empty() => Words::Nothing,
                text => Words::Text(text),
            };
            Some(Said { key, value })
        };
        let config = match self.config.as_slice() {
            [] => None,
            [none] if none.is_empty() => Some(Words::Nothing),
            _ => Some(Words::Texts(self.config)),
        };
        let config = config.map(|value| Said {
            key: "config",
            value,
        });
        texts.into_iter().filter_map(said).chain(config).collect()
    }
}

/// What to share, and with whom.
#[derive(Args)]
pub struct Sharing {
    #[command(flatten)]
    which: Which,
    /// The environment that takes it over, by name or alias; may be given again.
    #[arg(long = "with", value_name = "ENVIRONMENT", required = true)]
    with: Vec<String>,
}

pub fn add(global: &Global, which: &Which, said: Sayings) -> Result<Exit, CliError> {
    edit(global, which, &Change::Add(said.all()))
}

pub fn set(global: &Global, which: &Which, said: Sayings) -> Result<Exit, CliError> {
    let said = said.all();
    if said.is_empty() {
        return Err(CliError::new(
            Exit::Usage,
            "catalogue::nothing-said",
            "nothing is to be said of it",
            "say it with --kind, --id, --link, --owner, --title, --description, --endpoint or --config",
        ));
    }
    edit(global, which, &Change::Set(said))
}

pub fn remove(global: &Global, which: &Which) -> Result<Exit, CliError> {
    edit(global, which, &Change::Remove)
}

pub fn share(global: &Global, sharing: &Sharing) -> Result<Exit, CliError> {
    let file = File::read(global)?;
    let from = file.environment(&sharing.which.environment)?;
    let mut text = file.text.clone();
    for typed in &sharing.with {
        let environment = file.environment(typed)?;
        let change = Change::Share(from.clone());
        text = edit_resource(&text, &environment, &sharing.which.name, &change)
            .map_err(|error| refused(error, global.json))?;
    }
    file.write(&text, global.json)
}

fn edit(global: &Global, which: &Which, change: &Change) -> Result<Exit, CliError> {
    let file = File::read(global)?;
    let environment = file.environment(&which.environment)?;
    let text = edit_resource(&file.text, &environment, &which.name, change)
        .map_err(|error| refused(error, global.json))?;
    file.write(&text, global.json)
}

/// The manifest's file, to be written anew.
struct File {
    path: std::path::PathBuf,
    text: String,
    place: Place,
}

impl File {
    fn read(global: &Global) -> Result<File, CliError> {
        let path = context::find_root()?.join(context::MANIFEST);
        let manifest: Manifest = context::read_manifest(&path, global.json)?;
        let text = fs::read_to_string(&path).map_err(|error| unwritable(&path, &error))?;
        let place = Place {
            manifest,
            work_tree: None,
        };
        Ok(File { path, text, place })
    }

    fn environment(&self, typed: &str) -> Result<EnvironmentName, CliError> {
        Ok(self.place.environment(typed)?.name.clone())
    }

    /// In place of the file, whole or not at all.
    fn write(&self, text: &str, json: bool) -> Result<Exit, CliError> {
        crate::files::replace(&self.path, text).map_err(|error| unwritable(&self.path, &error))?;
        if json {
            println!("{}", json!({"version": 1, "written": self.path}));
        } else {
            println!("wrote {}", self.path.display());
        }
        Ok(Exit::Done)
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> CliError {
    CliError::new(
        Exit::Disorder,
        "manifest::not-written",
        format!("could not write {}: {error}", path.display()),
        "check that the directory is yours to write in and has room",
    )
}

fn refused(error: EditError, json: bool) -> CliError {
    let (exit, code) = match &error {
        EditError::Invalid(problems) => {
            if !json {
                check::print(problems.as_slice());
            }
            (Exit::Manifest, "manifest::invalid")
        }
        EditError::Unreadable(_) | EditError::Written(_) => {
            (Exit::Manifest, "manifest::not-editable")
        }
        EditError::NoEnvironment(_) => (Exit::Refused, "ask::no-such-environment"),
        EditError::Missing { .. } => (Exit::Refused, "catalogue::no-such-resource"),
        EditError::Exists { .. } | EditError::Elsewhere { .. } | EditError::Shared { .. } => {
            (Exit::Refused, "catalogue::not-so")
        }
    };
    CliError::new(exit, code, error.to_string(), error.help())
}
