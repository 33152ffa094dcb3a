//! Who changes a file, in a process of its own: this very test binary, run again with variables that tell it what to do.

use std::{
    env,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
};

use secrecy::ExposeSecret;
use towpath_secrets::{
    file::{FileError, Lock, Opened, Place, Shut},
    sops::{Identities, Recipient},
};

const FILE: &str = "TOWPATH_TEST_FILE";
const KEY: &str = "TOWPATH_TEST_KEY";
const RECIPIENTS: &str = "TOWPATH_TEST_RECIPIENTS";
const CHANGE: &str = "TOWPATH_TEST_CHANGE";

/// How its lines begin, among those of the test harness.
const MARK: &str = "changed: ";

/// A change of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Set,
    Begin,
    Finish,
    SealFor,
    Rekey,
    /// Many values under one name, one after the other.
    Count,
    /// Many secrets, whose names begin so.
    Many(char),
}

/// How many secrets one process sets beside another.
pub const MANY: u32 = 12;

impl Change {
    fn written(self) -> String {
        match self {
            Change::Many(name) => format!("{name}"),
            other => format!("{other:?}"),
        }
    }

    fn read(text: &str) -> Change {
        match text {
            "Set" => Change::Set,
            "Begin" => Change::Begin,
            "Finish" => Change::Finish,
            "SealFor" => Change::SealFor,
            "Rekey" => Change::Rekey,
            "Count" => Change::Count,
            name => Change::Many(name.chars().next().unwrap()),
        }
    }

    /// Makes it, whether or not it was made before.
    fn make(self, opened: &mut Opened, recipients: &[Recipient]) {
        let done = match self {
            Change::Set => opened.set("ONE", &"newer".into(), now()).map(|_| ()),
            Change::Begin => opened.begin_rotation("ONE", &"newer".into(), now()),
            Change::Finish => opened.finish_rotation("ONE"),
            Change::SealFor => opened.seal_for(recipients),
            Change::Rekey => opened.rekey(recipients),
            Change::Count | Change::Many(_) => unreachable!("it is no single change"),
        };
        match done {
            Ok(()) | Err(FileError::Rotating(_) | FileError::NotRotating(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

pub fn place() -> Place {
    Place {
        project: "guestbook".into(),
        environment: "staging".into(),
    }
}

pub fn now() -> jiff::Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

pub fn open(path: &Path, identities: &Identities) -> Opened {
    let shut = Shut::read(path, &place()).unwrap().unwrap();
    shut.open(identities).unwrap()
}

/// Does nothing as a test; as a child, changes the file, and tells each time that it is written.
#[test]
fn process() {
    let Ok(path) = env::var(FILE) else {
        return;
    };
    let path = Path::new(&path);
    let variable = |name| env::var(name).unwrap();
    let identities = Identities::from_text(&variable(KEY)).unwrap();
    let recipients: Vec<Recipient> = variable(RECIPIENTS)
        .split(' ')
        .map(|one| one.parse().unwrap())
        .collect();
    let with_lock = |change: &dyn Fn(&mut Opened)| {
        let _lock = Lock::beside(path).unwrap();
        let mut opened = open(path, &identities);
        change(&mut opened);
        opened.save(now()).unwrap();
    };
    match Change::read(&variable(CHANGE)) {
        Change::Count => {
            for count in 1.. {
                with_lock(&|opened| {
                    let value = format!("{count}").into();
                    opened.set("COUNT", &value, now()).unwrap();
                });
                say(&format!("{count}"));
            }
        }
        Change::Many(name) => {
            for count in 0..MANY {
                let key = format!("{name}{count}");
                with_lock(&|opened| {
                    opened.set(&key, &"1".into(), now()).unwrap();
                });
            }
        }
        change => with_lock(&|opened| change.make(opened, &recipients)),
    }
}

fn say(text: &str) {
    println!("\n{MARK}{text}");
    std::io::stdout().flush().unwrap();
}

/// What a child works with.
pub struct Orders<'a> {
    pub path: &'a Path,
    pub secret: &'a secrecy::SecretString,
    pub recipients: &'a [Recipient],
}

/// A child, killed when dropped.
pub struct Changer {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Orders<'_> {
    /// Starts a change, which ends by SIGKILL at this point if there is one.
    pub fn start(&self, change: Change, die_at: Option<u32>) -> Changer {
        let recipients: Vec<String> = self.recipients.iter().map(ToString::to_string).collect();
        let mut command = Command::new(env::current_exe().unwrap());
        command
            .args([
                "--exact",
                "file::child::process",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(FILE, self.path)
            .env(KEY, self.secret.expose_secret())
            .env(RECIPIENTS, recipients.join(" "))
            .env(CHANGE, change.written())
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        if let Some(at) = die_at {
            command.env("TOWPATH_TEST_DIE_AT_FILE", at.to_string());
        }
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Changer { child, stdout }
    }
}

impl Changer {
    /// What it wrote next.
    pub fn next(&mut self) -> u32 {
        let mut line = String::new();
        loop {
            line.clear();
            assert_ne!(self.stdout.read_line(&mut line).unwrap(), 0, "it is dead");
            if let Some(said) = line.trim_end().strip_prefix(MARK) {
                return said.parse().unwrap();
            }
        }
    }

    /// Kills it as a machine would, and waits until it is gone.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// How it ended.
    pub fn end(mut self) -> ExitStatus {
        let mut rest = Vec::new();
        std::io::Read::read_to_end(&mut self.stdout, &mut rest).unwrap();
        self.child.wait().unwrap()
    }
}

impl Drop for Changer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
