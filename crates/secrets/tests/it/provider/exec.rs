//! Programs that print a secret.

use std::{
    fs::{self, File, Permissions},
    io::{BufRead, BufReader, Read},
    os::unix::fs::PermissionsExt,
    path::Path,
    time::Duration,
};

use nix::{sys::stat::Mode, unistd::mkfifo};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::oneshot;
use towpath_secrets::provider::{Kind, Settings};

use super::{assert_refused, one, settings};

/// A reference to what a shell prints. That there is a shell is the test's doing.
fn shell(script: &str) -> String {
    format!(
        "exec://sh?arg=-c&arg={}",
        utf8_percent_encode(script, NON_ALPHANUMERIC)
    )
}

fn script(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn what_a_program_prints_is_the_value() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path(), &[("GIVEN", "given")]);
    fs::create_dir(directory.path().join("scripts")).unwrap();
    script(
        &directory.path().join("scripts/token.sh"),
        "#!/bin/sh\nprintf '%s|' \"$@\"; pwd -P; echo noise >&2\n",
    );
    let here = fs::canonicalize(directory.path()).unwrap();
    for reference in [
        "exec://./scripts/token.sh?arg=a%20b&arg=$(id);*&arg=",
        "exec://scripts/token.sh?arg=a b&arg=$(id);*&arg=",
    ] {
        let value = one(settings.clone(), reference).await.unwrap();
        assert_eq!(value, format!("a b|$(id);*||{}", here.display()));
    }
    let value = one(settings.clone(), &shell("echo $GIVEN; cat; echo"))
        .await
        .unwrap();
    assert_eq!(value, "given\n");
    let value = one(settings, &format!("{}#a", shell(r#"echo '{"a":1}'"#)))
        .await
        .unwrap();
    assert_eq!(value, "1");
}

#[tokio::test]
async fn a_program_that_fails_says_why_without_the_value() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(directory.path(), &[]);
    let failed = one(
        settings.clone(),
        &shell("echo hunter2; echo first >&2; echo no hunter2 today >&2; exit 3"),
    )
    .await;
    assert_refused(
        &failed,
        Kind::Denied,
        "exit status: 3: what it complains of is not shown",
    );
    assert!(!failed.unwrap_err().to_string().contains("first"));
    let silent = one(settings.clone(), &shell("echo hunter2; kill -9 $$")).await;
    assert_refused(&silent, Kind::Denied, "signal: 9");
    for (reference, kind, part) in [
        (
            "exec://no-such-program",
            Kind::NotFound,
            "no directory of PATH",
        ),
        (
            "exec://./no-such-program",
            Kind::NotFound,
            "no such program",
        ),
        ("exec:///etc/passwd", Kind::Denied, "may not run"),
        ("exec://yes", Kind::Malformed, "more than 1 MiB"),
    ] {
        assert_refused(&one(settings.clone(), reference).await, kind, part);
    }
    let bytes = one(settings, &shell(r"printf 'hunter2\377'")).await;
    assert_refused(&bytes, Kind::Malformed, "not text");
}

#[tokio::test]
async fn much_on_both_outputs_does_not_stop_it() {
    let directory = tempfile::tempdir().unwrap();
    let noisy =
        shell("head -c 900000 /dev/zero | tr '\\0' x >&2; head -c 900000 /dev/zero | tr '\\0' y");
    let value = one(settings(directory.path(), &[]), &noisy).await.unwrap();
    assert_eq!(value.len(), 900_000);
}

#[tokio::test]
async fn a_program_has_its_time() {
    let directory = tempfile::tempdir().unwrap();
    let settings = Settings {
        timeout: Duration::from_millis(200),
        ..settings(directory.path(), &[])
    };
    let late = one(settings, &shell("echo hunter2; sleep 1000")).await;
    assert_refused(&late, Kind::TimedOut, "within 0.2 s");
}

/// Who holds the other end of the pipe has to be gone before it ends, children of the program too.
#[tokio::test]
async fn all_in_its_group_end_when_it_is_given_up() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    mkfifo(&pipe, Mode::S_IRWXU).unwrap();
    let (started, told) = oneshot::channel();
    let reading = tokio::task::spawn_blocking(move || {
        let mut pipe = BufReader::new(File::open(pipe).unwrap());
        let mut line = String::new();
        pipe.read_line(&mut line).unwrap();
        started.send(line).unwrap();
        pipe.read_to_end(&mut Vec::new()).unwrap();
    });
    let settings = settings(directory.path(), &[]);
    let reference =
        shell("exec 3>pipe; trap '' TERM; (sleep 1000 & echo started >&3; wait) & wait");
    tokio::select! {
        answer = one(settings, &reference) => panic!("it ended by itself: {answer:?}"),
        line = told => assert_eq!(line.unwrap(), "started\n"),
    }
    reading.await.unwrap();
}
