//! Restarting: services come back, each time a little later, and never after a stop.

use std::{
    fs,
    process::Command,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;
use towpath_targets::shim::{
    Condition, Launched,
    files::{Ended, Program, Spec},
};

use crate::rig::{Place, eventually, marked, send, soon};

const SOON: Duration = Duration::from_secs(5);

fn restarted(place: &Place, times: u32) -> Option<()> {
    match place.run.condition().unwrap() {
        Condition::Running(Some(state)) => {
            (state.restarts >= times && state.group.is_some()).then_some(())
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_killed_child_is_back_at_once_and_counted() {
    let place = Place::new();
    place.start(&place.service("exec sleep 60", SOON)).await;
    let first = place.state();
    assert_eq!((first.restarts, &first.last), (0, &None));
    let begun = Instant::now();
    send(first.group.unwrap(), Signal::SIGKILL);
    eventually("the restart", || restarted(&place, 1)).await;
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
    let second = place.state();
    assert_eq!(second.shim, first.shim);
    assert_ne!(second.group, first.group);
    assert_eq!(second.last, Some(Ended::Signal(9)));
    assert!(
        place
            .run
            .tail()
            .contains("killed by signal 9; it is started again")
    );
    soon("the stop", place.run.stop()).await.unwrap();
}

#[tokio::test]
async fn the_pauses_grow() {
    let place = Place::new();
    let begun = Instant::now();
    place
        .start(&place.service("echo x >> ran; exit 1", SOON))
        .await;
    eventually("three restarts", || {
        (place.read("ran").len() >= 8).then_some(())
    })
    .await;
    // 100 + 200 + 400 ms.
    assert!(
        begun.elapsed() >= Duration::from_millis(700),
        "{:?}",
        begun.elapsed()
    );
    soon("the stop", place.run.stop()).await.unwrap();
}

#[tokio::test]
async fn a_stop_in_a_pause_is_the_end() {
    let place = Place::new();
    place
        .start(&place.service("echo x >> ran; exit 7", SOON))
        .await;
    eventually("a pause", || match place.run.condition().unwrap() {
        Condition::Running(Some(state)) => {
            (state.group.is_none() && state.restarts > 0).then_some(())
        }
        other => panic!("{other:?}"),
    })
    .await;
    let exit = soon("the stop", place.run.stop()).await.unwrap();
    assert_eq!(exit.to_string(), "stopped (exit status 7)");
    let runs = place.read("ran");
    assert_eq!(place.launch().await, Launched::Over);
    assert_eq!(place.read("ran"), runs);
}

#[tokio::test]
async fn a_stop_and_the_end_of_the_child_at_the_same_time() {
    for _ in 0..20 {
        let place = Place::new();
        place.start(&place.service("exec sleep 60", SOON)).await;
        let group = place.state().group.unwrap();
        let stop = tokio::spawn({
            let run = place.run.clone();
            async move { run.stop().await }
        });
        send(group, Signal::SIGKILL);
        soon("the stop", stop).await.unwrap().unwrap();
        assert_eq!(marked(place.run.directory()), Vec::<i32>::new());
    }
}

#[tokio::test]
async fn what_an_ended_service_left_behind_is_gone_before_the_next_one() {
    let place = Place::new();
    let command =
        "setsid sleep 1000 & echo $! >> left; [ -e twice ] && exec sleep 60; touch twice; exit 1";
    place
        .start(&place.service(command, Duration::from_millis(100)))
        .await;
    eventually("the restart", || restarted(&place, 1)).await;
    eventually("two children", || {
        (place.read("left").lines().count() == 2).then_some(())
    })
    .await;
    let first: i32 = place.read("left").lines().next().unwrap().parse().unwrap();
    assert!(!crate::rig::is_alive(first));
    soon("the stop", place.run.stop()).await.unwrap();
}

#[tokio::test]
async fn a_run_that_is_over_can_be_renewed_and_goes_on_counting() {
    let place = Place::new();
    let spec = place.service("echo up; exec sleep 60", SOON);
    place.start(&spec).await;
    assert!(!place.run.renew(&spec).unwrap(), "it runs");
    send(place.state().shim, Signal::SIGKILL);
    soon("the end", place.run.ended()).await.unwrap();
    assert!(place.run.renew(&spec).unwrap());
    assert_eq!(place.launch().await, Launched::Started);
    assert_eq!(place.state().restarts, 1);
    soon("the stop", place.run.stop()).await.unwrap();
    assert!(place.run.renew(&spec).unwrap());
    assert_eq!(place.launch().await, Launched::Started);
    assert_eq!(place.state().restarts, 2);
    soon("the stop", place.run.stop()).await.unwrap();
}

#[tokio::test]
async fn its_own_executable_runs_although_the_file_is_gone() {
    let place = Place::new();
    let copy = place.file("copy");
    // By another process: a file that we have open for writing cannot be executed by what we start meanwhile.
    let copied = Command::new("cp")
        .arg(crate::rig::HARNESS)
        .arg(&copy)
        .status();
    assert!(copied.unwrap().success());
    let program = Program::Own(vec!["greet".into()]);
    let spec = Spec::service(program, place.root.path(), SOON);
    place.run.prepare(&spec).unwrap();
    let launcher = towpath_targets::shim::Launcher::new(&copy);
    let launched = launcher.launch(&place.run, &crate::rig::path_only()).await;
    assert_eq!(launched.unwrap(), Launched::Started);
    fs::remove_file(&copy).unwrap();
    eventually("a greeting", || {
        place.run.tail().contains("hello").then_some(())
    })
    .await;
    send(place.state().group.unwrap(), Signal::SIGKILL);
    eventually("the restart", || restarted(&place, 1)).await;
    eventually("two greetings", || {
        (place.run.tail().matches("hello").count() == 2).then_some(())
    })
    .await;
    soon("the stop", place.run.stop()).await.unwrap();
}
