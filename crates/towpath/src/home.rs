//! The data directory: where everything that Towpath keeps lies, and the keys and locks in it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use nix::fcntl::{Flock, FlockArg};
use towpath_core::{Digest, names::EnvironmentName};

/// The journal's database.
const JOURNAL: &str = "journal.db";

/// A project's data directory.
#[derive(Debug, Clone)]
pub struct Home {
    root: PathBuf,
}

/// Why the data directory cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("could not {what} {path}: {source}")]
pub struct HomeError {
    what: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl HomeError {
    /// The way out.
    pub fn help(&self) -> String {
        match self.source.kind() {
            io::ErrorKind::StorageFull => {
                "make room on that disk, then run the command again".into()
            }
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                "make the data directory writable for you, or name another: --data DIR".into()
            }
            _ => "check the data directory, or name another: --data DIR".into(),
        }
    }
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> HomeError {
    let path = path.to_owned();
    move |source| HomeError { what, path, source }
}

impl Home {
    /// Uses `root`, and makes it when it is not there. Only its owner may look inside: it holds configuration.
    pub fn open(root: &Path) -> Result<Home, HomeError> {
        let home = Home::at(root)?;
        for directory in [
            home.root.clone(),
            home.artifacts(),
            home.manifests(),
            home.configurations(),
            home.workers(),
            home.trees(),
        ] {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&directory)
                .map_err(failed("make", &directory))?;
        }
        Ok(home)
    }

    /// The directory at `root`, for whoever only looks: nothing is made.
    pub fn at(root: &Path) -> Result<Home, HomeError> {
        Ok(Home {
            root: std::path::absolute(root).map_err(failed("resolve", root))?,
        })
    }

    /// Whether anything was ever kept in this directory.
    pub fn is_used(root: &Path) -> bool {
        root.join(JOURNAL).exists()
    }

    /// Where a project's data lies unless it is said: under the user's data directory, by the project's name and the
    /// repository's place.
    pub fn default_root(project: &str, repository: &Path) -> Option<PathBuf> {
        let base = match std::env::var_os("XDG_DATA_HOME").filter(|value| !value.is_empty()) {
            Some(base) => PathBuf::from(base),
            None => PathBuf::from(std::env::var_os("HOME")?).join(".local/share"),
        };
        let place = Digest::of_bytes(repository.as_os_str().as_encoded_bytes()).short();
        Some(
            base.join("towpath")
                .join(format!("{project}-{}", &place[..8])),
        )
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The journal's database.
    pub fn journal(&self) -> PathBuf {
        self.root.join(JOURNAL)
    }

    /// Built artifacts, by digest.
    pub fn artifacts(&self) -> PathBuf {
        self.root.join("artifacts")
    }

    /// Releases' manifests, by digest.
    pub fn manifests(&self) -> PathBuf {
        self.root.join("manifests")
    }

    /// Resolved configurations, by keyed digest.
    pub fn configurations(&self) -> PathBuf {
        self.root.join("configurations")
    }

    /// The lock files of workers: a worker lives while it holds its own.
    pub fn workers(&self) -> PathBuf {
        self.root.join("workers")
    }

    /// Work trees of builds and tests.
    pub fn trees(&self) -> PathBuf {
        self.root.join("trees")
    }

    /// Our own copy of the repository.
    pub fn mirror(&self) -> PathBuf {
        self.root.join("repository.git")
    }

    /// The process target's directory.
    pub fn target(&self) -> PathBuf {
        self.root.join("target")
    }

    /// The databases that an environment keeps.
    pub fn databases(&self, environment: &EnvironmentName) -> PathBuf {
        self.root.join("databases").join(environment.as_str())
    }

    /// Snapshots of databases before migrations.
    pub fn snapshots(&self) -> PathBuf {
        self.root.join("snapshots")
    }

    /// Directories that survive between builds.
    pub fn cache(&self) -> PathBuf {
        self.root.join("cache")
    }

    /// The lock that a build holds.
    pub fn build_lock(&self) -> PathBuf {
        self.root.join("build.lock")
    }

    /// The socket of a running server.
    pub fn socket(&self) -> PathBuf {
        self.root.join("server.sock")
    }

    /// The lock of a running server.
    pub fn server_lock(&self) -> PathBuf {
        self.root.join("server.lock")
    }

    /// The secret key of this data directory, made at its first use. Digests of configurations are keyed with it, so that
    /// they reveal nothing.
    pub fn key(&self) -> Result<[u8; 32], HomeError> {
        let path = self.root.join("key");
        for _ in 0..2 {
            match File::open(&path) {
                Ok(mut file) => {
                    let mut key = [0; 32];
                    file.read_exact(&mut key).map_err(failed("read", &path))?;
                    return Ok(key);
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    let mut key = [0; 32];
                    File::open("/dev/urandom")
                        .and_then(|mut random| random.read_exact(&mut key))
                        .map_err(failed("read randomness for", &path))?;
                    // Two at once: the one that links its file first wins, and the other reads that.
                    match write_new(&path, &key) {
                        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                        other => other.map_err(failed("write", &path))?,
                    }
                }
                Err(error) => return Err(failed("open", &path)(error)),
            }
        }
        Err(failed("open", &path)(io::ErrorKind::NotFound.into()))
    }

    /// Keeps bytes under their name, whole or not at all; the same name is always the same bytes.
    pub fn keep(&self, path: &Path, bytes: &[u8]) -> Result<(), HomeError> {
        match write_new(path, bytes) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            other => other.map_err(failed("write", path)),
        }
    }
}

/// Writes a file that must not be there yet: under another name first, durable, then linked to its own.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if path.exists() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let directory = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let mut file = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))
        .tempfile_in(directory)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    File::open(directory)?.sync_all()
}

/// A worker's sign of life: a lock that ends with its process, however that ends.
#[derive(Debug)]
pub struct Worker {
    name: String,
    path: PathBuf,
    _lock: Flock<File>,
}

impl Worker {
    /// Enters a new worker.
    pub fn enter(home: &Home) -> Result<Worker, HomeError> {
        let mut raw = [0; 8];
        File::open("/dev/urandom")
            .and_then(|mut random| random.read_exact(&mut raw))
            .map_err(failed("read", Path::new("/dev/urandom")))?;
        let name = format!("{}-{:016x}", std::process::id(), u64::from_ne_bytes(raw));
        let path = home.workers().join(&name);
        let file = lock_file(&path).map_err(failed("make", &path))?;
        let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock)
            .map_err(|(_, errno)| failed("lock", &path)(errno.into()))?;
        Ok(Worker {
            name,
            path,
            _lock: lock,
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a worker of that name has ended.
    pub fn is_gone(home: &Home, name: &str) -> bool {
        let path = home.workers().join(name);
        match File::open(&path) {
            Ok(file) => {
                let gone = Flock::lock(file, FlockArg::LockSharedNonblock).is_ok();
                if gone {
                    let _ = fs::remove_file(&path);
                }
                gone
            }
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Opens a file to be locked.
pub fn lock_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .read(true)
        .mode(0o600)
        .open(path)
}
