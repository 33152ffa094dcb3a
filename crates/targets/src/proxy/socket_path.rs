//! Unix sockets below directories of any depth: a socket's address has room for about a hundred bytes.

use std::{fs::File, io, path::Path};

/// What fits into `sockaddr_un` everywhere, with its closing zero.
const ROOM: usize = 103;

/// Calls `act` with a path to the same socket that is short enough.
pub(super) fn with<T>(path: &Path, act: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    if path.as_os_str().len() <= ROOM || !cfg!(target_os = "linux") {
        return act(path);
    }
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return act(path);
    };
    let directory = File::open(directory)?;
    let descriptor = std::os::fd::AsRawFd::as_raw_fd(&directory);
    act(&Path::new("/proc/self/fd")
        .join(descriptor.to_string())
        .join(name))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::*;

    #[test]
    fn a_deep_directory_is_no_obstacle() {
        let root = tempfile::tempdir().unwrap();
        let deep = root.path().join("x".repeat(120));
        std::fs::create_dir(&deep).unwrap();
        let path = deep.join("a.sock");
        let _listener = with(&path, |path| UnixListener::bind(path)).unwrap();
        with(&path, |path| UnixStream::connect(path)).unwrap();
    }
}
