//! `towpath db adopt`: what another tool has applied is taken over.

use clap::Args;
use serde_json::json;
use towpath_core::path::SchemaWork;

use super::{
    Project,
    hand::{self, Hand, failed},
};
use crate::cli::{error::CliError, exit::Exit};

/// Give receipts to the migrations that the project's own tool has applied, and apply nothing
///
/// Every deployment does so by itself. Where the tool's table and the files disagree it is refused, and said where.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath db adopt production\n  towpath db adopt staging --json"
)]
pub struct Adopt {
    #[command(flatten)]
    hand: Hand,
}

impl Adopt {
    pub(super) async fn run(self, project: &Project) -> Result<Exit, CliError> {
        let mut shown = Vec::new();
        for opened in self.hand.all(project, "adopt").await? {
            let set = match &opened.set {
                None => continue,
                Some(Err(refused)) => return Err(refused.clone().into()),
                Some(Ok(set)) => set.clone(),
            };
            let tool = opened.tool.clone();
            let (status, is_some) = match &tool {
                Some(tool) => {
                    let (status, told) = project.plan_told(&opened, tool, &set, "adopt").await?;
                    let is_some = !told.plan.adopted.is_empty() || !told.ended.is_empty();
                    (Some(status), is_some)
                }
                None => {
                    let plan = opened
                        .database
                        .plan(&set)
                        .await
                        .map_err(|error| opened.refused(error))?;
                    (None, !plan.adopted.is_empty())
                }
            };
            let title = format!("{} of {}", opened.name, opened.home);
            let mut adopted = Vec::new();
            if is_some {
                let taken = self.hand.take(project, opened, SchemaWork::Adopt).await?;
                let database = &taken.opened.database;
                adopted = match &status {
                    Some(status) => taken.adopt_by(&set, status).await?,
                    None => database
                        .adopt(&set, &taken.key)
                        .await
                        .map_err(|error| failed(&error.to_string(), error.remedy()))?,
                };
                taken.done().await?;
                let all = adopted.iter().map(|version| hand::shown(&set, *version));
                let all: Vec<_> = all.collect();
                shown.push(json!({"database": taken.opened.name, "home": taken.opened.home, "adopted": all}));
            }
            eprintln!("{title}: {} taken over", adopted.len());
        }
        if project.json {
            println!("{}", json!({"version": 1, "databases": shown}));
        }
        Ok(Exit::Done)
    }
}
