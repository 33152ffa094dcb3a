//! `towpath secret list`: which secrets an environment has. No key is needed for it.

use clap::Args;
use serde_json::{Value, json};

use super::Tree;
use crate::cli::{error::CliError, exit::Exit, style, table};

/// List the secrets of an environment: which there are, and since when
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath secret list staging\n  towpath secret list production --json"
)]
pub struct List {
    /// The environment, by name or alias.
    environment: String,
}

/// A secret, or one that should be there.
struct Row {
    key: String,
    since: Option<String>,
    state: &'static str,
    is_wrong: bool,
}

impl List {
    pub(super) async fn run(self, tree: Tree) -> Result<Exit, CliError> {
        let environment = tree.environment(&self.environment)?;
        let name = environment.name.as_str();
        tree.recorder.list(name).await?;
        let shut = tree.shut(environment)?;
        let keys: Vec<&str> = shut.as_ref().map(|shut| shut.keys()).unwrap_or_default();
        let rotating = shut
            .as_ref()
            .map(|shut| shut.rotating())
            .unwrap_or_default();
        let ledger = shut.as_ref().and_then(|shut| shut.ledger());
        let declared = &tree.context.place.manifest.config;
        let since = |key: &str| Some(ledger?.keys.get(key)?.since.clone());
        let mut rows: Vec<Row> = keys
            .iter()
            .map(|key| {
                let is_known =
                    declared.is_empty() || declared.get(*key).is_some_and(|known| known.secret);
                let (state, is_wrong) = match (rotating.contains(key), is_known) {
                    (true, _) => ("rotating", false),
                    (_, false) => ("not declared", true),
                    _ => ("", false),
                };
                Row {
                    key: (*key).to_owned(),
                    since: since(key),
                    state,
                    is_wrong,
                }
            })
            .collect();
        for (key, known) in declared.iter().filter(|(_, known)| known.secret) {
            if keys.contains(&key.as_str()) {
                continue;
            }
            let written = environment.config.get(key).or(known.default.as_ref());
            let (state, is_wrong) = match (written, known.required) {
                (Some(_), _) => ("kept elsewhere", false),
                (None, true) => ("missing", true),
                (None, false) => ("not set", false),
            };
            rows.push(Row {
                key: key.clone(),
                since: None,
                state,
                is_wrong,
            });
        }
        match tree.context.json {
            true => println!(
                "{}",
                json!({"version": 1, "environment": name, "file": environment.secret_file(), "secrets": shown(&rows), "recipients": shut.map(|shut| shut.recipients())})
            ),
            false if rows.is_empty() => println!("{name} has no secrets"),
            false => print(rows),
        }
        Ok(Exit::Done)
    }
}

fn shown(rows: &[Row]) -> Value {
    let one = |row: &Row| json!({"key": row.key, "since": row.since, "state": row.state});
    rows.iter().map(one).collect()
}

fn print(rows: Vec<Row>) {
    let paint = style::of_stdout();
    let line = |row: Row| {
        let state = match row.is_wrong {
            true => paint.bad(row.state),
            false => row.state.to_owned(),
        };
        vec![row.key, row.since.unwrap_or_else(|| "-".into()), state]
    };
    table::print(
        &["secret", "since", ""],
        &rows.into_iter().map(line).collect::<Vec<_>>(),
    );
}
