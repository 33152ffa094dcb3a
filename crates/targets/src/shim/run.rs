//! A run as others see it: what became of it, its end, its output, and ending it.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::net::unix::pipe;

use super::{
    credentials, family,
    files::{self, EXIT, Ended, Exit, OLDER_OUTPUT, OUTPUT, SPEC, STATE, Spec, State, Stopped},
    presence::{self, Hold},
};

/// How much of the output is shown with a result.
const TAIL: u64 = 4096;
/// How long a shim may take to end beyond the time that its child has.
const SHIM_PATIENCE: Duration = Duration::from_secs(20);

/// What the names of directories that are being removed begin with; the process that removes them follows.
const ASIDE: &str = ".gone-";

/// A run's directory, whether it exists or not.
#[derive(Debug, Clone)]
pub struct Run {
    directory: PathBuf,
}

/// What became of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// There is none.
    Absent,
    /// It is prepared, and was never started.
    Prepared,
    /// A shim looks after it. `None` right before it has started the child.
    Running(Option<State>),
    /// Nothing of it runs any more.
    Ended(Exit),
    /// Its shim is gone without a word; processes of it may be left.
    Lost,
}

impl Run {
    /// The run in `directory`.
    pub fn new(directory: impl Into<PathBuf>) -> Run {
        Run {
            directory: directory.into(),
        }
    }

    /// Its directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The file that holds the later part of its output.
    pub fn output(&self) -> PathBuf {
        self.directory.join(OUTPUT)
    }

    /// Writes down what to run, durably, unless that was done before; returns whether it was now.
    pub fn prepare(&self, spec: &Spec) -> io::Result<bool> {
        make_directory(&self.directory)?;
        presence::prepare(&self.directory)?;
        let created = files::create(&self.directory.join(SPEC), spec)?;
        if created {
            files::sync_directory(&self.directory)?;
            if let Some(parent) = self.directory.parent() {
                files::sync_directory(parent)?;
            }
        }
        Ok(created)
    }

    /// What to run, once that is written down.
    pub fn spec(&self) -> io::Result<Option<Spec>> {
        files::read(&self.directory.join(SPEC))
    }

    /// Asks the shim itself (its lock), then what it left behind.
    pub fn condition(&self) -> io::Result<Condition> {
        if self.spec()?.is_none() {
            return Ok(Condition::Absent);
        }
        // The order matters: a run whose state is seen here and whose lock is then free has ended in between, and a
        // shim that was not killed has written the result before it let go of the lock.
        let started = self.may_have_started()?;
        if presence::has_shim(&self.directory)? {
            return Ok(Condition::Running(self.state()?));
        }
        self.clear_credentials();
        if let Some(exit) = files::read(&self.directory.join(EXIT))? {
            return Ok(Condition::Ended(exit));
        }
        Ok(match started {
            true => Condition::Lost,
            false => Condition::Prepared,
        })
    }

    /// Removes the credential files that a shim has left that was killed. Who ends or starts the run next does it too, and
    /// says what goes wrong.
    fn clear_credentials(&self) {
        if credentials::are_left(&self.directory)
            && let Ok(Some(_hold)) = presence::hold(&self.directory)
        {
            let _ = credentials::clear(&self.directory);
        }
    }

    /// Whether a child may have been started once, as far as the files tell; see [`super`] for the boot.
    fn may_have_started(&self) -> io::Result<bool> {
        // Readable or not, the file was written.
        let state = self.directory.join(STATE).try_exists()?;
        Ok(state || self.spec()?.is_some_and(|spec| spec.boot != files::boot()))
    }

    fn state(&self) -> io::Result<Option<State>> {
        files::read(&self.directory.join(STATE))
    }

    /// Returns when no shim looks after the run; at once when none does.
    pub async fn ended(&self) -> io::Result<()> {
        let alive = self.directory.join(presence::ALIVE);
        loop {
            let reader = match pipe::OpenOptions::new().open_receiver(&alive) {
                Ok(reader) => reader,
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(cause) => return Err(cause),
            };
            if !presence::has_writer(&reader)? || !presence::has_shim(&self.directory)? {
                return Ok(());
            }
            // Nobody ever writes: what wakes us is that the last writer is gone.
            reader.readable().await?;
        }
    }

