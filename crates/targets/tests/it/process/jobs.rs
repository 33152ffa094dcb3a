//! Jobs: run once, found again by whoever asks.

use std::{collections::BTreeMap, path::Path};

use towpath_core::runner::{JobSpec, JobState, Runner};
use towpath_targets::{process::ProcessRunner, shim::Launcher};

pub const HARNESS: &str = env!("CARGO_BIN_EXE_towpath-targets-harness");

fn runner(root: &Path) -> ProcessRunner {
    ProcessRunner::new(root, Launcher::new(HARNESS))
}

fn job(root: &Path, key: &str, command: &str) -> JobSpec {
    JobSpec {
        key: key.into(),
        command: command.into(),
        directory: root.into(),
        variables: BTreeMap::new(),
    }
}

#[tokio::test]
async fn exit_codes() {
    let root = tempfile::tempdir().unwrap();
    let runner = runner(root.path());
    for (key, command, code, status) in [
        ("a", "true", Some(0), "exit status 0"),
        ("b", "echo hello; exit 3", Some(3), "exit status 3"),
        ("c", "kill -9 $$", None, "killed by signal 9"),
    ] {
        let begun = std::time::Instant::now();
        runner.start(&job(root.path(), key, command)).await.unwrap();
        eprintln!("started {:?}", begun.elapsed());
        let ended = runner.ended(key).await.unwrap();
        eprintln!("ended {:?}", begun.elapsed());
        let tail = if key == "b" { "hello\n" } else { "" };
        let expected = JobState::Exited {
            code,
            status: status.into(),
            tail: tail.into(),
        };
        assert_eq!(ended, expected);
    }
}
