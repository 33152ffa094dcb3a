//! What is confidential: it reaches the child, and nothing that lasts.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use nix::sys::signal::Signal;
use towpath_targets::shim::{
    Condition, Confidential, Launched,
    files::{Ended, Spec},
};

use crate::rig::{HARNESS, Place, eventually, launcher, path_only, send, soon};

const TOKEN: &str = "s3cr3t-t0ken";
const KEY: &str = "-----BEGIN KEY-----\nMIIEvQIBADAN\n-----END KEY-----\n";
const SOON: Duration = Duration::from_secs(5);

fn confidential() -> Confidential {
    Confidential {
        secrets: [("TOKEN".to_owned(), TOKEN.into())].into(),
        credentials: [("KEY_FILE".to_owned(), KEY.into())].into(),
    }
}

async fn start(place: &Place, spec: &Spec) {
    assert!(place.run.prepare(spec).unwrap());
    assert_eq!(launch(place).await, Launched::Started);
}

async fn launch(place: &Place) -> Launched {
    let variables = path_only();
    let launch = launcher();
    let launch = launch.launch_with(&place.run, &variables, confidential());
    soon("the launch", launch).await.unwrap()
}

/// Every file below a directory that holds a text.
fn files_with(directory: &Path, text: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let kind = path.symlink_metadata().unwrap().file_type();
        if kind.is_dir() {
            found.append(&mut files_with(&path, text));
        } else if kind.is_file() {
            let contents = fs::read(&path).unwrap();
            let mut parts = contents.windows(text.len());
            if parts.any(|part| part == text.as_bytes()) {
                found.push(path);
            }
        }
    }
    found
}

/// Where the child says that its credentials are.
async fn credentials(place: &Place) -> PathBuf {
    let said = eventually("the place of the credentials", || {
        Some(place.read("where")).filter(|path| path.ends_with('\n'))
    });
    let directory = PathBuf::from(said.await.trim());
    assert!(directory.is_absolute());
    directory
}

const WHERE: &str = "echo $CREDENTIALS_DIRECTORY > where; ";

#[tokio::test]
async fn a_secret_is_not_in_the_output_however_it_is_written() {
    let place = Place::new();
    let command = "echo first; printf '%.6s' $TOKEN; touch half; \
        while [ ! -e go ]; do sleep 0.01; done; \
        echo ${TOKEN#??????}; printf %s user:$TOKEN | base64; cat $KEY_FILE; echo ${TOKEN%???}";
    start(&place, &place.job(command)).await;
    eventually("half of it", || place.file("half").exists().then_some(())).await;
    eventually("the first line", || {
        (place.run.tail() == "first\n").then_some(())
    })
    .await;
    assert_eq!(files_with(place.run.directory(), "s3cr3t").len(), 0);
    fs::write(place.file("go"), "").unwrap();
    assert_eq!(place.exit().await.ended, Ended::Code(0));
    let expected =
        "first\n[redacted TOKEN]\ndXNlcjp[redacted TOKEN]\n[redacted KEY_FILE]\ns3cr3t-t0\n";
    assert_eq!(place.run.tail(), expected);
}

