//! `towpath demo` as people start it: it goes as told, and leaves nothing behind, however it ends.

use std::{
    env, fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::project::eventually;

/// Where demos make their directories, with a cache that the tests share and keep.
struct Place {
    temporary: TempDir,
    cache: PathBuf,
}

/// A demo with its standard output.
struct Demo {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Place {
    fn new() -> Place {
        let shared = Path::new(env!("CARGO_TARGET_TMPDIR"));
        fs::create_dir_all(shared).unwrap();
        Place {
            temporary: tempfile::Builder::new()
                .prefix("d")
                .tempdir_in(shared)
                .unwrap(),
            cache: shared.join("demo-cache"),
        }
    }

    fn start(&self, arguments: &[&str]) -> Demo {
        // Whatever the demo starts carries these on; so it is found.
        let mut child = Command::new(env!("CARGO_BIN_EXE_towpath"))
            .arg("demo")
            .args(arguments)
            .env("TMPDIR", self.temporary.path())
            .env("XDG_CACHE_HOME", &self.cache)
            .env("HOME", self.temporary.path())
            .env("CARGO_HOME", tools("CARGO_HOME", ".cargo"))
            .env("RUSTUP_HOME", tools("RUSTUP_HOME", ".rustup"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Demo { child, output }
    }

    /// Every process, but for this one, that was started by a demo here.
    fn processes(&self) -> Vec<String> {
        let mark = format!("TMPDIR={}", self.temporary.path().display());
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let environ = fs::read(entry.path().join("environ")).unwrap_or_default();
            if environ
                .split(|byte| *byte == 0)
                .any(|variable| variable == mark.as_bytes())
            {
                let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
                found.push(String::from_utf8_lossy(&command).replace('\0', " "));
            }
        }
        found
    }

    /// What is in the directory for temporary files.
    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.temporary.path()).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    fn is_clean(&self) {
        assert_eq!(self.processes(), Vec::<String>::new());
        assert_eq!(self.files(), Vec::<PathBuf>::new());
        let running = fs::read_dir(self.cache.join("towpath/demo/running")).unwrap();
        assert_eq!(running.count(), 0, "markers of demos");
    }
}

fn tools(variable: &str, in_home: &str) -> PathBuf {
    match env::var_os(variable) {
        Some(said) => said.into(),
        None => PathBuf::from(env::var_os("HOME").unwrap()).join(in_home),
    }
}

impl Demo {
    /// Reads on until a line that holds `text`, and returns everything up to it.
    fn tells(&mut self, text: &str) -> String {
        let mut told = String::new();
        loop {
            let mut line = String::new();
            let read = self.output.read_line(&mut line).unwrap();
            told.push_str(&line);
            assert_ne!(read, 0, "it ended before it told {text:?}:\n{told}");
            if line.contains(text) {
                return told;
            }
        }
    }

    fn send(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).unwrap();
        kill(Pid::from_raw(pid), signal).unwrap();
    }

    fn ends(mut self) -> (ExitStatus, String) {
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap(), rest)
    }
}

/// A test that fails in the middle leaves nothing either.
impl Drop for Demo {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.send(Signal::SIGTERM);
            let _ = self.child.wait();
        }
    }
}

/// A release's deployment to an environment in a report.
fn row<'a>(report: &'a Value, release: &str, environment: &str, kind: &str) -> &'a Value {
    let rows = report["releases"].as_array().unwrap();
    rows.iter()
        .find(|row| {
            row["release"] == release && row["environment"] == environment && row["kind"] == kind
        })
        .unwrap_or_else(|| panic!("no {kind} of {release} to {environment} in {report:#}"))
}

fn has_phases(row: &Value, phases: &[&str]) {
    for phase in phases {
        assert!(row["phases"][phase].is_u64(), "no {phase} in {row:#}");
    }
}

