//! One file in place of another: written whole, on disk, then renamed. A crash leaves the one or the other.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
};

use super::FileError;

/// Keeps others from changing the files of a directory. It ends with its owner, however that ends.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "the lock lives as long as the open directory")] File);

impl Lock {
    /// Waits until nobody else changes what is in the file's directory, which is made if it is not there.
    pub fn beside(path: &Path) -> Result<Lock, FileError> {
        let directory = above(path);
        let failed = |what| failed(what, directory);
        fs::create_dir_all(directory).map_err(failed("make"))?;
        // The directory itself is locked: no file of ours is left beside the secrets.
        let open = File::open(directory).map_err(failed("open"))?;
        open.lock().map_err(failed("lock"))?;
        Ok(Lock(open))
    }
}

fn above(path: &Path) -> &Path {
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    }
}

pub(super) fn failed(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> FileError {
    let path = path.to_owned();
    move |source| FileError::Io { what, path, source }
}

/// Puts bytes in place of a file.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    // A link keeps leading to the file: what it leads to is replaced.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let directory = above(&path);
    let mut part = tempfile::Builder::new()
        .prefix(".towpath-")
        .tempfile_in(directory)
        .map_err(failed("write beside", &path))?;
    let write = |part: &mut tempfile::NamedTempFile| {
        part.write_all(bytes)?;
        if let Ok(before) = fs::metadata(&path) {
            part.as_file().set_permissions(before.permissions())?;
        }
        part.as_file().sync_all()
    };
    write(&mut part).map_err(failed("write", &path))?;
    point();
    let renamed = part.persist(&path).map_err(|error| error.error);
    renamed.map_err(failed("write", &path))?;
    point();
    let synced = File::open(directory).and_then(|directory| directory.sync_all());
    synced.map_err(failed("sync", directory))?;
    point();
    Ok(())
}

/// Where a test may end the process: `TOWPATH_TEST_DIE_AT_FILE=N` ends it by SIGKILL at the Nth of these points.
fn point() {
    use std::sync::atomic::{AtomicU32, Ordering};
    static PASSED: AtomicU32 = AtomicU32::new(0);
    let said = std::env::var("TOWPATH_TEST_DIE_AT_FILE").ok();
    let Some(at) = said.and_then(|at| at.parse::<u32>().ok()) else {
        return;
    };
    if PASSED.fetch_add(1, Ordering::Relaxed) + 1 == at {
        let _ = nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL);
    }
}
