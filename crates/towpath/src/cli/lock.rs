//! `towpath lock`: reserves an environment.

use std::time::Duration;

use clap::Args;
use towpath_core::time::parse_duration;

use super::{context::Context, error::CliError, exit::Exit, follow, way::Way};
use crate::engine::Ask;

/// Reserve an environment: nobody else deploys to it until it expires
#[derive(Args)]
#[command(after_help = "Example:\n  towpath lock staging --reason 'load test' --for 2h")]
pub struct Lock {
    /// The environment, by name or alias.
    environment: String,
    /// Why.
    #[arg(short = 'm', long)]
    reason: String,
    /// For how long.
    #[arg(long = "for", value_name = "DURATION", default_value = "1h", value_parser = parse_duration)]
    lasting: Duration,
}

impl Lock {
    pub(super) async fn run(self, context: Context) -> Result<Exit, CliError> {
        let ask = Ask::Lock {
            environment: self.environment,
            reason: self.reason,
            lasting: self.lasting,
        };
        follow::ask(&context, &Way::find(&context).await?, &ask, true).await
    }
}
