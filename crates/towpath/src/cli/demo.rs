//! `towpath demo`: the whole path, told by doing it.

use clap::Args;

use super::{Global, error::CliError, exit::Exit};
use crate::demo::{self, Options};

/// Walk the whole path with a real application: three releases, the third taken back by itself
///
/// Makes a repository and a clone in a temporary directory; builds, deploys and tests for real while requests never stop;
/// cleans up after itself. Needs git, cargo and a C compiler; the first run builds the application's dependencies.
#[derive(Args)]
#[command(after_help = "Examples:\n  towpath demo\n  towpath demo --exit --json")]
pub struct Demo {
    /// End by itself; the exit status says whether everything went as told.
    #[arg(long)]
    exit: bool,
}

impl Demo {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, CliError> {
        let options = Options {
            exit: self.exit,
            json: global.json,
        };
        let report = demo::run(options).await.map_err(|error| {
            CliError::new(
                Exit::Errored,
                "demo::failed",
                error.to_string(),
                error.help(),
            )
        })?;
        let Some(report) = report else {
            return Ok(Exit::Detached);
        };
        if global.json {
            println!("{}", serde_json::to_string(&report).unwrap_or_default());
        }
        Ok(if report.ok { Exit::Done } else { Exit::Failed })
    }
}
