//! The demo: the whole path of a real application on this machine, from the first commit to a release that is taken back by
//! itself. Real git, real builds, real processes, and requests that never stop.
//!
//! `world` is the place where it happens and `remains` the end of everything in it, `people` work with git, `visitors` ask
//! production, `story` has it all happen and `onlooker` waits for what follows; `report` is what came of it. How it looks
//! is the command line's: it is told in [`Told`]s.

mod onlooker;
mod people;
mod programs;
mod remains;
mod report;
mod sources;
mod stop;
mod story;
mod told;
mod visitors;
mod world;

use std::{
    net::{Ipv4Addr, SocketAddr},
    panic::{AssertUnwindSafe, resume_unwind},
    path::PathBuf,
    sync::Arc,
    time::Instant,
};

use futures_util::FutureExt;
use tokio::{sync::oneshot, task::JoinSet};

pub use self::{
    report::{Report, Requests, Rollback, Row},
    told::{Description, Tell, Told},
};
use self::{stop::Stop, story::Story, visitors::Visitors, world::World};
use crate::{
    engine::{Engine, EngineError, Place, RequestError},
    server::Server,
};

/// How the demo goes.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Whether it ends by itself.
    pub exit: bool,
    /// The directory in which everything happens, whose files are kept; a temporary one unless said.
    pub keep: Option<PathBuf>,
}

/// Why the demo could not go on.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct DemoError {
    code: &'static str,
    what: String,
    help: String,
}

impl DemoError {
    fn new(code: &'static str, what: impl ToString, help: impl Into<String>) -> DemoError {
        DemoError {
            code,
            what: what.to_string(),
            help: help.into(),
        }
    }

    /// Something that only a mistake of ours explains.
    fn ours(what: impl ToString) -> DemoError {
        DemoError::new("demo::mistake", what, "this is a mistake of Towpath's")
    }

    /// A stable code.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The way out.
    pub fn help(&self) -> &str {
        &self.help
    }
}

impl From<EngineError> for DemoError {
    fn from(error: EngineError) -> Self {
        RequestError::from(error).into()
    }
}

impl From<RequestError> for DemoError {
    fn from(error: RequestError) -> Self {
        DemoError::new(error.code(), &error, error.help())
    }
}

/// Tells the whole story, and cleans up after itself however it ends. `None` when somebody ended it before its end.
pub async fn run(options: Options, tell: Tell) -> Result<Option<Report>, DemoError> {
    let mut stop = Stop::listen()?;
    programs::check().await?;
    let world = tokio::select! {
        biased;
        () = stop.asked() => return Ok(None),
        world = World::enter(options.keep.as_deref(), &tell) => world?,
    };
    let told = play(&world, options.exit, &tell, &mut stop).await;
    tell.say(Told::CleaningUp);
    let cleared = tokio::select! {
        cleared = world.leave() => cleared,
        never = stop.keeps_being_asked(&tell) => match never {},
    };
    if cleared.is_ok() {
        tell.say(Told::Gone);
    }
    match told {
        Played::Panicked(panic) => resume_unwind(panic),
        Played::Told(report) => cleared.map(|()| Some(*report)),
        Played::Stopped => cleared.map(|()| None),
        Played::Failed(error) => Err(error),
    }
}

/// How the story ended.
enum Played {
    Told(Box<Report>),
    Stopped,
    Failed(DemoError),
    Panicked(Box<dyn std::any::Any + Send>),
}

/// Plays everything so that whatever becomes of it there is somebody left to clean up. When this returns, nothing of it
/// starts processes any more.
async fn play(world: &World, exit: bool, tell: &Tell, stop: &mut Stop) -> Played {
    let (engine, place, server) = match open(world).await {
        Ok(opened) => opened,
        Err(error) => return Played::Failed(error),
    };
    let page = server.address();
    tell.say(Told::Begins(world.description(page)));

    let (end, ended) = oneshot::channel::<()>();
    let mut serving = JoinSet::new();
    serving.spawn(server.run(async {
        // Also when nobody is left to send.
        let _ = ended.await;
    }));
    let visitors = Visitors::default();
    let story = Story::new(
        engine,
        place,
        world.people(),
        tell.clone(),
        visitors.clone(),
    );
    let played = tokio::select! {
        biased;
        () = stop.asked() => Played::Stopped,
        told = AssertUnwindSafe(whole_story(story, visitors.clone())).catch_unwind() => match told {
            Ok(Ok(report)) => Played::Told(Box::new(report)),
            Ok(Err(error)) => Played::Failed(error),
            Err(panic) => Played::Panicked(panic),
        },
        Some(ended) = serving.join_next() => match ended {
            Ok(()) => Played::Failed(DemoError::ours("the server ended by itself")),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => Played::Panicked(panic),
                Err(error) => Played::Failed(DemoError::ours(error)),
            },
        },
    };
    if let Played::Told(report) = &played {
        tell.say(Told::Ends(report.clone()));
        if !exit {
            tell.say(Told::Stays(world.description(page)));
            stop.asked().await;
        }
    }
    visitors.stop().await;
    let _ = end.send(());
    while serving.join_next().await.is_some() {}
    played
}

async fn open(world: &World) -> Result<(Arc<Engine>, Place, Server), DemoError> {
    let upstream = world.repository().display().to_string();
    let engine = Engine::open(world.home().clone(), &upstream).await?;
    let place = Place {
        manifest: sources::manifest()?,
        work_tree: Some(world.clone_directory()),
    };
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let server = Server::bind(engine.clone(), place.clone(), any_port)
        .await
        .map_err(|error| DemoError::new("demo::server", &error, error.help()))?;
    Ok((engine, place, server))
}

/// The story with its report; a story that did not go as told has one too.
async fn whole_story(mut story: Story, visitors: Visitors) -> Result<Report, DemoError> {
    let began = Instant::now();
    let ended = story.tell().await;
    let tally = visitors.stop().await;
    report::make(&story, ended, tally, began.elapsed()).await
}
