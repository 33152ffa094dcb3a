//! Instances: what the conformance suite does not know of.

use std::{fs, io::Write, path::Path};

use nix::sys::signal::Signal;
use towpath_core::{
    Digest,
    target::{Artifact, Observed, Target, TargetError},
};
use towpath_targets::{process::ProcessTarget, shim::Condition};

use super::rig::{Rig, answers, command, health, key, says, serve, staging};
use crate::rig::{HARNESS, eventually, is_alive, launcher, send, soon};

fn store(directory: &Path, bytes: &[u8], file_name: &str, is_directory: bool) -> Artifact {
    fs::create_dir_all(directory).unwrap();
    let stored_at = directory.join("artifact");
    fs::write(&stored_at, bytes).unwrap();
    Artifact {
        digest: Digest::of_bytes(bytes),
        stored_at,
        file_name: file_name.into(),
        is_directory,
    }
}

#[tokio::test]
async fn an_artifact_runs_from_its_own_copy() {
    let rig = Rig::new();
    let mut spec = command(1, "./guestbook serve");
    let artifact = store(&rig.root, &fs::read(HARNESS).unwrap(), "guestbook", false);
    spec.artifact = Some(artifact.clone());
    rig.target.start(&spec).await.unwrap();
    let address = rig.becomes_healthy(&spec.key).await;
    fs::remove_file(&artifact.stored_at).unwrap();
    let first = answers(address, "/pid").await;
    send(first.parse().unwrap(), Signal::SIGKILL);
    eventually("the first is gone", || {
        (!is_alive(first.parse().unwrap())).then_some(())
    })
    .await;
    assert_ne!(answers(address, "/pid").await, first);
    rig.target.stop(&spec.key).await.unwrap();
}

#[tokio::test]
async fn secrets_reach_the_service_and_not_its_output() {
    let rig = Rig::new();
    let mut spec = command(1, &format!("echo $TOKEN; cat $KEY; exec {HARNESS} serve"));
    spec.secrets = [("TOKEN".to_owned(), "s3cr3t-t0ken".into())].into();
    spec.credentials = [("KEY".to_owned(), "c0ntents".into())].into();
    rig.target.start(&spec).await.unwrap();
    let address = rig.becomes_healthy(&spec.key).await;
    assert_eq!(answers(address, "/env/TOKEN").await, "s3cr3t-t0ken");
    let directory = answers(address, "/env/CREDENTIALS_DIRECTORY").await;
    assert_eq!(
        answers(address, "/env/KEY").await,
        format!("{directory}/KEY")
    );
    assert_eq!(
        fs::read_to_string(format!("{directory}/KEY")).unwrap(),
        "c0ntents"
    );
    let output = rig.target.output(&spec.key).unwrap();
    let said = says(&output, "listening").await;
    assert!(
        said.starts_with("[redacted TOKEN]\n[redacted KEY]"),
        "{said}"
    );
    rig.target.stop(&spec.key).await.unwrap();
    assert!(!Path::new(&directory).exists());
}

#[tokio::test]
async fn a_directory_runs_too() {
    let rig = Rig::new();
    let mut archive = tar::Builder::new(Vec::new());
    archive
        .append_path_with_name(HARNESS, "bin/guestbook")
        .unwrap();
    let bytes = archive.into_inner().unwrap();
    let mut spec = command(1, "exec dist/bin/guestbook serve");
    spec.artifact = Some(store(&rig.root, &bytes, "dist", true));
    rig.target.start(&spec).await.unwrap();
    rig.becomes_healthy(&spec.key).await;
    rig.target.stop(&spec.key).await.unwrap();
}

