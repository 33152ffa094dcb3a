//! The server's lock: one server a data directory, however the last one ended.

use std::{
    fs::File,
    io::{self, Read, Seek, Write},
    path::PathBuf,
};

use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
};

use super::ServerError;
use crate::home::{Home, lock_file};

/// Held for a server's life. The kernel gives it up with the process; its file says who holds it, for people.
#[derive(Debug)]
pub(super) struct ServerLock {
    file: Flock<File>,
    path: PathBuf,
}

impl ServerLock {
    /// Takes it, unless another server has it.
    pub(super) fn take(home: &Home) -> Result<ServerLock, ServerError> {
        let path = home.server_lock();
        let failed = |error| ServerError::Lock(path.clone(), error);
        let file = lock_file(&path).map_err(failed)?;
        let file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(file) => file,
            Err((file, Errno::EWOULDBLOCK)) => return Err(ServerError::Taken(holder(file))),
            Err((_, errno)) => return Err(failed(errno.into())),
        };
        let mut lock = ServerLock { file, path };
        // At once: what stands there is about a server that is gone.
        lock.tell(&format!("process {}", std::process::id()))?;
        Ok(lock)
    }

    /// Says who holds it, and where.
    pub(super) fn tell(&mut self, who: &str) -> Result<(), ServerError> {
        self.write(who)
            .map_err(|error| ServerError::Lock(self.path.clone(), error))
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        self.file.rewind()?;
        self.file.set_len(0)?;
        self.file.write_all(text.as_bytes())
    }
}

impl Drop for ServerLock {
    fn drop(&mut self) {
        let _ = self.write("");
    }
}

fn holder(file: File) -> String {
    let mut told = String::new();
    // It is ours to read; whatever stands in it is for people only.
    let _ = file.take(200).read_to_string(&mut told);
    match told.trim() {
        "" => "it is just starting, or ending".into(),
        told => told.to_owned(),
    }
}
