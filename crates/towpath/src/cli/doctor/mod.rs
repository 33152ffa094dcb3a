//! `towpath doctor`: asks everything that environments use whether it is there and what the manifest says.

mod keys;
mod memory;
mod subjects;

use std::{
    io::{IsTerminal, Write},
    time::Duration,
};

use clap::{Args, ValueEnum};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use towpath_core::time::{human, parse_duration};
use towpath_probe::{Finding, Health, KINDS, Prober, Settings};

use self::{
    memory::Memory,
    subjects::{Asked, subjects},
};
use super::{Global, context, error::CliError, exit::Exit, style, table};
use crate::{clock::now, engine::Place};

/// So many are asked at once.
const AT_ONCE: usize = 16;

/// Ask everything that environments use whether it is there and what the manifest says
///
/// Each resource is asked by its kind: an identity tenant for its discovery document, an account for who its key belongs to, a database for its
/// version, anything else with a link for its page. What a kind needs (a key, a URL) is taken from the environment's configuration and
/// secrets, by the names in the resource's `config`; a variable such as TOWPATH_SECRET_STAGING__RESEND_API_KEY wins over them. Nothing is changed anywhere, and nothing secret is printed.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath doctor\n  towpath doctor staging --timeout 3s\n  \
                  towpath doctor --fail-on amber --json\n  towpath doctor --kinds\n\n\
                  Ends with status 1 when something is as bad as --fail-on says."
)]
pub struct Doctor {
    /// Only what this environment uses.
    environment: Option<String>,
    /// How long each may take to answer.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse_duration)]
    timeout: Duration,
    /// What counts as failed.
    #[arg(long, value_enum, default_value_t = FailOn::Red)]
    fail_on: FailOn,
    /// List the kinds that can be asked, and what each needs.
    #[arg(long)]
    kinds: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FailOn {
    /// What is not there, or is not what the manifest says
    Red,
    /// Likewise, and what will not be for long
    Amber,
    /// Likewise, and what could not be told
    Unknown,
}

/// What was found of one resource.
struct Answer {
    asked: Asked,
    finding: Finding,
    /// Since when it is so, as far as is known.
    since: towpath_core::Time,
}

impl Doctor {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, CliError> {
        if self.kinds {
            list_kinds(global.json);
            return Ok(Exit::Done);
        }
        let place = Place {
            manifest: context::manifest(global)?,
            work_tree: None,
        };
        let only = match &self.environment {
            Some(typed) => Some(place.environment(typed)?.name.clone()),
            None => None,
        };
        let known = keys::known(global, &place.manifest).await?;
        let asked = subjects(&place.manifest, only.as_ref(), |environment, key| {
            known.value(environment, key)
        });
        let settings = Settings {
            timeout: self.timeout,
            ..Settings::default()
        };
        let prober = Prober::new(settings).map_err(|error| {
            let message = format!("nothing can be asked from here: {error}");
            CliError::new(
                Exit::Disorder,
                "doctor::no-trust",
                message,
                "SSL_CERT_FILE names a file of certificates to trust",
            )
        })?;
        let found = ask_all(&prober, asked).await;
        // What was found is told also where nothing can be kept.
        let memory = context::home(global, &place.manifest).await.ok();
        let answers = remember(memory.map(Memory::of), found);
        let failed = answers.iter().any(|answer| self.fails(answer));
        if global.json {
            let findings: Vec<Value> = answers.iter().map(shown).collect();
            println!(
                "{}",
                json!({"version": 1, "ok": !failed, "findings": findings})
            );
        } else {
            print(&answers);
        }
        Ok(match failed {
            true => Exit::Failed,
            false => Exit::Done,
        })
    }

