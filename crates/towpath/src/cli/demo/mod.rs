//! `towpath demo`: the whole path, told by walking it. What happens is in the crate's `demo`; how it is told is here.

mod table;
mod teller;

use std::path::PathBuf;

use clap::Args;
use tokio::sync::mpsc::unbounded_channel;

use self::teller::Teller;
use super::{Global, error::CliError, exit::Exit};
use crate::demo::{self, Options, Tell};

/// Walk the whole path with a real application: three releases, the third taken back by itself
///
/// Makes a repository and a clone in a temporary directory, and takes three releases of a guestbook to production, while
/// visitors never stop asking: one, one with a migration, and one that is bad. Then everything goes on running, until
/// Ctrl-C ends it and cleans up. Needs git, cargo and a C compiler. The first run builds the guestbook's dependencies and
/// keeps them; each one after that takes less than a minute.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  towpath demo\n  towpath demo --exit          # exit status 0: everything went as told\n  \
                  towpath demo --exit --json"
)]
pub struct Demo {
    /// End by itself; the exit status says whether everything went as told.
    #[arg(long)]
    exit: bool,
    /// Work in this directory, and keep its files at the end; it must be empty or not there.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

impl Demo {
    pub(super) async fn run(self, global: &Global) -> Result<Exit, CliError> {
        let options = Options {
            exit: self.exit,
            keep: self.keep,
        };
        let (tell, told) = unbounded_channel();
        let teller = Teller::new(global.json);
        let listening = tokio::spawn(teller.listen(told));
        let ended = demo::run(options, Tell::new(tell)).await;
        // Everything that was told is shown before anything else is.
        let _ = listening.await;
        match ended {
            Ok(Some(report)) if report.ok => Ok(Exit::Done),
            Ok(Some(_)) => Ok(Exit::Failed),
            Ok(None) if global.json => Err(CliError::new(
                Exit::Detached,
                "demo::stopped",
                "the demo was stopped before its end",
                "",
            )),
            Ok(None) => Ok(Exit::Detached),
            Err(error) => Err(CliError::new(
                Exit::Disorder,
                error.code(),
                error.to_string(),
                error.help(),
            )),
        }
    }
}
