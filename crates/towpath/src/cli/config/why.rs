//! `towpath config show --why`: every layer of one key, from the weakest to the one that wins.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use towpath_core::{
    config::{Candidate, Entry, Layer, Piece, Source},
    manifest::nearest,
};
use towpath_secrets::file::Ledger;

use super::{
    said::{said, template},
    show::{of_key, type_of},
    view::{Shown, View, hidden, in_a_line},
};
use crate::cli::{
    error::CliError,
    exit::Exit,
    secret::{MASK, Tree},
    style,
};

/// A layer, and what it says.
struct Told {
    layer: String,
    says: String,
    /// Each placeholder, and what it stands for.
    placeholders: Vec<(String, Option<String>)>,
}

pub(super) fn tell(
    tree: &Tree,
    view: &View<'_>,
    key: &str,
    shown: &BTreeMap<String, Shown>,
) -> Result<Exit, CliError> {
    let entries = &view.resolution().entries;
    let entry = entries.get(key).ok_or_else(|| unknown(view, key))?;
    let shut = tree.shut(view.scope.environment)?;
    let ledger = shut.as_ref().and_then(|shut| shut.ledger());
    let hidden = hidden(view.resolution()).contains(key);
    let layers: Vec<Told> = entry
        .candidates
        .iter()
        .map(|candidate| told(view, candidate, ledger, shown, hidden))
        .collect();
    let state = &shown[key];
    let services = services(view, entry);
    let remedy = state.is_wrong().then(|| remedy(view, key, entry));
    match tree.context.json {
        true => println!(
            "{}",
            for_scripts(view, key, entry, state, &layers, &services, &remedy)
        ),
        false => print(key, entry, state, &layers, &services, &remedy),
    }
    Ok(match state.is_wrong() {
        true => Exit::Refused,
        false => Exit::Done,
    })
}

fn unknown(view: &View<'_>, key: &str) -> CliError {
    let manifest = view.scope.manifest;
    let name = &view.scope.environment.name;
    let message = match (manifest.config.get(key), view.scope.service) {
        (Some(_), Some(service)) => format!("{service} does not get {key}"),
        _ => format!("{name} has no key {}", style::plain(key)),
    };
    let entries = view.resolution().entries.keys().map(String::as_str);
    let help = match (manifest.config.get(key), nearest(key, entries)) {
        (Some(_), _) => format!("`services` of [config.{key}] says who gets it"),
        (None, Some(meant)) => format!("did you mean {meant}?"),
        (None, None) => format!("`towpath config show {name}` lists what there is"),
    };
    CliError::new(Exit::Refused, "config::no-such-key", message, help)
}

fn told(
    view: &View<'_>,
    candidate: &Candidate,
    ledger: Option<&Ledger>,
    shown: &BTreeMap<String, Shown>,
    hidden: bool,
) -> Told {
    let environment = view.scope.environment;
    let file = environment.secret_file();
    let since = |key: &str| {
        let known = ledger.and_then(|ledger| ledger.keys.get(key));
        known.map_or_else(String::new, |known| format!(", since {}", known.since))
    };
    let (says, pieces): (String, &[Piece]) = match &candidate.source {
        Source::Written(pieces) => (template(pieces), pieces),
        Source::Reference(reference) => (format!("kept at {reference}"), &[]),
        Source::File(key) => (format!("{file}{}", since(key)), &[]),
        Source::Previous(key) => (
            format!("{file}, the value of {key} before its rotation"),
            &[],
        ),
        Source::Own(value) => {
            use secrecy::ExposeSecret;
            let text = match hidden {
                true => MASK,
                false => value.expose_secret(),
            };
            let file = view.scope.manifest.override_file(environment);
            (format!("{text} ({})", file.unwrap_or_default()), &[])
        }
        Source::Database(name) => {
            let url = view.databases.get(name.as_str());
            (url.cloned().unwrap_or_default(), &[])
        }
    };
    let is_placeholder = |piece: &&Piece| !matches!(piece, Piece::Text(_));
    let placeholders = pieces.iter().filter(is_placeholder).map(|piece| {
        let stands_for = match piece {
            Piece::Key(used) => of_used(shown.get(used)),
            piece => said(piece, view.scope, &view.databases),
        };
        (piece.shown(), stands_for)
    });
    let layer = match &candidate.layer {
        Layer::Database(_) => "towpath itself".to_owned(),
        layer => layer.to_string(),
    };
    Told {
        layer,
        says,
        placeholders: placeholders.collect(),
    }
}

fn of_used(shown: Option<&Shown>) -> Option<String> {
    match shown? {
        Shown::Value(text) | Shown::MadeOfSecrets(text) => Some(text.clone()),
        Shown::Secret => Some(MASK.to_owned()),
        Shown::Missing | Shown::Nothing | Shown::Wrong(_) => None,
    }
}

