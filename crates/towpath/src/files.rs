//! Writing a file in place of an older one, whole or not at all.

use std::{fs, io, io::Write, os::unix::fs::PermissionsExt, path::Path};

/// Who may do what with a new file: as usual for what is committed.
const NEW: u32 = 0o644;

/// Replaces a file, or makes it; a link is followed, and permissions stay.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    replace_bytes(path, text.as_bytes())
}

/// Likewise, with bytes.
pub fn replace_bytes(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let path = match fs::canonicalize(path) {
        Ok(path) => path,
        Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
        Err(error) => return Err(error),
    };
    // A device or a pipe takes what is written to it; another file in its place would be the end of it.
    if fs::metadata(&path).is_ok_and(|found| !found.is_file()) {
        return fs::OpenOptions::new()
            .write(true)
            .open(&path)?
            .write_all(bytes);
    }
    let directory = match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    };
    let permissions = match fs::metadata(&path) {
        Ok(found) => found.permissions(),
        Err(_) => fs::Permissions::from_mode(NEW),
    };
    let mut fresh = tempfile::NamedTempFile::new_in(directory)?;
    fresh.write_all(bytes)?;
    fresh.as_file().set_permissions(permissions)?;
    fresh.as_file().sync_all()?;
    fresh.persist(&path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileTypeExt;

    use super::*;

    #[test]
    fn a_pipe_stays_a_pipe() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pipe");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let reader = path.clone();
        let read = std::thread::spawn(move || fs::read_to_string(reader).unwrap());
        replace(&path, "said").unwrap();
        assert!(fs::metadata(&path).unwrap().file_type().is_fifo());
        assert_eq!(read.join().unwrap(), "said");
    }
}