#[tokio::test]
async fn a_secret_is_in_no_file_of_the_run() {
    let place = Place::new();
    start(
        &place,
        &place.service("echo $TOKEN; cat $KEY_FILE; touch up; exec sleep 60", SOON),
    )
    .await;
    eventually("its start", || place.file("up").exists().then_some(())).await;
    let shim = place.state().shim;
    for text in [TOKEN, "MIIEvQIBADAN"] {
        assert_eq!(files_with(place.root.path(), text), Vec::<PathBuf>::new());
        for name in ["cmdline", "environ"] {
            // Nor in what the shim itself shows; another user's process shows nothing.
            let shown = fs::read(format!("/proc/{shim}/{name}")).unwrap_or_default();
            assert!(!String::from_utf8_lossy(&shown).contains(text), "{name}");
        }
    }
    place.run.stop().await.unwrap();
    assert_eq!(files_with(place.root.path(), TOKEN), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn what_the_child_gets() {
    let place = Place::new();
    let command = "stat -c %a $CREDENTIALS_DIRECTORY $KEY_FILE > modes; cp $KEY_FILE copy; \
        echo $TOKEN > token; echo $CREDENTIALS_DIRECTORY > where; ls $CREDENTIALS_DIRECTORY > list";
    start(&place, &place.job(command)).await;
    assert_eq!(place.exit().await.ended, Ended::Code(0));
    assert_eq!(place.read("modes"), "700\n400\n");
    assert_eq!(place.read("copy"), KEY);
    assert_eq!(place.read("token").trim(), TOKEN);
    assert_eq!(place.read("list"), "KEY_FILE\n");
    assert!(!credentials(&place).await.exists());
}

#[tokio::test]
async fn the_shim_leaves_no_core_dump() {
    let place = Place::new();
    place.start(&place.job("exec sleep 60")).await;
    let limits = fs::read_to_string(format!("/proc/{}/limits", place.state().shim)).unwrap();
    let mut lines = limits.lines();
    let core = lines.find(|line| line.starts_with("Max core file size"));
    assert_eq!(core.unwrap().split_whitespace().nth(4), Some("0"));
    place.run.stop().await.unwrap();
}

#[tokio::test]
async fn credentials_stay_over_a_restart_and_go_with_a_stop() {
    let place = Place::new();
    let command = format!("{WHERE} cat $KEY_FILE > copy; exec sleep 60");
    start(&place, &place.service(&command, SOON)).await;
    let directory = credentials(&place).await;
    eventually("a copy", || (place.read("copy") == KEY).then_some(())).await;
    fs::remove_file(place.file("copy")).unwrap();
    send(place.state().group.unwrap(), Signal::SIGKILL);
    eventually("a copy", || (place.read("copy") == KEY).then_some(())).await;
    assert_eq!(credentials(&place).await, directory);
    assert!(directory.join("KEY_FILE").exists());
    soon("the stop", place.run.stop()).await.unwrap();
    assert!(!directory.exists());
}

#[tokio::test]
async fn credentials_go_when_the_child_is_killed() {
    let place = Place::new();
    start(&place, &place.job(&format!("{WHERE} exec sleep 60"))).await;
    let directory = credentials(&place).await;
    send(place.state().group.unwrap(), Signal::SIGKILL);
    assert_eq!(place.exit().await.ended, Ended::Signal(9));
    assert!(!directory.exists());
}

#[tokio::test]
async fn credentials_of_a_killed_shim_go_when_somebody_looks() {
    for look in [
        (|place: &Place| assert_eq!(place.run.condition().unwrap(), Condition::Lost)) as fn(&Place),
        |place| assert!(place.run.settle(None).unwrap().is_some()),
        |place| assert!(place.run.put_aside().unwrap().is_some()),
        |place| assert!(place.run.renew(&place.job("true")).unwrap()),
    ] {
        let place = Place::new();
        start(&place, &place.job(&format!("{WHERE} exec sleep 60"))).await;
        let directory = credentials(&place).await;
        send(place.state().shim, Signal::SIGKILL);
        soon("the end", place.run.ended()).await.unwrap();
        assert!(directory.join("KEY_FILE").exists());
        look(&place);
        assert!(!directory.exists());
    }
}

#[tokio::test]
async fn credentials_of_a_killed_shim_are_replaced_by_the_next() {
    let place = Place::new();
    let command = format!("{WHERE} exec sleep 60");
    start(&place, &place.service(&command, SOON)).await;
    let first = credentials(&place).await;
    fs::remove_file(place.file("where")).unwrap();
    send(place.state().shim, Signal::SIGKILL);
    soon("the end", place.run.ended()).await.unwrap();
    // Nobody has looked: a shim is started at once.
    assert_eq!(launch(&place).await, Launched::Started);
    let second = credentials(&place).await;
    assert!(!first.exists() && second.exists());
    soon("the stop", place.run.stop()).await.unwrap();
    assert!(!second.exists());
}

#[tokio::test]
async fn a_handover_that_is_cut_short_starts_nothing() {
    let place = Place::new();
    place.run.prepare(&place.job("touch ran")).unwrap();
    let mut shim = Command::new(HARNESS)
        .arg("shim")
        .arg(place.run.directory())
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    shim.stdin.take().unwrap().write_all(&[0, 0, 1]).unwrap();
    assert!(!shim.wait().unwrap().success());
    assert_eq!(place.run.condition().unwrap(), Condition::Prepared);
    assert!(!place.file("ran").exists());
    assert_eq!(place.launch().await, Launched::Started);
    place.exit().await;
}

#[tokio::test]
async fn what_cannot_be_a_variable_is_refused_before_anything_starts() {
    let place = Place::new();
    place.run.prepare(&place.job("touch ran")).unwrap();
    let odd = Confidential {
        secrets: [("TOKEN".to_owned(), "s3cr3t\0".into())].into(),
        credentials: BTreeMap::new(),
    };
    let refused = launcher().launch_with(&place.run, &path_only(), odd).await;
    let why = refused.unwrap_err().to_string();
    assert!(why.contains("TOKEN") && !why.contains("s3cr3t"), "{why}");
    assert_eq!(place.run.condition().unwrap(), Condition::Prepared);
}

#[tokio::test]
async fn a_secret_that_is_too_short_is_told() {
    let place = Place::new();
    place.run.prepare(&place.job("echo $PIN")).unwrap();
    let short = Confidential {
        secrets: [("PIN".to_owned(), "123".into())].into(),
        credentials: BTreeMap::new(),
    };
    let launched = launcher()
        .launch_with(&place.run, &path_only(), short)
        .await;
    assert_eq!(launched.unwrap(), Launched::Started);
    place.exit().await;
    let tail = place.run.tail();
    assert_eq!(
        tail,
        "[towpath] PIN is too short to be taken out of this output\n123\n"
    );
}
