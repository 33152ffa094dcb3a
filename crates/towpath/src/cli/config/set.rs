//! `towpath config set` and `unset`: values in `towpath.toml`, whose comments, order and style stay.

use std::{fs, path::PathBuf};

use clap::Args;
use serde_json::json;
use towpath_core::{
    config::Type,
    manifest::{
        ConfigChange, ConfigEditError, ConfigPlace, Environment, Manifest, edit_config, nearest,
    },
};
use towpath_secrets::provider;

use super::view::no_service;
use crate::{
    cli::{Global, check, context, error::CliError, exit::Exit, style},
    engine::Place,
};

/// Where a value is said.
#[derive(Args)]
pub struct Where {
    /// The environment, by name or alias.
    environment: String,
    /// The key.
    key: String,
}

/// Of whom it is said.
#[derive(Args)]
#[group(multiple = false)]
pub struct Whom {
    /// For all environments of its group.
    #[arg(long)]
    group: bool,
    /// For this service alone.
    #[arg(long, value_name = "SERVICE")]
    service: Option<String>,
}

/// Set a value in the manifest
///
/// The file's comments, order and style stay. The value of a secret is never written there; where it is kept may be, such as
/// `aws-sm://mail/token`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath config set staging LOG_LEVEL debug\n  towpath config set staging WORKERS 4 --service worker\n  \
                  towpath config set staging LOG_LEVEL info --group\n  towpath config set production MAIL_TOKEN aws-sm://mail/token"
)]
pub struct Set {
    #[command(flatten)]
    place: Where,
    /// The value. `${OTHER_KEY}` and the like stand for other values.
    #[arg(allow_hyphen_values = true)]
    value: String,
    #[command(flatten)]
    whom: Whom,
}

/// Take a value out of the manifest
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath config unset staging LOG_LEVEL\n  towpath config unset staging WORKERS --service worker"
)]
pub struct Unset {
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    whom: Whom,
}

impl Set {
    pub(super) fn run(self, global: &Global) -> Result<Exit, CliError> {
        let file = File::read(global)?;
        let place = file.place(&self.place, &self.whom)?;
        let value_type = file.check(&self.place, &self.value)?;
        let change = ConfigChange::Set {
            place: place.clone(),
            key: self.place.key.clone(),
            value: self.value,
            value_type,
        };
        let is_new = file.write(&[change], global.json)?;
        told(global, &self.place.key, &place, is_new, "is set in");
        Ok(Exit::Done)
    }
}

impl Unset {
    pub(super) fn run(self, global: &Global) -> Result<Exit, CliError> {
        let file = File::read(global)?;
        let place = file.place(&self.place, &self.whom)?;
        let change = ConfigChange::Unset {
            place: place.clone(),
            key: self.place.key.clone(),
        };
        let is_new = file.write(&[change], global.json)?;
        told(global, &self.place.key, &place, is_new, "is taken out of");
        Ok(Exit::Done)
    }
}

fn told(global: &Global, key: &str, place: &ConfigPlace, is_new: bool, what: &str) {
    match (global.json, is_new) {
        (true, _) => println!(
            "{}",
            json!({"version": 1, "key": key, "place": place.to_string(), "changed": is_new})
        ),
        (false, true) => println!("{key} {what} {place} of {}", context::MANIFEST),
        (false, false) => println!("{place} says so already"),
    }
}

/// The manifest's file, to be written anew.
pub(super) struct File {
    path: PathBuf,
    text: String,
    manifest: Manifest,
}

impl File {
    pub(super) fn read(global: &Global) -> Result<File, CliError> {
        let path = context::find_root()?.join(context::MANIFEST);
        let manifest = context::read_manifest(&path, global.json)?;
        let text = fs::read_to_string(&path).map_err(|error| unwritable(&path, &error))?;
        Ok(File {
            path,
            text,
            manifest,
        })
    }

    fn environment(&self, typed: &str) -> Result<Environment, CliError> {
        let place = Place {
            manifest: self.manifest.clone(),
            work_tree: None,
        };
        Ok(place.environment(typed)?.clone())
    }

