//! What a run directory holds, and how each file is written so that a crash leaves the old one or the new one.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use towpath_core::time::as_millis;

/// What to run; written once, before the shim starts.
pub const SPEC: &str = "spec.json";
/// What the shim is doing; its presence means that a child may have been started.
pub const STATE: &str = "state.json";
/// How it ended; its presence means that nothing of it runs any more.
pub const EXIT: &str = "exit.json";
/// What the child wrote to its standard output and error.
pub const OUTPUT: &str = "output.log";
/// The part of the output before that, once it has grown too long.
pub const OLDER_OUTPUT: &str = "output.log.1";

/// What a shim is to run. The child's variables and secrets are not in it: they are handed over in memory and
/// never stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// The program.
    pub program: Program,
    /// Where it runs.
    pub directory: PathBuf,
    /// What happens when it ends by itself.
    pub restart: Restart,
    /// How much output is kept: the log is rotated here, and one older part is kept beside it.
    pub output_bytes: u64,
    /// The signal that asks it to end.
    pub stop_signal: i32,
    /// How long it may take to end before it is killed.
    #[serde(with = "as_millis")]
    pub stop_within: Duration,
    /// The machine's boot in which this was written.
    pub boot: String,
}

/// A program that a shim runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Program {
    /// A command line for `sh -c`.
    Shell(String),
    /// The shim's own executable, whatever has become of its file since, with these arguments.
    Own(Vec<String>),
}

/// What happens when a program ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// It ran once, and that was it: builds, tests, probes.
    Never,
    /// It is started again, later each time that it does not last: services.
    OnEnd,
}

impl Spec {
    /// A program that runs once to its end.
    pub fn job(program: Program, directory: impl Into<PathBuf>) -> Spec {
        Spec {
            program,
            directory: directory.into(),
            restart: Restart::Never,
            output_bytes: 16 * 1024 * 1024,
            stop_signal: nix::libc::SIGTERM,
            stop_within: Duration::from_secs(5),
            boot: boot(),
        }
    }

    /// A program that runs until it is stopped.
    pub fn service(program: Program, directory: impl Into<PathBuf>, stop_within: Duration) -> Spec {
        Spec {
            restart: Restart::OnEnd,
            stop_within,
            ..Spec::job(program, directory)
        }
    }
}

/// What a shim is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The shim's process.
    pub shim: i32,
    /// The running child and its process group; `None` right before it starts, and while it waits to be restarted.
    pub group: Option<i32>,
    /// When the child was started, in milliseconds since the epoch.
    pub started_at: i64,
    /// How often it was started again.
    pub restarts: u32,
    /// How it ended the last time.
    pub last: Option<Ended>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// How its main process ended.
    pub ended: Ended,
    /// When, in milliseconds since the epoch.
    pub at: i64,
    /// Who ended it, unless it ended by itself.
    pub stopped: Option<Stopped>,
    /// Processes that were killed and did not go: of another user, or stuck in the kernel.
    pub survivors: Vec<i32>,
}

/// Who ended a run that did not end by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stopped {
    /// We were asked to.
    Asked,
    /// Somebody ended the shim, as a machine does with every process when it shuts down.
    Signalled,
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// It could not be started.
    NotStarted(String),
    /// Nobody knows: its shim was killed or the machine went down.
    Lost,
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Ended::Code(code) => write!(f, "exit status {code}"),
            Ended::Signal(signal) => write!(f, "killed by signal {signal}"),
            Ended::NotStarted(why) => write!(f, "could not be started: {why}"),
            Ended::Lost => f.write_str("lost: its shim was killed or the machine went down"),
        }
    }
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.stopped {
            Some(Stopped::Asked) => write!(f, "stopped ({})", self.ended)?,
            Some(Stopped::Signalled) => write!(f, "stopped with its shim ({})", self.ended)?,
            None => self.ended.fmt(f)?,
        }
        match self.survivors.as_slice() {
            [] => Ok(()),
            left => write!(f, "; processes {left:?} were killed and are still there"),
        }
    }
}

/// Names the machine's present boot: what was written in another one cannot still run.
pub fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|id| id.trim().to_owned())
        .unwrap_or_default()
}

/// A name that no two have: a random UUID of the kernel's.
pub(super) fn uuid() -> io::Result<String> {
    fs::read_to_string("/proc/sys/kernel/random/uuid").map(|uuid| uuid.trim().to_owned())
}

/// The wall clock, in milliseconds since the epoch.
pub fn now() -> i64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_millis()).ok())
        .unwrap_or_default()
}

/// Reads a record; `None` when there is none. One that cannot be read as such is none either: a power failure leaves
/// files empty whose names had reached the disk before their contents.
pub fn read<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(cause),
    }
}

