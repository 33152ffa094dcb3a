//! `towpath plan`: everything that a deployment would do, without doing any of it.

use clap::Args;
use serde_json::json;
use towpath_core::{
    manifest::{OnFailure, UndoRule},
    path::{Action, Answer, GateReport, Kind, Phase, Right, Step, contract},
    time::human,
};

use super::{context::Context, error::CliError, exit::Exit, style, way::Way};
use crate::engine::Preview;

/// Show what a deployment would do: gates, steps, migrations, people. Changes nothing
#[derive(Args)]
#[command(after_help = "Examples:\n  towpath plan staging\n  towpath plan production v42")]
pub struct Plan {
    /// The environment, by name or alias.
    environment: String,
    /// A release (v42) or a revision; the tip of the environment's branch unless said.
    what: Option<String>,
}

impl Plan {
    pub(super) async fn run(self, context: Context) -> Result<Exit, CliError> {
        let way = Way::find(&context).await?;
        let preview = way
            .preview(&context, &self.environment, self.what.as_deref())
            .await?;
        Ok(show(&context, &preview))
    }
}

/// Shows what would be done; whether a gate refuses it is the exit status.
pub fn show(context: &Context, preview: &Preview) -> Exit {
    match context.json {
        true => println!("{}", json!({"version": 1, "preview": preview})),
        false => print(preview),
    }
    let mut gates = preview.gates.iter();
    match gates.any(|report| matches!(report.answer, Answer::Refuse { .. })) {
        true => Exit::Refused,
        false => Exit::Done,
    }
}

fn print(preview: &Preview) {
    let paint = style::of_stdout();
    let Preview {
        plan,
        release,
        gates,
        pending,
        ..
    } = preview;
    println!(
        "{} {} ({}) to {}",
        plan.kind,
        paint.strong(&release.number.to_string()),
        release.source.commit.short(),
        paint.strong(plan.environment.as_str())
    );
    println!(
        "  {:?} by {}",
        style::plain(&release.source.subject),
        style::plain(&release.source.author)
    );
    println!("\n{}", paint.dim("gates, as they are now"));
    for report in gates {
        gate(report);
    }
    println!("\n{}", paint.dim("steps"));
    for phase in Phase::ALL {
        for step in plan.steps.iter().filter(|step| step.phase == phase) {
            println!("  {:<9}  {:<16}  {step}{}", phase, step.id, limit(step));
            if let Action::SignOff(rule) = &step.action {
                println!(
                    "  {:<9}  {:<16}  {}",
                    "",
                    "",
                    paint.dim(&plan.policy.who_is(&rule.role))
                );
            }
            if let Action::Migrate { database, .. } = &step.action {
                for migration in release.migrations(database) {
                    let line = migration.line();
                    if pending.contains(&format!("{database}: {line}")) {
                        let said = style::plain(&line);
                        let contract = paint.dim(&style::plain(&contract(migration)));
                        println!(
                            "  {:<9}  {:<16}  {} {said}  {contract}",
                            "",
                            "",
                            paint.good("+")
                        );
                    }
                }
            }
        }
    }
    println!(
        "\n{} {}",
        paint.dim("when it fails after traffic has moved:"),
        on_failure(preview)
    );
    println!("{} {}", paint.dim("way back:"), way_back(preview));
    for shared in &preview.shared {
        println!("{} {}", paint.dim("changes:"), paint.waits(shared));
    }
    for point in &preview.points_of_no_return {
        let told = style::plain(point);
        println!("{} {told}", paint.bad("point of no return:"));
    }
    if let Some(safe) = preview.safe_back_to {
        println!("{} {safe}", paint.dim("safe back to:"));
    }
    let (does, right) = match plan.kind {
        Kind::Rollback => ("may roll back:", Right::Rollback),
        Kind::Deploy | Kind::Redeploy => ("may deploy:", Right::Deploy),
    };
    println!("{} {}", paint.dim(does), plan.policy.who_may(right));
}

fn on_failure(preview: &Preview) -> String {
    let plan = &preview.plan;
    match (plan.on_failure, preview.returns_to) {
        (OnFailure::Hold, _) => "it stays as it is, so that people can look".into(),
        (_, Some(to))
            if preview.returns_by.is_empty()
                || plan.policy.going_back.undo == UndoRule::Automatic =>
        {
            format!("the traffic returns to {to}")
        }
        (_, Some(to)) => format!(
            "it stays as it is, and is held, until somebody says `towpath rollback {}`: returning to {to} runs down-migrations",
            plan.environment
        ),
        (_, None) if preview.no_return_because.is_some() => {
            "it stays as it is, and is held: there is no way back".into()
        }
        (_, None) => "there is nothing verified to return to yet; it stays as it is".into(),
    }
}

/// Where one can return to once it is there, and what that costs.
fn way_back(preview: &Preview) -> String {
    match (preview.returns_to, &preview.no_return_because) {
        (Some(to), _) if preview.returns_by.is_empty() => format!("to {to}, by code alone"),
        (Some(to), _) => {
            let undo: Vec<_> = preview
                .returns_by
                .iter()
                .map(|line| style::plain(line))
                .collect();
            format!("to {to}, which {}", undo.join(", and "))
        }
        (None, Some(because)) => format!("none: {}", style::plain(because)),
        (None, None) => "none: nothing was verified here before".into(),
    }
}

fn gate(report: &GateReport) {
    let paint = style::of_stdout();
    match &report.answer {
        Answer::Pass { note } => println!(
            "  {} {:<12}  {}",
            paint.good("✓"),
            report.gate,
            paint.dim(note)
        ),
        Answer::Wait { reason, who, until } => {
            let until = until.map_or(String::new(), |at| format!(", until {at}"));
            println!(
                "  {} {:<12}  {reason}{until} ({who})",
                paint.waits("…"),
                report.gate
            );
        }
        Answer::Refuse { reason, way_out } => {
            println!("  {} {:<12}  {reason}", paint.bad("✗"), report.gate);
            println!("    {:<12}  {way_out}", "");
        }
    }
}

fn limit(step: &Step) -> String {
    match step.action {
        Action::Settle | Action::Configure { .. } | Action::Switch | Action::Watch(_) => {
            String::new()
        }
        _ => style::of_stdout().dim(&format!(" (within {})", human(step.within))),
    }
}
