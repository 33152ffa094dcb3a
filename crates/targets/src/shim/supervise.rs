//! The shim's life: one thread, one loop, waiting for its children, their output, requests and deadlines.

use std::{
    fs::File,
    io::{self, PipeReader, PipeWriter, Read},
    os::{fd::AsFd, unix::process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, ExitStatus},
    sync::Arc,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, OFlag, fcntl},
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signal::{SigSet, Signal, killpg},
        signalfd::{SfdFlags, SignalFd},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::{Pid, getpid},
};

use towpath_secrets::{
    hygiene,
    redact::{Patterns, Redactor},
};

use super::{
    child::{self, Given},
    credentials::Credentials,
    family,
    files::{Ended, Exit, ReservedExit, Restart, STATE, Spec, State, Stopped, now, replace},
    handover::{Confidential, Handover},
    output::Log,
    presence::STOP,
};

/// How long what the main process left behind may take to end unasked: a `tee` that writes its last line.
const LINGER: Duration = Duration::from_millis(250);
/// How often what was killed is looked at again, and what it started meanwhile is killed too.
const AGAIN: Duration = Duration::from_millis(100);
/// How long killed processes may take to vanish.
const VANISH: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// A child that lasted this long was well: it is back at once, and pauses begin anew.
const WELL: Duration = Duration::from_secs(60);

/// The directory that the shim works in: it has changed to it, so that it stays its own when it is renamed.
const HERE: &str = ".";

pub(super) struct Supervisor {
    spec: Spec,
    run: PathBuf,
    given: Given,
    signals: SignalFd,
    control: File,
    output: PipeReader,
    writer: PipeWriter,
    log: Log,
    buffer: Vec<u8>,
    state: State,
    stored: bool,
    result: ReservedExit,
    pause: Duration,
    stop: Option<Stop>,
    phase: Phase,
}

/// A request to end.
struct Stop {
    by: Stopped,
    /// When asking is over and killing begins.
    kill_at: Instant,
}

enum Phase {
    /// The child runs.
    Running {
        child: Child,
        group: Pid,
        since: Instant,
    },
    /// The child ended, and what it left behind is ended too.
    Clearing {
        ended: Ended,
        at: i64,
        lasted: Duration,
        how: Clearing,
        until: Instant,
    },
    /// Nothing runs until it is started again.
    Pausing { until: Instant },
    /// Nothing runs any more.
    Over(Exit),
}

#[derive(Clone, Copy, PartialEq)]
enum Clearing {
    Waiting,
    Asking,
    Killing { give_up: Instant },
}

impl Supervisor {
    /// Writes ahead that a child is about to be started, then starts it.
    pub(super) fn start(
        spec: Spec,
        run: PathBuf,
        control: File,
        restarts: u32,
        handover: Handover,
    ) -> io::Result<Self> {
        let handled = [
            Signal::SIGCHLD,
            Signal::SIGTERM,
            Signal::SIGINT,
            Signal::SIGHUP,
        ];
        let mask: SigSet = handled.into_iter().collect();
        mask.thread_block()?;
        let signals = SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        let (output, writer) = io::pipe()?;
        fcntl(&output, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        let state = State {
            shim: getpid().as_raw(),
            group: None,
            started_at: now(),
            restarts,
            last: None,
        };
        // Whatever can fail comes before the state file: that says that the child may have been started.
        let result = ReservedExit::reserve(Path::new(HERE))?;
        let mut log = Log::open(Path::new(HERE), spec.output_bytes);
        redact(&mut log, &handover.confidential);
        let given = Given {
            credentials: Credentials::make(Path::new(HERE), &run, &handover.confidential)?,
            secrets: handover.confidential.secrets,
            core_limit: handover.core_limit.or_else(hygiene::ordinary_core_limit),
        };
        replace(&Path::new(HERE).join(STATE), &state)?;
        let mut supervisor = Supervisor {
            log,
            result,
            given,
            phase: Phase::Pausing {
                until: Instant::now(),
            },
            spec,
            run,
            signals,
            control,
            output,
            writer,
            buffer: vec![0; 64 * 1024],
            state,
            stored: true,
            pause: FIRST_PAUSE,
            stop: None,
        };
        supervisor.start_child();
        Ok(supervisor)
    }

    /// Looks after the child until there is nothing left to look after, and records how it ended.
    pub(super) fn run(mut self) -> io::Result<()> {
        let exit = loop {
            if let Phase::Over(exit) = &self.phase {
                break exit.clone();
            }
            self.wait()?;
            self.pump();
            self.read_requests();
            let childless = self.reap();
            self.advance(childless);
            self.store();
        };
        self.pump();
        self.log.flush();
        self.log.settle_debt();
        self.remove_credentials();
        self.result.write(Path::new(HERE), &exit)
    }

    fn start_child(&mut self) {
        self.state.started_at = now();
        match child::start(&self.spec, &self.run, &self.writer, &self.given) {
            Ok(child) => {
                let group = i32::try_from(child.id()).unwrap_or_default();
                self.state.group = Some(group);
                self.phase = Phase::Running {
                    child,
                    group: Pid::from_raw(group),
                    since: Instant::now(),
                };
            }
            Err(cause) => {
                self.log.note(&format!("could not start: {cause}"));
                self.phase = Phase::Clearing {
                    ended: Ended::NotStarted(cause.to_string()),
                    at: now(),
                    lasted: Duration::ZERO,
                    how: Clearing::Waiting,
                    until: Instant::now(),
                };
            }
        }
        self.stored = false;
        self.store();
    }

    /// Waits for anything to happen, or for the next deadline.
    fn wait(&self) -> io::Result<()> {
        let timeout = match self.deadline() {
            // Rounded up: waking a moment early would only spin.
            Some(at) => PollTimeout::try_from(
                at.saturating_duration_since(Instant::now()) + Duration::from_micros(999),
            )
            .unwrap_or(PollTimeout::MAX),
            None => PollTimeout::NONE,
        };
        let mut descriptors = [
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.control.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.output.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut descriptors, timeout) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(cause) => Err(cause.into()),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Running { .. } => self.stop.as_ref().map(|stop| stop.kill_at),
            Phase::Clearing { until, .. } | Phase::Pausing { until } => Some(*until),
            Phase::Over(_) => Some(Instant::now()),
        }
    }

