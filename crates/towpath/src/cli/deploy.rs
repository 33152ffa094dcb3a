//! `towpath deploy`: puts a release into an environment.

use clap::Args;

use super::{context::Context, error::CliError, exit::Exit, follow, way::Way};
use crate::engine::Ask;

/// Put a release into an environment
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath deploy staging              # the tip of its branch\n  towpath deploy staging v42\n  towpath deploy dev feature/login"
)]
pub struct Deploy {
    /// The environment, by name or alias.
    environment: String,
    /// A release (v42) or a revision; the tip of the environment's branch unless said.
    what: Option<String>,
    /// Do not wait for it. Without a server, it begins with the next command.
    #[arg(long)]
    detach: bool,
}

impl Deploy {
    pub(super) async fn run(self, context: Context) -> Result<Exit, CliError> {
        let ask = Ask::Deploy {
            environment: self.environment,
            what: self.what,
        };
        follow::ask(&context, &Way::find(&context).await?, &ask, self.detach).await
    }
}
