//! Credential files of a command: in a private directory in memory, as long as the command runs.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret, SecretString};
use tempfile::TempDir;

const PREFIX: &str = "towpath-run-";

/// The files; gone when this is dropped.
pub struct Files {
    directory: TempDir,
    /// Held as long as they are needed. A number alone says little: in another container it is somebody else's.
    _lock: File,
    files: Vec<(String, SecretString)>,
}

impl Files {
    /// Makes them, if there are any. What commands have left that were killed is removed.
    pub fn make(files: Vec<(String, SecretString)>) -> io::Result<Option<Files>> {
        if files.is_empty() {
            return Ok(None);
        }
        let above = above();
        sweep(&above);
        let directory = tempfile::Builder::new()
            .prefix(&format!("{PREFIX}{}-", std::process::id()))
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(above)?;
        let lock = File::open(directory.path())?;
        lock.lock()?;
        let made = Files {
            directory,
            _lock: lock,
            files,
        };
        for (name, contents) in &made.files {
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o400)
                .open(made.directory().join(name))?;
            file.write_all(contents.expose_secret().as_bytes())?;
        }
        Ok(Some(made))
    }

    /// Where they are.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The path of each, by its variable.
    pub fn paths(&self) -> impl Iterator<Item = (&str, PathBuf)> {
        let files = self.files.iter();
        files.map(|(name, _)| (name.as_str(), self.directory().join(name)))
    }

    /// What is in each.
    pub fn contents(&self) -> impl Iterator<Item = (String, SecretString)> {
        self.files.iter().cloned()
    }
}

/// A directory in memory, where there is one.
fn above() -> PathBuf {
    let own = std::env::var_os("XDG_RUNTIME_DIR").filter(|said| !said.is_empty());
    let places = own
        .map(PathBuf::from)
        .into_iter()
        .chain([PathBuf::from("/dev/shm")]);
    let is_there = |place: &PathBuf| place.is_dir();
    places
        .into_iter()
        .find(is_there)
        .unwrap_or_else(std::env::temp_dir)
}

/// Removes what is ours and whose command is gone.
fn sweep(above: &Path) {
    let me = nix::unistd::geteuid().as_raw();
    for entry in fs::read_dir(above).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| {
            name.strip_prefix(PREFIX)?
                .split('-')
                .next()?
                .parse::<i32>()
                .ok()
        });
        let Some(process) = process else { continue };
        let is_mine = entry
            .metadata()
            .is_ok_and(|found| found.is_dir() && found.uid() == me);
        let is_gone = nix::sys::signal::kill(nix::unistd::Pid::from_raw(process), None)
            == Err(nix::errno::Errno::ESRCH);
        let is_free = || File::open(entry.path()).is_ok_and(|held| held.try_lock().is_ok());
        if is_mine && is_gone && is_free() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
