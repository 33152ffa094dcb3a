//! `towpath promote`: moves what is verified on to what comes after.

use clap::Args;
use towpath_core::names::ReleaseNumber;

use super::{context::Context, error::CliError, exit::Exit, follow, way::Way};
use crate::engine::Ask;

/// Move a verified release on to the environment that comes after
///
/// The branch of that environment takes in exactly the verified commit: by a fast-forward, or by a merge that holds the same
/// files. Then exactly that release is deployed.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath promote staging\n  towpath promote stg --release v42 --to production"
)]
pub struct Promote {
    /// Where it is verified, by name or alias.
    from: String,
    /// The release; the last verified one unless said.
    #[arg(long, value_name = "vN")]
    release: Option<ReleaseNumber>,
    /// Where to; the one environment that comes after it unless said.
    #[arg(long, value_name = "ENV")]
    to: Option<String>,
    /// Do not wait for it. Without a server, it begins with the next command.
    #[arg(long)]
    detach: bool,
}

impl Promote {
    pub(super) async fn run(self, context: Context) -> Result<Exit, CliError> {
        let ask = Ask::Promote {
            from: self.from,
            release: self.release,
            to: self.to,
        };
        follow::ask(&context, &Way::find(&context).await?, &ask, self.detach).await
    }
}
