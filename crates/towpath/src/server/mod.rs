//! The server: works on the path without anybody's command, and lets people see and ask over HTTP.
//!
//! The whole API is on a Unix socket in the data directory, which only the machine's user may open: who speaks there is
//! trusted to say who acts. Until people can be authenticated, what listens on TCP only shows.

mod api;
pub mod client;
mod error;
mod page;

use std::{
    fs::{self, File},
    io::{self, Read, Seek, Write},
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use nix::fcntl::{Flock, FlockArg};
use tokio::{
    net::{TcpListener, UnixListener},
    sync::watch,
    task::JoinSet,
};
use towpath_core::manifest::{self, Manifest};

use crate::{
    engine::{Dispatcher, Engine, Place, Watcher},
    home::{Home, lock_file},
};

/// How long a dispatcher that failed is left alone.
const AGAIN: Duration = Duration::from_secs(2);

/// How long connections may take to end.
const GRACE: Duration = Duration::from_secs(5);

/// Why a server cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// There is one already.
    #[error("a server works on this data directory already ({0})")]
    Taken(String),
    /// An address that cannot be listened on.
    #[error("could not listen on {0}: {1}")]
    Listen(String, io::Error),
    /// Its lock file.
    #[error("could not lock {0}: {1}")]
    Lock(PathBuf, io::Error),
}

impl ServerError {
    /// The way out.
    pub fn help(&self) -> String {
        match self {
            ServerError::Taken(_) => {
                "use that one, or stop it first; nothing that end users see changes by that".into()
            }
            ServerError::Listen(..) => {
                "name another address: --listen 127.0.0.1:0 takes a free port".into()
            }
            ServerError::Lock(..) => {
                "make the data directory writable for you, or name another: --data DIR".into()
            }
        }
    }
}

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct App {
    engine: Arc<Engine>,
    source: Arc<ManifestSource>,
    trouble: Arc<Mutex<Option<String>>>,
    stopping: watch::Receiver<bool>,
}

/// The manifest of a work tree, as it was when it was last valid.
pub(crate) struct ManifestSource {
    root: PathBuf,
    last: Mutex<(Manifest, bool)>,
}

impl ManifestSource {
    fn new(place: Place) -> ManifestSource {
        ManifestSource {
            root: place.work_tree.unwrap_or_default(),
            last: Mutex::new((place.manifest, true)),
        }
    }

    /// The manifest as it is now; one that is not valid is said so once, and the last valid one goes on.
    pub(crate) fn read(&self) -> Manifest {
        let path = self.root.join("towpath.toml");
        let parsed = fs::read_to_string(&path)
            .map_err(|error| error.to_string())
            .and_then(|text| {
                manifest::parse(&text, "towpath.toml").map_err(|problems| problems.to_string())
            });
        let mut last = self
            .last
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        match parsed {
            Ok(parsed) => *last = (parsed.manifest, true),
            Err(error) if last.1 => {
                tracing::warn!(
                    error,
                    "the manifest is not valid; the last valid one goes on"
                );
                last.1 = false;
            }
            Err(_) => {}
        }
        last.0.clone()
    }
}

impl App {
    /// Where a request comes from, with the work tree that it names.
    pub(crate) fn place(&self, work_tree: Option<PathBuf>) -> Place {
        Place {
            manifest: self.source.read(),
            work_tree,
        }
    }
}

/// A server that listens, and does not work yet.
pub struct Server {
    app: App,
    stop: watch::Sender<bool>,
    socket: UnixListener,
    socket_path: PathBuf,
    page: TcpListener,
    _lock: Flock<File>,
}

impl Server {
    /// Listens on the data directory's socket and on `listen`. One server a data directory.
    pub async fn bind(
        engine: Arc<Engine>,
        place: Place,
        listen: SocketAddr,
    ) -> Result<Server, ServerError> {
        let home = engine.home.clone();
        let mut lock = take_lock(&home)?;
        let page = TcpListener::bind(listen)
            .await
            .map_err(|error| ServerError::Listen(listen.to_string(), error))?;
        let socket_path = home.socket();
        // Ours by the lock: a socket that is there is one of a server that was killed.
        let _ = fs::remove_file(&socket_path);
        let failed = |error| ServerError::Listen(socket_path.display().to_string(), error);
        let socket = UnixListener::bind(&socket_path).map_err(failed)?;
        fs::set_permissions(&socket_path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
        let address = page.local_addr().unwrap_or(listen);
        let told = format!("process {}, http://{address}", std::process::id());
        let write = lock
            .set_len(0)
            .and_then(|()| lock.rewind())
            .and_then(|()| lock.write_all(told.as_bytes()));
        write.map_err(|error| ServerError::Lock(home.server_lock(), error))?;
        let (stop, stopping) = watch::channel(false);
        let source = Arc::new(ManifestSource::new(place));
        let app = App {
            engine,
            source,
            trouble: Arc::default(),
            stopping,
        };
        Ok(Server {
            app,
            stop,
            socket,
            socket_path,
            page,
            _lock: lock,
        })
    }

    /// Where the page is.
    pub fn address(&self) -> SocketAddr {
        self.page
            .local_addr()
            .unwrap_or_else(|_| SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// Works until `until` is ready. What runs then goes on running, and the next server goes on with it.
    pub async fn run(self, until: impl Future<Output = ()>) {
        let address = self.address();
        let mut tasks = JoinSet::new();
        tasks.spawn(dispatch(self.app.clone()));
        tasks.spawn(look(self.app.clone()));
        let mut serving = JoinSet::new();
        let whole = api::whole(self.app.clone());
        let shown = api::read_only(self.app.clone(), address);
        let (socket, page) = (self.socket, self.page);
        let stopped = stopped(self.app.stopping.clone());
        serving.spawn(async move {
            axum::serve(socket, whole)
                .with_graceful_shutdown(stopped)
                .await
        });
        let stopped = self::stopped(self.app.stopping.clone());
        serving.spawn(async move {
            axum::serve(page, shown)
                .with_graceful_shutdown(stopped)
                .await
        });
        until.await;
        let _ = self.stop.send(true);
        let _ = tokio::time::timeout(GRACE, async {
            while serving.join_next().await.is_some() {}
        })
        .await;
        tasks.shutdown().await;
        let _ = fs::remove_file(&self.socket_path);
    }
}

async fn stopped(mut stopping: watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stop| *stop).await;
}

/// Works on the path. A disk that is full for a minute does not end it.
async fn dispatch(app: App) {
    loop {
        let mut dispatcher = Dispatcher::new(app.engine.clone());
        let Err(error) = dispatcher.run().await else {
            return;
        };
        tracing::error!(%error, help = error.help(), "could not work on the path; trying again");
        *app.trouble
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(error.to_string());
        tokio::time::sleep(AGAIN).await;
        *app.trouble
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner()) = None;
    }
}

async fn look(app: App) {
    let source = app.source.clone();
    Watcher::new(app.engine.clone())
        .run(move || Some(source.read()))
        .await;
}

fn take_lock(home: &Home) -> Result<Flock<File>, ServerError> {
    let path = home.server_lock();
    let file = lock_file(&path).map_err(|error| ServerError::Lock(path.clone(), error))?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(mut file, errno)| {
        if errno != nix::errno::Errno::EWOULDBLOCK {
            return ServerError::Lock(path, errno.into());
        }
        let mut told = String::new();
        let _ = file.read_to_string(&mut told);
        ServerError::Taken(told)
    })
}
