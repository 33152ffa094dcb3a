//! Secrets in files. A relative path is one of the base directory and does not leave it, not by a symbolic link either;
//! an absolute one says openly where it leads, and links are followed, as those of mounted secrets have to be.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use nix::fcntl::OFlag;
use zeroize::Zeroize;

use super::{LARGEST, ProviderError, Reference, Source, fetch::Fetched, value};

pub(super) async fn fetch(base: &Path, path: &str) -> Fetched {
    let (base, path) = (base.to_owned(), path.to_owned());
    let read = tokio::task::spawn_blocking(move || value(read(&base, &path)?));
    read.await.expect("reading a file does not panic")
}

fn read(base: &Path, path: &str) -> Result<Vec<u8>, ProviderError> {
    let found = place(base, path)?;
    // Opening a pipe that nobody writes to would wait for ever.
    let file = File::options()
        .read(true)
        .custom_flags(OFlag::O_NONBLOCK.bits())
        .open(&found)
        .map_err(|error| told(&error))?;
    let data = file.metadata().map_err(|error| told(&error))?;
    if !data.is_file() {
        let what = if data.is_dir() {
            "a directory"
        } else {
            "no plain file"
        };
        return Err(ProviderError::malformed(format!("it is {what}")));
    }
    let mut bytes =
        Vec::with_capacity(usize::try_from(data.len()).unwrap_or(LARGEST).min(LARGEST) + 2);
    let most = u64::try_from(LARGEST).expect("a mebibyte is a small number") + 1;
    let read = file.take(most).read_to_end(&mut bytes);
    if let Err(error) = read {
        bytes.zeroize();
        return Err(told(&error));
    }
    if bytes.len() > LARGEST {
        bytes.zeroize();
        return Err(ProviderError::malformed("the file is larger than 1 MiB"));
    }
    Ok(bytes)
}

/// Where a path leads in the end.
fn place(base: &Path, path: &str) -> Result<PathBuf, ProviderError> {
    let real = |path: &Path| fs::canonicalize(path).map_err(|error| told(&error));
    let found = real(&base.join(path))?;
    if Path::new(path).is_absolute() || found.starts_with(real(base)?) {
        return Ok(found);
    }
    let help = "write an absolute path if that file is meant";
    Err(ProviderError::denied("a symbolic link leads out of the directory").with_help(help))
}

fn told(error: &io::Error) -> ProviderError {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            ProviderError::not_found("there is no such file")
        }
        io::ErrorKind::PermissionDenied => ProviderError::denied("we may not read the file")
            .with_help("let the user who runs this read the file"),
        _ => ProviderError::malformed(error.to_string()),
    }
}

impl Reference {
    /// What is to be said about a reference before it is used, if anything: that others on this machine may read the
    /// file it means. Looks at the file's metadata, and at nothing else.
    pub fn note(&self, base_directory: &Path) -> Option<String> {
        let Source::File { path } = self.source() else {
            return None;
        };
        let mode = fs::metadata(base_directory.join(path)).ok()?.mode() & 0o777;
        let readers = match (mode & 0o040 != 0, mode & 0o004 != 0) {
            (_, true) => "everybody on this machine",
            (true, false) => "the file's group",
            (false, false) => return None,
        };
        Some(format!(
            "{readers} may read {self} (mode {mode:03o}); `chmod 600` keeps it to its owner"
        ))
    }
}