    fn fails(&self, answer: &Answer) -> bool {
        match answer.finding.health {
            Health::Green => false,
            Health::Amber => self.fail_on != FailOn::Red,
            Health::Red => true,
            Health::Unknown => self.fail_on == FailOn::Unknown,
        }
    }
}

/// Asks all, several at once; what was asked first is told first.
async fn ask_all(prober: &Prober, asked: Vec<Asked>) -> Vec<(Asked, Finding)> {
    let total = asked.len();
    let mut answers = stream::iter(asked.into_iter().enumerate())
        .map(|(at, asked)| async move {
            let finding = prober.probe(&asked.subject).await;
            (at, asked, finding)
        })
        .buffer_unordered(AT_ONCE);
    let mut found = Vec::new();
    let is_watched = std::io::stderr().is_terminal();
    while let Some(answer) = answers.next().await {
        found.push(answer);
        if is_watched {
            eprint!("\r\x1b[2Kasked {} of {total}", found.len());
            let _ = std::io::stderr().flush();
        }
    }
    if is_watched {
        eprint!("\r\x1b[2K");
    }
    found.sort_by_key(|(at, ..)| *at);
    found
        .into_iter()
        .map(|(_, asked, finding)| (asked, finding))
        .collect()
}

/// Since when each is so. A memory that cannot be read or written is told and makes nothing fail.
fn remember(memory: Option<Memory>, found: Vec<(Asked, Finding)>) -> Vec<Answer> {
    let seen = found
        .iter()
        .map(|(asked, finding)| (asked.place(), finding.health));
    let kept = match memory {
        Some(memory) => memory.update(seen.collect(), now()),
        None => Err(std::io::Error::other("the data directory cannot be used")),
    };
    let since = kept.unwrap_or_else(|why| {
        eprintln!("since when it is so is not kept: {why}");
        Default::default()
    });
    found
        .into_iter()
        .map(|(asked, finding)| Answer {
            since: since.get(&asked.place()).copied().unwrap_or_else(now),
            asked,
            finding,
        })
        .collect()
}

fn shown(answer: &Answer) -> Value {
    json!({
        "resource": answer.asked.resource,
        "kind": answer.asked.subject.kind,
        "declared_in": answer.asked.declared_in,
        "environments": answer.asked.environments,
        "health": answer.finding.health,
        "reason": answer.finding.reason,
        "facts": answer.finding.facts,
        "since": answer.since,
        "took_ms": u64::try_from(answer.finding.took.as_millis()).unwrap_or(u64::MAX),
    })
}

fn print(answers: &[Answer]) {
    let paint = style::of_stdout();
    let colour = |health: Health| {
        let word = health.to_string();
        match health {
            Health::Green => paint.good(&word),
            Health::Amber => paint.waits(&word),
            Health::Red => paint.bad(&word),
            Health::Unknown => paint.dim(&word),
        }
    };
    let rows: Vec<Vec<String>> = answers
        .iter()
        .map(|answer| {
            let names: Vec<&str> = answer
                .asked
                .environments
                .iter()
                .map(|name| name.as_str())
                .collect();
            vec![
                colour(answer.finding.health),
                answer.asked.resource.clone(),
                names.join(", "),
                for_how_long(answer.since),
                style::plain(&answer.finding.reason),
            ]
        })
        .collect();
    if rows.is_empty() {
        println!("nothing is used that could be asked");
        return;
    }
    table::print(&["HEALTH", "RESOURCE", "USED IN", "FOR", "WHY"], &rows);
    let count = |health| {
        let answers = answers.iter();
        answers
            .filter(|answer| answer.finding.health == health)
            .count()
    };
    eprintln!(
        "{} green, {} amber, {} red, {} unknown",
        count(Health::Green),
        count(Health::Amber),
        count(Health::Red),
        count(Health::Unknown),
    );
    if count(Health::Unknown) > 0 {
        eprintln!(
            "what is unknown may need keys: name them in the resource's `config`; their values are the environment's own \
             `config`, or variables such as TOWPATH_SECRET_STAGING__API_KEY"
        );
    }
}

fn for_how_long(since: towpath_core::Time) -> String {
    match now().since(since) {
        span if span < Duration::from_secs(1) => "new".into(),
        span => human(span),
    }
}

fn list_kinds(is_json: bool) {
    if is_json {
        let kinds: Vec<Value> = KINDS
            .iter()
            .map(|known| {
                json!({
                    "kind": known.name,
                    "aliases": known.aliases,
                    "green_if": known.green_if,
                    "needs": known.needs,
                })
            })
            .collect();
        println!("{}", json!({"version": 1, "kinds": kinds}));
        return;
    }
    for known in KINDS {
        let aliases = match known.aliases {
            [] => String::new(),
            aliases => format!(" ({})", aliases.join(", ")),
        };
        println!("{}{aliases}", style::of_stdout().strong(known.name));
        println!("  green if {}", known.green_if);
        println!("  needs {}", known.needs);
    }
}
