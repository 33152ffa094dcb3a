//! Crashing: a starter and a shim that are killed at any moment.

use std::{
    fs,
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use towpath_core::runner::{JobSpec, JobState, Runner};
use towpath_targets::{
    process::ProcessRunner,
    shim::{Condition, Run, files::Ended},
};

use crate::rig::{HARNESS, Place, launcher, marked, soon};

/// Starts a job by another process, which is killed after `delay`, with everything that is still in its group.
fn start_and_kill(root: &Path, command: &str, delay: Duration) {
    let mut starter = Command::new(HARNESS)
        .arg("start-jobs")
        .arg(root)
        .arg(command)
        .stdout(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    // Not to wait for something, but to hit another moment each time.
    thread::sleep(delay);
    killpg(
        Pid::from_raw(i32::try_from(starter.id()).unwrap()),
        Signal::SIGKILL,
    )
    .unwrap();
    starter.wait().unwrap();
}

#[tokio::test]
async fn a_starter_killed_at_any_moment_leaves_a_job_that_runs_at_most_once() {
    let (mut done, mut lost) = (0, 0);
    for step in 0..60 {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        let command = "echo x >> ran";
        start_and_kill(root, command, Duration::from_micros(step * 200));
        let runner = ProcessRunner::new(root, launcher());
        let job = JobSpec {
            key: "0".into(),
            command: command.into(),
            directory: root.into(),
            variables: [].into(),
            secrets: [].into(),
            credentials: [].into(),
        };
        runner.start(&job).await.unwrap();
        let runs = || fs::read_to_string(root.join("ran")).unwrap_or_default();
        match soon("the end", runner.ended("0")).await.unwrap() {
            JobState::Exited { code: Some(0), .. } => {
                assert_eq!(runs(), "x\n", "step {step}");
                done += 1;
            }
            // Killed together with its starter, before it had left the group; or right before or after its fork.
            JobState::Lost { .. } => {
                assert!(runs().len() <= 2, "step {step}: {}", runs());
                lost += 1;
            }
            other => panic!("step {step}: {other:?}"),
        }
    }
    eprintln!("{done} done, {lost} lost");
    assert!(done > 0);
}

#[tokio::test]
async fn a_shim_killed_at_any_moment_leaves_nothing() {
    for step in 0..40 {
        let place = Place::new();
        let command = "echo x >> ran; setsid sleep 1000 & sleep 1000 & wait";
        place.run.prepare(&place.job(command)).unwrap();
        let mut shim = Command::new(HARNESS)
            .arg("shim")
            .arg(place.run.directory())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_micros(step * 100));
        shim.kill().unwrap();
        shim.wait().unwrap();
        soon("the end", place.run.ended()).await.unwrap();
        if place.run.condition().unwrap() == Condition::Lost {
            let exit = place.run.settle(None).unwrap().unwrap();
            assert_eq!((exit.ended, exit.survivors), (Ended::Lost, Vec::new()));
        }
        assert_eq!(
            marked(place.run.directory()),
            Vec::<i32>::new(),
            "step {step}"
        );
        assert!(place.read("ran").len() <= 2, "step {step}");
    }
}

#[tokio::test]
async fn a_stop_at_any_moment_of_a_start_is_the_end() {
    for step in 0..40 {
        let place = Place::new();
        let command = "setsid sleep 1000 & exec sleep 1000";
        let spec = place.service(command, Duration::from_secs(5));
        place.run.prepare(&spec).unwrap();
        let start = tokio::spawn({
            let run: Run = place.run.clone();
            async move { launcher().launch(&run, &crate::rig::path_only()).await }
        });
        tokio::task::yield_now().await;
        thread::sleep(Duration::from_micros(step * 100));
        soon("the stop", place.run.stop()).await.unwrap();
        start.await.unwrap().unwrap();
        assert!(
            matches!(place.run.condition().unwrap(), Condition::Ended(_)),
            "step {step}"
        );
        assert_eq!(
            marked(place.run.directory()),
            Vec::<i32>::new(),
            "step {step}"
        );
    }
}
