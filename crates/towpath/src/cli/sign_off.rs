//! `towpath sign-off`: a person's signature on what is deployed.

use clap::Args;
use towpath_core::Digest;

use super::{context::Context, error::CliError, exit::Exit, follow, way::Way};
use crate::engine::Ask;

/// Sign what a deployment waits for; the last signature sets it going again
///
/// A signature is bound to the evidence: release, configuration, migrations and test results. When that changes, it is void.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath sign-off staging --comment 'tried the new form'\n  towpath sign-off d17 --name acceptance --as lee@acme.test"
)]
pub struct SignOff {
    /// The environment, by name or alias, or the deployment (d17).
    deployment: String,
    /// Which signature; the one that is waited for unless said.
    #[arg(long)]
    name: Option<String>,
    /// What to say about it.
    #[arg(short = 'm', long)]
    comment: Option<String>,
    /// The evidence that you looked at; refused when it is not what is there now.
    #[arg(long, value_name = "SHA-256")]
    evidence: Option<Digest>,
    /// Do not wait for what follows.
    #[arg(long)]
    detach: bool,
}

impl SignOff {
    pub(super) async fn run(self, context: Context) -> Result<Exit, CliError> {
        let ask = Ask::SignOff {
            deployment: self.deployment,
            name: self.name,
            evidence: self.evidence,
            comment: self.comment,
        };
        follow::ask(&context, &Way::find(&context).await?, &ask, self.detach).await
    }
}
