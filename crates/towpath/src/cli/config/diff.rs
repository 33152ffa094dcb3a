//! `towpath config diff`: what two environments have and have not in common. Nothing is opened.

use std::collections::BTreeSet;

use clap::Args;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use towpath_core::config::{Piece, Source};
use towpath_secrets::file::Ledger;

use super::{
    said::said,
    view::{Shown, View, in_a_line},
};
use crate::cli::{
    error::CliError,
    exit::Exit,
    secret::{MASK, Tree},
    style, table,
};

/// Compare the configuration of two environments
///
/// Nothing is opened, and no key is needed: secrets are compared by their fingerprints. Ends with status 1 when one has a key that the
/// other has not. A secret that production shares with an environment outside of it is marked.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath config diff staging production\n  towpath config diff stg prd --service worker --all\n  \
                  towpath config diff stg prd --json"
)]
pub struct Diff {
    /// An environment, by name or alias.
    one: String,
    /// Another one.
    other: String,
    /// What this service finds; what commands find unless said.
    #[arg(long, value_name = "SERVICE")]
    service: Option<String>,
    /// Tell also what is equal.
    #[arg(long)]
    all: bool,
}

/// How a key of two environments compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    OnlyInOne,
    OnlyInOther,
    Equal,
    Different,
    CannotTell,
}

impl Verdict {
    fn name(self) -> &'static str {
        match self {
            Verdict::OnlyInOne => "only-in-first",
            Verdict::OnlyInOther => "only-in-second",
            Verdict::Equal => "equal",
            Verdict::Different => "different",
            Verdict::CannotTell => "cannot-tell",
        }
    }
}

struct Row {
    key: String,
    verdict: Verdict,
    /// What is shown of each.
    values: [Option<Shown>; 2],
    secret: bool,
    /// Production shares a secret.
    is_bad: bool,
}

/// One environment of the two.
struct Side<'a> {
    view: View<'a>,
    ledger: Option<Ledger>,
    shown: std::collections::BTreeMap<String, Shown>,
}

impl<'a> Side<'a> {
    async fn of(tree: &'a Tree, typed: &str, service: Option<&str>) -> Result<Side<'a>, CliError> {
        let environment = tree.environment(typed)?;
        tree.recorder.list(environment.name.as_str()).await?;
        let view = View::of(tree, environment, service)?;
        let shut = tree.shut(environment)?;
        Ok(Side {
            ledger: shut.and_then(|shut| shut.ledger().cloned()),
            shown: view.shown(),
            view,
        })
    }

    fn name(&self) -> &str {
        self.view.scope.environment.name.as_str()
    }

    fn source(&self, key: &str) -> Option<&Source> {
        let entry = self.view.resolution().entries.get(key)?;
        entry.chosen().map(|chosen| &chosen.source)
    }

    fn said(&self, piece: &Piece) -> Option<String> {
        said(piece, self.view.scope, &self.view.databases)
    }
}

impl Diff {
    pub(super) async fn run(self, tree: Tree) -> Result<Exit, CliError> {
        let service = self.service.as_deref();
        let one = Side::of(&tree, &self.one, service).await?;
        let other = Side::of(&tree, &self.other, service).await?;
        if one.name() == other.name() {
            return Err(CliError::new(
                Exit::Refused,
                "config::itself",
                format!("{} is compared with itself", one.name()),
                "name two environments",
            ));
        }
        let rows = compare(&tree, &one, &other);
        let is_lacking =
            |row: &Row| matches!(row.verdict, Verdict::OnlyInOne | Verdict::OnlyInOther);
        let is_good = !rows.iter().any(is_lacking);
        match tree.context.json {
            true => println!("{}", for_scripts(&one, &other, &rows, is_good)),
            false => print(&one, &other, rows, self.all),
        }
        Ok(match is_good {
            true => Exit::Done,
            false => Exit::Failed,
        })
    }
}

fn compare(tree: &Tree, one: &Side<'_>, other: &Side<'_>) -> Vec<Row> {
    let manifest = &tree.context.place.manifest;
    let is_production = |side: &Side<'_>| manifest.is_production(side.view.scope.environment);
    let crosses = is_production(one) != is_production(other);
    let keys: BTreeSet<&String> = one.shown.keys().chain(other.shown.keys()).collect();
    let row = |key: &String| {
        let verdict = verdict(one, other, key, 0)?;
        let is_secret = |side: &Side<'_>| {
            let entry = side.view.resolution().entries.get(key);
            entry.is_some_and(|entry| entry.secret)
        };
        let secret = is_secret(one) || is_secret(other);
        Some(Row {
            key: key.clone(),
            verdict,
            values: [one, other].map(|side| side.shown.get(key).cloned()),
            secret,
            is_bad: secret && crosses && verdict == Verdict::Equal,
        })
    };
    keys.into_iter().filter_map(row).collect()
}

