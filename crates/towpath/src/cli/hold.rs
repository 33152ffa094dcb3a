//! `towpath hold`: stops everything automatic, and lets it go on.

use clap::Args;

use super::{context::Context, error::CliError, exit::Exit, follow, way::Way};
use crate::engine::Ask;

/// Stop automatic deployments to an environment, or let them go on
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath hold production --reason 'looking into the errors of v43'\n  towpath hold production --release"
)]
pub struct Hold {
    /// The environment, by name or alias.
    environment: String,
    /// Why.
    #[arg(short = 'm', long, required_unless_present = "release")]
    reason: Option<String>,
    /// Let them go on.
    #[arg(long, conflicts_with = "reason")]
    release: bool,
}

impl Hold {
    pub(super) async fn run(self, context: Context) -> Result<Exit, CliError> {
        let environment = self.environment;
        let ask = match self.reason {
            Some(reason) => Ask::Hold {
                environment,
                reason,
            },
            None => Ask::ReleaseHold { environment },
        };
        follow::ask(&context, &Way::find(&context).await?, &ask, true).await
    }
}
