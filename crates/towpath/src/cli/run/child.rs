//! The command itself: in our place where a terminal reads what it prints, beside us where that has to be looked at.

use std::{
    ffi::{OsStr, OsString},
    future::{pending, poll_fn},
    io::{self, IsTerminal, Read, Write},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::Path,
    process::{Command, Stdio},
    sync::{Arc, Mutex, OnceLock, PoisonError},
    task::Poll,
    thread,
    time::Duration,
};

use nix::{
    sys::{
        resource::{Resource, getrlimit, setrlimit},
        signal::{Signal, kill},
    },
    unistd::{Pid, getpgrp, tcgetpgrp},
};
use secrecy::{ExposeSecret, SecretString};
use tokio::{
    signal::unix::{self, SignalKind},
    time::{Instant, sleep_until},
};
use towpath_secrets::{
    hygiene,
    redact::{Patterns, Redactor},
};

/// Signals that are passed on.
const PASSED_ON: [Signal; 7] = [
    Signal::SIGINT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGWINCH,
];

/// Those that tell a process to end.
const ENDING: [Signal; 4] = [
    Signal::SIGINT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGQUIT,
];

/// So long the rest of what was printed is still copied after somebody does not want to wait for it any more.
const GRACE: Duration = Duration::from_millis(700);

/// Those that a terminal sends to everybody in front of it: the command has them already.
const OF_TERMINALS: [Signal; 3] = [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGWINCH];

/// A command to be run.
pub struct Child {
    command: Command,
    secrets: Vec<(String, SecretString)>,
}

impl Child {
    pub fn of(command: Vec<OsString>) -> Child {
        let mut words = command.into_iter();
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words);
        Child {
            command,
            secrets: Vec::new(),
        }
    }

    pub fn without(&mut self, variable: &str) {
        self.command.env_remove(variable);
    }

    pub fn with(&mut self, variable: &str, value: impl AsRef<OsStr>) {
        self.command.env(variable, value);
    }

    pub fn with_secret(&mut self, variable: &str, value: SecretString) {
        self.command.env(variable, value.expose_secret());
        self.secrets.push((variable.to_owned(), value));
    }

    /// Takes these out of what is printed as well.
    pub fn hide(&mut self, secrets: impl IntoIterator<Item = (String, SecretString)>) {
        self.secrets.extend(secrets);
    }

    /// Runs it to its end, and returns the exit status. With nothing to do for us meanwhile, it takes our place.
    pub async fn run(mut self, is_awaited: bool) -> io::Result<i32> {
        let is_seen = io::stdout().is_terminal() && io::stderr().is_terminal();
        if !is_awaited && (is_seen || self.secrets.is_empty()) {
            let limit = core_limit_for_others();
            let error = self.command.exec();
            drop(limit);
            return Err(error);
        }
        let mut copies = Vec::new();
        let patterns = Arc::new(Known::of(std::mem::take(&mut self.secrets)));
        let early = patterns.clone();
        if !io::stdout().is_terminal() {
            let (from, to) = io::pipe()?;
            self.command.stdout(to);
            let patterns = patterns.clone();
            copies.push(thread::spawn(move || copy(from, io::stdout(), &patterns)));
        }
        if !io::stderr().is_terminal() {
            let (from, to) = io::pipe()?;
            self.command.stderr(to);
            copies.push(thread::spawn(move || copy(from, io::stderr(), &patterns)));
        }
        // From here on they do not end us; the command starts with what they do otherwise.
        let mut signals = caught()?;
        let limit = core_limit_for_others();
        let mut command = tokio::process::Command::from(self.command);
        let spawned = command.spawn();
        // Its ends of the pipes are the command's alone: they end with it.
        drop(command);
        drop(limit);
        let mut child = spawned?;
        thread::spawn(move || early.patterns());
        let process = child.id().and_then(|id| i32::try_from(id).ok());
        let status = loop {
            tokio::select! {
                status = child.wait() => break status?,
                signal = signals.next() => {
                    if let (Some(process), false) = (process, OF_TERMINALS.contains(&signal) && is_in_front()) {
                        let _ = kill(Pid::from_raw(process), signal);
                    }
                }
            }
        };
        // Whoever the command left behind is heard to the end, unless somebody does not want to wait for that.
        let mut rest = tokio::task::spawn_blocking(move || {
            for copied in copies {
                // A reader of ours that has gone is no failure of the command.
                let _ = copied.join();
            }
        });
        // A signal that came with the command's end, or right after it, was meant for the command.
        let mut patience = None;
        loop {
            tokio::select! {
                _ = &mut rest => break,
                () = over(patience) => break,
                signal = signals.next() => if ENDING.contains(&signal) {
                    patience.get_or_insert_with(|| Instant::now() + GRACE);
                }
            }
        }
        Ok(status
            .code()
            .or_else(|| Some(128 + status.signal()?))
            .unwrap_or(128))
    }
}

/// What a command has printed, and how it ended.
pub struct Heard {
    /// Its exit status.
    pub status: i32,
    /// Both of its outputs in one, to a length that no person reads.
    pub text: String,
    /// Whether that is all of it.
    pub is_whole: bool,
}

