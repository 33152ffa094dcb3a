//! `towpath history`: the deployments that were, newest first.

use clap::Args;
use serde_json::json;
use towpath_core::{names::DeploymentNumber, time::human};

use super::{context::Context, error::CliError, exit::Exit, status, style, table, way::Way};
use crate::{clock::now, engine::DeploymentView};

/// List deployments, newest first, or show one
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath history\n  towpath history production --limit 50\n  towpath history d17"
)]
pub struct History {
    /// An environment, by name or alias, or a deployment (d17).
    of: Option<String>,
    /// At most so many.
    #[arg(long, default_value_t = 20)]
    limit: u32,
    /// Only those before this one, for the next page.
    #[arg(long, value_name = "dN")]
    before: Option<DeploymentNumber>,
}

impl History {
    pub(super) async fn run(self, context: Context) -> Result<Exit, CliError> {
        let way = Way::find(&context).await?;
        if let Some(Ok(number)) = self.of.as_ref().map(|of| of.parse::<DeploymentNumber>()) {
            let view = way.deployment(number).await?;
            let view = view.ok_or_else(|| super::follow::no_such(number))?;
            match context.json {
                true => println!("{}", json!({"version": 1, "deployment": view})),
                false => status::deployment(&view),
            }
            return Ok(Exit::Done);
        }
        let environment = match &self.of {
            Some(typed) => Some(context.place.environment(typed)?.name.clone()),
            None => None,
        };
        let views = way
            .history(environment.as_ref(), self.before, self.limit)
            .await?;
        if context.json {
            println!("{}", json!({"version": 1, "deployments": views}));
            return Ok(Exit::Done);
        }
        let rows: Vec<Vec<String>> = views.iter().map(row).collect();
        table::print(
            &[
                "#",
                "WHEN",
                "ENVIRONMENT",
                "KIND",
                "RELEASE",
                "BY",
                "OUTCOME",
                "TOOK",
            ],
            &rows,
        );
        Ok(Exit::Done)
    }
}

fn row(view: &DeploymentView) -> Vec<String> {
    let until = view.ended_at.unwrap_or_else(now);
    vec![
        view.deployment.to_string(),
        view.requested_at.to_string(),
        view.environment.to_string(),
        view.kind.to_string(),
        view.release.to_string(),
        view.requested_by.clone(),
        style::of_stdout().status(&view.status),
        human(until.since(view.requested_at)),
    ]
}