#[test]
fn it_goes_as_told_and_leaves_nothing() {
    let place = Place::new();
    let (status, output) = place.start(&["--exit", "--json"]).ends();
    let report: Value = serde_json::from_str(&output).unwrap();
    assert_eq!(status.code(), Some(0), "{report:#}");
    place.is_clean();

    assert_eq!(report["version"], 1);
    assert_eq!(report["ok"], true);
    assert!(
        report["seconds"].as_f64().unwrap() > 10.0,
        "two watches alone take eight"
    );
    for release in ["v1", "v2", "v3"] {
        let development = row(&report, release, "development", "deploy");
        assert_eq!(development["outcome"], "settled");
        has_phases(
            development,
            &["admit", "build", "migrate", "configure", "rollout"],
        );
        let staging = row(&report, release, "staging", "deploy");
        assert_eq!(staging["outcome"], "settled");
        has_phases(
            staging,
            &["build", "migrate", "rollout", "smoke", "test", "sign-off"],
        );
        let production = row(&report, release, "production", "deploy");
        let outcome = if release == "v3" {
            "rolled-back"
        } else {
            "settled"
        };
        assert_eq!(production["outcome"], outcome);
        has_phases(
            production,
            &["build", "migrate", "rollout", "smoke", "watch"],
        );
    }
    let back = row(&report, "v2", "production", "rollback");
    assert_eq!(back["outcome"], "settled");
    assert_eq!(report["releases"].as_array().unwrap().len(), 10);

    let rollback = &report["rollback"];
    let told = json!([
        rollback["release"],
        rollback["to"],
        rollback["triggered_by"]
    ]);
    assert_eq!(told, json!(["v3", "v2", "watch"]));
    let took = Duration::from_millis(rollback["ms"].as_u64().unwrap());
    assert!(
        took < Duration::from_secs(5),
        "{took:?} to switch to what is warm"
    );

    assert_eq!(report["requests"]["failed"], 0);
    let sent = report["requests"]["sent"].as_u64().unwrap();
    assert!(sent > 1000, "{sent} is no constant stream");
}

#[test]
fn whoever_ends_it_in_the_middle_finds_nothing_left() {
    let place = Place::new();
    let mut demo = place.start(&[]);
    let told = demo.tells("visitors");
    assert!(
        told.contains("v1 staging verified  signed by quinn and lee"),
        "{told}"
    );
    let running = place.processes();
    assert!(
        running
            .iter()
            .any(|command| command.contains("proxy --dir")),
        "{running:?}"
    );
    let began = Instant::now();
    demo.send(Signal::SIGINT);
    let (status, told) = demo.ends();
    assert_eq!(status.code(), Some(130), "{told}");
    assert!(told.contains("nothing is left"), "{told}");
    assert!(began.elapsed() < Duration::from_secs(30));
    place.is_clean();
}

#[test]
fn what_a_killed_one_leaves_is_cleaned_up_by_the_next() {
    let place = Place::new();
    let mut demo = place.start(&[]);
    demo.tells("v1 development verified");
    demo.send(Signal::SIGKILL);
    let (status, _) = demo.ends();
    assert_eq!(status.code(), None);
    assert!(
        !place.processes().is_empty(),
        "services outlive whoever started them"
    );
    let [left] = place.files().try_into().unwrap();

    let mut next = place.start(&["--exit"]);
    let told = next.tells("/guestbook.git");
    let cleaned = format!(
        "cleaned up after a demo that was killed, in {}",
        left.display()
    );
    assert!(told.contains(&cleaned), "{told}");
    assert!(!left.exists());
    next.tells("commits to");
    next.send(Signal::SIGTERM);
    let (status, told) = next.ends();
    assert_eq!(status.code(), Some(130), "{told}");
    place.is_clean();
}

#[test]
fn a_directory_that_is_named_is_kept_and_nothing_runs_in_it() {
    let place = Place::new();
    let kept = tempfile::tempdir_in(place.cache.parent().unwrap()).unwrap();
    fs::write(kept.path().join("mine"), "").unwrap();
    let directory = kept.path().to_str().unwrap();
    let (status, _) = place.start(&["--keep", directory]).ends();
    assert_eq!(status.code(), Some(7), "it is not empty");

    let fresh = kept.path().join("demo");
    let mut demo = place.start(&["--keep", fresh.to_str().unwrap()]);
    demo.tells("commits to");
    let manifest = fresh.join("guestbook/towpath.toml");
    // Told first, then done.
    eventually("the guestbook's files", || manifest.exists().then_some(()));
    demo.send(Signal::SIGINT);
    demo.ends();
    place.is_clean();
    assert!(fresh.join("data/journal.db").exists());
    assert!(manifest.exists());
}
