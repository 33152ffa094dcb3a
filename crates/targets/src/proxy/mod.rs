//! The traffic proxy: a process of its own, with a state file of its own, that users' requests go through.
//!
//! `run` is the process. `state` keeps its directory, `switch` turns updates that come in at the `desk` into a `table`,
//! and the `worker`s, a thread per core, take requests through it: `connection` (the client's, by hyper) → `forward`
//! (which instance) → `peer` (its idle connections) → `channel` (the instance's, our own). What goes over a channel is
//! written by `ask`, `upload` and `chunks`, and read by `told`; what comes back to the client is a `body`, or a `tunnel`.

mod ask;
mod body;
mod channel;
mod chunks;
mod client;
mod clock;
mod connection;
pub mod control;
mod counters;
mod desk;
mod forward;
mod listen;
mod peer;
mod socket_path;
mod state;
mod switch;
mod table;
mod told;
mod tunnel;
mod upload;
mod wire;
mod worker;

use std::{
    future::Future,
    io,
    os::unix::net::UnixListener,
    path::{Path, PathBuf},
    rc::Rc,
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use arc_swap::ArcSwap;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::{
    runtime::{Builder, LocalOptions, LocalRuntime},
    signal::unix::{SignalKind, signal},
    sync::{Mutex, Notify},
    time::{MissedTickBehavior, interval},
};

use self::{
    state::Directory,
    switch::Switch,
    table::Table,
    worker::{Handle, Shared},
};

/// How often an address that another program has is tried again.
const REBIND_EVERY: Duration = Duration::from_secs(1);

/// How long things may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The head of a request, counted from the end of the one before: this also ends idle connections. Kept to the
    /// second.
    pub head_within: Duration,
    /// The requests in flight when the proxy is told to end.
    pub end_within: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_within: Duration::from_secs(60),
            end_within: Duration::from_secs(10),
        }
    }
}

/// Why the proxy did not start.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// There is one already.
    #[error("another proxy runs on {} (end it first, or give this one a directory of its own)", .0.display())]
    Running(PathBuf),
    /// The routes cannot be read.
    #[error(
        "{} is damaged: {reason} (move it away and start again; the next deployment of each environment writes its routes anew)",
        path.display()
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file in its directory cannot be used.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The system does not give what a process needs.
    #[error("the proxy's threads could not be started: {0}")]
    Threads(io::Error),
}

impl ProxyError {
    fn file(path: &Path, source: io::Error) -> Self {
        Self::File {
            path: path.to_owned(),
            source,
        }
    }
}

/// Runs the proxy of a directory until SIGTERM or SIGINT, and then until requests in flight are answered, or a second
/// signal comes.
pub fn run(directory: &Path) -> Result<(), ProxyError> {
    let proxy = Proxy::open(directory, Limits::default())?;
    proxy.serve_until(async {
        let signals = || -> io::Result<_> {
            Ok((
                signal(SignalKind::terminate())?,
                signal(SignalKind::interrupt())?,
            ))
        };
        match signals() {
            Ok((mut terminate, mut interrupt)) => {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            }
            Err(error) => {
                tracing::error!(%error, "no signals can be received");
                std::future::pending::<()>().await;
            }
        }
    });
    Ok(())
}

/// A proxy that serves its routes already.
#[derive(Debug)]
pub struct Proxy {
    runtime: LocalRuntime,
    switch: Switch,
    socket: UnixListener,
    ended: Arc<Notify>,
    end_within: Duration,
}

impl Proxy {
    /// Takes the directory, starts the workers, listens everywhere where the routes say, and opens the control socket.
    pub fn open(path: &Path, limits: Limits) -> Result<Self, ProxyError> {
        let directory = Directory::take(path)?;
        let state = directory.load()?;
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build_local(LocalOptions::default())
            .map_err(ProxyError::Threads)?;
        let count = std::thread::available_parallelism().map_or(1, usize::from);
        let shared = Shared {
            table: Arc::new(ArcSwap::from_pointee(Table::default())),
            drained: Arc::new(Notify::new()),
            loads: (0..count).map(|_| AtomicUsize::new(0)).collect(),
            most: most_connections() / count,
            head_within: limits.head_within,
        };
        let workers = worker::start(count, &shared).map_err(ProxyError::Threads)?;
        let socket = directory.socket()?;
        let ended = shared.drained.clone();
        let entered = runtime.enter();
        let switch = Switch::new(directory, state, shared, workers);
        drop(entered);
        Ok(Self {
            runtime,
            switch,
            socket,
            ended,
            end_within: limits.end_within,
        })
    }

    /// Answers on the control socket until told to stop, and then lets requests in flight end.
    pub fn serve_until(self, stop: impl Future<Output = ()>) {
        let Self {
            runtime,
            switch,
            socket,
            ended,
            end_within,
        } = self;
        let switch = Rc::new(Mutex::new(switch));
        runtime.block_on(async {
            match tokio::net::UnixListener::from_std(socket) {
                Ok(socket) => {
                    tokio::task::spawn_local(desk::serve(socket, switch.clone(), ended));
                }
                Err(error) => tracing::error!(%error, "the control socket does not work"),
            }
            tokio::task::spawn_local(rebind(switch.clone()));
            stop.await;
        });
        // Updates in progress end with the runtime, and then the switch has one owner.
        drop(runtime);
        if let Some(switch) = Rc::into_inner(switch) {
            let (directory, workers) = switch.into_inner().into_workers();
            directory.close_socket();
            end(workers, end_within);
        }
    }
}

/// Ends the workers, all at the same time.
fn end(workers: Vec<Handle>, within: Duration) {
    for worker in &workers {
        worker.stop(within);
    }
    for worker in workers {
        worker.join();
    }
}

async fn rebind(switch: Rc<Mutex<Switch>>) {
    let mut ticks = interval(REBIND_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        switch.lock().await.rebind();
    }
}

/// Raises the limit of open files as far as it goes; each request needs a connection on either side.
fn most_connections() -> usize {
    let limit = match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok((soft, hard)) if soft < hard => match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
            Ok(()) => hard,
            Err(_) => soft,
        },
        Ok((soft, _)) => soft,
        Err(_) => 1024,
    };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    (limit.saturating_sub(128) / 2).max(16)
}
