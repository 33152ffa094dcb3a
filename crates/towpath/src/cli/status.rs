//! `towpath status`: where everything is, and what it waits for.

use clap::Args;
use serde_json::json;
use towpath_core::{path::Verdict, time::human};

use super::{context::Context, error::CliError, exit::Exit, style, table, way::Way};
use crate::{
    clock::now,
    engine::{DeploymentView, EnvironmentView},
};

/// Show where everything is
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath status\n  towpath status prd\n  towpath status --json"
)]
pub struct Status {
    /// An environment, by name or alias.
    environment: Option<String>,
}

impl Status {
    pub(super) async fn run(self, context: Context) -> Result<Exit, CliError> {
        let only = match &self.environment {
            Some(typed) => Some(context.place.environment(typed)?.name.clone()),
            None => None,
        };
        let way = Way::find(&context).await?;
        let mut status = way.status(&context).await?;
        if let Some(only) = &only {
            status
                .environments
                .retain(|environment| environment.name == *only);
        }
        if context.json {
            println!("{}", json!(status));
        } else if only.is_some() {
            status.environments.iter().for_each(detail);
        } else {
            let rows: Vec<Vec<String>> = status.environments.iter().map(row).collect();
            table::print(
                &[
                    "ENVIRONMENT",
                    "LIVE",
                    "SAFE BACK TO",
                    "SINCE",
                    "NOW",
                    "ADDRESS",
                ],
                &rows,
            );
            let server = match &way {
                Way::Server(_) => "a server works on it",
                Way::Own(_) => "no server: `towpath retry ENV` goes on with what is under way",
            };
            eprintln!(
                "{}",
                style::of_stderr().dim(&format!(
                    "{} in {}; {server}",
                    status.project,
                    context.home.root().display()
                ))
            );
        }
        if !context.json {
            let paint = style::of_stderr();
            for trouble in way.trouble().await? {
                eprintln!("{} {}", paint.bad("warning:"), style::plain(&trouble));
            }
        }
        Ok(Exit::Done)
    }
}

fn row(environment: &EnvironmentView) -> Vec<String> {
    let paint = style::of_stdout();
    let live = environment.live.as_ref();
    vec![
        environment.name.to_string(),
        live.map_or("–".into(), |live| {
            let mark = if live.verified {
                paint.good("✓")
            } else {
                paint.waits("?")
            };
            format!("{} {mark}", live.release)
        }),
        live.map_or(String::new(), |_| {
            let safe = environment.safe_back_to;
            safe.map_or("–".into(), |release| release.to_string())
        }),
        live.map_or(String::new(), |live| human(now().since(live.since))),
        notes(environment),
        live.map_or(String::new(), |live| {
            live.addresses
                .values()
                .cloned()
                .collect::<Vec<_>>()
                .join(" ")
        }),
    ]
}

/// What is under way, and what stands in the way.
fn notes(environment: &EnvironmentView) -> String {
    let paint = style::of_stdout();
    let mut notes = Vec::new();
    if let Some(active) = &environment.active {
        notes.push(under_way(active));
    }
    if !environment.queue.is_empty() {
        notes.push(format!("{} waiting", environment.queue.len()));
    }
    if environment
        .live
        .as_ref()
        .is_some_and(|live| live.vetoed.is_some())
    {
        notes.push(paint.bad("live release is vetoed"));
    }
    if let Some(lock) = &environment.lock {
        notes.push(paint.waits(&format!("locked by {}", lock.owner)));
    }
    if environment.hold.is_some() {
        notes.push(paint.waits("held"));
    }
    if let Some(until) = environment.frozen_until {
        notes.push(paint.waits(&format!("frozen until {until}")));
    }
    if environment.active.is_none()
        && let Some(last) = environment
            .last
            .as_ref()
            .filter(|last| last.status != "settled" && last.ended_at.is_some())
    {
        notes.push(format!(
            "{} of {} {}",
            last.deployment,
            last.release,
            paint.status(&last.status)
        ));
    }
    notes.join(", ")
}

fn under_way(active: &DeploymentView) -> String {
    let step = active
        .steps
        .iter()
        .find(|step| step.verdict != Some(Verdict::Passed));
    match (&active.waiting, step) {
        (Some(waiting), _) => format!(
            "{} of {} waits for {}",
            active.deployment, active.release, waiting.reason
        ),
        (None, Some(step)) => {
            let backfill = step.backfill.as_ref();
            format!(
                "{} of {}: {}{}",
                active.deployment,
                active.release,
                step.phase,
                backfill.map_or(String::new(), |told| style::plain(&format!(", {told}")))
            )
        }
        (None, None) => format!("{} of {}", active.deployment, active.release),
    }
}

