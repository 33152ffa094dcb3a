//! Credential files of a command: in a private directory in memory, as long as the command runs.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret, SecretString};

const PREFIX: &str = "towpath-run-";

/// The files; gone when this is dropped.
pub struct Files {
    directory: PathBuf,
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
        let directory = above.join(format!("{PREFIX}{}", std::process::id()));
        // Of somebody with our number, who is dead.
        let _ = fs::remove_dir_all(&directory);
        DirBuilder::new().mode(0o700).create(&directory)?;
        let made = Files { directory, files };
        for (name, contents) in &made.files {
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(made.directory.join(name))?;
            file.write_all(contents.expose_secret().as_bytes())?;
        }
        Ok(Some(made))
    }

    /// Where they are.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The path of each, by its variable.
    pub fn paths(&self) -> impl Iterator<Item = (&str, PathBuf)> {
        let files = self.files.iter();
        files.map(|(name, _)| (name.as_str(), self.directory.join(name)))
    }

    /// What is in each.
    pub fn contents(&self) -> impl Iterator<Item = (String, SecretString)> {
        self.files.iter().cloned()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
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
        let process = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX)?.parse::<i32>().ok());
        let Some(process) = process else { continue };
        let is_mine = entry
            .metadata()
            .is_ok_and(|found| found.is_dir() && found.uid() == me);
        let is_gone = nix::sys::signal::kill(nix::unistd::Pid::from_raw(process), None)
            == Err(nix::errno::Errno::ESRCH);
        if is_mine && is_gone {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
