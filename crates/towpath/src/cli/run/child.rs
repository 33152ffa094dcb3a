//! The command itself: in our place where a terminal reads what it prints, beside us where that has to be looked at.

use std::{
    ffi::{OsStr, OsString},
    io::{self, IsTerminal, Read, Write},
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Command, Stdio},
    sync::{Arc, mpsc},
    thread,
};

use nix::{
    sys::{
        resource::{Resource, getrlimit, setrlimit},
        signal::{Signal, kill},
    },
    unistd::{Pid, getpgrp, tcgetpgrp},
};
use secrecy::{ExposeSecret, SecretString};
use tokio::signal::unix::{self, SignalKind};
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
    pub fn run(mut self, is_awaited: bool) -> io::Result<i32> {
        let is_seen = io::stdout().is_terminal() && io::stderr().is_terminal();
        if !is_awaited && (is_seen || self.secrets.is_empty()) {
            let limit = core_limit_for_others();
            let error = self.command.exec();
            drop(limit);
            return Err(error);
        }
        let pipe = |is_terminal: bool| match is_terminal {
            true => Stdio::inherit(),
            false => Stdio::piped(),
        };
        self.command.stdout(pipe(io::stdout().is_terminal()));
        self.command.stderr(pipe(io::stderr().is_terminal()));
        // From here on they do not end us; the command starts with what they do otherwise.
        let signals = caught()?;
        let limit = core_limit_for_others();
        let spawned = self.command.spawn();
        drop(limit);
        let mut child = spawned?;
        let process = Pid::from_raw(i32::try_from(child.id()).unwrap_or_default());
        for (signal, seen) in signals {
            tokio::spawn(pass_on(signal, seen, process));
        }
        // They take a while to make, and the command one to print something.
        let (ready, patterns) = mpsc::sync_channel::<Arc<Patterns>>(2);
        let secrets = std::mem::take(&mut self.secrets);
        thread::spawn(move || {
            let known = secrets.iter().map(|(name, value)| (name.as_str(), value));
            let patterns = Arc::new(Patterns::new(known));
            for _ in 0..2 {
                let _ = ready.send(patterns.clone());
            }
        });
        let patterns = Arc::new(std::sync::Mutex::new(patterns));
        let out = child.stdout.take();
        let err = child.stderr.take();
        let shared = patterns.clone();
        let of_out = out.map(|out| thread::spawn(move || copy(out, io::stdout(), &shared)));
        let of_err = err.map(|err| thread::spawn(move || copy(err, io::stderr(), &patterns)));
        let status = child.wait()?;
        for copied in [of_out, of_err].into_iter().flatten() {
            // A reader of ours that has gone is no failure of the command.
            let _ = copied.join();
        }
        Ok(status
            .code()
            .or_else(|| Some(128 + status.signal()?))
            .unwrap_or(128))
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

type Awaited = std::sync::Mutex<mpsc::Receiver<Arc<Patterns>>>;

/// Copies what is printed, without the secrets. Until the first bytes nothing waits for anything.
fn copy(mut from: impl Read, mut to: impl Write, patterns: &Awaited) -> io::Result<()> {
    let mut chunk = vec![0; 64 << 10];
    let mut redactor = None;
    let mut clean = Vec::new();
    loop {
        let count = match from.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if redactor.is_none() {
            let awaited = patterns
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            let patterns = awaited.recv().map_err(io::Error::other)?;
            redactor = Some(Redactor::new(patterns));
        }
        if let Some(redactor) = &mut redactor {
            redactor.push(&chunk[..count], &mut clean);
        }
        to.write_all(&clean)?;
        to.flush()?;
        clean.clear();
    }
    if let Some(redactor) = &mut redactor {
        redactor.finish(&mut clean);
    }
    to.write_all(&clean)?;
    to.flush()
}

/// Catches what is passed on.
fn caught() -> io::Result<Vec<(Signal, unix::Signal)>> {
    let mut caught = Vec::new();
    for signal in PASSED_ON {
        let kind = SignalKind::from_raw(signal as i32);
        caught.push((signal, unix::signal(kind)?));
    }
    Ok(caught)
}

/// Sends a signal on, each time that it comes.
async fn pass_on(signal: Signal, mut seen: unix::Signal, process: Pid) {
    while seen.recv().await.is_some() {
        if !(OF_TERMINALS.contains(&signal) && is_in_front()) {
            let _ = kill(process, signal);
        }
    }
}

/// Whether a terminal sends its signals to us, and with us to the command.
fn is_in_front() -> bool {
    tcgetpgrp(io::stdin()).is_ok_and(|front| front == getpgrp())
}
