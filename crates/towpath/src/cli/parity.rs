//! `towpath parity`: how closely one environment mirrors another.

use clap::Args;
use serde_json::{Value, json};
use towpath_core::{
    catalogue::{self, Judged, Observed, Parity as Score},
    manifest::{Environment, Manifest},
    names::EnvironmentName,
};

use super::{
    Global,
    context::{self, Context},
    error::CliError,
    exit::Exit,
    style, table,
    way::Way,
};
use crate::{clock, config::secret_keys, engine::Place};

/// Show how closely one environment mirrors another, and what of it is accepted
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath parity\n  towpath parity stg prd --min 95\n  towpath parity --all"
)]
pub struct Parity {
    /// The environment that mirrors; each that says what it `mirrors` unless named.
    mirroring: Option<String>,
    /// The environment that is mirrored; the one that the other says unless named.
    mirrored: Option<String>,
    /// End with status 1 when the score is below this percentage.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=100))]
    min: Option<u8>,
    /// Show in what they are equal, too.
    #[arg(long)]
    all: bool,
}

impl Parity {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, CliError> {
        let place = Place {
            manifest: context::manifest(global)?,
            work_tree: None,
        };
        let pairs = self.pairs(&place)?;
        let secrets = secret_keys(&context::find_root()?, &place.manifest);
        let observed = observed(global, &place.manifest).await?;
        let today = clock::today();
        let scores: Vec<Score> = pairs
            .iter()
            .filter_map(|(one, other)| {
                catalogue::parity(&place.manifest, one, other, &secrets, &observed, today)
            })
            .collect();
        let is_enough = |score: &Score| self.min.is_none_or(|min| score.score >= min);
        let ok = scores.iter().all(is_enough);
        if global.json {
            let scores: Vec<Value> = scores.iter().map(|score| self.shown(score)).collect();
            println!("{}", json!({"version": 1, "ok": ok, "parity": scores}));
        } else {
            for (at, score) in scores.iter().enumerate() {
                if at > 0 {
                    println!();
                }
                show(score, &place.manifest, &observed, self.all);
            }
            for low in scores.iter().filter(|score| !is_enough(score)) {
                eprintln!(
                    "{} mirrors {} to {}%, and {}% is asked for",
                    low.mirroring,
                    low.mirrored,
                    low.score,
                    self.min.unwrap_or_default()
                );
            }
        }
        Ok(match ok {
            true => Exit::Done,
            false => Exit::Failed,
        })
    }

    /// Who is compared with whom.
    fn pairs<'a>(
        &self,
        place: &'a Place,
    ) -> Result<Vec<(&'a EnvironmentName, &'a EnvironmentName)>, CliError> {
        let environments = &place.manifest.environments;
        let mirroring = match &self.mirroring {
            Some(typed) => vec![place.environment(typed)?],
            None => environments
                .iter()
                .filter(|e| e.mirrors.is_some())
                .collect(),
        };
        if let (Some(typed), [one]) = (&self.mirrored, mirroring.as_slice()) {
            let other = place.environment(typed)?;
            return match one.name == other.name {
                true => Err(itself(one)),
                false => Ok(vec![(&one.name, &other.name)]),
            };
        }
        let pairs: Vec<_> = mirroring
            .iter()
            .filter_map(|one| Some((&one.name, one.mirrors.as_ref()?)))
            .collect();
        match pairs.is_empty() {
            true => Err(nothing_mirrors(mirroring.first().copied())),
            false => Ok(pairs),
        }
    }

    /// For scripts: everything, or what they differ in.
    fn shown(&self, score: &Score) -> Value {
        let mut value = json!(score);
        if !self.all {
            let facts = score.facts.iter().filter(|judged| !judged.fact.equal);
            value["facts"] = facts.map(|judged| json!(judged)).collect();
        }
        value
    }
}

/// What runs, where anything ever did: nothing is made only to look.
async fn observed(global: &Global, manifest: &Manifest) -> Result<Observed, CliError> {
    if !context::is_used(global, manifest).await? {
        return Ok(Observed::default());
    }
    let context = Context::open(global).await?;
    Way::find(&context).await?.observed().await
}

