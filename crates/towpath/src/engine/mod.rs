//! The engine: leases deployments, asks the core what is next, performs it, and journals the outcome.

mod artifacts;
mod asks;
mod begun;
mod builder;
mod clone;
pub(crate) mod databases;
mod dispatcher;
mod drift;
mod executor;
mod failpoint;
mod housekeeping;
mod http;
mod instances;
mod outputs;
mod rehearsal;
pub(crate) mod releases;
mod requests;
mod secrets;
pub(crate) mod snapshots;
mod steps;
mod supervise;
mod tail;
pub(crate) mod variables;
mod views;
mod watcher;

use std::{path::PathBuf, sync::Arc, time::Duration};

use towpath_core::{
    manifest::{self, Manifest},
    path::Release,
    runner::Runner,
    target::Target,
};
use towpath_targets::{
    process::{ProcessRunner, ProcessTarget},
    shim::Launcher,
};

use crate::{
    git::{GitError, Mirror},
    home::{Home, HomeError, Worker},
    store::{Store, StoreError},
};

pub use self::{
    asks::{Ask, Place, Preview, Reply, RequestError},
    dispatcher::{Dispatcher, Outlook},
    outputs::{Output, Printed, Reader, Tail},
    views::*,
    watcher::Watcher,
};

/// How long a worker may be silent until others take its deployments over; one that has died is noticed at once.
const LEASE: Duration = Duration::from_secs(20);

/// How long a clone may stand about between two deployments of its rehearsal, until it is taken down.
const CLONE_IDLE: Duration = Duration::from_secs(60);

/// Everything that performing needs.
pub struct Engine {
    /// The journal.
    pub store: Store,
    /// The data directory.
    pub home: Home,
    /// Our copy of the repository.
    pub mirror: Mirror,
    /// Where services run.
    pub target: Arc<dyn Target>,
    /// What runs commands.
    pub runner: Arc<dyn Runner>,
    worker: Worker,
    /// Held while a branch is moved together with what is asked for because of that, and while somebody looks at branches.
    branches: tokio::sync::Mutex<()>,
    /// Held while a clone of an environment is taken down.
    clones: tokio::sync::Mutex<()>,
}

/// Why an engine cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The data directory.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The journal.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The repository.
    #[error(transparent)]
    Git(#[from] GitError),
    /// A release's manifest.
    #[error("{0}")]
    Manifest(String),
}

impl EngineError {
    /// The way out.
    pub fn help(&self) -> String {
        match self {
            EngineError::Home(error) => error.help(),
            EngineError::Store(error) => error.help(),
            EngineError::Git(error) => error.help(),
            EngineError::Manifest(_) => "`towpath check` shows what is wrong with it".into(),
        }
    }
}

impl Engine {
    /// An engine on this machine: services and commands are processes of it.
    pub async fn open(home: Home, upstream: &str) -> Result<Arc<Engine>, EngineError> {
        Engine::open_with(home, upstream, Launcher::this()).await
    }

    /// An engine whose processes are started by another executable than this one.
    pub async fn open_with(
        home: Home,
        upstream: &str,
        launcher: Launcher,
    ) -> Result<Arc<Engine>, EngineError> {
        let store = Store::open(&home.journal()).await?;
        let mirror = Mirror::open(&home.mirror(), upstream).await?;
        Ok(Arc::new(Engine {
            target: Arc::new(ProcessTarget::new(home.target(), launcher.clone())),
            runner: Arc::new(ProcessRunner::new(home.target(), launcher)),
            worker: Worker::enter(&home)?,
            branches: tokio::sync::Mutex::default(),
            clones: tokio::sync::Mutex::default(),
            store,
            home,
            mirror,
        }))
    }

    /// A release's own manifest, kept since it was cut: nothing of it depends on the repository any more.
    pub fn manifest_of(&self, release: &Release) -> Result<Manifest, EngineError> {
        let path = self.manifest_path(release);
        let text = std::fs::read_to_string(&path).map_err(|error| {
            EngineError::Manifest(format!("could not read {}: {error}", path.display()))
        })?;
        manifest::parse(&text, "towpath.toml")
            .map(|parsed| parsed.manifest)
            .map_err(|problems| EngineError::Manifest(problems.to_string()))
    }

    fn manifest_path(&self, release: &Release) -> PathBuf {
        self.home
            .manifests()
            .join(format!("{}.toml", release.source.manifest))
    }
}