fn detail(environment: &EnvironmentView) {
    let paint = style::of_stdout();
    println!("{}", paint.strong(environment.name.as_str()));
    let line = |name: &str, text: String| println!("  {:<12} {text}", paint.dim(name));
    if let Some(branch) = &environment.branch {
        line("branch", branch.clone());
    }
    match &environment.live {
        None => line("live", "nothing yet".into()),
        Some(live) => {
            let verified = if live.verified {
                paint.good("verified")
            } else {
                paint.waits("not verified")
            };
            let commit = live.commit.get(..10).unwrap_or(&live.commit);
            line(
                "live",
                format!(
                    "{} ({commit} {:?}), {verified}",
                    live.release,
                    style::plain(&live.subject)
                ),
            );
            line(
                "since",
                format!(
                    "{} ({} ago, by {})",
                    live.since,
                    human(now().since(live.since)),
                    live.deployment
                ),
            );
            for (service, address) in &live.addresses {
                line(service.as_str(), address.clone());
            }
        }
    }
    if let Some(rehearsal) = environment
        .live
        .as_ref()
        .and_then(|live| live.rehearsal.as_ref())
    {
        let when = rehearsal.at.map_or(String::new(), |at| {
            format!(" ({} ago)", human(now().since(at)))
        });
        let told = style::plain(&rehearsal.to_string());
        let told = match rehearsal.proves() {
            true => paint.good(&told),
            false => paint.bad(&told),
        };
        line("rehearsal", format!("{told}{when}"));
    }
    if let Some((release, until)) = &environment.warm {
        line(
            "warm",
            format!("{release}, for {} more", human(until.since(now()))),
        );
    }
    if let Some(release) = &environment.returns_to {
        let undoes = match environment.returns_by.as_slice() {
            [] => String::new(),
            all => format!(", which {}", style::plain(&all.join(", and "))),
        };
        line("returns to", format!("{release}{undoes}"));
    }
    if let Some(release) = &environment.safe_back_to {
        line("safe back to", release.to_string());
    }
    if let Some(lock) = &environment.lock {
        line(
            "locked",
            format!("by {} until {}: {}", lock.owner, lock.until, lock.reason),
        );
    }
    if let Some(hold) = &environment.hold {
        line("held", format!("by {}: {}", hold.by, hold.reason));
    }
    if let Some(until) = environment.frozen_until {
        line("frozen", format!("until {until}"));
    }
    match (&environment.active, &environment.last) {
        (Some(active), _) => deployment(active),
        (None, Some(last)) => deployment(last),
        (None, None) => {}
    }
    for queued in &environment.queue {
        let waiting = queued
            .waiting
            .as_ref()
            .map_or(String::new(), |w| format!(": waits for {}", w.reason));
        println!(
            "  {:<12} {} of {}{waiting}",
            paint.dim("queued"),
            queued.deployment,
            queued.release
        );
    }
}

/// A deployment with its steps.
pub fn deployment(view: &DeploymentView) {
    let paint = style::of_stdout();
    println!(
        "  {:<12} {} {} of {}, {} by {}: {}",
        paint.dim("deployment"),
        view.deployment,
        view.kind,
        view.release,
        view.trigger,
        view.requested_by,
        paint.status(&view.status)
    );
    for step in &view.steps {
        let mark = match step.verdict {
            Some(Verdict::Passed) => paint.good("✓"),
            Some(Verdict::Inconclusive) => paint.waits("?"),
            Some(_) => paint.bad("✗"),
            None if step.started_at.is_some() && view.ended_at.is_none() => paint.waits("▸"),
            None => paint.dim("·"),
        };
        let said = step.said.as_deref().unwrap_or(&step.what);
        println!(
            "    {mark} {:<9} {:<16} {}",
            step.phase,
            step.id,
            style::plain(said)
        );
    }
    for signature in &view.signatures {
        let comment = signature
            .comment
            .as_ref()
            .map_or(String::new(), |c| format!(": {}", style::plain(c)));
        println!(
            "    {} {:?} by {}{comment}",
            paint.dim("signed"),
            signature.name,
            signature.by
        );
    }
    if let Some(accepted) = &view.accepted {
        println!(
            "    {} that it cannot be taken back, by {}: {}",
            paint.dim("accepted"),
            accepted.by,
            style::plain(&accepted.reason)
        );
    }
    if let Some(waiting) = &view.waiting {
        let who = waiting
            .who
            .as_ref()
            .map_or(String::new(), |who| format!(", from {who}"));
        let until = waiting
            .until
            .map_or(String::new(), |at| format!(", until {at}"));
        println!(
            "    {} {}{who}{until}",
            paint.waits("waits for"),
            waiting.reason
        );
    }
    if let Some(evidence) = &view.evidence {
        println!("    {} {evidence}", paint.dim("evidence"));
    }
    if let Some(why) = &view.why {
        println!("    {} {}", paint.dim("because"), style::plain(why));
    }
}
