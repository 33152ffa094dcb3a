//! What the tests of processes share: a place, the harness as executable, and waiting with a deadline.

#![expect(
    clippy::unwrap_used,
    reason = "what goes wrong in a test should fail it where it happens"
)]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use towpath_targets::shim::{
    Condition, Launched, Launcher, Run,
    family::{self, MARKER},
    files::{Exit, Program, Spec, State},
};

/// The executable that knows the roles `shim`, `proxy` and `serve`.
pub const HARNESS: &str = env!("CARGO_BIN_EXE_towpath-targets-harness");

/// Longer than anything takes on a slow machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub fn launcher() -> Launcher {
    Launcher::new(HARNESS)
}

/// Waits until something that sends no event has come about.
pub async fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Waits for an event, but not for ever.
pub async fn soon<F: Future>(what: &str, event: F) -> F::Output {
    tokio::time::timeout(PATIENCE, event)
        .await
        .unwrap_or_else(|_| panic!("waited in vain: {what}"))
}

pub fn send(pid: i32, signal: Signal) {
    kill(Pid::from_raw(pid), signal).unwrap();
}

pub fn is_alive(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit_once(')').unwrap().1.starts_with(" Z"))
}

/// The processes that carry the mark of a run, whoever their parent is.
pub fn marked(run: &Path) -> Vec<i32> {
    let Ok(run) = run.canonicalize() else {
        return Vec::new();
    };
    let mark = format!("{MARKER}={}", run.display());
    family::processes()
        .filter(|pid| {
            fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environ| {
                environ
                    .split(|byte| *byte == 0)
                    .any(|v| v == mark.as_bytes())
            })
        })
        .collect()
}

/// A run in a directory of its own.
pub struct Place {
    pub root: tempfile::TempDir,
    pub run: Run,
}

impl Place {
    pub fn new() -> Place {
        let root = tempfile::tempdir().unwrap();
        let run = Run::new(root.path().join("runs/it"));
        Place { root, run }
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap_or_default()
    }

    pub fn job(&self, command: &str) -> Spec {
        Spec::job(Program::Shell(command.into()), self.root.path())
    }

    pub fn service(&self, command: &str, stop_within: Duration) -> Spec {
        Spec::service(
            Program::Shell(command.into()),
            self.root.path(),
            stop_within,
        )
    }

    pub async fn launch(&self) -> Launched {
        self.launch_with(&path_only()).await
    }

    pub async fn launch_with(&self, variables: &BTreeMap<String, String>) -> Launched {
        soon("the launch", launcher().launch(&self.run, variables))
            .await
            .unwrap()
    }

    pub async fn start(&self, spec: &Spec) {
        assert!(self.run.prepare(spec).unwrap());
        assert_eq!(self.launch().await, Launched::Started);
    }

    pub fn state(&self) -> State {
        match self.run.condition().unwrap() {
            Condition::Running(Some(state)) => state,
            other => panic!("not running: {other:?}"),
        }
    }

    /// Waits for the end and what it left.
    pub async fn exit(&self) -> Exit {
        soon("the end", self.run.ended()).await.unwrap();
        match self.run.condition().unwrap() {
            Condition::Ended(exit) => exit,
            other => panic!("no result: {other:?}"),
        }
    }
}

impl Drop for Place {
    /// A test that failed leaves no processes either.
    fn drop(&mut self) {
        if let Ok(Condition::Running(Some(state))) = self.run.condition() {
            let _ = kill(Pid::from_raw(state.shim), Signal::SIGKILL);
        }
        for pid in marked(self.run.directory()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

pub fn path_only() -> BTreeMap<String, String> {
    [("PATH".to_owned(), std::env::var("PATH").unwrap())].into()
}