/// Writes a record in place of an older one, whole or not at all.
pub fn replace<T: Serialize>(path: &Path, record: &T) -> io::Result<()> {
    let part = part_of(path);
    let written = write_part(&part, record).and_then(|_| fs::rename(&part, path));
    if written.is_err() {
        let _ = fs::remove_file(&part);
    }
    written
}

/// Writes a record unless a readable one is there, and makes it durable; returns whether it was written.
pub fn create<T: Serialize + DeserializeOwned>(path: &Path, record: &T) -> io::Result<bool> {
    let part = part_of(path);
    let linked = write_part(&part, record).and_then(|file| {
        // A link, unlike a rename, never replaces what is there.
        match fs::hard_link(&part, path) {
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {
                if read::<T>(path)?.is_some() {
                    return Ok(None);
                }
                fs::rename(&part, path)?;
            }
            linked => linked?,
        }
        Ok(Some(file))
    });
    // Before it is made durable, so that the file system has one thing to write down, and not another one right after.
    let _ = fs::remove_file(&part);
    match linked? {
        Some(file) => file.sync_all().map(|()| true),
        None => Ok(false),
    }
}

/// Writes a record in place of an older one, and makes it durable before it is one.
pub fn replace_durably<T: Serialize>(path: &Path, record: &T) -> io::Result<()> {
    let part = part_of(path);
    let written = write_part(&part, record)
        .and_then(|file| file.sync_all())
        .and_then(|()| fs::rename(&part, path));
    if written.is_err() {
        let _ = fs::remove_file(&part);
    }
    written
}

/// Makes the names in a directory durable.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn write_part<T: Serialize>(part: &Path, record: &T) -> io::Result<File> {
    let mut file = private(part, OpenOptions::new().create(true).truncate(true))?;
    file.write_all(&serde_json::to_vec(record)?)?;
    Ok(file)
}

fn part_of(path: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.{count}", process::id()))
}

/// Opens a file for writing that only its owner may read.
pub(super) fn private(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    options.write(true).mode(0o600).open(path)
}

/// Room on the disk for the result, taken before the run starts, so that a disk that is full by then loses none.
#[derive(Debug)]
pub(super) struct ReservedExit {
    part: PathBuf,
    file: File,
}

impl ReservedExit {
    const ROOM: usize = 4096;

    pub(super) fn reserve(directory: &Path) -> io::Result<ReservedExit> {
        let part = directory.join(".exit.json.reserved");
        let mut file = private(&part, OpenOptions::new().create(true).truncate(true))?;
        file.write_all(&[b' '; Self::ROOM])?;
        Ok(ReservedExit { part, file })
    }

    /// Puts the result into the room and moves it to its place, durably.
    pub(super) fn write(self, directory: &Path, exit: &Exit) -> io::Result<()> {
        let bytes = serde_json::to_vec(exit)?;
        self.file.write_all_at(&bytes, 0)?;
        self.file.set_len(bytes.len() as u64)?;
        // Nobody takes the file for the result while the shim is there, so it may have its name before it is durable: most
        // file systems then write down all of it at once.
        fs::rename(&self.part, directory.join(EXIT))?;
        self.file.sync_all()?;
        sync_directory(directory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_created_once_and_replaced_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(SPEC);
        assert_eq!(read::<u32>(&path).unwrap(), None);
        assert!(create(&path, &1).unwrap());
        assert!(!create(&path, &2).unwrap());
        assert_eq!(read::<u32>(&path).unwrap(), Some(1));
        replace(&path, &3).unwrap();
        assert_eq!(read::<u32>(&path).unwrap(), Some(3));
        replace_durably(&path, &4).unwrap();
        assert_eq!(read::<u32>(&path).unwrap(), Some(4));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_power_failure_left_empty_is_no_record() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(SPEC);
        fs::write(&path, "").unwrap();
        assert_eq!(read::<u32>(&path).unwrap(), None);
        assert!(create(&path, &1).unwrap());
        assert!(!create(&path, &2).unwrap());
        assert_eq!(read::<u32>(&path).unwrap(), Some(1));
    }

    #[test]
    fn the_room_for_the_result_leaves_no_trace() {
        let directory = tempfile::tempdir().unwrap();
        let exit = Exit {
            ended: Ended::Signal(9),
            at: 5,
            stopped: Some(Stopped::Asked),
            survivors: vec![1, 2],
        };
        let reserved = ReservedExit::reserve(directory.path()).unwrap();
        reserved.write(directory.path(), &exit).unwrap();
        let path = directory.path().join(EXIT);
        assert_eq!(read::<Exit>(&path).unwrap(), Some(exit));
        assert!(fs::read(&path).unwrap().ends_with(b"}"));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
