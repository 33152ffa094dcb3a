//! `towpath rehearse`: shows that a release can be taken back, by doing it where it does no harm.

use clap::Args;
use serde_json::json;
use towpath_core::path::Rehearsal;

use super::{context::Context, error::CliError, exit::Exit, follow, style, way::Way};
use crate::engine::{Ask, ReleaseView, Reply};

/// Rehearse the way back from a release: deploy it, return, test, and go forward again
///
/// Each is an ordinary deployment by the plans that are used in earnest, without signatures and watching. The release that returns is
/// tested on what the newer one leaves. At the end each database's schema must be what it was. Then the release is stamped *rollback
/// proven*, which `require = ["rollback-proven"]` asks for elsewhere. Asked again after an interruption, it goes on where it was.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath rehearse staging\n  towpath rehearse staging v8\n  towpath rehearse stg feature/login"
)]
pub struct Rehearse {
    /// The environment, by name or alias.
    environment: String,
    /// A release (`v8`) or a revision; the tip of the environment's branch unless said.
    what: Option<String>,
}

impl Rehearse {
    pub(super) async fn run(self, context: Context) -> Result<Exit, CliError> {
        let way = Way::find(&context).await?;
        let mut followed = None;
        let release = loop {
            let ask = Ask::Rehearse {
                environment: self.environment.clone(),
                what: self.what.clone(),
                followed,
            };
            let deployment = match way.ask(&context, &ask).await? {
                Reply::Deployment { deployment, .. } => deployment,
                Reply::Release { release } => break release,
                Reply::Done { .. } => return Ok(Exit::Done),
            };
            let seen = match follow::to_its_end(&way, deployment).await? {
                Ok(seen) => seen,
                Err(exit) => return Ok(exit),
            };
            // What was refused, stopped, or could not say tells nothing of the release.
            let told = ["settled", "failed", "rolled-back", "undo-failed"];
            if seen.waiting.is_some() || !told.contains(&seen.view.status.as_str()) {
                follow::tell(&context, &seen);
                way.finish().await?;
                return Ok(follow::exit_of(&seen));
            }
            let view = &seen.view;
            let status = style::of_stderr().status(&view.status);
            eprintln!("{deployment} {} of {}: {status}", view.kind, view.release);
            followed = Some(deployment);
        };
        way.finish().await?;
        let view = ReleaseView::of(*release);
        let rehearsal = view.release.rehearsal.as_ref();
        let is_proven = rehearsal.is_some_and(Rehearsal::proves);
        if context.json {
            println!("{}", json!({"version": 1, "release": view.release}));
        } else if let Some(rehearsal) = rehearsal {
            let told = style::plain(&rehearsal.to_string());
            println!("{}: {told}", view.release.number);
        }
        Ok(match is_proven {
            true => Exit::Done,
            false => Exit::Failed,
        })
    }
}
