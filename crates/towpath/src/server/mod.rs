//! The server: works on the path without anybody's command, and lets people see and ask over HTTP.
//!
//! The whole API is on a Unix socket in the data directory, which only the machine's user may open: who speaks there is
//! trusted to say who acts. Until people can be authenticated, what listens on TCP only shows.

mod api;
pub mod client;
mod error;
mod listen;
mod lock;
mod manifest;
mod page;
mod pulse;
mod socket;
mod work;

use std::{
    fs,
    future::Future,
    io,
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    net::{TcpListener, UnixListener},
    sync::watch,
    task::JoinSet,
};

use crate::engine::{Engine, Place};

use self::{
    api::Asks,
    lock::ServerLock,
    manifest::Manifests,
    socket::Short,
    work::{Health, dispatch, look, read_upstream},
};
pub use self::{api::HealthView, manifest::ManifestSource, work::Trouble};

/// How long what is in flight may take when the server stops.
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
    manifests: Arc<Manifests>,
    health: Arc<Health>,
    asks: Arc<Asks>,
    /// The last record's number.
    end: watch::Receiver<u64>,
    stopping: watch::Receiver<bool>,
}

impl App {
    /// Where a request comes from, with the work tree that it names.
    pub(crate) fn place(&self, work_tree: Option<PathBuf>) -> Place {
        Place {
            manifest: self.manifests.read(),
            work_tree,
        }
    }
}

/// A server that listens, and does not work yet.
pub struct Server {
    app: App,
    end: watch::Sender<u64>,
    stop: watch::Sender<bool>,
    socket: UnixListener,
    socket_path: PathBuf,
    page: TcpListener,
    _lock: ServerLock,
}

impl Server {
    /// Listens on the data directory's socket and on `listen`. One server a data directory.
    ///
    /// The place's manifest is where the server begins; it goes on with that of the place's work tree as it changes, or,
    /// without one, with that of the upstream's default branch ([`ManifestSource`]).
    pub async fn bind(
        engine: Arc<Engine>,
        place: Place,
        listen: SocketAddr,
    ) -> Result<Server, ServerError> {
        let mut lock = ServerLock::take(&engine.home)?;
        let page = TcpListener::bind(listen)
            .await
            .map_err(|error| ServerError::Listen(listen.to_string(), error))?;
        let socket_path = engine.home.socket();
        let socket = open_socket(&socket_path)
            .map_err(|error| ServerError::Listen(socket_path.display().to_string(), error))?;
        let address = page.local_addr().unwrap_or(listen);
        lock.tell(&format!("process {}, http://{address}", std::process::id()))?;
        let (stop, stopping) = watch::channel(false);
        let (end, ends) = watch::channel(0);
        let app = App {
            engine,
            manifests: Arc::new(Manifests::of(place)),
            health: Arc::default(),
            asks: Arc::default(),
            end: ends,
            stopping,
        };
        Ok(Server {
            app,
            end,
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
        let app = self.app;
        let mut tasks = JoinSet::new();
        tasks.spawn(pulse::run(app.engine.store.clone(), self.end));
        tasks.spawn(dispatch(app.clone()));
        tasks.spawn(look(app.clone()));
        tasks.spawn(read_upstream(app.clone()));
        let whole = api::whole(app.clone());
        let shown = api::read_only(app.clone(), address);
        let socket_path = self.socket_path;
        let mut serving = JoinSet::new();
        serving.spawn(listen::serve(
            self.socket,
            whole,
            app.stopping.clone(),
            // At once, so that whoever comes now finds no server rather than one that does not answer.
            move || drop(fs::remove_file(socket_path)),
        ));
        serving.spawn(listen::serve(self.page, shown, app.stopping.clone(), || {}));
        until.await;
        let _ = self.stop.send(true);
        let in_flight = async {
            while serving.join_next().await.is_some() {}
            app.asks.ended().await;
        };
        if tokio::time::timeout(GRACE, in_flight).await.is_err() {
            tracing::warn!("not everything in flight has ended in time");
        }
        serving.shutdown().await;
        app.asks.abort().await;
        tasks.shutdown().await;
    }
}

/// Opens the socket, for its owner only, in place of one that a killed server left.
fn open_socket(path: &Path) -> io::Result<UnixListener> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let short = Short::of(path)?;
    let listener = UnixListener::bind(&short)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}
