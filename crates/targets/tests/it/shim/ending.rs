//! Ending: by itself, when asked, when killed; and nothing is left.

use std::{fs, time::Duration};

use nix::sys::signal::Signal;
use towpath_targets::shim::{
    Condition,
    files::{Ended, Stopped},
};

use crate::rig::{Place, eventually, is_alive, marked, send, soon};

/// Ignores SIGTERM, and has a grandchild in a session of its own that does so too.
const STUBBORN: &str = "trap '' TERM; \
    setsid sh -c 'trap \"\" TERM; echo $$ > grandchild; while :; do sleep 1; done' & \
    echo $$ > child; while :; do sleep 1; done";

async fn pid_in(place: &Place, name: &str) -> i32 {
    eventually(name, || place.read(name).trim().parse().ok()).await
}

#[tokio::test]
async fn results_are_kept() {
    for (command, ended) in [
        ("true", Ended::Code(0)),
        ("exit 255", Ended::Code(255)),
        ("kill -KILL $$", Ended::Signal(9)),
        ("kill -SEGV $$", Ended::Signal(11)),
        // The first real-time signal that programs may use.
        ("kill -35 $$", Ended::Signal(35)),
    ] {
        let place = Place::new();
        place.start(&place.job(command)).await;
        let exit = place.exit().await;
        assert_eq!((exit.ended, exit.stopped), (ended, None), "{command}");
        assert!(exit.survivors.is_empty());
    }
}

#[tokio::test]
async fn the_stubborn_are_killed_with_all_they_started() {
    let place = Place::new();
    let mut spec = place.job(STUBBORN);
    spec.stop_within = Duration::from_millis(200);
    place.start(&spec).await;
    let (child, grandchild) = (
        pid_in(&place, "child").await,
        pid_in(&place, "grandchild").await,
    );
    let exit = soon("the stop", place.run.stop()).await.unwrap();
    assert_eq!(exit.ended, Ended::Signal(9));
    assert_eq!(exit.stopped, Some(Stopped::Asked));
    assert!(!is_alive(child) && !is_alive(grandchild));
    assert_eq!(marked(place.run.directory()), Vec::<i32>::new());
    // Stopping what is stopped finds the same result.
    assert_eq!(place.run.stop().await.unwrap(), exit);
}

#[tokio::test]
async fn the_polite_end_by_themselves() {
    let place = Place::new();
    place
        .start(&place.service(
            "trap 'echo bye; exit 4' TERM; echo up; while :; do sleep 0.01; done",
            Duration::from_secs(20),
        ))
        .await;
    eventually("the trap", || (place.run.tail() == "up\n").then_some(())).await;
    let exit = soon("the stop", place.run.stop()).await.unwrap();
    assert_eq!(exit.to_string(), "stopped (exit status 4)");
    let tail = place.run.tail();
    assert!(tail.ends_with("bye\n"), "{tail}");
}

#[tokio::test]
async fn a_frozen_child_can_be_stopped() {
    let place = Place::new();
    place
        .start(&place.service("exec sleep 60", Duration::from_secs(20)))
        .await;
    send(place.state().group.unwrap(), Signal::SIGSTOP);
    let exit = soon("the stop", place.run.stop()).await.unwrap();
    assert_eq!(exit.ended, Ended::Signal(15));
}

#[tokio::test]
async fn a_shim_that_is_ended_by_the_machine_says_so() {
    let place = Place::new();
    place.start(&place.job("exec sleep 60")).await;
    send(place.state().shim, Signal::SIGTERM);
    let exit = place.exit().await;
    assert_eq!(exit.ended, Ended::Signal(15));
    assert_eq!(exit.stopped, Some(Stopped::Signalled));
}

#[tokio::test]
async fn a_killed_shim_takes_its_child_along_and_the_rest_is_swept() {
    let place = Place::new();
    place.start(&place.job(STUBBORN)).await;
    let (child, grandchild) = (
        pid_in(&place, "child").await,
        pid_in(&place, "grandchild").await,
    );
    let waiting = tokio::spawn({
        let run = place.run.clone();
        async move { run.ended().await }
    });
    send(place.state().shim, Signal::SIGKILL);
    soon("the end", waiting).await.unwrap().unwrap();
    assert_eq!(place.run.condition().unwrap(), Condition::Lost);
    eventually("the child's end", || (!is_alive(child)).then_some(())).await;
    assert!(is_alive(grandchild), "nobody has swept yet");
    assert_eq!(place.run.settle(None).unwrap().unwrap().ended, Ended::Lost);
    assert!(!is_alive(grandchild));
    assert!(matches!(
        place.run.condition().unwrap(),
        Condition::Ended(_)
    ));
}

#[tokio::test]
async fn what_a_job_leaves_behind_may_finish_its_line_and_no_more() {
    let place = Place::new();
    let mut spec = place.job("(sleep 0.02; echo late) & setsid sleep 1000 & echo early");
    spec.stop_within = Duration::from_millis(100);
    place.start(&spec).await;
    assert_eq!(place.exit().await.ended, Ended::Code(0));
    assert_eq!(place.run.tail(), "early\nlate\n");
    assert_eq!(marked(place.run.directory()), Vec::<i32>::new());
}

#[tokio::test]
async fn many_wait_for_one_end() {
    let place = Place::new();
    place
        .start(&place.job("while [ ! -e go ]; do sleep 0.01; done"))
        .await;
    let waiting: Vec<_> = (0..20)
        .map(|_| {
            let run = place.run.clone();
            tokio::spawn(async move { run.ended().await })
        })
        .collect();
    fs::write(place.file("go"), "").unwrap();
    for wait in waiting {
        soon("the end", wait).await.unwrap().unwrap();
    }
    assert_eq!(place.exit().await.ended, Ended::Code(0));
}
