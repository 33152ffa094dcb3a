//! `towpath reject`: a person's no.

use clap::Args;

use super::{context::Context, error::CliError, exit::Exit, follow, way::Way};
use crate::engine::Ask;

/// Refuse to sign what a deployment waits for
#[derive(Args)]
#[command(after_help = "Example:\n  towpath reject staging --reason 'the form loses umlauts'")]
pub struct Reject {
    /// The environment, by name or alias, or the deployment (d17).
    deployment: String,
    /// Which signature; the one that is waited for unless said.
    #[arg(long)]
    name: Option<String>,
    /// Why.
    #[arg(short = 'm', long)]
    reason: String,
}

impl Reject {
    pub(super) async fn run(self, context: Context) -> Result<Exit, CliError> {
        let ask = Ask::Reject {
            deployment: self.deployment,
            name: self.name,
            reason: self.reason,
        };
        let exit = follow::ask(&context, &Way::find(&context).await?, &ask, false).await?;
        // The deployment has failed, and that is what was wanted.
        Ok(if exit == Exit::Failed {
            Exit::Done
        } else {
            exit
        })
    }
}
