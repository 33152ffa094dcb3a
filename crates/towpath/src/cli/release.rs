//! `towpath release`: numbers a commit and builds it, once.

use clap::Args;
use serde_json::json;

use super::{context::Context, error::CliError, exit::Exit, progress::Progress, style, way::Way};
use crate::engine::{Ask, ReleaseView, Reply};

/// Number a commit's release and build it, once for every environment
#[derive(Args)]
#[command(after_help = "Examples:\n  towpath release\n  towpath release feature/login")]
pub struct Release {
    /// A revision that git understands.
    #[arg(default_value = "HEAD")]
    revision: String,
}

impl Release {
    pub(super) async fn run(self, context: Context) -> Result<Exit, CliError> {
        let way = Way::find(&context).await?;
        eprintln!(
            "building {} in a clean work tree of its commit",
            self.revision
        );
        let ask = Ask::Release {
            revision: self.revision,
        };
        let mut progress = Progress::new();
        progress.say("builds");
        let reply = tokio::select! {
            reply = way.ask(&context, &ask) => reply,
            _ = tokio::signal::ctrl_c() => {
                progress.close();
                eprintln!("detached: the build goes on; the same command picks its result up");
                return Ok(Exit::Detached);
            }
        };
        progress.close();
        let Reply::Release { release } = reply? else {
            return Ok(Exit::Done);
        };
        let view = ReleaseView::of(*release);
        if context.json {
            println!(
                "{}",
                json!({"version": 1, "release": view.release, "digest": view.digest})
            );
            return Ok(Exit::Done);
        }
        let release = &view.release;
        let paint = style::of_stdout();
        println!(
            "{} is {} {:?} by {}",
            paint.strong(&release.number.to_string()),
            release.source.commit.short(),
            style::plain(&release.source.subject),
            style::plain(&release.source.author)
        );
        for (service, artifact) in release.artifacts.iter().flatten() {
            println!(
                "  {service}: {} ({} bytes, sha256 {})",
                artifact.file_name,
                artifact.bytes,
                artifact.digest.short()
            );
        }
        for (database, migrations) in &release.source.migrations {
            println!("  {database}: {} migrations", migrations.len());
        }
        Ok(Exit::Done)
    }
}
