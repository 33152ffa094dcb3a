//! `towpath server`: works on the path without anybody's command.

use std::net::SocketAddr;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::{
    context::Context,
    error::{self, CliError},
    exit::Exit,
};
use crate::{engine::Engine, server};

/// Work on the path without anybody's command: watch the repository, carry on what waits, show a page
///
/// Stopping or killing it changes nothing that end users see; the next one goes on.
#[derive(Args)]
#[command(after_help = "Example:\n  towpath server --listen 127.0.0.1:7117")]
pub struct Server {
    /// Where the page is. It only shows: nobody can be authenticated there yet.
    #[arg(long, default_value = "127.0.0.1:7117")]
    listen: SocketAddr,
}

impl Server {
    pub(super) async fn run(self, context: Context) -> Result<Exit, CliError> {
        let filter =
            EnvFilter::try_from_env("TOWPATH_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .with_ansi(super::style::of_stderr().is_on())
            .with_target(false)
            .init();
        let mut terminate = signal(SignalKind::terminate()).map_err(error::output)?;
        let engine = Engine::open(context.home.clone(), &context.upstream).await?;
        let server = server::Server::bind(engine, context.place, self.listen)
            .await
            .map_err(|error| {
                CliError::new(
                    Exit::Disorder,
                    "server::cannot-start",
                    error.to_string(),
                    error.help(),
                )
            })?;
        println!("http://{}", server.address());
        tracing::info!(data = %context.home.root().display(), repository = context.upstream, "working");
        server
            .run(async {
                tokio::select! {
                    _ = tokio::signal::ctrl_c() => {}
                    _ = terminate.recv() => {}
                }
                tracing::info!("stopping; what runs goes on running");
            })
            .await;
        Ok(Exit::Done)
    }
}
