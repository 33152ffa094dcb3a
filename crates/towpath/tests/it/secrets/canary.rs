//! One value put through every command that can meet it, and looked for everywhere afterwards. It must be found nowhere.

mod commands;
mod deployments;
mod files;

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use secrecy::{ExposeSecret, SecretString};
use towpath_secrets::redact::{Patterns, redact};

use super::rig::{Call, Rig};

/// Prints the value in every form that a program at hand makes of it.
const LEAK: &str = r#"printf 'raw %s end\n' "$TOKEN"
printf %s "$TOKEN" | base64 -w 0; echo
printf %s "a$TOKEN" | base64 -w 0; echo
printf %s "ab$TOKEN" | base64; echo
printf %s "$TOKEN" | od -An -v -tx1 | tr -d ' \n'; echo
printf %s "$TOKEN" | sed -e 's/["\\]/\\&/g'; echo
printf %s "$TOKEN" | sed -e 's/%/%25/g' -e 's/+/%2B/g' -e 's,/,%2F,g' -e 's/=/%3D/g' -e 's/&/%26/g' -e 's/"/%22/g' -e 's/\\/%5C/g' -e 's/ /%20/g'; echo
printf '%s\n' "$TOKEN_URL"
if [ -n "${TLS_KEY:-}" ]; then cat "$TLS_KEY"; fi
printf 'to stderr %s\n' "$TOKEN" >&2
"#;

/// A value, and what finds it in any form.
struct Canary {
    value: SecretString,
    patterns: Patterns,
}

impl Canary {
    /// Forty letters, among them those that are escaped somewhere.
    fn new() -> Canary {
        let mut random = [0; 40];
        getrandom::fill(&mut random).unwrap();
        let letters = b"abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
        let mut text: Vec<char> = random
            .iter()
            .map(|byte| char::from(letters[usize::from(*byte) % letters.len()]))
            .collect();
        for (place, special) in "+/=&\"\\ %".chars().enumerate() {
            text[4 + 4 * place] = special;
        }
        let value = SecretString::from(text.into_iter().collect::<String>());
        let patterns = Patterns::new([("CANARY", &value)]);
        Canary { value, patterns }
    }

    fn text(&self) -> &str {
        self.value.expose_secret()
    }

    /// Whether it is there, in any form.
    fn is_in(&self, bytes: &[u8]) -> bool {
        let text = String::from_utf8_lossy(bytes);
        redact(&self.patterns, &text) != text
    }

    /// What stands around it, without it.
    fn around(&self, bytes: &[u8]) -> String {
        let clean = redact(&self.patterns, &String::from_utf8_lossy(bytes));
        let at = clean.find("CANARY").unwrap_or_default();
        let before: String = clean[..at].chars().rev().take(300).collect();
        let before: String = before.chars().rev().collect();
        let after: String = clean[at..].chars().take(100).collect();
        before + &after
    }

    fn is_not_in(&self, what: &str, bytes: &[u8]) {
        assert!(
            !self.is_in(bytes),
            "it is in {what}: …{}…",
            self.around(bytes)
        );
    }

    /// It is in no file below a directory, and in no name of one. Returns how many there were.
    fn is_below(&self, directory: &Path, found: &mut BTreeSet<String>) -> usize {
        let mut count = 0;
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            let kind = entry.file_type().unwrap();
            if self.is_in(path.as_os_str().as_encoded_bytes()) {
                found.insert(path.display().to_string());
            }
            if kind.is_dir() {
                count += self.is_below(&path, found);
            } else if kind.is_file() {
                let bytes = fs::read(&path).unwrap_or_default();
                count += 1;
                if self.is_in(&bytes) {
                    found.insert(format!("{}: …{}…", path.display(), self.around(&bytes)));
                }
            }
        }
        count
    }
}

#[test]
fn the_search_finds_what_it_looks_for() {
    let canary = Canary::new();
    let rig = Rig::new();
    rig.set("staging", "TOKEN", canary.text());
    let said = rig
        .call("secret get staging TOKEN --reveal")
        .unheard()
        .ends(0);
    assert_eq!(said.stdout, canary.text());
    assert!(canary.is_in(said.stdout.as_bytes()));
    // Each line of what the programs print is a form of its own.
    let script = rig.project.path("leak.sh");
    fs::write(&script, LEAK).unwrap();
    let printed = Command::new("sh")
        .arg(&script)
        .env("TOKEN", canary.text())
        .env(
            "TOKEN_URL",
            format!("ferry://dana:{}@acme.test", canary.text()),
        )
        .output()
        .unwrap();
    let text = String::from_utf8(printed.stdout).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| line.len() > 30).collect();
    assert!(lines.len() >= 8, "{}", lines.len());
    for line in lines {
        assert!(
            canary.is_in(line.as_bytes()),
            "{}",
            redact(&canary.patterns, line)
        );
    }
    fs::create_dir(rig.project.path("place")).unwrap();
    fs::write(rig.project.path("place/file"), canary.text()).unwrap();
    let mut found = BTreeSet::new();
    canary.is_below(&rig.project.path("place"), &mut found);
    assert_eq!(found.len(), 1);
}

/// A command, with everything logged that can be.
fn call<'a>(rig: &'a Rig, line: &str) -> Call<'a> {
    let temporary = rig.project.path("tmp");
    fs::create_dir_all(&temporary).unwrap();
    rig.call(line)
        .with("TMPDIR", temporary)
        .with("RUST_LOG", "trace")
        .with("TOWPATH_LOG", "trace")
        .with("RUST_BACKTRACE", "full")
}

/// Each line, as it is and with `--json`.
fn each_way(rig: &Rig, lines: &[&str]) {
    for line in lines {
        call(rig, line).run();
        call(rig, &format!("--json {line}")).run();
    }
}

/// It is in no file of the project, in no object of git, and in no file in memory.
fn nowhere(canary: &Canary, rig: &Rig) {
    let mut found = BTreeSet::new();
    let count = canary.is_below(Path::new(&rig.root()), &mut found);
    assert!(count > 50, "only {count} files");
    canary.is_below(Path::new("/dev/shm"), &mut found);
    assert!(found.is_empty(), "it is in {found:#?}");
    for repository in [
        rig.project.clone(),
        rig.project.upstream(),
        rig.project.data().join("repository.git"),
    ] {
        if !repository.exists() {
            continue;
        }
        let objects = Command::new("git")
            .current_dir(&repository)
            .args(["cat-file", "--batch-all-objects", "--batch"])
            .output()
            .unwrap();
        canary.is_not_in("an object of git", &objects.stdout);
    }
}

/// Writes down the command line of every process that is seen, until it is asked for them.
struct Onlooker {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<u8>>,
}

impl Onlooker {
    /// Begins to look.
    fn new() -> Onlooker {
        let stop = Arc::new(AtomicBool::new(false));
        let until = stop.clone();
        let thread = thread::spawn(move || {
            let mut seen = BTreeSet::new();
            while !until.load(Ordering::Relaxed) {
                for pid in towpath_targets::shim::family::processes() {
                    seen.extend(fs::read(format!("/proc/{pid}/cmdline")));
                }
                thread::sleep(Duration::from_millis(5));
            }
            seen.into_iter().collect::<Vec<_>>().join(&b'\n')
        });
        Onlooker { stop, thread }
    }

    /// What was seen.
    fn saw(self) -> Vec<u8> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}
