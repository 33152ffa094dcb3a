//! `towpath retry`: goes on with a deployment that failed.

use clap::Args;

use super::{context::Context, error::CliError, exit::Exit, follow, way::Way};
use crate::engine::Ask;

/// Go on with a deployment that failed, from the step that did not pass
#[derive(Args)]
#[command(after_help = "Examples:\n  towpath retry staging\n  towpath retry d17 --from test-1")]
pub struct Retry {
    /// The environment, by name or alias, or the deployment (d17).
    deployment: String,
    /// From an earlier step; signatures on what changes by that are void.
    #[arg(long, value_name = "STEP")]
    from: Option<String>,
    /// Do not wait for it.
    #[arg(long)]
    detach: bool,
}

impl Retry {
    pub(super) async fn run(self, context: Context) -> Result<Exit, CliError> {
        let ask = Ask::Retry {
            deployment: self.deployment,
            from: self.from,
        };
        follow::ask(&context, &Way::find(&context).await?, &ask, self.detach).await
    }
}
