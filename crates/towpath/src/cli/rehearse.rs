//! `towpath rehearse`: shows that a release can be taken back, by doing it where it does no harm.

use clap::Args;
use serde_json::json;
use towpath_core::{names::DeploymentNumber, path::Rehearsal};

use super::{
    context::Context,
    error::CliError,
    exit::Exit,
    follow, style,
    way::{Followed, Way},
};
use crate::engine::{Ask, ReleaseView, Reply};

/// Rehearse the way back from a release: deploy it, return, test, and go forward again
///
/// Each is an ordinary deployment by the plans that are used in earnest, without signatures and watching. The release that returns is
/// tested on what the newer one leaves. At the end each database's schema must be what it was. Then the release is stamped *rollback
/// proven*, which `require = ["rollback-proven"]` asks for elsewhere. Asked again after an interruption, it goes on where it was.
///
/// With `--clone` all of it is done on a throw-away clone of the environment: copies of its databases, and instances beside the live
/// ones, at addresses that nobody knows. The environment is left as it is, and the clone is taken down at the end.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath rehearse staging\n  towpath rehearse staging v8 --clone\n  towpath rehearse stg feature/login"
)]
pub struct Rehearse {
    /// The environment, by name or alias.
    environment: String,
    /// A release (`v8`) or a revision; the tip of the environment's branch unless said.
    what: Option<String>,
    /// Rehearse on a throw-away clone of the environment: its databases are copied, and nothing that is live is touched.
    #[arg(long)]
    clone: bool,
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
                on_clone: self.clone,
            };
            let deployment = match way.ask(&context, &ask).await? {
                Reply::Deployment { deployment, .. } => deployment,
                Reply::Release { release } => break release,
                Reply::Done { .. } => return Ok(Exit::Done),
            };
            let seen = match self.follow(&context, &way, deployment).await? {
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
    /// Follows a deployment. A clone is for nobody else: whoever lets go of its rehearsal has it taken down.
    async fn follow(
        &self,
        context: &Context,
        way: &Way,
        deployment: DeploymentNumber,
    ) -> Result<Result<Followed, Exit>, CliError> {
        if !self.clone {
            return follow::to_its_end(way, deployment).await;
        }
        if let Some(seen) = follow::unless_interrupted(way, deployment).await? {
            return Ok(Ok(seen));
        }
        eprintln!("\ncancelling {deployment}, and taking the clone down");
        let cancel = Ask::Cancel {
            deployment: deployment.to_string(),
            reason: "its rehearsal was interrupted".into(),
        };
        // One that has just ended needs none.
        let cancelled = way.ask(context, &cancel).await;
        let seen = follow::to_its_end(way, deployment).await?;
        match (&seen, cancelled) {
            (Ok(seen), Err(error)) if seen.waiting.is_some() => Err(error),
            _ => Ok(seen),
        }
    }
}
