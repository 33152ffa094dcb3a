//! The proxy's directory: its lock, its routes on disk, its socket.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions, Permissions, TryLockError},
    io::{self, Write},
    net::SocketAddr,
    os::unix::{fs::PermissionsExt, net::UnixListener},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    ProxyError,
    control::{SOCKET, Upstream},
    socket_path,
};

/// The file that keeps the routes.
const ROUTES: &str = "routes.json";
/// The file that is locked as long as a proxy runs.
const LOCK: &str = "proxy.lock";
/// The form of [`State`] that this version reads and writes.
const FORM: u32 = 1;

/// Everything that survives the proxy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    form: u32,
    /// By name.
    pub(super) environments: BTreeMap<String, EnvironmentState>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            form: FORM,
            environments: BTreeMap::new(),
        }
    }
}

/// An environment's routes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EnvironmentState {
    /// The highest seen.
    pub(super) fence: u64,
    /// By name.
    pub(super) services: BTreeMap<String, ServiceState>,
}

/// A service's route.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServiceState {
    /// Where users reach it.
    pub(super) listen: SocketAddr,
    /// The release behind it.
    pub(super) release: String,
    /// The fence of the update that set this.
    pub(super) fence: u64,
    /// Who answers.
    pub(super) upstreams: Vec<Upstream>,
}

/// The directory of a running proxy, which is the only one in it as long as this lives.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    _lock: File,
}

impl Directory {
    /// Takes the directory, or says who has it.
    pub(super) fn take(path: &Path) -> Result<Self, ProxyError> {
        fs::create_dir_all(path).map_err(|source| ProxyError::file(path, source))?;
        let lock_path = path.join(LOCK);
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(|source| ProxyError::file(&lock_path, source))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(ProxyError::Running(path.to_owned())),
            Err(TryLockError::Error(source)) => Err(ProxyError::file(&lock_path, source)),
        }
    }

    /// The routes as they were kept last; none in a new directory.
    pub(super) fn load(&self) -> Result<State, ProxyError> {
        let path = self.path.join(ROUTES);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(State::default()),
            Err(source) => return Err(ProxyError::file(&path, source)),
        };
        let corrupt = |reason: String| ProxyError::Corrupt {
            path: path.clone(),
            reason,
        };
        let state: State =
            serde_json::from_slice(&text).map_err(|error| corrupt(error.to_string()))?;
        if state.form != FORM {
            return Err(corrupt(format!(
                "its form is {}, this version knows {FORM}",
                state.form
            )));
        }
        Ok(state)
    }

    /// Keeps the routes: when this returns they survive a power cut, and a crash before leaves the earlier ones.
    pub(super) fn save(&self, state: &State) -> io::Result<()> {
        let path = self.path.join(ROUTES);
        let temporary = self.path.join("routes.json.new");
        let mut file = File::create(&temporary)?;
        serde_json::to_writer_pretty(&mut file, state)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&temporary, &path)?;
        File::open(&self.path)?.sync_all()
    }

    /// Opens the control socket, for this user only. A socket left behind by an earlier proxy is replaced.
    pub(super) fn socket(&self) -> Result<UnixListener, ProxyError> {
        let path = self.path.join(SOCKET);
        let temporary = self.path.join("proxy.sock.new");
        let open = || {
            if let Err(error) = fs::remove_file(&temporary)
                && error.kind() != io::ErrorKind::NotFound
            {
                return Err(error);
            }
            let listener = socket_path::with(&temporary, |path| UnixListener::bind(path))?;
            // Under its own name only once nobody else can open it.
            fs::set_permissions(&temporary, Permissions::from_mode(0o600))?;
            fs::rename(&temporary, &path)?;
            listener.set_nonblocking(true)?;
            Ok(listener)
        };
        open().map_err(|source| ProxyError::file(&path, source))
    }

    /// Removes the control socket: whoever asks now learns at once that there is no proxy.
    pub(super) fn close_socket(&self) {
        if let Err(error) = fs::remove_file(self.path.join(SOCKET)) {
            tracing::debug!(%error, "the control socket could not be removed");
        }
    }
}
