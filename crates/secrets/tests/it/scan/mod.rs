//! Leaked secrets are found where people leave them, and nothing else is.

mod history;
mod tree;

use std::{fs, path::Path, process::Command};

use secrecy::SecretString;
use tempfile::TempDir;
use towpath_secrets::{
    fingerprint::FingerprintKey,
    scan::{How, Known, Leak},
};

/// Known by its value.
const OURS: &str = "tr0ub4dor&3/x=";
/// Known by its fingerprint alone.
const THEIRS: &str = "kX9/fG2+pQ:7w";
/// Likewise, of many lines.
const KEY: &str = "-----BEGIN A KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIB\n-----END A KEY-----\n";

fn known() -> Known {
    let key = FingerprintKey::from_bytes(&[7; 32]);
    let mut known = Known::new(&key);
    assert!(known.add_value("OURS", &SecretString::from(OURS)));
    known.add_fingerprint("THEIRS", key.fingerprint(THEIRS));
    known.add_fingerprint("KEY", key.fingerprint(KEY));
    known
}

/// A repository with one commit in which nothing is wrong.
struct Repository(TempDir);

impl Repository {
    fn new() -> Repository {
        let repository = Repository(TempDir::new().unwrap());
        repository.git(&["init", "-q", "-b", "main"]);
        repository.write("README.md", "nothing\n");
        repository.commit("begin");
        repository
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .arg("-C")
            .arg(self.path())
            .args(["-c", "user.name=t", "-c", "user.email=t@t.test"])
            .args(arguments)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn commit(&self, message: &str) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }
}

/// A finding in one line.
fn shown(leaks: &[Leak]) -> Vec<String> {
    let one = |leak: &Leak| {
        let how = match leak.how {
            How::Value => "value",
            How::Token => "token",
            How::Encoded => "encoded",
        };
        let place = &leak.place;
        format!(
            "{:?}:{}:{} {} {how}",
            place.path, place.line, place.column, leak.name
        )
    };
    leaks.iter().map(one).collect()
}