#[tokio::test]
async fn a_damaged_artifact_is_never_started() {
    let rig = Rig::new();
    let mut spec = command(1, "./app");
    let mut artifact = store(&rig.root, b"#!/bin/sh\ntouch ran", "app", false);
    fs::File::options()
        .append(true)
        .open(&artifact.stored_at)
        .unwrap()
        .write_all(b"!")
        .unwrap();
    spec.artifact = Some(artifact.clone());
    let refused = rig.target.start(&spec).await;
    assert!(
        matches!(&refused, Err(TargetError::Invalid(why)) if why.contains("damaged")),
        "{refused:?}"
    );
    assert_eq!(
        rig.target.observe(&spec.key).await.unwrap(),
        Observed::Absent
    );
    // It is still listed, so that somebody clears it away; or starts it once the artifact is whole.
    assert_eq!(
        rig.target.instances(&staging()).await.unwrap(),
        [spec.key.clone()]
    );
    artifact.digest = Digest::of_bytes(&fs::read(&artifact.stored_at).unwrap());
    spec.artifact = Some(artifact);
    rig.target.start(&spec).await.unwrap();
    rig.target.stop(&spec.key).await.unwrap();
    assert_eq!(rig.target.instances(&staging()).await.unwrap(), []);
}

#[tokio::test]
async fn it_has_its_variables_a_port_and_nothing_of_ours() {
    let rig = Rig::new();
    let mut spec = command(1, "env | sort; exec sleep 60");
    let url = "postgres://u:p@h/d?x=ü y".to_owned();
    spec.variables.insert("DATABASE_URL".into(), url.clone());
    spec.variables.insert("PORT".into(), "1".into());
    rig.target.start(&spec).await.unwrap();
    let output = rig.target.output(&spec.key).unwrap();
    // The last in order, so that the whole is there.
    let said = says(&output, "\nTOWPATH_RUN=/").await;
    let port = rig.address(&spec.key).await.port();
    assert!(said.contains(&format!("\nPORT={port}\n")), "{said}");
    assert!(said.contains(&format!("DATABASE_URL={url}\n")), "{said}");
    let common = [
        "HOME", "LANGUAGE", "LANG", "LOGNAME", "PATH", "PWD", "SHELL", "TMPDIR", "TZ", "USER",
        "TEMP", "TMP",
    ];
    let ours = ["DATABASE_URL", "INSTANCE", "PORT", "TOWPATH_RUN"];
    for line in said.lines() {
        let name = line.split_once('=').unwrap().0;
        let known = common.contains(&name) || ours.contains(&name);
        assert!(
            known || name.starts_with("LC_") || name.starts_with("XDG_"),
            "{line}"
        );
    }
    rig.target.stop(&spec.key).await.unwrap();
}

#[tokio::test]
async fn the_output_outlives_it() {
    let rig = Rig::new();
    let spec = command(1, "echo once; exec sleep 60");
    rig.target.start(&spec).await.unwrap();
    says(&rig.target.output(&spec.key).unwrap(), "once").await;
    rig.target.stop(&spec.key).await.unwrap();
    assert!(!rig.directory(&spec.key).exists());
    let kept = rig.target.output(&spec.key).unwrap();
    assert_eq!(fs::read_to_string(kept).unwrap(), "once\n");
    assert_eq!(rig.target.output(&key(2)), None);
}

#[tokio::test]
async fn a_new_target_finds_what_an_old_one_started() {
    let rig = Rig::new();
    let key = rig.start(1).await;
    let address = rig.address(&key).await;
    let again = ProcessTarget::new(&rig.root, launcher());
    again.start(&serve(1)).await.unwrap();
    assert_eq!(
        again.observe(&key).await.unwrap(),
        Observed::Running {
            address,
            restarts: 0
        }
    );
    assert_eq!(
        again.instances(&staging()).await.unwrap(),
        std::slice::from_ref(&key)
    );
    again.stop(&key).await.unwrap();
    assert_eq!(rig.target.observe(&key).await.unwrap(), Observed::Absent);
}

