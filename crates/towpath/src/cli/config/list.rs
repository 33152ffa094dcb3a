//! `towpath config list`: the declared keys, and where they have values.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::{Value, json};
use towpath_core::{
    config::{Layer, Source},
    manifest::{ConfigKey, Environment, Handed},
};

use super::view::{View, in_a_line};
use crate::cli::{error::CliError, exit::Exit, secret::Tree, style, table};

/// List the declared keys, and in which environments they have a value
#[derive(Args)]
#[command(after_help = "Examples:\n  towpath config list\n  towpath config list --json")]
pub struct List {}

/// How a key stands in an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Set,
    ByService,
    Default,
    Elsewhere,
    NotSet,
    Missing,
    /// Whoever asks may not see that.
    NotShown,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            State::Set => "set",
            State::ByService => "by service",
            State::Default => "default",
            State::Elsewhere => "kept elsewhere",
            State::NotSet => "not set",
            State::Missing => "missing",
            State::NotShown => "not shown",
        }
    }
}

type States = BTreeMap<String, State>;

impl List {
    pub(super) async fn run(self, tree: Tree) -> Result<Exit, CliError> {
        let manifest = &tree.context.place.manifest;
        let mut states: Vec<(&Environment, States)> = Vec::new();
        for environment in &manifest.environments {
            states.push((environment, of_environment(&tree, environment).await?));
        }
        if tree.context.json {
            let keys = manifest.config.iter();
            let keys: Vec<Value> = keys
                .map(|(key, known)| shown(key, known, &states))
                .collect();
            println!("{}", json!({"version": 1, "keys": keys}));
        } else if manifest.config.is_empty() {
            println!("no keys are declared");
            eprintln!("`[config.KEY]` in towpath.toml declares one");
        } else {
            print(&manifest.config, &states);
        }
        Ok(Exit::Done)
    }
}

async fn of_environment(tree: &Tree, environment: &Environment) -> Result<States, CliError> {
    let may = match tree.recorder.list(environment.name.as_str()).await {
        Ok(()) => true,
        Err(error) if error.exit == Exit::Refused => false,
        Err(error) => return Err(error),
    };
    let view = View::of(tree, environment, None)?;
    let manifest = &tree.context.place.manifest;
    let state = |key: &String, known: &ConfigKey| {
        if known.secret && !may {
            return State::NotShown;
        }
        let Some(entry) = view.resolution().entries.get(key) else {
            return State::NotSet;
        };
        let by_service = || {
            let mut own = environment.service_config.values();
            own.any(|config| config.contains_key(key))
        };
        match entry.chosen() {
            None if entry.is_missing() => State::Missing,
            None if by_service() => State::ByService,
            None => State::NotSet,
            Some(chosen) => match (&chosen.source, &chosen.layer) {
                (Source::Reference(_), _) => State::Elsewhere,
                (_, Layer::Default) => State::Default,
                _ => State::Set,
            },
        }
    };
    let keys = manifest.config.iter();
    Ok(keys
        .map(|(key, known)| (key.clone(), state(key, known)))
        .collect())
}

fn shown(key: &str, known: &ConfigKey, states: &[(&Environment, States)]) -> Value {
    let environments: serde_json::Map<String, Value> = states
        .iter()
        .map(|(environment, states)| (environment.name.to_string(), json!(states[key].name())))
        .collect();
    json!({
        "key": key,
        "type": known.value_type,
        "description": known.description,
        "required": known.required,
        "default": known.default,
        "example": known.example,
        "values": known.values,
        "secret": known.secret,
        "services": known.services,
        "as": known.handed,
        "previous": known.previous,
        "environments": environments,
    })
}

fn print(keys: &BTreeMap<String, ConfigKey>, states: &[(&Environment, States)]) {
    let paint = style::of_stdout();
    let names: Vec<&str> = states
        .iter()
        .map(|(environment, _)| environment.name.as_str())
        .collect();
    let heading: Vec<&str> = ["key", "type", "default", "services"]
        .into_iter()
        .chain(names)
        .chain(["description"])
        .collect();
    let row = |(key, known): (&String, &ConfigKey)| {
        let mut what = known.value_type.to_string();
        if known.secret {
            what.push_str(", secret");
        }
        if known.handed == Handed::File {
            what.push_str(", as a file");
        }
        let services = known.services.as_ref().map_or_else(
            || "all".to_owned(),
            |services| {
                let names: Vec<&str> = services.iter().map(|name| name.as_str()).collect();
                names.join(", ")
            },
        );
        let default = known.default.as_deref().map_or("-".into(), in_a_line);
        let mut row = vec![key.clone(), what, default, services];
        row.extend(states.iter().map(|(_, states)| match states[key] {
            State::Missing => paint.bad("missing"),
            state @ (State::NotSet | State::NotShown) => paint.dim(state.name()),
            state => state.name().to_owned(),
        }));
        row.push(
            known
                .description
                .as_deref()
                .map_or(String::new(), in_a_line),
        );
        row
    };
    let rows: Vec<Vec<String>> = keys.iter().map(row).collect();
    table::print(&heading, &rows);
}
