//! The binary's command line, run to its end: with a deadline, as a person, and, where a test wants it, killed on the way.

use std::{
    io::Read,
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde::de::DeserializeOwned;

use super::{PATIENCE, Project};

/// A command line, not run yet.
pub struct Ask<'a> {
    project: &'a Project,
    command: Command,
    line: String,
}

/// How a command ended.
pub struct Ran {
    /// What was asked.
    pub line: String,
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed for scripts.
    pub stdout: String,
    /// What it printed for people.
    pub stderr: String,
}

impl<'a> Ask<'a> {
    pub(super) fn new(project: &'a Project, line: &str) -> Ask<'a> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_towpath"));
        command
            .current_dir(project.clone())
            .args(words(line))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", project.path("home"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("TOWPATH_DATA", project.data())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Ask {
            project,
            command,
            line: line.to_owned(),
        }
    }

    /// By somebody else than Dana, whose work tree it is.
    pub fn by(mut self, name: &str) -> Self {
        self.command.env("TOWPATH_AS", format!("{name}@acme.test"));
        self
    }

    /// With a variable.
    pub fn with(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Killed at a point that it passes, by number or by name.
    pub fn dies_at(self, point: impl ToString) -> Self {
        self.with("TOWPATH_TEST_DIE_AT", point.to_string())
    }

    /// In another directory than the work tree.
    pub fn in_directory(mut self, path: PathBuf) -> Self {
        self.command.current_dir(path);
        self
    }

    /// Starts it.
    pub fn start(mut self) -> Running {
        let child = self.command.spawn().unwrap();
        Running {
            line: self.line,
            child,
        }
    }

    /// Runs it to its end, whatever that is.
    pub fn run(self) -> Ran {
        self.start().ended()
    }

    /// Runs it to its end, and expects this exit status.
    pub fn ends(self, code: i32) -> Ran {
        let data = self.project.data();
        let ran = self.run();
        assert_eq!(
            ran.status.code(),
            Some(code),
            "{} (in {})",
            ran.told(),
            data.display()
        );
        ran
    }
}

/// A command under way.
pub struct Running {
    line: String,
    child: Child,
}

impl Running {
    /// Its process.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap())
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    /// Waits for its end, however long that takes.
    pub fn ended_sometime(mut self) -> Ran {
        let mut printed = self.child.stdout.take().unwrap();
        let reader = thread::spawn(move || read(&mut printed));
        let stderr = read(&mut self.child.stderr.take().unwrap());
        Ran {
            stdout: reader.join().unwrap(),
            stderr,
            status: self.child.wait().unwrap(),
            line: self.line,
        }
    }

    /// Waits for its end; one that does not come is a failure.
    pub fn ended(self) -> Ran {
        let pid = self.pid();
        let (done, is_done) = mpsc::channel::<()>();
        let watchdog = thread::spawn(move || {
            let late = is_done.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout);
            if late {
                let _ = kill(pid, Signal::SIGKILL);
            }
            late
        });
        let ran = self.ended_sometime();
        drop(done);
        let is_late = watchdog.join().unwrap();
        assert!(!is_late, "{} never ended", ran.told());
        ran
    }
}

impl Ran {
    /// Whether it was killed.
    pub fn was_killed(&self) -> bool {
        self.status.signal() == Some(Signal::SIGKILL as i32)
    }

    /// Everything that it said, for the message of a failure.
    pub fn told(&self) -> String {
        let start = |text: &str| text.chars().take(4000).collect::<String>();
        let (stdout, stderr) = (start(&self.stdout), start(&self.stderr));
        format!(
            "`towpath {}` ended with {}\n{stdout}{stderr}",
            self.line, self.status
        )
    }

    /// Its answer for scripts.
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", self.told()))
    }

    /// Checks that it printed all of this.
    pub fn shows(self, texts: &[&str]) -> Ran {
        for text in texts {
            assert!(self.stdout.contains(text), "no {text:?}: {}", self.told());
        }
        self
    }

    /// Checks that it said all of this to people.
    pub fn says(self, texts: &[&str]) -> Ran {
        for text in texts {
            assert!(self.stderr.contains(text), "no {text:?}: {}", self.told());
        }
        self
    }
}

fn read(from: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The words of a line; `'…'` is one word.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (index, part) in line.split('\'').enumerate() {
        match index % 2 {
            1 => words.push(part.to_owned()),
            _ => words.extend(part.split_whitespace().map(str::to_owned)),
        }
    }
    words
}
