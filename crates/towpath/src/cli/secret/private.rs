//! Values on their way: read from what is named, and written so that nobody else reads them.

use std::{
    fs,
    io::{self, Read, Write},
    path::Path,
};

use zeroize::Zeroizing;

use crate::cli::{error::CliError, exit::Exit};

/// No file with values is larger.
const MOST_BYTES: u64 = 16 << 20;

/// A file's bytes; `-` is standard input.
pub fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, CliError> {
    let mut bytes = Zeroizing::new(Vec::new());
    let read = match path.as_os_str() == "-" {
        true => io::stdin().take(MOST_BYTES).read_to_end(&mut bytes),
        false => {
            fs::File::open(path).and_then(|file| file.take(MOST_BYTES).read_to_end(&mut bytes))
        }
    };
    read.map_err(|error| {
        CliError::new(
            Exit::Disorder,
            "secrets::input",
            format!("could not read {}: {error}", path.display()),
            "name a file that is there and that you may read, or `-` for standard input",
        )
    })?;
    Ok(bytes)
}

/// Likewise, as text.
pub fn read_text(path: &Path) -> Result<Zeroizing<String>, CliError> {
    let bytes = read(path)?;
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        CliError::new(
            Exit::Refused,
            "secrets::input",
            format!(
                "{} is not UTF-8 (byte {})",
                path.display(),
                error.valid_up_to()
            ),
            "save it as UTF-8",
        )
    })?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// Puts bytes into a file that only its owner may read, in place of what was there.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    let directory = match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    };
    let write = || {
        // A device or a pipe, such as /dev/stdout, takes what is written to it.
        if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
            return fs::OpenOptions::new()
                .write(true)
                .open(path)?
                .write_all(bytes);
        }
        // It is made with the mode 0600, and renamed with it.
        let mut fresh = tempfile::NamedTempFile::new_in(directory)?;
        fresh.write_all(bytes)?;
        fresh.as_file().sync_all()?;
        fresh.persist(path)?;
        Ok(())
    };
    write().map_err(|error: io::Error| {
        CliError::new(
            Exit::Disorder,
            "secrets::output",
            format!("could not write {}: {error}", path.display()),
            "check that the directory is there, is yours to write in, and has room",
        )
    })
}

/// Prints to standard output as it is.
pub fn print(bytes: &[u8]) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .map_err(crate::cli::error::output)
}
