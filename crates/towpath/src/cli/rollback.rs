//! `towpath rollback`: takes a release back.

use clap::Args;
use towpath_core::{names::ReleaseNumber, path::Action};

use super::{context::Context, error::CliError, exit::Exit, follow, plan, style, way::Way};
use crate::engine::{Ask, Preview};

/// Return an environment to an earlier verified release, at once where it still runs
///
/// Configuration returns with it. Where the release does not run on the schema that is there, the down-migrations that were stored when
/// the newer ones were applied are run first, after a snapshot; what that loses is said before. Freezes and locks do not stop it.
/// Afterwards the environment is held.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath rollback production --dry-run\n  towpath rollback production\n  towpath rollback prd --to v41"
)]
pub struct Rollback {
    /// The environment, by name or alias.
    environment: String,
    /// The release; the last verified one before the live one unless said.
    #[arg(long, value_name = "vN")]
    to: Option<ReleaseNumber>,
    /// Show what it would do and undo, and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do not wait for it. Without a server, it begins with the next command.
    #[arg(long, conflicts_with = "dry_run")]
    detach: bool,
}

impl Rollback {
    pub(super) async fn run(self, context: Context) -> Result<Exit, CliError> {
        let way = Way::find(&context).await?;
        let preview = way
            .preview_rollback(&context, &self.environment, self.to)
            .await?;
        if self.dry_run {
            return Ok(plan::show(&context, &preview));
        }
        tell(&preview);
        let ask = Ask::Rollback {
            environment: self.environment,
            to: Some(preview.release.number),
        };
        follow::ask(&context, &way, &ask, self.detach).await
    }
}

/// Says what is undone before it is.
fn tell(preview: &Preview) {
    for step in &preview.plan.steps {
        if let Action::Undo(reversal) = &step.action {
            let release = preview.release.number;
            let said = style::plain(&reversal.to_string());
            eprintln!("returning to {release} {said}");
        }
    }
}