/// How a key compares; `None` where neither has a value.
fn verdict(one: &Side<'_>, other: &Side<'_>, key: &str, depth: usize) -> Option<Verdict> {
    let (first, second) = match (one.source(key), other.source(key)) {
        (None, None) => return None,
        (Some(_), None) => return Some(Verdict::OnlyInOne),
        (None, Some(_)) => return Some(Verdict::OnlyInOther),
        (Some(first), Some(second)) => (first, second),
    };
    if let (Some(Shown::Value(first)), Some(Shown::Value(second))) =
        (one.shown.get(key), other.shown.get(key))
    {
        return Some(same(first == second));
    }
    Some(match (first, second) {
        (Source::File(first), Source::File(second)) => by_fingerprint(one, other, first, second),
        // Two places may hold the same value; the same place does.
        (Source::Reference(first), Source::Reference(second)) if first == second => Verdict::Equal,
        (Source::Own(first), Source::Own(second)) => {
            same(first.expose_secret() == second.expose_secret())
        }
        (Source::Written(first), Source::Written(second)) if depth < 64 => {
            by_pieces(one, other, [first, second], depth)
        }
        _ => Verdict::CannotTell,
    })
}

fn same(is_same: bool) -> Verdict {
    match is_same {
        true => Verdict::Equal,
        false => Verdict::Different,
    }
}

fn by_fingerprint(one: &Side<'_>, other: &Side<'_>, first: &str, second: &str) -> Verdict {
    let (Some(ledger), Some(others)) = (&one.ledger, &other.ledger) else {
        return Verdict::CannotTell;
    };
    if ledger.fingerprint_key != others.fingerprint_key {
        return Verdict::CannotTell;
    }
    match (ledger.keys.get(first), others.keys.get(second)) {
        (Some(known), Some(other)) => same(known.fingerprint == other.fingerprint),
        _ => Verdict::CannotTell,
    }
}

/// Values that are made of others in the same way are the same when those are.
fn by_pieces(one: &Side<'_>, other: &Side<'_>, pieces: [&Vec<Piece>; 2], depth: usize) -> Verdict {
    if pieces[0] != pieces[1] {
        return Verdict::CannotTell;
    }
    let verdicts = pieces[0].iter().map(|piece| match piece {
        Piece::Key(key) => verdict(one, other, key, depth + 1).unwrap_or(Verdict::CannotTell),
        piece => same(one.said(piece) == other.said(piece)),
    });
    let mut verdicts = verdicts.filter(|verdict| *verdict != Verdict::Equal);
    match (verdicts.next(), verdicts.next()) {
        (None, _) => Verdict::Equal,
        // Where two parts differ, one may make up for the other.
        (Some(Verdict::Different), None) => Verdict::Different,
        _ => Verdict::CannotTell,
    }
}

fn for_scripts(one: &Side<'_>, other: &Side<'_>, rows: &[Row], is_good: bool) -> Value {
    let value = |shown: &Option<Shown>| match shown {
        Some(Shown::Value(text)) => json!(text),
        _ => Value::Null,
    };
    let keys: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!({
                "key": row.key,
                "verdict": row.verdict.name(),
                "first": value(&row.values[0]),
                "second": value(&row.values[1]),
                "secret": row.secret,
                "shared_with_production": row.is_bad,
            })
        })
        .collect();
    let names = [one.name(), other.name()];
    json!({"version": 1, "ok": is_good, "environments": names, "keys": keys})
}

fn print(one: &Side<'_>, other: &Side<'_>, rows: Vec<Row>, all: bool) {
    let paint = style::of_stdout();
    let equal = rows
        .iter()
        .filter(|row| row.verdict == Verdict::Equal)
        .count();
    let cannot_tell = rows.iter().any(|row| row.verdict == Verdict::CannotTell);
    let cell = |shown: &Option<Shown>| match shown {
        Some(Shown::Value(text)) => in_a_line(text),
        Some(Shown::Secret) => MASK.to_owned(),
        Some(Shown::MadeOfSecrets(template)) => in_a_line(template),
        Some(Shown::Wrong(why)) => paint.bad(&format!("wrong: it {why}")),
        Some(Shown::Missing) => paint.bad("missing"),
        Some(Shown::Nothing) | None => "-".to_owned(),
    };
    let line = |row: &Row| {
        let verdict = match row.verdict {
            Verdict::OnlyInOne => paint.bad(&format!("only in {}", one.name())),
            Verdict::OnlyInOther => paint.bad(&format!("only in {}", other.name())),
            Verdict::Equal if row.is_bad => paint.bad("equal: shared with production"),
            Verdict::Equal => paint.dim("equal"),
            Verdict::Different => "different".to_owned(),
            Verdict::CannotTell => paint.waits("cannot tell"),
        };
        vec![
            row.key.clone(),
            cell(&row.values[0]),
            cell(&row.values[1]),
            verdict,
        ]
    };
    let is_told = |row: &&Row| all || row.is_bad || row.verdict != Verdict::Equal;
    let told: Vec<Vec<String>> = rows.iter().filter(is_told).map(line).collect();
    if !told.is_empty() {
        table::print(&["key", one.name(), other.name(), ""], &told);
    }
    println!("{equal} of {} keys are equal", rows.len());
    if cannot_tell {
        eprintln!(
            "where it cannot be told, a value is kept elsewhere, or the two files have no fingerprints that can be compared: then whoever can open both runs `towpath secret doctor --mend`"
        );
    }
}
