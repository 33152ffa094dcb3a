//! `towpath secret scan`, as people run it.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

use std::io::Write;

const SECRET: &str = "q7Zr2mWx9LpT4vKd8sNf";

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        place.git(&["init", "-q", "."]);
        place.git(&["config", "user.email", "dana@acme.test"]);
        place.git(&["config", "user.name", "Dana"]);
        let made = place.towpath(&["--json", "secret", "keygen"], None);
        // There is no manifest yet, and none is needed for a key.
        let made: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
        let key = made["recipient"].as_str().unwrap();
        let manifest = format!(
            "project = {{ name = \"guestbook\" }}\n[recipients]\ndana = {{ age = \"{key}\" }}\n\
             [environments.staging]\nbranch = \"develop\"\nrecipients = [\"dana\"]\n"
        );
        fs::write(place.path().join("towpath.toml"), manifest).unwrap();
        let set = place.towpath(&["secret", "set", "staging", "TOKEN"], Some(SECRET));
        assert!(set.status.success(), "{}", said(&set));
        place
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn git(&self, args: &[&str]) -> Output {
        let done = self.command("git").args(args).output().unwrap();
        assert!(done.status.success(), "{}", said(&done));
        done
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.path())
            .env("XDG_CONFIG_HOME", self.path().join(".config"))
            .env("TOWPATH_DATA", self.path().join(".data"))
            .env_remove("SOPS_AGE_KEY")
            .env_remove("SOPS_AGE_KEY_FILE");
        command
    }

    fn towpath(&self, args: &[&str], input: Option<&str>) -> Output {
        let mut child = self
            .command(env!("CARGO_BIN_EXE_towpath"))
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut to = child.stdin.take().unwrap();
        // One that reads nothing may have ended already.
        let _ = to.write_all(input.unwrap_or_default().as_bytes());
        drop(to);
        child.wait_with_output().unwrap()
    }
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[test]
fn a_leak_is_found_in_the_tree_in_what_is_staged_and_in_history() {
    let place = Place::new();
    fs::write(place.path().join(".gitignore"), ".config\n.data\n").unwrap();
    place.git(&["add", "-A"]);
    place.git(&["commit", "-qm", "first"]);
    let clean = place.towpath(&["secret", "scan"], None);
    assert_eq!(
        clean.status.code(),
        Some(0),
        "its own files are no leak: {}",
        said(&clean)
    );

    fs::write(
        place.path().join("notes.txt"),
        format!("url: https://x:{SECRET}@host\n"),
    )
    .unwrap();
    let found = place.towpath(&["secret", "scan"], None);
    assert_eq!(found.status.code(), Some(1), "{}", said(&found));
    assert!(said(&found).contains("notes.txt:1:"), "{}", said(&found));
    assert!(said(&found).contains("TOKEN of staging") && !said(&found).contains(SECRET));

    let unstaged = place.towpath(&["secret", "scan", "--staged"], None);
    assert_eq!(unstaged.status.code(), Some(0), "{}", said(&unstaged));
    place.git(&["add", "notes.txt"]);
    let staged = place.towpath(&["secret", "scan", "--staged", "--json"], None);
    assert_eq!(staged.status.code(), Some(1), "{}", said(&staged));
    let staged: serde_json::Value = serde_json::from_slice(&staged.stdout).unwrap();
    assert_eq!(staged["leaks"][0]["secret"], "TOKEN of staging");

    place.git(&["commit", "-qm", "notes"]);
    place.git(&["rm", "-q", "notes.txt"]);
    place.git(&["commit", "-qm", "no notes"]);
    let gone = place.towpath(&["secret", "scan"], None);
    assert_eq!(gone.status.code(), Some(0), "{}", said(&gone));
    let history = place.towpath(&["secret", "scan", "--history"], None);
    assert_eq!(history.status.code(), Some(1), "{}", said(&history));
    let ranged = place.towpath(&["secret", "scan", "--history", "HEAD~1..HEAD"], None);
    assert_eq!(ranged.status.code(), Some(0), "{}", said(&ranged));
}

#[test]
fn the_hook_stops_a_commit_and_another_hook_is_left_alone() {
    let place = Place::new();
    let installed = place.towpath(&["secret", "scan", "--install-hook"], None);
    assert!(installed.status.success(), "{}", said(&installed));
    fs::write(place.path().join("leak.txt"), SECRET).unwrap();
    place.git(&["add", "leak.txt"]);
    let binary = Path::new(env!("CARGO_BIN_EXE_towpath")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let commit = place
        .command("git")
        .args(["commit", "-qm", "leak"])
        .env("PATH", path)
        .output()
        .unwrap();
    assert!(!commit.status.success(), "{}", said(&commit));
    assert!(said(&commit).contains("leak.txt:1:1"), "{}", said(&commit));
    let hook = place.path().join(".git/hooks/pre-commit");
    fs::write(&hook, "#!/bin/sh\nexit 0\n").unwrap();
    let refused = place.towpath(&["secret", "scan", "--install-hook"], None);
    assert_eq!(refused.status.code(), Some(3), "{}", said(&refused));
    assert_eq!(fs::read_to_string(&hook).unwrap(), "#!/bin/sh\nexit 0\n");
}

#[test]
fn without_any_key_it_says_so() {
    let place = Place::new();
    let other = place.path().join("other.txt");
    let refused = place
        .command(env!("CARGO_BIN_EXE_towpath"))
        .args(["secret", "scan"])
        .env("XDG_CONFIG_HOME", &other)
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(3), "{}", said(&refused));
    assert!(
        said(&refused).contains("secrets::no-key"),
        "{}",
        said(&refused)
    );
}
