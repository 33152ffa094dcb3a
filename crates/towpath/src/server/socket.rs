//! Sockets in directories of any depth: the address of a socket has room for about a hundred bytes (`unix(7)`).

use std::{
    fs::File,
    io,
    os::fd::AsRawFd,
    path::{Path, PathBuf},
};

/// What fits into `sun_path` everywhere, with its closing zero.
const ROOM: usize = 103;

/// A short enough path to a socket, for as long as this is kept.
pub(super) struct Short {
    path: PathBuf,
    /// Where the path would be too long it goes through this descriptor.
    _directory: Option<File>,
}

impl Short {
    pub(super) fn of(path: &Path) -> io::Result<Short> {
        let parts = path.parent().zip(path.file_name());
        let Some((directory, name)) = parts.filter(|_| path.as_os_str().len() > ROOM) else {
            return Ok(Short {
                path: path.to_owned(),
                _directory: None,
            });
        };
        let directory = File::open(directory)?;
        let through = Path::new("/proc/self/fd").join(directory.as_raw_fd().to_string());
        Ok(Short {
            path: through.join(name),
            _directory: Some(directory),
        })
    }
}

impl AsRef<Path> for Short {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::*;

    #[test]
    fn a_deep_directory_is_no_obstacle() {
        let root = tempfile::tempdir().unwrap();
        let deep = root.path().join("x".repeat(200));
        std::fs::create_dir(&deep).unwrap();
        let path = deep.join("server.sock");
        let _listener = UnixListener::bind(Short::of(&path).unwrap()).unwrap();
        assert!(path.exists());
        UnixStream::connect(Short::of(&path).unwrap()).unwrap();
    }
}
