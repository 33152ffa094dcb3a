//! Git's objects, from children that run as long as they are read from.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use super::{LARGEST_FILE, Report};

/// Git could not tell.
#[derive(Debug, thiserror::Error)]
pub enum GitFailed {
    /// It is not there.
    #[error("could not run git: {0}")]
    NotRun(std::io::Error),
    /// It said no, in these words.
    #[error("git {what} failed: {said}")]
    Failed {
        /// The subcommand.
        what: String,
        /// Its own words.
        said: String,
    },
    /// What it said was cut off.
    #[error("git {what} ended early: {source}")]
    Ended {
        /// The subcommand.
        what: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// A range that could be taken for an option.
    #[error("{0:?} is no range of commits")]
    BadRange(String),
}

/// A call of git, which never asks, and never fetches what is not there.
pub(super) fn command(repository: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .arg("-C")
        .arg(repository)
        .args([
            "-c",
            "core.quotePath=false",
            "-c",
            "log.showSignature=false",
        ])
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_NO_LAZY_FETCH", "1")
        .env("LC_ALL", "C")
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .stdin(Stdio::null());
    command
}

/// What git printed.
pub(super) fn output<S: AsRef<OsStr>>(
    repository: &Path,
    arguments: &[S],
) -> Result<Vec<u8>, GitFailed> {
    let output = command(repository)
        .args(arguments)
        .output()
        .map_err(GitFailed::NotRun)?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let what = arguments
        .first()
        .map(|what| what.as_ref().to_string_lossy());
    Err(GitFailed::Failed {
        what: what.unwrap_or_default().into_owned(),
        said: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}

/// A child that answers with objects. It is ended when it is dropped.
pub(super) struct Objects {
    child: Child,
    answers: BufReader<ChildStdout>,
    body: Vec<u8>,
}

/// An object of git.
pub(super) struct Object<'a> {
    pub(super) id: &'a str,
    pub(super) kind: &'a str,
    pub(super) body: &'a [u8],
}

impl Objects {
    /// The child, and where to write the names of objects, one a line.
    pub(super) fn open(repository: &Path) -> Result<(Objects, ChildStdin), GitFailed> {
        let mut child = command(repository)
            .args(["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(GitFailed::NotRun)?;
        let asks = child.stdin.take().expect("it was told to be piped");
        let answers = child.stdout.take().expect("it was told to be piped");
        let objects = Objects {
            child,
            answers: BufReader::with_capacity(1 << 16, answers),
            body: Vec::new(),
        };
        Ok((objects, asks))
    }

    /// Reads all answers. Trees are left out, and what is too large is told as skipped.
    pub(super) fn each(
        &mut self,
        report: &mut Report,
        mut look: impl FnMut(&mut Report, &Object<'_>),
    ) -> Result<(), GitFailed> {
        loop {
            let mut head = String::new();
            if self.answers.read_line(&mut head).map_err(ended)? == 0 {
                return Ok(());
            }
            let mut words = head.split_whitespace();
            let (id, kind) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
            let Some(size) = words.next().and_then(|size| size.parse::<u64>().ok()) else {
                report.skip(id, format!("git says that it is {kind}"));
                continue;
            };
            let is_large = size > LARGEST_FILE;
            if kind == "tree" || is_large {
                let passed = std::io::copy(
                    &mut self.answers.by_ref().take(size + 1),
                    &mut std::io::sink(),
                );
                whole(passed.map_err(ended)?, size + 1)?;
                if is_large {
                    report.too_large(id, size);
                }
                continue;
            }
            self.body.clear();
            let read = self
                .answers
                .by_ref()
                .take(size + 1)
                .read_to_end(&mut self.body);
            whole(read.map_err(ended)? as u64, size + 1)?;
            self.body.pop();
            let body = self.body.as_slice();
            look(report, &Object { id, kind, body });
        }
    }
}

impl Drop for Objects {
    fn drop(&mut self) {
        // It ends by itself where all was read.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn whole(read: u64, wanted: u64) -> Result<(), GitFailed> {
    match read == wanted {
        true => Ok(()),
        false => Err(ended(std::io::ErrorKind::UnexpectedEof.into())),
    }
}

fn ended(source: std::io::Error) -> GitFailed {
    GitFailed::Ended {
        what: "cat-file",
        source,
    }
}

/// Writes the names of objects for as long as anybody reads.
pub(super) fn ask(asks: &mut ChildStdin, id: &[u8]) -> bool {
    asks.write_all(id)
        .and_then(|()| asks.write_all(b"\n"))
        .is_ok()
}