/// The services that get it.
fn services(view: &View<'_>, entry: &Entry<'_>) -> Vec<String> {
    let named = entry
        .declared
        .and_then(|declared| declared.services.as_ref());
    match named {
        Some(services) => services.iter().map(ToString::to_string).collect(),
        None => {
            let all = view.scope.manifest.services.keys();
            all.map(ToString::to_string).collect()
        }
    }
}

/// Where a value would have to be set.
fn remedy(view: &View<'_>, key: &str, entry: &Entry<'_>) -> String {
    let environment = view.scope.environment;
    let name = &environment.name;
    let own = match view.scope.manifest.override_file(environment) {
        Some(file) => format!("; or, for yourself alone, write it into {file}"),
        None => String::new(),
    };
    match entry.secret {
        true => format!(
            "`towpath secret set {name} {key}` puts it into {}; or say where it is kept: `towpath config set {name} {key} aws-sm://…`{own}",
            environment.secret_file()
        ),
        false => format!("`towpath config set {name} {key} VALUE`{own}"),
    }
}

fn for_scripts(
    view: &View<'_>,
    key: &str,
    entry: &Entry<'_>,
    state: &Shown,
    layers: &[Told],
    services: &[String],
    remedy: &Option<String>,
) -> Value {
    let last = layers.len().saturating_sub(1);
    let layers: Vec<Value> = layers
        .iter()
        .enumerate()
        .map(|(at, told)| {
            let placeholders: Vec<Value> = told
                .placeholders
                .iter()
                .map(|(text, stands_for)| json!({"placeholder": text, "stands_for": stands_for}))
                .collect();
            json!({"layer": told.layer, "says": told.says, "wins": at == last, "placeholders": placeholders})
        })
        .collect();
    let declared = entry.declared;
    let mut answer = of_key(key, entry, state);
    answer["version"] = json!(1);
    answer["environment"] = json!(view.scope.environment.name);
    answer["service"] = json!(view.scope.service);
    answer["ok"] = json!(!state.is_wrong());
    answer["layers"] = json!(layers);
    answer["description"] = json!(declared.and_then(|key| key.description.as_ref()));
    answer["example"] = json!(declared.and_then(|key| key.example.as_ref()));
    answer["values"] = json!(declared.map(|key| &key.values));
    answer["services"] = json!(services);
    answer["required"] = json!(entry.needed);
    answer["help"] = json!(remedy);
    answer
}

fn print(
    key: &str,
    entry: &Entry<'_>,
    state: &Shown,
    layers: &[Told],
    services: &[String],
    remedy: &Option<String>,
) {
    let paint = style::of_stdout();
    let value = match state {
        Shown::Value(text) => style::plain(text),
        Shown::Secret => MASK.to_owned(),
        Shown::MadeOfSecrets(template) => style::plain(template),
        Shown::Missing => paint.bad("missing"),
        Shown::Nothing => paint.dim("not set"),
        Shown::Wrong(why) => paint.bad(&format!("wrong: it {why}")),
    };
    println!("{} = {value}", paint.strong(key));
    let line = |name: &str, text: &str| {
        println!(
            "  {} {}",
            paint.dim(&format!("{name:<12}")),
            style::plain(text)
        );
    };
    line("type", &type_of(entry));
    if let Some(declared) = entry.declared {
        if !declared.values.is_empty() {
            line("one of", &declared.values.join(", "));
        }
        if let Some(description) = &declared.description {
            line("description", description);
        }
        if let Some(example) = &declared.example {
            line("example", example);
        }
    }
    line(
        "services",
        if services.is_empty() {
            "-".to_owned()
        } else {
            services.join(", ")
        }
        .as_str(),
    );
    line("required", if entry.needed { "yes" } else { "no" });
    println!("layers, the last one wins:");
    if layers.is_empty() {
        println!("  {}", paint.dim("none says anything"));
    }
    let width = layers.iter().map(|told| told.layer.chars().count()).max();
    for (at, told) in layers.iter().enumerate() {
        let layer = format!("{:<width$}", told.layer, width = width.unwrap_or(0));
        let layer = match at + 1 == layers.len() {
            true => paint.strong(&layer),
            false => paint.dim(&layer),
        };
        println!("  {layer}  {}", in_a_line(&told.says));
        for (text, stands_for) in &told.placeholders {
            let stands_for = match stands_for {
                Some(text) => in_a_line(text),
                None => paint.bad("nothing"),
            };
            println!(
                "  {:width$}  {text} is {stands_for}",
                "",
                width = width.unwrap_or(0)
            );
        }
    }
    if let Some(remedy) = remedy {
        println!("  {} {remedy}", paint.strong("help:"));
    }
}