#[tokio::test]
async fn one_whose_shim_was_killed_is_not_running_and_starts_anew_where_it_was() {
    let rig = Rig::new();
    let spec = command(1, &format!("{HARNESS} serve & wait"));
    rig.target.start(&spec).await.unwrap();
    let address = rig.becomes_healthy(&spec.key).await;
    let orphan: i32 = answers(address, "/pid").await.parse().unwrap();
    send(Rig::shim_of(&rig.run(&spec.key)), Signal::SIGKILL);
    soon("the end", rig.run(&spec.key).ended()).await.unwrap();
    let observed = rig.target.observe(&spec.key).await.unwrap();
    assert!(
        matches!(&observed, Observed::Exited { status, .. } if status.contains("shim")),
        "{observed:?}"
    );
    assert!(rig.why(&spec.key).await.contains("shim"));
    // Two starts at once, as always.
    let (one, two) = tokio::join!(rig.target.start(&spec), rig.target.start(&spec));
    assert_eq!((one, two), (Ok(()), Ok(())));
    assert!(!is_alive(orphan), "the one without a shim had to go first");
    assert_eq!(rig.becomes_healthy(&spec.key).await, address);
    rig.target.stop(&spec.key).await.unwrap();
}

#[tokio::test]
async fn one_that_the_machine_ended_starts_anew() {
    let rig = Rig::new();
    let key = rig.start(1).await;
    let address = rig.address(&key).await;
    send(Rig::shim_of(&rig.run(&key)), Signal::SIGTERM);
    soon("the end", rig.run(&key).ended()).await.unwrap();
    assert!(matches!(
        rig.run(&key).condition().unwrap(),
        Condition::Ended(_)
    ));
    rig.target.start(&serve(1)).await.unwrap();
    assert_eq!(rig.becomes_healthy(&key).await, address);
    rig.target.stop(&key).await.unwrap();
}

#[tokio::test]
async fn a_stop_that_was_cut_short_is_finished_by_the_next() {
    let rig = Rig::new();
    let key = rig.start(1).await;
    rig.run(&key).stop().await.unwrap();
    assert!(matches!(
        rig.target.observe(&key).await.unwrap(),
        Observed::Exited { .. }
    ));
    rig.target.stop(&key).await.unwrap();
    assert_eq!(rig.target.observe(&key).await.unwrap(), Observed::Absent);
    // What a process that is gone had put aside goes with the next one.
    let orphan = rig
        .root
        .join("instances/.gone-999999999-0~staging.web.v9.d9.0");
    fs::create_dir_all(orphan.join("files")).unwrap();
    assert_eq!(rig.target.instances(&staging()).await.unwrap(), []);
    rig.target.stop(&key).await.unwrap();
    assert!(!orphan.exists());
}

#[tokio::test]
async fn errors_say_what_is_wrong() {
    let rig = Rig::new();
    let silent = command(1, "exec sleep 60");
    rig.target.start(&silent).await.unwrap();
    let address = rig.address(&silent.key).await;
    assert_eq!(
        rig.why(&silent.key).await,
        format!("could not connect to {address}: connection refused")
    );
    let mut sick = serve(2);
    sick.variables.insert("SICK".into(), "yes".into());
    rig.target.start(&sick).await.unwrap();
    let mut connects = health();
    connects.path = None;
    let connected = async {
        while rig.target.check(&sick.key, &connects).await.unwrap()
            != towpath_core::target::Health::Healthy
        {
            tokio::task::yield_now().await;
        }
    };
    soon("a connection", connected).await;
    assert_eq!(
        rig.why(&sick.key).await,
        "GET /healthz answered with status 503"
    );
    let dying = command(3, "exit 5");
    rig.target.start(&dying).await.unwrap();
    eventually("its end", || {
        let state = rig.run(&dying.key).condition().unwrap();
        matches!(state, Condition::Running(Some(state)) if state.group.is_none()).then_some(())
    })
    .await;
    for spec in [silent, sick, dying] {
        rig.target.stop(&spec.key).await.unwrap();
    }
    let bad = command(4, "true");
    let mut bad_health = health();
    bad_health.path = Some("not a path".into());
    rig.target.start(&bad).await.unwrap();
    rig.target.stop(&bad.key).await.unwrap();
    assert_eq!(rig.why(&bad.key).await, "it was not started");
}