    /// Moves output to the log; a bounded amount at a time, so that a flood delays nothing else. Returns whether that
    /// was all there is.
    fn pump(&mut self) -> bool {
        for _ in 0..16 {
            match self.output.read(&mut self.buffer) {
                Ok(length) if length > 0 => self.log.write(&self.buffer[..length]),
                _ => return true,
            }
        }
        false
    }

    /// Before anybody hears that the run is over. Where that fails, whoever finds the run tries again.
    fn remove_credentials(&mut self) {
        if let Some(credentials) = self.given.credentials.take()
            && let Err(cause) = credentials.remove()
        {
            self.log
                .note(&format!("could not remove the credential files: {cause}"));
        }
    }

    fn read_requests(&mut self) {
        let mut message = [0; 64];
        while let Ok(length @ 1..) = nix::unistd::read(&self.control, &mut message) {
            if message[..length].contains(&STOP) {
                self.begin_stop(Stopped::Asked);
            }
        }
        while let Ok(Some(signal)) = self.signals.read_signal() {
            let number = i32::try_from(signal.ssi_signo).unwrap_or_default();
            if number == Signal::SIGTERM as i32 || number == Signal::SIGINT as i32 {
                self.begin_stop(Stopped::Signalled);
            }
        }
    }

    fn begin_stop(&mut self, by: Stopped) {
        if self.stop.is_some() {
            return;
        }
        let kill_at = Instant::now() + self.spec.stop_within;
        self.stop = Some(Stop { by, kill_at });
        match &mut self.phase {
            Phase::Running { group, .. } => {
                // The child is not reaped yet, so its group is still its own.
                let _ = killpg(*group, Signal::try_from(self.spec.stop_signal).ok());
                let _ = killpg(*group, Signal::SIGCONT);
            }
            Phase::Clearing { until, how, .. } if *how == Clearing::Waiting => {
                *until = Instant::now();
            }
            Phase::Clearing { .. } | Phase::Pausing { .. } | Phase::Over(_) => {}
        }
    }