    fn place(&self, place: &Where, whom: &Whom) -> Result<ConfigPlace, CliError> {
        let environment = self.environment(&place.environment)?;
        if let Some(name) = &whom.service {
            let mut services = self.manifest.services.keys();
            let service = services.find(|service| service.as_str() == name);
            let known = self.manifest.services.keys();
            let service = service.ok_or_else(|| no_service(name, known))?;
            return Ok(ConfigPlace::Service(environment.name, service.clone()));
        }
        if !whom.group {
            return Ok(ConfigPlace::Environment(environment.name));
        }
        environment.group.map(ConfigPlace::Group).ok_or_else(|| {
            CliError::new(
                Exit::Refused,
                "config::no-group",
                format!("{} is in no group", environment.name),
                format!(
                    "`group = \"…\"` in [environments.{}] says which",
                    environment.name
                ),
            )
        })
    }

    /// Whether the value may be written; what kind it is.
    fn check(&self, place: &Where, value: &str) -> Result<Type, CliError> {
        let key = &place.key;
        let declared = &self.manifest.config;
        let Some(known) = declared.get(key) else {
            return match declared.is_empty() {
                true => Ok(Type::String),
                false => Err(undeclared(key, declared.keys().map(String::as_str))),
            };
        };
        if known.secret {
            return reference(place, value).map(|()| Type::String);
        }
        // One with placeholders is looked at when they are replaced.
        let checked = match value.contains("${") {
            true => Ok(()),
            false => known.value_type.check(value, &known.values),
        };
        match checked {
            Ok(()) => Ok(known.value_type),
            Err(should) => Err(CliError::new(
                Exit::Refused,
                "config::bad-value",
                format!("{key} must be {should}"),
                format!("give another one, or change the type in [config.{key}]"),
            )),
        }
    }

    /// The manifest's text with these changes.
    pub(super) fn edited(&self, changes: &[ConfigChange], json: bool) -> Result<String, CliError> {
        edit_config(&self.text, changes).map_err(|error| refused(error, json))
    }

    /// Puts a text in place of the file's, whole or not at all. Whether that changed anything.
    pub(super) fn put(&self, text: &str) -> Result<bool, CliError> {
        if text == self.text {
            return Ok(false);
        }
        crate::files::replace(&self.path, text).map_err(|error| unwritable(&self.path, &error))?;
        Ok(true)
    }

    fn write(&self, changes: &[ConfigChange], json: bool) -> Result<bool, CliError> {
        self.put(&self.edited(changes, json)?)
    }
}

fn undeclared<'a>(key: &str, known: impl Iterator<Item = &'a str>) -> CliError {
    let declare = format!("declare it: `[config.{key}]`");
    let help = match nearest(key, known) {
        Some(meant) => format!("did you mean {meant}? Otherwise {declare}"),
        None => declare,
    };
    let message = format!("the key {} is nowhere declared", style::plain(key));
    CliError::new(Exit::Refused, "config::undeclared", message, help)
}

/// Of a secret, only where it is kept may be written.
fn reference(place: &Where, value: &str) -> Result<(), CliError> {
    provider::check(value).map_err(|_| {
        CliError::new(
            Exit::Refused,
            "config::secret",
            format!("{} is a secret, and is not written into the manifest", place.key),
            format!(
                "`towpath secret set {} {}` asks for it, or reads it from standard input; the one that you typed may be in your shell's history",
                place.environment, place.key
            ),
        )
    })
}

fn unwritable(path: &std::path::Path, error: &std::io::Error) -> CliError {
    CliError::new(
        Exit::Disorder,
        "manifest::not-written",
        format!("could not write {}: {error}", path.display()),
        "check that the directory is yours to write in and has room",
    )
}

fn refused(error: ConfigEditError, json: bool) -> CliError {
    let (exit, code) = match &error {
        ConfigEditError::Invalid(problems) => {
            if !json {
                check::print(problems.as_slice());
            }
            (Exit::Manifest, "manifest::invalid")
        }
        ConfigEditError::Unreadable(_) | ConfigEditError::Written(_) => {
            (Exit::Manifest, "manifest::not-editable")
        }
        ConfigEditError::Missing { .. } => (Exit::Refused, "config::not-set"),
    };
    CliError::new(exit, code, error.to_string(), error.help())
}
