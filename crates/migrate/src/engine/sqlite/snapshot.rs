//! Taking a snapshot of a database and putting one back.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf, absolute},
    time::Duration,
};

use sqlx::SqliteConnection;

use super::{Access, Sqlite, copy::copy, lock::Lock};
use crate::{DatabaseError, Snapshot, SnapshotError};

impl Sqlite {
    pub(in crate::engine) async fn snapshot(&self, to: &Path) -> Result<Snapshot, SnapshotError> {
        if !self.exists()? {
            return Err(self.absent().into());
        }
        let to = absolute(to).map_err(|source| file(to, source))?;
        let (from, patience) = (self.path.clone(), self.patience);
        blocking(&self.path, move || take(&from, &to, patience)).await
    }

    pub(in crate::engine) async fn restore(
        &self,
        from: &Path,
        key: &str,
    ) -> Result<(), SnapshotError> {
        let source = Sqlite {
            path: absolute(from).map_err(|source| file(from, source))?,
            access: Access::Read,
            patience: self.patience,
        };
        let page_size = self.refuse_unfit(&source).await?;
        self.prepare_folder()?;
        let lock = Lock::take(&self.path, key, self.patience, |_| {}).await?;
        self.create(page_size).await?;
        self.refuse_other_pages(&source, page_size).await?;
        let (from, to, patience) = (source.path, self.path.clone(), self.patience);
        blocking(&self.path, move || {
            // Held to the copy's end, even when nobody waits for that any more.
            let _lock = lock;
            Ok(copy(&from, &to, patience)?)
        })
        .await
    }

    /// Looks at a snapshot before anything is touched; answers with the size of its pages.
    async fn refuse_unfit(&self, source: &Sqlite) -> Result<u32, SnapshotError> {
        let unreadable = |error: io::Error| source.unopenable(&error);
        let Some(mut connection) = source.reader().await? else {
            return Err(source.absent().into());
        };
        let found = look(&mut connection, "PRAGMA quick_check(1)")
            .await
            .map_err(|error| source.error(&error));
        source.close(connection).await?;
        let (finding, page_size) = found?;
        let path = fs::canonicalize(&source.path).map_err(unreadable)?;
        if fs::canonicalize(&self.path).is_ok_and(|own| own == path) {
            return Err(SnapshotError::Same { path });
        }
        let finding = match fs::metadata(&path).map_err(unreadable)?.len() {
            // To SQLite an empty file is an empty database; here it is far more likely a copy that went wrong.
            0 => "the file is empty".to_owned(),
            _ => finding,
        };
        match finding.as_str() {
            "ok" => Ok(page_size),
            _ => Err(SnapshotError::Damaged { path, finding }),
        }
    }

    /// A write-ahead log holds pages of one size, so a database that has one cannot change it.
    async fn refuse_other_pages(&self, source: &Sqlite, theirs: u32) -> Result<(), SnapshotError> {
        let mut connection = self.writer().await?;
        let found = look(&mut connection, "PRAGMA journal_mode")
            .await
            .map_err(|error| self.error(&error));
        self.close(connection).await?;
        match found? {
            (mode, ours) if mode == "wal" && ours != theirs => Err(SnapshotError::PageSize {
                path: source.path.clone(),
                theirs,
                ours,
            }),
            _ => Ok(()),
        }
    }
}

/// The answer to a pragma, and the size of the database's pages.
async fn look(
    connection: &mut SqliteConnection,
    pragma: &'static str,
) -> Result<(String, u32), sqlx::Error> {
    let answer = sqlx::query_scalar(pragma)
        .fetch_one(&mut *connection)
        .await?;
    let page_size = sqlx::query_scalar("PRAGMA page_size")
        .fetch_one(connection)
        .await?;
    Ok((answer, page_size))
}

/// Copies to a file beside the snapshot's place, and gives it its name only when it is whole and on disk.
fn take(from: &Path, to: &Path, patience: Duration) -> Result<Snapshot, SnapshotError> {
    let failed = |source| file(to, source);
    if to.symlink_metadata().is_ok() {
        return Err(SnapshotError::Exists {
            path: to.to_owned(),
        });
    }
    let partial = Partial::create(to).map_err(failed)?;
    copy(from, &partial.path, patience).map_err(|error| match error {
        // Reading does not fill a disk.
        DatabaseError::Full { message, .. } => {
            failed(io::Error::new(io::ErrorKind::StorageFull, message))
        }
        error => error.into(),
    })?;
    let whole = File::open(&partial.path).map_err(failed)?;
    whole.sync_all().map_err(failed)?;
    let bytes = whole.metadata().map_err(failed)?.len();
    partial.publish(to).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => SnapshotError::Exists {
            path: to.to_owned(),
        },
        _ => failed(source),
    })?;
    Ok(Snapshot {
        path: to.to_owned(),
        bytes,
    })
}

fn file(path: &Path, source: io::Error) -> SnapshotError {
    SnapshotError::File {
        path: path.to_owned(),
        source,
    }
}

/// Runs work that blocks. It goes on to its end when nobody waits for it any more, so it cleans up after itself.
async fn blocking<T: Send + 'static>(
    database: &Path,
    work: impl FnOnce() -> Result<T, SnapshotError> + Send + 'static,
) -> Result<T, SnapshotError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|stopped| {
            Err(SnapshotError::Database(DatabaseError::Open {
                path: database.to_owned(),
                message: stopped.to_string(),
            }))
        })
}

/// A file that is not whole yet; removed when dropped, with those SQLite may have put beside it.
///
/// Its name follows from the snapshot's, so that the one a killed process left is used and removed by the next try.
struct Partial {
    path: PathBuf,
    /// Locked while in use: two that take the same snapshot at once would write into one file.
    _lock: File,
}

impl Partial {
    fn create(to: &Path) -> io::Result<Partial> {
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

    /// A link and not a rename, because a rename replaces what has come into its place.
    fn publish(&self, to: &Path) -> io::Result<()> {
        match fs::hard_link(&self.path, to) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
            // A file system without links; between the look and the rename, somebody could be faster.
            Err(_) if to.symlink_metadata().is_err() => fs::rename(&self.path, to)?,
            Err(_) => return Err(io::ErrorKind::AlreadyExists.into()),
        }
        // A new name is durable when its folder is.
        File::open(to.parent().unwrap_or(Path::new("/")))?.sync_all()
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