    /// Collects the processes that ended, adopted ones too; returns whether none is left.
    fn reap(&mut self) -> bool {
        if let Phase::Running { child, .. } = &mut self.phase
            && let Ok(Some(status)) = child.try_wait()
        {
            self.child_ended(how_it_ended(status));
        }
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) => self.reaped(pid, Ended::Code(code)),
                Ok(WaitStatus::Signaled(pid, signal, _)) => {
                    self.reaped(pid, Ended::Signal(signal as i32));
                }
                Ok(WaitStatus::StillAlive) => return false,
                // What the child started is ours to wait for once its parent is gone: no child means that no process
                // of this run is left.
                Err(Errno::ECHILD) => break,
                // Another one, or one that ended by a real-time signal, which the wrapper cannot name.
                Ok(_) | Err(_) => {}
            }
        }
        // Only a child that such a signal ended right after it was asked for above.
        if matches!(self.phase, Phase::Running { .. }) {
            self.child_ended(Ended::Lost);
        }
        true
    }

    fn reaped(&mut self, pid: Pid, ended: Ended) {
        if matches!(self.phase, Phase::Running { group, .. } if group == pid) {
            self.child_ended(ended);
        }
    }

    fn child_ended(&mut self, ended: Ended) {
        let Phase::Running { since, .. } = &self.phase else {
            return;
        };
        let lasted = since.elapsed();
        let wait = match self.stop {
            Some(_) => Duration::ZERO,
            None => LINGER,
        };
        self.phase = Phase::Clearing {
            ended,
            at: now(),
            lasted,
            how: Clearing::Waiting,
            until: Instant::now() + wait,
        };
    }

    fn advance(&mut self, childless: bool) {
        let due = self.deadline().is_some_and(|at| at <= Instant::now());
        match &mut self.phase {
            Phase::Running { group, .. } if due => {
                let _ = killpg(*group, Signal::SIGKILL);
                family::signal(&family::descendants(self.state.shim), Signal::SIGKILL);
                if let Some(stop) = &mut self.stop {
                    stop.kill_at = Instant::now() + AGAIN;
                }
            }
            Phase::Clearing { .. } if childless => self.cleared(Vec::new()),
            Phase::Clearing { how, until, .. } if due => {
                let left = family::descendants(self.state.shim);
                match *how {
                    Clearing::Waiting => {
                        family::signal(&left, Signal::SIGTERM);
                        family::signal(&left, Signal::SIGCONT);
                        *how = Clearing::Asking;
                        *until = match &self.stop {
                            Some(stop) => stop.kill_at,
                            None => Instant::now() + self.spec.stop_within,
                        };
                    }
                    Clearing::Asking => {
                        family::signal(&left, Signal::SIGKILL);
                        *how = Clearing::Killing {
                            give_up: Instant::now() + VANISH,
                        };
                        *until = Instant::now() + AGAIN;
                    }
                    Clearing::Killing { give_up } if Instant::now() < give_up => {
                        family::signal(&left, Signal::SIGKILL);
                        *until = Instant::now() + AGAIN;
                    }
                    Clearing::Killing { .. } => self.cleared(left),
                }
            }
            Phase::Pausing { .. } if self.stop.is_some() => {
                let ended = self.state.last.clone().unwrap_or(Ended::Lost);
                self.over(ended, now(), Vec::new());
            }
            Phase::Pausing { .. } if due => {
                self.state.restarts = self.state.restarts.saturating_add(1);
                self.start_child();
            }
            Phase::Running { .. }
            | Phase::Clearing { .. }
            | Phase::Pausing { .. }
            | Phase::Over(_) => {}
        }
    }

    /// Nothing of the child is left, save for `survivors`: it is over, or it begins again.
    fn cleared(&mut self, survivors: Vec<i32>) {
        let Phase::Clearing {
            ended, at, lasted, ..
        } = &self.phase
        else {
            return;
        };
        let (ended, at, lasted) = (ended.clone(), *at, *lasted);
        if self.stop.is_some() || self.spec.restart == Restart::Never {
            return self.over(ended, at, survivors);
        }
        let pause;
        (pause, self.pause) = pauses(lasted, self.pause);
        // A secret that was cut in two in the pipe goes on after the note.
        if self.pump() {
            self.log.flush();
        }
        self.log.note(&format!("{ended}; it is started again"));
        self.state.group = None;
        self.state.last = Some(ended);
        self.stored = false;
        self.phase = Phase::Pausing {
            until: Instant::now() + pause,
        };
    }

    fn over(&mut self, ended: Ended, at: i64, survivors: Vec<i32>) {
        self.phase = Phase::Over(Exit {
            ended,
            at,
            stopped: self.stop.as_ref().map(|stop| stop.by),
            survivors,
        });
    }

    /// Brings the state file up to date; a disk that is full now may have room the next time.
    fn store(&mut self) {
        if !self.stored {
            self.stored = replace(&Path::new(HERE).join(STATE), &self.state).is_ok();
        }
    }
}

/// Without secrets there is nothing to look for, and nothing is made for it.
fn redact(log: &mut Log, confidential: &Confidential) {
    let values = confidential.secrets.iter().chain(&confidential.credentials);
    let patterns = Patterns::new(values.map(|(name, value)| (name.as_str(), value)));
    for name in patterns.too_short() {
        log.note(&format!(
            "{name} is too short to be taken out of this output"
        ));
    }
    if !patterns.is_empty() {
        log.redact_with(Redactor::new(Arc::new(patterns)));
    }
}

/// How long to wait before a child is started again, and how long the next time.
fn pauses(lasted: Duration, planned: Duration) -> (Duration, Duration) {
    match lasted >= WELL {
        true => (Duration::ZERO, FIRST_PAUSE),
        false => (planned, (planned * 2).min(LONGEST_PAUSE)),
    }
}

fn how_it_ended(status: ExitStatus) -> Ended {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Code(code),
        (None, Some(signal)) => Ended::Signal(signal),
        (None, None) => Ended::Lost,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_until_a_child_lasts() {
        let mut planned = FIRST_PAUSE;
        let mut waited = Vec::new();
        for _ in 0..9 {
            let pause;
            (pause, planned) = pauses(Duration::from_secs(59), planned);
            waited.push(pause.as_millis());
        }
        assert_eq!(
            waited,
            [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]
        );
        assert_eq!(pauses(WELL, planned), (Duration::ZERO, FIRST_PAUSE));
    }
}
