//! `towpath rollback`: takes a release back.

use clap::Args;
use towpath_core::names::ReleaseNumber;

use super::{context::Context, error::CliError, exit::Exit, follow, way::Way};
use crate::engine::Ask;

/// Return an environment to an earlier verified release, at once where it still runs
///
/// Configuration returns with it. Freezes and locks do not stop it. Afterwards the environment is held.
#[derive(Args)]
#[command(after_help = "Examples:\n  towpath rollback production\n  towpath rollback prd --to v41")]
pub struct Rollback {
    /// The environment, by name or alias.
    environment: String,
    /// The release; the last verified one before the live one unless said.
    #[arg(long, value_name = "vN")]
    to: Option<ReleaseNumber>,
    /// Do not wait for it. Without a server, it begins with the next command.
    #[arg(long)]
    detach: bool,
}

impl Rollback {
    pub(super) async fn run(self, context: Context) -> Result<Exit, CliError> {
        let ask = Ask::Rollback {
            environment: self.environment,
            to: self.to,
        };
        follow::ask(&context, &Way::find(&context).await?, &ask, self.detach).await
    }
}
