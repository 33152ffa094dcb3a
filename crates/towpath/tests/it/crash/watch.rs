//! A watch that nobody kept to its end.

use crate::{
    project::{Project, eventually},
    walk,
};

/// The third release, bad, on its way into production; its watch has just begun.
fn a_watch_is_left_alone() -> Project {
    let project = walk::up_to_the_last_step();
    let ran = project
        .ask("promote stg")
        .by("olive")
        .dies_at("after the end of d6.smoke-1.1 and what follows for d6")
        .run();
    assert!(ran.was_killed(), "{}", ran.told());
    project
}

#[test]
fn a_bad_release_does_not_pass_because_nobody_looked() {
    let project = a_watch_is_left_alone();
    let watched = project.environment("production").active.unwrap();
    let began = watched
        .steps
        .iter()
        .find(|step| step.id == "watch")
        .unwrap();
    let began = began.started_at.unwrap();
    eventually("the end of the window", || {
        let now = towpath::clock::now();
        (now.since(began).as_millis() > 400).then_some(())
    });
    let ran = project.towpath("retry d6", 1);
    assert!(ran.stdout.contains("rolled-back"), "{}", ran.told());
    assert_eq!(project.environment("production").live.unwrap().release.0, 2);
}
