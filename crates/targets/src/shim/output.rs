//! The bounded log of a child's output. It never fails and never blocks the child: what cannot be kept is dropped and counted.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use towpath_secrets::redact::Redactor;

use super::files::{OLDER_OUTPUT, OUTPUT, private};

/// The log in a run directory.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    older: PathBuf,
    file: Option<File>,
    size: u64,
    bound: u64,
    dropped: u64,
    cause: String,
    redaction: Option<Redaction>,
}

/// What takes secrets out before anything is written.
#[derive(Debug)]
struct Redaction {
    redactor: Redactor,
    /// What was let out last; here for its room.
    clean: Vec<u8>,
}

impl Log {
    /// The log in `directory`, continued where an earlier run left it.
    pub(super) fn open(directory: &Path, bound: u64) -> Log {
        let mut log = Log {
            path: directory.join(OUTPUT),
            older: directory.join(OLDER_OUTPUT),
            file: None,
            size: 0,
            bound,
            dropped: 0,
            cause: String::new(),
            redaction: None,
        };
        // Those who follow it find it from the start; what goes wrong here goes wrong again when there is output.
        let _ = log.reopen();
        log
    }

    fn reopen(&mut self) -> io::Result<()> {
        let file = private(&self.path, OpenOptions::new().create(true).append(true))?;
        self.size = file.metadata()?.len();
        self.file = Some(file);
        Ok(())
    }

    /// Takes secrets out of all output from here on.
    pub(super) fn redact_with(&mut self, redactor: Redactor) {
        let clean = Vec::new();
        self.redaction = Some(Redaction { redactor, clean });
    }

    /// Appends some output, save for its end if that may be the beginning of a secret.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        self.write_redacted(bytes, |redaction| {
            redaction.redactor.push(bytes, &mut redaction.clean);
        });
    }

    /// Appends what was kept back: nothing comes after it that it could go on with.
    pub(super) fn flush(&mut self) {
        self.write_redacted(&[], |redaction| {
            redaction.redactor.finish(&mut redaction.clean)
        });
    }

    fn write_redacted(&mut self, bytes: &[u8], redact: impl FnOnce(&mut Redaction)) {
        let Some(mut redaction) = self.redaction.take() else {
            return self.keep(bytes);
        };
        redaction.clean.clear();
        redact(&mut redaction);
        self.keep(&redaction.clean);
        self.redaction = Some(redaction);
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.settle_debt();
        if self.dropped > 0 {
            self.dropped += bytes.len() as u64;
        } else {
            self.append(bytes);
        }
    }

    /// Appends a line of the shim's own.
    pub(super) fn note(&mut self, text: &str) {
        self.keep(format!("[towpath] {text}\n").as_bytes());
    }

    /// Says how much is missing, once there is room again; until then nothing else is written, so that the gap is seen.
    pub(super) fn settle_debt(&mut self) {
        if self.dropped == 0 {
            return;
        }
        let missing = self.dropped;
        let note = format!(
            "\n[towpath] {missing} bytes of output were dropped: {}\n",
            self.cause
        );
        self.dropped = 0;
        self.append(note.as_bytes());
        if self.dropped > 0 {
            self.dropped = missing;
        }
    }

    fn append(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            match self.append_some(bytes) {
                Ok(0) => return self.drop_rest(bytes, &io::ErrorKind::WriteZero.into()),
                Ok(written) => bytes = &bytes[written..],
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return self.drop_rest(bytes, &cause),
            }
        }
    }

    fn append_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.size >= self.bound && self.file.is_some() {
            self.file = None;
            fs::rename(&self.path, &self.older)?;
        }
        if self.file.is_none() {
            self.reopen()?;
        }
        let room = usize::try_from(self.bound.saturating_sub(self.size).max(1))
            .map_or(bytes.len(), |room| room.min(bytes.len()));
        let Some(file) = &mut self.file else {
            return Ok(0);
        };
        let written = file.write(&bytes[..room])?;
        self.size += written as u64;
        Ok(written)
    }

    fn drop_rest(&mut self, bytes: &[u8], cause: &io::Error) {
        self.dropped += bytes.len() as u64;
        self.cause = cause.to_string();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(directory: &Path, name: &str) -> String {
        fs::read_to_string(directory.join(name)).unwrap_or_default()
    }

    #[test]
    fn it_keeps_between_one_and_two_times_its_bound() {
        let directory = tempfile::tempdir().unwrap();
        let mut log = Log::open(directory.path(), 10);
        log.write(b"0123456789abcdefghijklm");
        assert_eq!(contents(directory.path(), OLDER_OUTPUT), "abcdefghij");
        assert_eq!(contents(directory.path(), OUTPUT), "klm");
        let mut again = Log::open(directory.path(), 10);
        again.write(b"nop");
        assert_eq!(contents(directory.path(), OUTPUT), "klmnop");
    }

    #[test]
    fn what_cannot_be_written_is_counted_and_noted_later() {
        let directory = tempfile::tempdir().unwrap();
        let inside = directory.path().join("gone");
        let mut log = Log::open(&inside, 1000);
        log.write(b"lost");
        log.write(b"lost too");
        fs::create_dir(&inside).unwrap();
        log.write(b"kept\n");
        let text = contents(&inside, OUTPUT);
        assert!(
            text.starts_with("\n[towpath] 12 bytes of output were dropped: No such file"),
            "{text}"
        );
        assert!(text.ends_with("kept\n"), "{text}");
    }
}