    /// Ends the run and everything it started, and returns when that is verified. What was prepared and never started
    /// is never started then.
    pub async fn stop(&self) -> io::Result<Exit> {
        loop {
            match self.condition()? {
                Condition::Ended(exit) if exit.survivors.is_empty() => return Ok(exit),
                Condition::Ended(exit) => {
                    let directory = self.directory.clone();
                    let left = blocking(move || family::sweep(&directory)).await?;
                    return none_left(exit, &left);
                }
                Condition::Absent => return Err(io::ErrorKind::NotFound.into()),
                Condition::Running(_) => self.stop_shim().await?,
                Condition::Prepared | Condition::Lost => {
                    let run = self.clone();
                    if let Some(exit) = blocking(move || run.settle(Some(Stopped::Asked))).await? {
                        let left = exit.survivors.clone();
                        return none_left(exit, &left);
                    }
                }
            }
        }
    }

    async fn stop_shim(&self) -> io::Result<()> {
        let patience = self.spec()?.map_or(Duration::ZERO, |spec| spec.stop_within) + SHIM_PATIENCE;
        if !presence::ask_to_stop(&self.directory)? {
            // Between the end of a shim and the release of its lock, or someone else who clears the run away.
            tokio::time::sleep(Duration::from_millis(1)).await;
            return Ok(());
        }
        tokio::time::timeout(patience, self.ended())
            .await
            .map_err(|_| {
                io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!(
                        "the shim of {} did not end within {} s after it was asked to stop",
                        self.directory.display(),
                        patience.as_secs()
                    ),
                )
            })?
    }

    /// Records the end of a run that no shim can record any more, after sweeping what is left of it. `None` when a
    /// shim looks after it after all. Waits for processes, so it belongs on a thread of its own.
    pub fn settle(&self, stopped: Option<Stopped>) -> io::Result<Option<Exit>> {
        let Some(_hold) = self.hold()? else {
            return Ok(None);
        };
        credentials::clear(&self.directory)?;
        let path = self.directory.join(EXIT);
        if let Some(exit) = files::read(&path)? {
            return Ok(Some(exit));
        }
        let exit = Exit {
            ended: match self.may_have_started()? {
                true => Ended::Lost,
                false => Ended::NotStarted("it was stopped before".into()),
            },
            at: files::now(),
            stopped,
            survivors: family::sweep(&self.directory)?,
        };
        files::replace_durably(&path, &exit)?;
        files::sync_directory(&self.directory)?;
        Ok(Some(exit))
    }

    /// Makes a run that is over ready to be started once more with `spec`; `false` when a shim looks after it.
    /// Waits for processes, so it belongs on a thread of its own.
    pub fn renew(&self, spec: &Spec) -> io::Result<bool> {
        let Some(_hold) = self.hold()? else {
            return Ok(false);
        };
        let left = family::sweep(&self.directory)?;
        if !left.is_empty() {
            return Err(io::Error::other(format!(
                "processes {left:?} of the last time were killed and are still there"
            )));
        }
        credentials::clear(&self.directory)?;
        presence::prepare(&self.directory)?;
        files::replace_durably(&self.directory.join(SPEC), spec)?;
        match fs::remove_file(self.directory.join(EXIT)) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(cause),
            _ => Ok(true),
        }
    }

    /// Takes a run that is over, or was never started, out of sight at once, so that nobody ever finds half of it; returns
    /// where its directory is now. `None` when a shim looks after it. May wait, so it belongs on a thread of its own.
    pub fn put_aside(&self) -> io::Result<Option<PathBuf>> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = self.directory.file_name().unwrap_or_default();
        let aside = self.directory.with_file_name(format!(
            "{ASIDE}{}-{count}~{}",
            process::id(),
            name.to_string_lossy()
        ));
        if !self.directory.exists() {
            return Ok(Some(aside));
        }
        let Some(_hold) = self.hold()? else {
            return Ok(None);
        };
        credentials::clear(&self.directory)?;
        fs::rename(&self.directory, &aside)?;
        Ok(Some(aside))
    }

    /// Removes what was put aside, and what processes that have died since have put aside and left.
    pub fn remove_put_aside(aside: &Path) -> io::Result<()> {
        remove(aside)?;
        let Some(parent) = aside.parent() else {
            return Ok(());
        };
        for entry in fs::read_dir(parent).into_iter().flatten() {
            let entry = entry?;
            if is_orphan(&entry.file_name().to_string_lossy()) {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Takes the run for oneself while no shim has it. May wait, so it belongs on a thread of its own.
    fn hold(&self) -> io::Result<Option<Hold>> {
        presence::hold_idle(&self.directory)
    }

    /// The end of its output, as text.
    pub fn tail(&self) -> String {
        let mut bytes = last(&self.output(), TAIL);
        let missing = TAIL.saturating_sub(bytes.len() as u64);
        if missing > 0 {
            let mut older = last(&self.directory.join(OLDER_OUTPUT), missing);
            older.append(&mut bytes);
            bytes = older;
        }
        // A cut may go through a character.
        let whole = bytes
            .iter()
            .take(3)
            .take_while(|byte| **byte & 0b1100_0000 == 0b1000_0000)
            .count();
        String::from_utf8_lossy(&bytes[whole..]).into_owned()
    }
}

/// Removes a directory with all that is in it, if it is there.
pub(crate) fn remove(directory: &Path) -> io::Result<()> {
    let removed = match fs::remove_dir_all(directory) {
        // Package caches make their directories read-only.
        Err(cause) if cause.kind() == io::ErrorKind::PermissionDenied => {
            open_up(directory)?;
            fs::remove_dir_all(directory)
        }
        removed => removed,
    };
    match removed {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn open_up(directory: &Path) -> io::Result<()> {
    fs::set_permissions(directory, fs::Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            open_up(&entry.path())?;
        }
    }
    Ok(())
}

/// Whether a directory was put aside by a process that is gone.
fn is_orphan(name: &str) -> bool {
    name.strip_prefix(ASIDE)
        .and_then(|rest| rest.split_once('-'))
        .is_some_and(|(pid, _)| !Path::new("/proc").join(pid).exists())
}

fn none_left(exit: Exit, survivors: &[i32]) -> io::Result<Exit> {
    match survivors {
        [] => Ok(exit),
        left => Err(io::Error::other(format!(
            "processes {left:?} were killed and are still there"
        ))),
    }
}

fn last(path: &Path, bytes: u64) -> Vec<u8> {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(bytes)))?;
        let mut end = Vec::new();
        file.take(bytes).read_to_end(&mut end)?;
        Ok(end)
    };
    // Output is for people; without any, there is none.
    read().unwrap_or_default()
}

/// Makes a directory that others may pass through (a service may change its user) and not list.
pub(crate) fn make_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o711).create(path)
}

/// Runs what waits for the disk or for processes on a thread of its own.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_only_can_be_removed() {
        let directory = tempfile::tempdir().unwrap();
        let closed = directory.path().join("a/closed");
        fs::create_dir_all(closed.join("b")).unwrap();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o500)).unwrap();
        // Where we are root, nothing is in the way; so the opening is tried by itself.
        open_up(&directory.path().join("a")).unwrap();
        assert_eq!(
            closed.metadata().unwrap().permissions().mode() & 0o777,
            0o700
        );
        remove(&directory.path().join("a")).unwrap();
        remove(&directory.path().join("a")).unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn only_what_the_dead_have_put_aside_is_orphaned() {
        assert!(is_orphan(".gone-999999999-0~a"));
        assert!(!is_orphan(&format!(".gone-{}-0~a", process::id())));
        assert!(!is_orphan("staging.web.v1.d1.0"));
    }
}