impl Child {
    /// Runs it in a directory, with nothing to read, and keeps what it prints; shows it too while it runs, if that is wanted.
    pub async fn hear(mut self, directory: &Path, is_shown: bool) -> io::Result<Heard> {
        let patterns = Known::of(std::mem::take(&mut self.secrets));
        let (from, to) = io::pipe()?;
        self.command
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(to.try_clone()?)
            .stderr(to);
        let limit = core_limit_for_others();
        let mut command = tokio::process::Command::from(self.command);
        let spawned = command.kill_on_drop(true).spawn();
        // Its ends of the pipe are the command's alone: they end with it.
        drop(command);
        drop(limit);
        let mut child = spawned?;
        let copied = tokio::task::spawn_blocking(move || {
            let mut kept = Kept {
                bytes: Vec::new(),
                is_whole: true,
                is_shown,
            };
            copy(from, &mut kept, &patterns)?;
            Ok::<_, io::Error>(kept)
        });
        let status = child.wait().await?;
        let kept = copied.await.map_err(io::Error::other)??;
        let ended = status.code().or_else(|| Some(128 + status.signal()?));
        Ok(Heard {
            status: ended.unwrap_or(128),
            text: String::from_utf8_lossy(&kept.bytes).into_owned(),
            is_whole: kept.is_whole,
        })
    }
}

/// Keeps what is written, up to a length.
struct Kept {
    bytes: Vec<u8>,
    is_whole: bool,
    is_shown: bool,
}

impl Kept {
    const MOST: usize = 8 << 20;
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = Kept::MOST.saturating_sub(self.bytes.len());
        self.bytes.extend(&bytes[..bytes.len().min(room)]);
        self.is_whole &= bytes.len() <= room;
        if self.is_shown {
            io::stderr().write_all(bytes)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.is_shown {
            true => io::stderr().flush(),
            false => Ok(()),
        }
    }
}

/// Waits until then; without an end, for ever.
async fn over(end: Option<Instant>) {
    match end {
        Some(end) => sleep_until(end).await,
        None => pending().await,
    }
}

/// What is to be taken out. It takes a while to be made ready, and the command one to print something: nobody waits for it before.
struct Known {
    secrets: Mutex<Vec<(String, SecretString)>>,
    patterns: OnceLock<Arc<Patterns>>,
}

impl Known {
    fn of(secrets: Vec<(String, SecretString)>) -> Known {
        Known {
            secrets: Mutex::new(secrets),
            patterns: OnceLock::new(),
        }
    }

    fn patterns(&self) -> Arc<Patterns> {
        let patterns = self.patterns.get_or_init(|| {
            let mut secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
            let known = secrets.iter().map(|(name, value)| (name.as_str(), value));
            let patterns = Arc::new(Patterns::new(known));
            // Not before: without them everything would be printed.
            secrets.clear();
            patterns
        });
        patterns.clone()
    }
}

/// Gives the limit of core dumps back that we were started with, until it is dropped: the command inherits it. Nothing of ours is
/// dumped meanwhile: the system has another switch for that, which no program inherits.
fn core_limit_for_others() -> Option<OwnCoreLimit> {
    let ordinary = hygiene::ordinary_core_limit()?;
    let (soft, hard) = getrlimit(Resource::RLIMIT_CORE).ok()?;
    setrlimit(Resource::RLIMIT_CORE, ordinary, hard).ok()?;
    Some(OwnCoreLimit { soft, hard })
}

/// Our own limit, which comes back with the end of this.
struct OwnCoreLimit {
    soft: u64,
    hard: u64,
}

impl Drop for OwnCoreLimit {
    fn drop(&mut self) {
        let _ = setrlimit(Resource::RLIMIT_CORE, self.soft, self.hard);
    }
}

/// Copies what is printed, without the secrets.
fn copy(mut from: impl Read, mut to: impl Write, known: &Known) -> io::Result<()> {
    let mut chunk = vec![0; 64 << 10];
    let mut clean = Vec::new();
    let mut redactor = None;
    loop {
        let count = match from.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let redactor = redactor.get_or_insert_with(|| Redactor::new(known.patterns()));
        redactor.push(&chunk[..count], &mut clean);
        to.write_all(&clean)?;
        to.flush()?;
        clean.clear();
    }
    if let Some(mut redactor) = redactor {
        redactor.finish(&mut clean);
        to.write_all(&clean)?;
    }
    to.flush()
}

/// Signals that do not end us any more.
struct Signals(Vec<(Signal, unix::Signal)>);

/// Catches what is passed on.
fn caught() -> io::Result<Signals> {
    let mut caught = Vec::new();
    for signal in PASSED_ON {
        let kind = SignalKind::from_raw(signal as i32);
        caught.push((signal, unix::signal(kind)?));
    }
    Ok(Signals(caught))
}

impl Signals {
    /// The next one that comes.
    async fn next(&mut self) -> Signal {
        poll_fn(|context| {
            for (signal, seen) in &mut self.0 {
                if seen.poll_recv(context).is_ready() {
                    return Poll::Ready(*signal);
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// Whether a terminal sends its signals to us, and with us to the command.
fn is_in_front() -> bool {
    tcgetpgrp(io::stdin()).is_ok_and(|front| front == getpgrp())
}
