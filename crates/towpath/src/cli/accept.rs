//! `towpath accept`: a person's word that a deployment may pass a point of no return.

use clap::Args;

use super::{context::Context, error::CliError, exit::Exit, follow, way::Way};
use crate::engine::Ask;

/// Accept that a deployment cannot be taken back once its migrations are applied; it goes on by itself
///
/// Whoever may roll the environment back may accept. It counts for this deployment, and for the migrations that it would apply now:
/// `towpath plan` and `towpath status` name them.
#[derive(Args)]
#[command(
    after_help = "Example:\n  towpath accept d17 --reason 'the column was empty for a year, and is exported'"
)]
pub struct Accept {
    /// The environment, by name or alias, or the deployment (d17).
    deployment: String,
    /// Why.
    #[arg(short = 'm', long)]
    reason: String,
    /// Do not wait for what follows.
    #[arg(long)]
    detach: bool,
}

impl Accept {
    pub(super) async fn run(self, context: Context) -> Result<Exit, CliError> {
        let ask = Ask::Accept {
            deployment: self.deployment,
            reason: self.reason,
        };
        follow::ask(&context, &Way::find(&context).await?, &ask, self.detach).await
    }
}
