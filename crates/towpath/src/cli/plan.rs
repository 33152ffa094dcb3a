//! `towpath plan`: everything that a deployment would do, without doing any of it.

use clap::Args;
use serde_json::json;
use towpath_core::{
    path::{Action, Answer, GateReport, Phase, Step},
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
        if context.json {
            println!("{}", json!({"version": 1, "preview": preview}));
        } else {
            print(&preview);
        }
        let refused = preview
            .gates
            .iter()
            .any(|report| matches!(report.answer, Answer::Refuse { .. }));
        Ok(if refused { Exit::Refused } else { Exit::Done })
    }
}

fn print(preview: &Preview) {
    let paint = style::of_stdout();
    let Preview {
        plan,
        release,
        gates,
        pending,
        returns_to,
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
                let prefix = format!("{database}: ");
                for migration in pending.iter().filter_map(|line| line.strip_prefix(&prefix)) {
                    println!("  {:<9}  {:<16}  {} {migration}", "", "", paint.good("+"));
                }
            }
        }
    }
    let on_failure = match (plan.on_failure, returns_to) {
        (towpath_core::manifest::OnFailure::Hold, _) => {
            "it stays as it is, so that people can look".to_owned()
        }
        (_, Some(to)) => format!("the traffic returns to {to}"),
        (_, None) => "there is nothing verified to return to yet; it stays as it is".to_owned(),
    };
    println!(
        "\n{} {on_failure}",
        paint.dim("when it fails after traffic has moved:")
    );
    println!(
        "{} {}",
        paint.dim("may deploy:"),
        plan.policy.who_may(towpath_core::path::Right::Deploy)
    );
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
