//! `towpath unlock`: gives a reservation up.

use clap::Args;

use super::{context::Context, error::CliError, exit::Exit, follow, way::Way};
use crate::engine::Ask;

/// Give an environment's reservation up
#[derive(Args)]
#[command(after_help = "Example:\n  towpath unlock staging")]
pub struct Unlock {
    /// The environment, by name or alias.
    environment: String,
}

impl Unlock {
    pub(super) async fn run(self, context: Context) -> Result<Exit, CliError> {
        let ask = Ask::Unlock {
            environment: self.environment,
        };
        follow::ask(&context, &Way::find(&context).await?, &ask, true).await
    }
}
