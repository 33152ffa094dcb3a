//! Reading a file that grows, and is put aside for a new one of the same name when it has grown enough.

use std::{io, os::unix::fs::MetadataExt, path::PathBuf};

use bytes::Bytes;
use tokio::{
    fs::{self, File},
    io::{AsyncReadExt, AsyncSeekExt},
};

/// How much is read at a time.
const PIECE: usize = 16 * 1024;

/// Reads such a file from its beginning, a piece at a time. What was written is read whole and once, however it is rotated,
/// unless that happens twice between two looks.
#[derive(Debug)]
pub struct Tail {
    path: PathBuf,
    file: Option<Open>,
    given_up: bool,
}

#[derive(Debug)]
struct Open {
    file: File,
    inode: u64,
    read: u64,
}

impl Tail {
    /// The file at `path`, which does not have to be there yet.
    pub fn new(path: impl Into<PathBuf>) -> Tail {
        Tail {
            path: path.into(),
            file: None,
            given_up: false,
        }
    }

    /// The next piece; `None` when there is nothing more just now.
    pub async fn more(&mut self) -> io::Result<Option<Bytes>> {
        if self.given_up {
            return Ok(None);
        }
        loop {
            if self.file.is_none() {
                self.file = self.open().await?;
            }
            let Some(open) = &mut self.file else {
                return Ok(None);
            };
            if let Some(piece) = open.read().await? {
                return Ok(Some(piece));
            }
            let Some(now) = found(fs::metadata(&self.path).await)? else {
                return Ok(None);
            };
            if now.ino() == open.inode {
                if now.len() >= open.read {
                    return Ok(None);
                }
                // It was emptied and is written anew.
                open.file.rewind().await?;
                open.read = 0;
                continue;
            }
            // It was put aside. What came between our last look and that is still read; then nothing is added to it.
            let rest = open.read().await?;
            if rest.is_some() {
                return Ok(rest);
            }
            self.file = None;
        }
    }

    /// Reads no more of it.
    pub fn give_up(&mut self) {
        self.given_up = true;
        self.file = None;
    }

    async fn open(&self) -> io::Result<Option<Open>> {
        let Some(file) = found(File::open(&self.path).await)? else {
            return Ok(None);
        };
        let inode = file.metadata().await?.ino();
        Ok(Some(Open {
            file,
            inode,
            read: 0,
        }))
    }
}

impl Open {
    async fn read(&mut self) -> io::Result<Option<Bytes>> {
        let mut piece = vec![0; PIECE];
        let read = self.file.read(&mut piece).await?;
        piece.truncate(read);
        self.read += read as u64;
        Ok((read > 0).then(|| piece.into()))
    }
}

/// A thing that may not be there.
fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write, path::Path};

    use super::*;

    async fn all(tail: &mut Tail) -> String {
        let mut text = Vec::new();
        while let Some(piece) = tail.more().await.unwrap() {
            assert!(piece.len() <= PIECE);
            text.extend_from_slice(&piece);
        }
        String::from_utf8(text).unwrap()
    }

    fn append(path: &Path, text: &str) {
        let mut file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    #[tokio::test]
    async fn it_reads_what_is_there_and_what_comes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("output.log");
        let mut tail = Tail::new(&path);
        assert_eq!(all(&mut tail).await, "", "there is no file yet");
        append(&path, "one\n");
        assert_eq!(all(&mut tail).await, "one\n");
        assert_eq!(all(&mut tail).await, "");
        let long = "x".repeat(3 * PIECE + 1);
        append(&path, &long);
        assert_eq!(all(&mut tail).await, long);
    }

    #[tokio::test]
    async fn what_was_written_before_a_rotation_is_read_first() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("output.log");
        append(&path, "one\n");
        let mut tail = Tail::new(&path);
        assert_eq!(all(&mut tail).await, "one\n");
        append(&path, "two\n");
        fs::rename(&path, directory.path().join("output.log.1")).unwrap();
        assert_eq!(all(&mut tail).await, "two\n", "there is no new file yet");
        append(&path, "three\n");
        assert_eq!(all(&mut tail).await, "three\n");
        append(&path, "four\n");
        fs::rename(&path, directory.path().join("output.log.1")).unwrap();
        append(&path, "five\n");
        assert_eq!(all(&mut tail).await, "four\nfive\n");
    }

    #[tokio::test]
    async fn a_file_that_was_emptied_is_read_anew() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("output.log");
        append(&path, "one\ntwo\n");
        let mut tail = Tail::new(&path);
        assert_eq!(all(&mut tail).await, "one\ntwo\n");
        fs::write(&path, "new\n").unwrap();
        assert_eq!(all(&mut tail).await, "new\n");
    }

    #[tokio::test]
    async fn a_file_that_is_gone_says_nothing_more() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("output.log");
        append(&path, "one\n");
        let mut tail = Tail::new(&path);
        assert_eq!(all(&mut tail).await, "one\n");
        fs::remove_file(&path).unwrap();
        assert_eq!(all(&mut tail).await, "");
    }
}
