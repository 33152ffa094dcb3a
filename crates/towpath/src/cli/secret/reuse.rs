//! `towpath secret reuse`: finds values that two places share, without reading any.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::json;
use towpath_secrets::fingerprint::Fingerprint;

use super::Tree;
use crate::cli::{error::CliError, exit::Exit, style};

/// Find values that two environments, or two keys, share
///
/// Fingerprints are compared; nothing is opened, and no key is needed. Ends with status 1 where production shares a value with an
/// environment outside of it.
#[derive(Args)]
#[command(after_help = "Examples:\n  towpath secret reuse\n  towpath secret reuse --json")]
pub struct Reuse {}

/// Who has a value: the environment, the key, and whether it is production.
type Holder = (String, String, bool);

impl Reuse {
    pub(super) async fn run(self, tree: Tree) -> Result<Exit, CliError> {
        let manifest = &tree.context.place.manifest;
        // Fingerprints of two keys cannot be compared: each is beside the name of its key.
        let mut places: BTreeMap<(String, Fingerprint), Vec<Holder>> = BTreeMap::new();
        let mut keys: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut left_out = Vec::new();
        for environment in &manifest.environments {
            if !tree.recorder.may_list(environment.name.as_str()).await? {
                left_out.push(environment.name.as_str());
                continue;
            }
            let Some(shut) = tree.shut(environment)? else {
                continue;
            };
            let Some(ledger) = shut.ledger() else {
                continue;
            };
            let name = environment.name.to_string();
            keys.entry(ledger.fingerprint_key.clone())
                .or_default()
                .push(name.clone());
            for (key, known) in &ledger.keys {
                let place = (
                    name.clone(),
                    key.clone(),
                    manifest.is_production(environment),
                );
                let fingerprint = (ledger.fingerprint_key.clone(), known.fingerprint);
                places.entry(fingerprint).or_default().push(place);
            }
        }
        let shared: Vec<_> = places
            .into_values()
            .filter(|places| places.len() > 1)
            .collect();
        let crosses = |places: &Vec<Holder>| {
            places.iter().any(|place| place.2) && places.iter().any(|place| !place.2)
        };
        let is_bad = shared.iter().any(crosses);
        let apart: Vec<&Vec<String>> = keys.values().collect();
        if tree.context.json {
            let one = |places: &Vec<Holder>| {
                let places = places
                    .iter()
                    .map(|(environment, key, _)| json!({"environment": environment, "key": key}));
                places.collect::<serde_json::Value>()
            };
            let shown: Vec<_> = shared
                .iter()
                .map(|places| json!({"places": one(places), "production": crosses(places)}))
                .collect();
            println!(
                "{}",
                json!({"version": 1, "ok": !is_bad, "shared": shown, "comparable": apart, "left_out": left_out})
            );
        } else {
            let paint = style::of_stdout();
            for places in &shared {
                let list: Vec<String> = places
                    .iter()
                    .map(|(environment, key, _)| format!("{key} of {environment}"))
                    .collect();
                let mark = if crosses(places) {
                    paint.bad("shared with production")
                } else {
                    "shared".into()
                };
                println!("{mark}: {}", list.join(", "));
            }
            if shared.is_empty() {
                match left_out.is_empty() {
                    true => println!("no two secrets have the same value"),
                    false => println!("no two secrets that you may list have the same value"),
                }
            }
            if !left_out.is_empty() {
                eprintln!(
                    "you may not list the secrets of {}: they are left out",
                    left_out.join(", ")
                );
            }
            if apart.len() > 1 {
                let groups: Vec<String> = apart.iter().map(|group| group.join(", ")).collect();
                eprintln!(
                    "these could not be compared with one another: {}; whoever can open both runs `towpath secret doctor --mend`",
                    groups.join(" | ")
                );
            }
        }
        Ok(match is_bad {
            true => Exit::Failed,
            false => Exit::Done,
        })
    }
}
