//! `towpath cancel`: stops a deployment.

use clap::Args;

use super::{context::Context, error::CliError, exit::Exit, follow, way::Way};
use crate::engine::Ask;

/// Stop a deployment; what it did is taken back as after a failure
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath cancel staging --reason 'wrong branch'\n  towpath cancel d17"
)]
pub struct Cancel {
    /// The environment, by name or alias, or the deployment (d17).
    deployment: String,
    /// Why.
    #[arg(short = 'm', long, default_value = "no longer wanted")]
    reason: String,
}

impl Cancel {
    pub(super) async fn run(self, context: Context) -> Result<Exit, CliError> {
        let ask = Ask::Cancel {
            deployment: self.deployment,
            reason: self.reason,
        };
        let exit = follow::ask(&context, &Way::find(&context).await?, &ask, false).await?;
        Ok(if exit == Exit::Failed {
            Exit::Done
        } else {
            exit
        })
    }
}
