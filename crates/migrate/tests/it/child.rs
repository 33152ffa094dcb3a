//! An applier in a process of its own: this very test binary, run again with variables that tell it what to do.

use std::{
    env,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use towpath_migrate::{Database, Event, layout};

use crate::kit::clock;

const DATABASE: &str = "TOWPATH_TEST_DATABASE";
const MIGRATIONS: &str = "TOWPATH_TEST_MIGRATIONS";
const KEY: &str = "TOWPATH_TEST_KEY";
const PATIENCE_MS: &str = "TOWPATH_TEST_PATIENCE_MS";
const PAUSE_AT: &str = "TOWPATH_TEST_PAUSE_AT";

const RESTORE: &str = "TOWPATH_TEST_RESTORE";
const SNAPSHOT: &str = "TOWPATH_TEST_SNAPSHOT";

/// How its lines begin, among those of the test harness.
const MARK: &str = "applier: ";

/// Does nothing as a test; as a child, plans and applies, and tells each event on a line.
#[test]
fn process() {
    let Ok(database) = env::var(DATABASE) else {
        return;
    };
    let variable = |name| env::var(name).unwrap();
    let patience = Duration::from_millis(variable(PATIENCE_MS).parse().unwrap());
    let pause_at: Option<i64> = variable(PAUSE_AT).parse().ok();
    let set = layout::sqlx::load(variable(MIGRATIONS)).unwrap();
    let database = Database::open(&database)
        .unwrap()
        .create_if_missing()
        .patience(patience);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    if let Ok(snapshot) = env::var(RESTORE) {
        say("planned");
        runtime.block_on(database.restore(snapshot, "key")).unwrap();
        return;
    }
    if let Ok(snapshot) = env::var(SNAPSHOT) {
        say("planned");
        runtime.block_on(database.snapshot(snapshot)).unwrap();
        return;
    }
    let applied = runtime.block_on(async {
        let plan = database.plan(&set).await?;
        say("planned");
        database
            .apply(&plan, &variable(KEY), clock(), |event| {
                on_event(&event, pause_at)
            })
            .await
    });
    match applied {
        Ok(receipts) => {
            let by: Vec<_> = receipts
                .iter()
                .map(|r| format!("{}={}", r.version, r.applied_by))
                .collect();
            say(&format!("done {}", by.join(" ")));
        }
        Err(error) => say(&format!("failed {error} ({})", error.remedy())),
    }
}

fn on_event(event: &Event, pause_at: Option<i64>) {
    match event {
        Event::Waiting { holder } => say(&format!("waiting {holder}")),
        Event::Started { version, .. } => {
            say(&format!("started {version}"));
            if pause_at.is_some_and(|pause_at: i64| *version == pause_at) {
                // Until the parent writes a line, or kills us.
                std::io::stdin().lines().next();
            }
        }
        Event::Applied { receipt } => say(&format!("applied {}", receipt.version)),
        _ => {}
    }
}

fn say(text: &str) {
    println!("\n{MARK}{text}");
    std::io::stdout().flush().unwrap();
}

/// An applier's process, killed when dropped.
pub struct Applier {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

pub struct Orders<'a> {
    /// Its URL.
    pub database: String,
    pub migrations: &'a Path,
    pub key: &'a str,
    pub patience: Duration,
    pub pause_at: Option<i64>,
}

impl Orders<'_> {
    pub fn start(&self) -> Applier {
        self.start_with(&[])
    }

    /// Lets it restore a snapshot instead.
    pub fn restore(&self, snapshot: &Path) -> Applier {
        self.start_with(&[(RESTORE, snapshot)])
    }

    /// Lets it take a snapshot instead.
    pub fn snapshot(&self, snapshot: &Path) -> Applier {
        self.start_with(&[(SNAPSHOT, snapshot)])
    }

    /// Lets it be killed right before the `point`th change that it makes to a file, by a library that counts them.
    pub fn killed_at(&self, library: &Path, point: u64, changes: &Path) -> Applier {
        let point = point.to_string();
        self.start_with(&[
            ("LD_PRELOAD", library),
            ("TOWPATH_TEST_KILL_AT", Path::new(&point)),
            ("TOWPATH_TEST_CHANGES", changes),
        ])
    }

    fn start_with(&self, more: &[(&str, &Path)]) -> Applier {
        let mut child = Command::new(env::current_exe().unwrap())
            .args([
                "--exact",
                "child::process",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(DATABASE, &self.database)
            .env(MIGRATIONS, self.migrations)
            .env(KEY, self.key)
            .env(PATIENCE_MS, self.patience.as_millis().to_string())
            .env(
                PAUSE_AT,
                self.pause_at
                    .map(|version| version.to_string())
                    .unwrap_or_default(),
            )
            .envs(more.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Applier {
            stdin: child.stdin.take().unwrap(),
            stdout: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }
}

impl Applier {
    /// Its next line; none when it is dead.
    pub fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        loop {
            line.clear();
            if self.stdout.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            if let Some(said) = line.trim_end().strip_prefix(MARK) {
                return Some(said.to_owned());
            }
        }
    }

    /// Reads lines up to one that begins so.
    pub fn wait_for(&mut self, beginning: &str) -> String {
        let mut lines = Vec::new();
        while let Some(line) = self.line() {
            if line.starts_with(beginning) {
                return line;
            }
            lines.push(line);
        }
        panic!("no {beginning:?} in {lines:?}");
    }

    pub fn go_on(&mut self) {
        self.stdin.write_all(b"\n").unwrap();
    }

    /// Kills it as a machine would, and waits until it is gone.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// What it says last.
    pub fn end(mut self) -> String {
        let mut last = String::new();
        while let Some(line) = self.line() {
            last = line;
        }
        self.stdout.read_to_string(&mut String::new()).unwrap();
        last
    }
}

impl Drop for Applier {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
