//! An environment's configuration as it can be shown: without opening anything, secrets covered.

use std::collections::{BTreeMap, BTreeSet};

use secrecy::ExposeSecret;
use towpath_core::{
    config::{Entry, Filled, Piece, Resolution, Scope, Source, Values, Why},
    manifest::Environment,
    names::{DatabaseName, ServiceName},
};

use super::said::template;
use crate::{
    cli::{error::CliError, exit::Exit, secret::Tree, style},
    config::Gathered,
    engine::databases::file_urls,
};

/// What can be shown of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// Its value.
    Value(String),
    /// It is a secret.
    Secret,
    /// It is made of secrets, in this way.
    MadeOfSecrets(String),
    /// It is required, and has no value.
    Missing,
    /// It has no value, and needs none.
    Nothing,
    /// It has a value that is not good, for this reason.
    Wrong(String),
}

impl Shown {
    /// Whether services cannot be started so.
    pub fn is_wrong(&self) -> bool {
        matches!(self, Shown::Missing | Shown::Wrong(_))
    }
}

/// An environment's configuration, for one service or for commands.
pub struct View<'a> {
    pub scope: Scope<'a>,
    pub gathered: Gathered<'a>,
    pub databases: BTreeMap<DatabaseName, String>,
}

impl<'a> View<'a> {
    /// In a work tree.
    pub fn of(
        tree: &'a Tree,
        environment: &'a Environment,
        service: Option<&str>,
    ) -> Result<View<'a>, CliError> {
        let manifest = &tree.context.place.manifest;
        let service = service.map(|name| find_service(tree, name)).transpose()?;
        let scope = Scope {
            manifest,
            environment,
            service,
        };
        Ok(View {
            scope,
            gathered: Gathered::in_tree(scope, &tree.context.root)?,
            databases: file_urls(&tree.context.home, manifest, environment),
        })
    }

    pub fn resolution(&self) -> &Resolution<'a> {
        &self.gathered.resolution
    }

    /// What can be shown of each key.
    pub fn shown(&self) -> BTreeMap<String, Shown> {
        let hidden = hidden(self.resolution());
        let values = Values {
            databases: self.databases.clone(),
            ..Values::default()
        };
        // Keys that need a secret are not filled here, and are not shown either.
        let (filled, unfilled) = self.resolution().fill_some(&values);
        let why: BTreeMap<&str, &Why> = unfilled
            .iter()
            .map(|one| (one.key.as_str(), &one.why))
            .collect();
        let one = |(key, entry): (&String, &Entry<'a>)| {
            let shown = match entry.chosen().map(|chosen| &chosen.source) {
                None if entry.is_missing() => Shown::Missing,
                None => Shown::Nothing,
                Some(Source::Written(pieces)) if hidden.contains(key) => {
                    Shown::MadeOfSecrets(template(pieces))
                }
                Some(_) if hidden.contains(key) => Shown::Secret,
                Some(_) => match (filled.get(key), why.get(key.as_str())) {
                    (Some(filled), _) => Shown::Value(filled.value.expose_secret().to_owned()),
                    (None, why) => Shown::Wrong(why.map(ToString::to_string).unwrap_or_default()),
                },
            };
            (key.clone(), shown)
        };
        self.resolution().entries.iter().map(one).collect()
    }

    /// What can be shown of each key when everything was opened.
    pub fn revealed(&self, filled: &BTreeMap<String, Filled>) -> BTreeMap<String, Shown> {
        let mut shown = self.shown();
        for (key, filled) in filled {
            let value = filled.value.expose_secret().to_owned();
            shown.insert(key.clone(), Shown::Value(value));
        }
        shown
    }
}

fn find_service<'a>(tree: &'a Tree, name: &str) -> Result<&'a ServiceName, CliError> {
    let services = &tree.context.place.manifest.services;
    let found = services.keys().find(|service| service.as_str() == name);
    found.ok_or_else(|| no_service(name, services.keys()))
}

/// There is no service of that name.
pub fn no_service<'a>(name: &str, known: impl Iterator<Item = &'a ServiceName>) -> CliError {
    let known: Vec<&str> = known.map(ServiceName::as_str).collect();
    let help = match known.as_slice() {
        [] => "`[services.NAME]` describes one".to_owned(),
        known => format!("there are {}", known.join(", ")),
    };
    CliError::new(
        Exit::Refused,
        "config::no-such-service",
        format!("there is no service {}", style::plain(name)),
        help,
    )
}

/// The keys whose values are not shown: secrets, what is made of them, and what a developer has for themself, of which nobody
/// said whether it is one.
pub fn hidden(resolution: &Resolution<'_>) -> BTreeSet<String> {
    let is_own = |entry: &Entry<'_>| {
        let source = entry.chosen().map(|chosen| &chosen.source);
        matches!(source, Some(Source::Own(_))) && entry.declared.is_none()
    };
    let mut hidden = BTreeSet::new();
    for (key, entry) in &resolution.entries {
        if entry.secret || is_own(entry) {
            hidden.insert(key.clone());
        }
    }
    loop {
        let before = hidden.len();
        for (key, entry) in &resolution.entries {
            if let Some(Source::Written(pieces)) = entry.chosen().map(|chosen| &chosen.source)
                && uses(pieces).any(|used| hidden.contains(used))
            {
                hidden.insert(key.clone());
            }
        }
        if hidden.len() == before {
            return hidden;
        }
    }
}

/// The keys that a value is made of.
pub fn uses(pieces: &[Piece]) -> impl Iterator<Item = &String> {
    pieces.iter().filter_map(|piece| match piece {
        Piece::Key(key) => Some(key),
        _ => None,
    })
}

/// A value in a line of a table.
pub fn in_a_line(text: &str) -> String {
    const MOST: usize = 80;
    let text = style::plain(text);
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let cut: String = first.chars().take(MOST).collect();
    match lines.next().is_some() || cut.len() < first.len() {
        true => format!("{cut}…"),
        false => cut,
    }
}
