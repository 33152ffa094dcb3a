//! A text file in memory, for a program of somebody else's: nobody else can read it, and nothing is left of it.

use std::{
    env, fs,
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use zeroize::Zeroizing;

use crate::cli::{error::CliError, exit::Exit};

/// A text file in a directory of its own: an editor's copies are in there too.
pub struct Text {
    directory: TempDir,
    name: String,
}

impl Text {
    /// Makes an empty one.
    pub fn new(name: &str) -> Result<Text, CliError> {
        let base = base().ok_or_else(|| {
            CliError::new(
                Exit::Refused,
                "secrets::no-memory",
                "there is no directory in memory, and secrets are not written onto a disk",
                "name one with XDG_RUNTIME_DIR, or set secrets one by one: `towpath secret set`",
            )
        })?;
        let directory = tempfile::Builder::new()
            .prefix("towpath-")
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir_in(base)
            .map_err(|error| failed(&error))?;
        Ok(Text {
            directory,
            name: name.to_owned(),
        })
    }

    pub fn path(&self) -> PathBuf {
        self.directory.path().join(&self.name)
    }

    pub fn write(&self, text: &str) -> Result<(), CliError> {
        let write = || {
            let mut file = fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(self.path())?;
            file.write_all(text.as_bytes())
        };
        write().map_err(|error| failed(&error))
    }

    pub fn read(&self) -> Result<Zeroizing<String>, CliError> {
        let text = fs::read_to_string(self.path()).map_err(|error| failed(&error))?;
        Ok(Zeroizing::new(text))
    }
}

impl Drop for Text {
    /// Whatever is in the directory is overwritten first: memory is given to others as it is.
    fn drop(&mut self) {
        let _ = overwrite(self.directory.path());
    }
}

fn overwrite(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            overwrite(&entry.path())?;
        } else if kind.is_file() {
            let length = usize::try_from(entry.metadata()?.len()).unwrap_or(usize::MAX);
            let mut file = fs::OpenOptions::new().write(true).open(entry.path())?;
            file.write_all(&vec![0; length.min(64 << 20)])?;
        }
    }
    Ok(())
}

/// A directory that is in memory, and that we may write in.
fn base() -> Option<PathBuf> {
    let runtime = env::var_os("XDG_RUNTIME_DIR").filter(|value| !value.is_empty());
    let mut likely = [Some(PathBuf::from("/dev/shm")), runtime.map(PathBuf::from)].into_iter();
    likely.find_map(|place| {
        let place = place.filter(|place| place.is_dir())?;
        let is_ours = nix::unistd::access(&place, nix::unistd::AccessFlags::W_OK).is_ok();
        is_ours.then_some(place)
    })
}

fn failed(error: &io::Error) -> CliError {
    CliError::new(
        Exit::Disorder,
        "secrets::no-memory",
        format!("could not keep the text in memory: {error}"),
        "check that /dev/shm or XDG_RUNTIME_DIR has room; the text must stay UTF-8",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_else_reads_it_and_nothing_is_left() {
        let text = Text::new("a.env").unwrap();
        text.write("A=1\n").unwrap();
        let path = text.path();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        // Another name for the same memory shows what is in it afterwards.
        let other = path.parent().unwrap().parent().unwrap();
        let other = other.join(format!("towpath-link-{}", std::process::id()));
        fs::hard_link(&path, &other).unwrap();
        assert_eq!(*text.read().unwrap(), "A=1\n");
        drop(text);
        assert!(!path.parent().unwrap().exists());
        assert_eq!(fs::read(&other).unwrap(), [0; 4]);
        fs::remove_file(other).unwrap();
    }
}
