//! The file that a snapshot is written to, until it is whole.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use crate::{Snapshot, SnapshotError};

/// A file that is not whole yet; removed when dropped, with those SQLite may have put beside it.
///
/// Its name follows from the snapshot's, so that the one a killed process left is used and removed by the next try.
pub(super) struct Partial {
    path: PathBuf,
    /// Locked while in use: two that take the same snapshot at once would write into one file.
    _lock: File,
}

impl Partial {
    /// For a snapshot at this place, where nothing may be.
    pub(super) fn create(to: &Path) -> Result<Partial, SnapshotError> {
        if to.symlink_metadata().is_ok() {
            return Err(SnapshotError::Exists {
                path: to.to_owned(),
            });
        }
        Partial::open(to).map_err(|source| failed(to, source))
    }

    fn open(to: &Path) -> io::Result<Partial> {
        let mut name = OsString::from(".");
        name.push(to.file_name().ok_or(io::ErrorKind::InvalidInput)?);
        name.push(".partial");
        let path = to.with_file_name(name);
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => {
                io::Error::new(io::ErrorKind::ResourceBusy, "somebody else is writing it")
            }
            TryLockError::Error(error) => error,
        })?;
        // A journal that was left would be played back into the new file.
        remove_beside(&path);
        lock.set_len(0)?;
        Ok(Partial { path, _lock: lock })
    }

    /// Where it is written to.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it its name, once it is on disk.
    pub(super) fn publish(self, to: &Path) -> Result<Snapshot, SnapshotError> {
        let bytes = self.name(to).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => SnapshotError::Exists {
                path: to.to_owned(),
            },
            _ => failed(to, source),
        })?;
        Ok(Snapshot {
            path: to.to_owned(),
            bytes,
        })
    }

    /// A link and not a rename, because a rename replaces what has come into its place.
    fn name(&self, to: &Path) -> io::Result<u64> {
        let whole = File::open(&self.path)?;
        whole.sync_all()?;
        let bytes = whole.metadata()?.len();
        match fs::hard_link(&self.path, to) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
            // A file system without links; between the look and the rename, somebody could be faster.
            Err(_) if to.symlink_metadata().is_err() => fs::rename(&self.path, to)?,
            Err(_) => return Err(io::ErrorKind::AlreadyExists.into()),
        }
        // A new name is durable when its folder is.
        File::open(to.parent().unwrap_or(Path::new("/")))?.sync_all()?;
        Ok(bytes)
    }
}

fn failed(path: &Path, source: io::Error) -> SnapshotError {
    SnapshotError::File {
        path: path.to_owned(),
        source,
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        remove_beside(&self.path);
        // Nothing can be done about one that stays; after a rename there is none.
        let _ = fs::remove_file(&self.path);
    }
}

/// Removes what SQLite keeps beside a database.
fn remove_beside(path: &Path) {
    for suffix in ["-journal", "-wal", "-shm"] {
        let mut beside = path.as_os_str().to_owned();
        beside.push(suffix);
        let _ = fs::remove_file(PathBuf::from(beside));
    }
}
