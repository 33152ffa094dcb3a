//! The demo: the whole path of a real application on this machine, from the first commit to a release that is taken back by
//! itself. Real git, real builds, real processes, and requests that never stop.

mod report;
mod sources;
mod story;
mod told;
mod traffic;
mod world;

use std::{net::SocketAddr, time::Instant};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::oneshot,
    task::JoinSet,
};
use towpath_core::manifest;

pub use self::report::Report;
use self::{story::Story, told::Told, traffic::Traffic, world::World};
use crate::{
    engine::{Engine, Place},
    server::Server,
};

/// Why the demo could not go on.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct DemoError {
    what: String,
    help: String,
}

impl DemoError {
    fn new(what: impl ToString, help: impl Into<String>) -> DemoError {
        DemoError {
            what: what.to_string(),
            help: help.into(),
        }
    }

    /// The way out.
    pub fn help(&self) -> &str {
        &self.help
    }
}

/// How the demo is shown.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Whether it ends by itself.
    pub exit: bool,
    /// Whether the story goes to standard error, because standard output is for the report.
    pub json: bool,
}

/// Tells the whole story, and cleans up after itself however it ends. `None` when somebody ended it.
pub async fn run(options: Options) -> Result<Option<Report>, DemoError> {
    let told = Told::new(options.json);
    world::needs_programs()?;
    let world = World::make(&told).await?;
    let (ended, ending) = oneshot::channel::<()>();
    let outcome = {
        let mut tasks = JoinSet::new();
        let shown = play(&world, &told, options, ending, &mut tasks);
        tokio::select! {
            outcome = shown => outcome.map(Some),
            () = interrupted() => Ok(None),
        }
    };
    told.aside("cleaning up: every process of the demo ends, and its directory goes");
    drop(ended);
    world.clean_up().await?;
    outcome
}

async fn play(
    world: &World,
    told: &Told,
    options: Options,
    ending: oneshot::Receiver<()>,
    tasks: &mut JoinSet<()>,
) -> Result<Report, DemoError> {
    let began = Instant::now();
    let engine = Engine::open(world.home(), &world.upstream().display().to_string())
        .await
        .map_err(|error| DemoError::new(&error, error.help()))?;
    let place = Place {
        manifest: sources::manifest()?,
        work_tree: Some(world.work_tree()),
    };
    let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
    let server = Server::bind(engine.clone(), place.clone(), any_port)
        .await
        .map_err(|error| DemoError::new(&error, error.help()))?;
    let page = server.address();
    tasks.spawn(server.run(async {
        let _ = ending.await;
    }));
    told.aside(&format!("a server works on it; its page is http://{page}"));

    let traffic = Traffic::default();
    let mut story = Story::new(engine, place, world, told, traffic.clone());
    let chapters = story.tell().await;
    let report = Report::make(&story, began.elapsed(), chapters).await?;
    told.report(&report);
    if !options.exit {
        told.aside(&format!(
            "the page is at http://{page}; the guestbook of production at {}",
            story.production()
        ));
        told.aside(&format!("try: {} status", world.command_line()));
        told.aside("Ctrl-C ends everything and cleans up");
        std::future::pending::<()>().await;
    }
    traffic.stop();
    Ok(report)
}

async fn interrupted() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

/// The guestbook's manifest is ours, and is checked like anybody's.
impl From<manifest::Problems> for DemoError {
    fn from(problems: manifest::Problems) -> Self {
        DemoError::new(problems, "this is a mistake of ours")
    }
}
