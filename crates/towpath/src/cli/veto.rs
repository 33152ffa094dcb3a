//! `towpath veto`: a release that must never be deployed again.

use clap::Args;
use towpath_core::names::ReleaseNumber;

use super::{context::Context, error::CliError, exit::Exit, follow, way::Way};
use crate::engine::Ask;

/// Never deploy a release again; whatever is in flight with it stops
#[derive(Args)]
#[command(after_help = "Example:\n  towpath veto v43 --reason 'corrupts attachments'")]
pub struct Veto {
    /// The release.
    release: ReleaseNumber,
    /// Why.
    #[arg(short = 'm', long)]
    reason: String,
}

impl Veto {
    pub(super) async fn run(self, context: Context) -> Result<Exit, CliError> {
        let ask = Ask::Veto {
            release: self.release,
            reason: self.reason,
        };
        follow::ask(&context, &Way::find(&context).await?, &ask, true).await
    }
}