fn itself(environment: &Environment) -> CliError {
    CliError::new(
        Exit::Refused,
        "parity::itself",
        format!("{} is always like itself", environment.name),
        "name two environments, such as `towpath parity staging production`",
    )
}

fn nothing_mirrors(environment: Option<&Environment>) -> CliError {
    let (message, help) = match environment {
        Some(environment) => (
            format!("{} does not say what it mirrors", environment.name),
            format!(
                "name the other one too, or write `mirrors = \"…\"` in [environments.{}]",
                environment.name
            ),
        ),
        None => (
            "no environment says what it mirrors".to_owned(),
            "name two, such as `towpath parity staging production`, or write `mirrors = \"production\"` in [environments.staging]".to_owned(),
        ),
    };
    CliError::new(Exit::Refused, "parity::nothing-mirrors", message, help)
}

fn show(score: &Score, manifest: &Manifest, observed: &Observed, all: bool) {
    let paint = style::of_stdout();
    let (one, other) = (&score.mirroring, &score.mirrored);
    let percent = format!("{}%", score.score);
    let percent = match score.differences().next() {
        None => paint.good(&percent),
        Some(_) => paint.waits(&percent),
    };
    let rule = manifest.environments.iter().find(|e| e.name == *other);
    let needed = match rule.and_then(|environment| environment.parity) {
        Some(rule) => format!("; {}% is needed for a release to come there", rule.min),
        None => String::new(),
    };
    let names = (paint.strong(one.as_str()), paint.strong(other.as_str()));
    println!("{} mirrors {} to {percent}{needed}", names.0, names.1);
    let shown = score
        .facts
        .iter()
        .filter(|judged| all || !judged.fact.equal);
    let rows: Vec<Vec<String>> = shown.map(row).collect();
    if !rows.is_empty() {
        println!();
        let heading = match all {
            true => "FACT",
            false => "DIFFERENCE",
        };
        let (one, other) = (one.as_str().to_uppercase(), other.as_str().to_uppercase());
        table::print(&[heading, &one, &other, "ACCEPTED"], &rows);
    }
    if !score.unknown.is_empty() {
        let unseen = [one, other]
            .into_iter()
            .filter(|name| !observed.0.contains_key(*name))
            .map(EnvironmentName::as_str)
            .collect::<Vec<_>>()
            .join(" and in ");
        let unknown = score.unknown.join(", ");
        let why = match unseen.as_str() {
            "" => "it cannot be read from here".to_owned(),
            unseen => format!("nothing is live in {unseen}"),
        };
        println!("\nnot compared, because {why}: {unknown}");
    }
    if !score.hidden.is_empty() {
        let hidden = score.hidden.join(", ");
        println!(
            "\nnot compared, because a secret file cannot be looked at (`towpath secret doctor` says why): {hidden}"
        );
    }
    if let Some(first) = score.differences().next() {
        let entry = format!(
            "accept = [{{ difference = \"{}\", reason = \"…\", owner = \"…\", until = \"…\" }}]",
            style::plain(&first.fact.name)
        );
        println!(
            "\n{}",
            paint.dim(&format!(
                "bring them together, or accept a difference for a time in [environments.{}]:",
                score.mirroring
            ))
        );
        println!("  {}", paint.dim(&entry));
    }
}

fn row(judged: &Judged) -> Vec<String> {
    let paint = style::of_stdout();
    let fact = &judged.fact;
    let value = |value: &Option<String>| {
        let text = value.as_deref().unwrap_or("-");
        style::plain(text)
    };
    let accepted = match (&judged.accepted, &judged.expired) {
        (Some(acceptance), _) => format!(
            "until {} by {}: {}",
            acceptance.until,
            style::plain(&acceptance.owner),
            style::plain(&acceptance.reason)
        ),
        (None, Some(acceptance)) => paint.bad(&format!(
            "no more: it ended on {}, ask {}",
            acceptance.until,
            style::plain(&acceptance.owner)
        )),
        (None, None) if fact.equal => String::new(),
        (None, None) => paint.bad("no"),
    };
    vec![
        style::plain(&fact.name),
        value(&fact.mirroring),
        value(&fact.mirrored),
        accepted,
    ]
}
