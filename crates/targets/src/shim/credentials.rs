//! Credential files: there while the run lasts, in memory where the machine has a place for that, and gone afterwards.

use std::{
    env,
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use nix::sys::statfs::{TMPFS_MAGIC, statfs};
use secrecy::ExposeSecret;

use super::{
    files::{self, read, replace},
    handover::{CREDENTIALS_DIRECTORY, Confidential},
    run::remove,
};

/// Where a run's credential files are, written down before they are made: who finds the run without its shim removes them.
const RECORD: &str = "credentials.json";

/// The credential files of a run; removed when they are dropped.
#[derive(Debug)]
pub(super) struct Credentials {
    run: PathBuf,
    directory: PathBuf,
    names: Vec<String>,
}

impl Credentials {
    /// Makes the files of a run, if it has any. Its directory is `run`, and it is called `path`.
    pub(super) fn make(
        run: &Path,
        path: &Path,
        confidential: &Confidential,
    ) -> io::Result<Option<Credentials>> {
        if confidential.credentials.is_empty() {
            return Ok(None);
        }
        // What a shim before us has left, that was killed.
        clear(run)?;
        let directory = place(path)?.join(unique()?);
        replace(&run.join(RECORD), &directory)?;
        let made = Credentials {
            run: run.to_owned(),
            directory,
            names: confidential.credentials.keys().cloned().collect(),
        };
        DirBuilder::new().mode(0o700).create(&made.directory)?;
        for (name, contents) in &confidential.credentials {
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o400)
                .open(made.directory.join(name))?;
            file.write_all(contents.expose_secret().as_bytes())?;
        }
        Ok(Some(made))
    }

    /// The variables that tell where they are.
    pub(super) fn variables(&self) -> impl Iterator<Item = (&str, PathBuf)> {
        let files = self.names.iter();
        files
            .map(|name| (name.as_str(), self.directory.join(name)))
            .chain([(CREDENTIALS_DIRECTORY, self.directory.clone())])
    }

    /// Removes them.
    pub(super) fn remove(&self) -> io::Result<()> {
        clear(&self.run)
    }
}

impl Drop for Credentials {
    fn drop(&mut self) {
        // Who comes next tries again.
        let _ = self.remove();
    }
}

/// Whether there may be files of a run that were not removed.
pub(super) fn are_left(run: &Path) -> bool {
    run.join(RECORD).exists()
}

/// Removes the credential files of a run, if any are left. The caller holds the run's lock.
pub(super) fn clear(run: &Path) -> io::Result<()> {
    let record = run.join(RECORD);
    if let Some(directory) = read::<PathBuf>(&record)? {
        remove(&directory)?;
    }
    match fs::remove_file(record) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(cause),
        _ => Ok(()),
    }
}

/// Where directories of credentials go: into memory, or else beside the run, on its disk.
///
/// A login manager may clear what a person has in memory when he has logged out everywhere (`RemoveIPC` in
/// logind.conf(5)), unless he lingers; users of the system are left alone.
fn place(run: &Path) -> io::Result<PathBuf> {
    let own = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let memory = [Some(PathBuf::from("/dev/shm")), own]
        .into_iter()
        .flatten()
        .find(|place| is_memory(place) && is_ours_to_write(place));
    match (memory, run.parent()) {
        (Some(place), _) => Ok(place),
        (None, Some(beside)) => Ok(beside.to_owned()),
        (None, None) => Err(io::ErrorKind::InvalidFilename.into()),
    }
}

fn is_memory(place: &Path) -> bool {
    statfs(place).is_ok_and(|found| found.filesystem_type() == TMPFS_MAGIC)
}

fn is_ours_to_write(place: &Path) -> bool {
    use nix::unistd::{AccessFlags, access};
    access(place, AccessFlags::W_OK | AccessFlags::X_OK).is_ok()
}

/// A name that nobody has and nobody can guess: what is recorded may be removed by whoever reads the record. With a dot
/// it is no run where it lies among runs.
fn unique() -> io::Result<String> {
    Ok(format!(".towpath-credentials-{}", files::uuid()?))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn confidential() -> Confidential {
        Confidential {
            credentials: [("KEY".to_owned(), "contents".into())].into(),
            ..Confidential::default()
        }
    }

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn they_are_private_and_go_with_their_keeper() {
        let run = tempfile::tempdir().unwrap();
        let made = Credentials::make(run.path(), run.path(), &confidential())
            .unwrap()
            .unwrap();
        let variables: Vec<(String, PathBuf)> = made
            .variables()
            .map(|(name, path)| (name.to_owned(), path))
            .collect();
        let (file, directory) = (variables[0].1.clone(), variables[1].1.clone());
        assert_eq!(variables[0].0, "KEY");
        assert_eq!(variables[1].0, "CREDENTIALS_DIRECTORY");
        assert_eq!(fs::read_to_string(&file).unwrap(), "contents");
        assert_eq!((mode(&file), mode(&directory)), (0o400, 0o700));
        assert!(are_left(run.path()));
        drop(made);
        assert!(!directory.exists() && !are_left(run.path()));
    }

    #[test]
    fn what_was_left_is_cleared_and_nothing_else() {
        let run = tempfile::tempdir().unwrap();
        clear(run.path()).unwrap();
        let made = Credentials::make(run.path(), run.path(), &confidential())
            .unwrap()
            .unwrap();
        let directory = made.directory.clone();
        std::mem::forget(made);
        clear(run.path()).unwrap();
        clear(run.path()).unwrap();
        assert!(!directory.exists() && !are_left(run.path()));
        // Its keeper died before there was anything.
        replace(&run.path().join(RECORD), &directory).unwrap();
        clear(run.path()).unwrap();
        assert!(!are_left(run.path()));
    }

    #[test]
    fn without_any_nothing_is_made() {
        let run = tempfile::tempdir().unwrap();
        let made = Credentials::make(run.path(), run.path(), &Confidential::default());
        assert!(made.unwrap().is_none());
        assert!(!are_left(run.path()));
    }
}
