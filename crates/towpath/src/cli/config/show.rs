//! `towpath config show`: what an environment's services find.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::{Value, json};
use towpath_core::config::{Entry, Source};

use super::{
    view::{Shown, View, in_a_line},
    why,
};
use crate::{
    cli::{
        error::CliError,
        exit::Exit,
        secret::{self, MASK, Tree},
        style, table,
    },
    config::identities,
};

/// Show what an environment's services and commands find
///
/// No key is needed: secrets are told to be there, and are not opened. Ends with status 3 when something required is missing.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath config show staging\n  towpath config show staging --service worker\n  \
                  towpath config show staging --why PUBLIC_URL\n  towpath config show staging --reveal -m 'mail does not go out'"
)]
pub struct Show {
    /// The environment, by name or alias.
    environment: String,
    /// What this service finds; what commands find unless said.
    #[arg(long, value_name = "SERVICE")]
    service: Option<String>,
    /// Tell of one key what every layer says, and which one wins.
    #[arg(long, value_name = "KEY")]
    why: Option<String>,
    /// Open secrets and print their values. Whoever sees the screen sees them.
    #[arg(long)]
    reveal: bool,
    /// Why, for the record of who read secrets.
    #[arg(short = 'm', long, requires = "reveal")]
    reason: Option<String>,
}

impl Show {
    pub(super) async fn run(self, tree: Tree) -> Result<Exit, CliError> {
        let environment = tree.environment(&self.environment)?;
        tree.recorder.list(environment.name.as_str()).await?;
        let view = View::of(&tree, environment, self.service.as_deref())?;
        let shown = match self.reveal {
            true => self.revealed(&tree, &view).await?,
            false => view.shown(),
        };
        match &self.why {
            Some(key) => why::tell(&tree, &view, key, &shown),
            None => Ok(tell(&tree, &view, &shown)),
        }
    }

    async fn revealed(
        &self,
        tree: &Tree,
        view: &View<'_>,
    ) -> Result<BTreeMap<String, Shown>, CliError> {
        view.gathered.check()?;
        let name = view.scope.environment.name.as_str();
        let secrets = view.gathered.secrets();
        if !secrets.is_empty() {
            let reason = secret::why(self.reason.as_deref(), "looked at by hand");
            tree.recorder
                .read(name, "config show", secrets, &reason)
                .await?;
        }
        let databases = view.databases.clone();
        let root = &tree.context.root;
        let filled = view.gathered.fill(identities, databases, root).await?;
        Ok(view.revealed(&filled))
    }
}

fn tell(tree: &Tree, view: &View<'_>, shown: &BTreeMap<String, Shown>) -> Exit {
    let entries = &view.resolution().entries;
    let is_wrong = shown.values().any(Shown::is_wrong);
    if tree.context.json {
        let keys: Vec<Value> = entries
            .iter()
            .map(|(key, entry)| of_key(key, entry, &shown[key]))
            .collect();
        let answer = json!({
            "version": 1,
            "environment": view.scope.environment.name,
            "service": view.scope.service,
            "ok": !is_wrong,
            "keys": keys,
        });
        println!("{answer}");
    } else if entries.is_empty() {
        println!("{} has no configuration", view.scope.environment.name);
    } else {
        let rows: Vec<Vec<String>> = entries
            .iter()
            .map(|(key, entry)| row(key, entry, &shown[key]))
            .collect();
        table::print(&["key", "value", "from", "type"], &rows);
        if is_wrong {
            let name = &view.scope.environment.name;
            eprintln!("`towpath config show {name} --why KEY` tells where a value is looked for");
        }
    }
    match is_wrong {
        true => Exit::Refused,
        false => Exit::Done,
    }
}

fn row(key: &str, entry: &Entry<'_>, shown: &Shown) -> Vec<String> {
    let paint = style::of_stdout();
    let value = match shown {
        Shown::Value(text) => in_a_line(text),
        Shown::Secret => MASK.to_owned(),
        Shown::MadeOfSecrets(template) => in_a_line(template),
        Shown::Missing => paint.bad("missing"),
        Shown::Nothing => paint.dim("not set"),
        Shown::Wrong(why) => paint.bad(&format!("wrong: it {why}")),
    };
    vec![key.to_owned(), value, origin(entry), type_of(entry)]
}

/// Where the value that wins stands.
pub(super) fn origin(entry: &Entry<'_>) -> String {
    match entry.chosen() {
        None => "-".into(),
        Some(chosen) => match &chosen.source {
            Source::Reference(reference) => format!("{} ({reference})", chosen.layer),
            _ => chosen.layer.to_string(),
        },
    }
}

pub(super) fn type_of(entry: &Entry<'_>) -> String {
    match (entry.declared, entry.secret) {
        (Some(declared), true) => format!("{}, secret", declared.value_type),
        (Some(declared), false) => declared.value_type.to_string(),
        (None, _) if is_towpaths(entry) => "url".into(),
        (None, true) => "secret".into(),
        (None, false) => "not declared".into(),
    }
}

fn is_towpaths(entry: &Entry<'_>) -> bool {
    let source = entry.chosen().map(|chosen| &chosen.source);
    matches!(source, Some(Source::Database(_)))
}

/// A key for scripts.
pub(super) fn of_key(key: &str, entry: &Entry<'_>, shown: &Shown) -> Value {
    let (value, template, wrong) = match shown {
        Shown::Value(text) => (Some(text), None, None),
        Shown::MadeOfSecrets(text) => (None, Some(text), None),
        Shown::Wrong(why) => (None, None, Some(why)),
        Shown::Secret | Shown::Missing | Shown::Nothing => (None, None, None),
    };
    let reference = match entry.chosen().map(|chosen| &chosen.source) {
        Some(Source::Reference(reference)) => Some(reference),
        _ => None,
    };
    json!({
        "key": key,
        "value": value,
        "template": template,
        "reference": reference,
        "layer": entry.chosen().map(|chosen| chosen.layer.to_string()),
        "type": entry.declared.map(|declared| declared.value_type),
        "secret": entry.secret,
        "missing": *shown == Shown::Missing,
        "wrong": wrong,
    })
}
