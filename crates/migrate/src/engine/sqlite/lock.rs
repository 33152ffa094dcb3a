//! One applier at a time: a lock on a file beside the database.
//!
//! Why not a row in a table: it would outlive a process that is killed, and then somebody has to decide whether it is
//! stale. Why not a transaction on the database itself: it would stop the services for as long as all migrations take.
//! A lock of the kernel on a file of its own does neither: it goes with the process, however that ends. The file stays;
//! removing it could give the lock to two at once. On network file systems it is as good as their `flock`; what protects
//! there and against appliers that know nothing of it, such as sqlx, is that each migration looks again, in its own
//! transaction, whether it was applied.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::LockError;

/// How often a waiting applier looks whether the lock is free.
const INTERVAL: Duration = Duration::from_millis(20);

/// The lock, until this is dropped.
#[derive(Debug)]
pub(in crate::engine) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of a database, waiting for `patience` if it has to; calls `on_wait` once if so.
    pub(super) async fn take(
        database: &Path,
        key: &str,
        patience: Duration,
        on_wait: impl FnOnce(String) + Send,
    ) -> Result<Lock, LockError> {
        let path = path_for(database);
        let failed = |source| LockError::File {
            path: path.clone(),
            source,
        };
        let (mut file, writable) = open(&path).map_err(failed)?;
        let deadline = Instant::now() + patience;
        let mut on_wait = Some(on_wait);
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(source)) => return Err(failed(source)),
            }
            if Instant::now() >= deadline {
                return Err(LockError::Held {
                    holder: holder(&mut file),
                    waited: patience,
                    place: path.display().to_string(),
                });
            }
            if let Some(on_wait) = on_wait.take() {
                on_wait(holder(&mut file));
            }
            tokio::time::sleep(INTERVAL).await;
        }
        if writable {
            sign(&mut file, key).map_err(failed)?;
        }
        Ok(Lock { _file: file })
    }
}

/// The lock's file: beside the database itself, whatever links lead there.
fn path_for(database: &Path) -> PathBuf {
    let real = fs::canonicalize(database).or_else(|_| {
        let (folder, name) = (database.parent(), database.file_name());
        let folder = fs::canonicalize(folder.unwrap_or(Path::new("/")))?;
        io::Result::Ok(folder.join(name.unwrap_or_default()))
    });
    let mut path = real.map_or_else(|_| database.as_os_str().to_owned(), OsString::from);
    path.push(".towpath-lock");
    path.into()
}

/// Opens the lock's file; one that another user made can be locked without being writable.
fn open(path: &Path) -> io::Result<(File, bool)> {
    let mut options = OpenOptions::new();
    match options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
    {
        Ok(file) => Ok((file, true)),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && path.exists() => {
            Ok((File::open(path)?, false))
        }
        Err(error) => Err(error),
    }
}

/// Leaves word of who holds the lock, for the others' messages. Nothing else is read from it.
fn sign(file: &mut File, key: &str) -> io::Result<()> {
    let key: String = key.chars().filter(|c| !c.is_control()).take(200).collect();
    file.set_len(0)?;
    file.rewind()?;
    write!(file, "{key:?} (process {})", std::process::id())
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file
        .rewind()
        .and_then(|()| file.take(1000).read_to_string(&mut text));
    match read {
        Ok(length) if length > 0 => text,
        _ => "somebody else".into(),
    }
}
