//! Builds and tests outlive who started them: whoever comes next waits for the same job, and takes its result.

use std::fs;

use nix::sys::signal::Signal;

use crate::project::{Project, Running, eventually};

/// Closes a gate: what comes to it waits there.
fn close(project: &Project, gate: &str) {
    fs::write(project.path(gate), "").unwrap();
}

fn open(project: &Project, gate: &str) {
    fs::remove_file(project.path(gate)).unwrap();
}

/// Kills a command once an effect has begun.
fn kill_during(project: &Project, running: Running, effect: &str) {
    eventually(effect, || {
        (!project.effects().of(effect).is_empty()).then_some(())
    });
    running.signal(Signal::SIGKILL);
    assert!(running.ended().was_killed());
}

fn waits_for_qa(project: &Project) {
    let staging = project.environment("staging");
    assert_eq!(staging.active.unwrap().asked.as_deref(), Some("qa"));
    for effect in ["build 1", "test staging v1", "start staging.web.v1.d1.0"] {
        assert_eq!(project.effects().of(effect).len(), 1, "{effect}");
    }
}

#[test]
fn a_build_under_way_is_taken_over() {
    let project = Project::new();
    close(&project, "gate");
    kill_during(&project, project.ask("deploy stg").start(), "build 1");
    let next = project.ask("retry stg").start();
    open(&project, "gate");
    assert_eq!(next.ended().status.code(), Some(4));
    waits_for_qa(&project);
}

#[test]
fn a_build_that_ended_while_nobody_was_there_is_taken_over() {
    let project = Project::new();
    close(&project, "gate");
    kill_during(&project, project.ask("deploy stg").start(), "build 1");
    open(&project, "gate");
    let artifact = project.data().join("trees/v1/dist/behaviour");
    eventually("the build's end", || artifact.exists().then_some(()));
    project.towpath("retry stg", 4);
    waits_for_qa(&project);
}

#[test]
fn a_release_under_way_is_taken_over_by_whoever_needs_it_next() {
    let project = Project::new();
    close(&project, "gate");
    kill_during(&project, project.ask("release").start(), "build 1");
    let next = project.ask("deploy stg").start();
    open(&project, "gate");
    assert_eq!(next.ended().status.code(), Some(4));
    waits_for_qa(&project);
}

#[test]
fn a_test_under_way_is_taken_over() {
    let project = Project::new();
    close(&project, "test-gate");
    let running = project.ask("deploy stg").start();
    kill_during(&project, running, "test staging v1");
    let next = project.ask("retry stg").start();
    open(&project, "test-gate");
    assert_eq!(next.ended().status.code(), Some(4));
    waits_for_qa(&project);
}

#[test]
fn a_build_that_failed_while_nobody_was_there_has_failed() {
    let project = Project::new();
    project.change("build.sh", "mkdir -p dist", "echo 'no planks left'; exit 7");
    project.commit("no planks");
    close(&project, "gate");
    kill_during(&project, project.ask("deploy stg").start(), "build 1");
    open(&project, "gate");
    let ran = project.towpath("retry stg", 1);
    assert!(ran.stdout.contains("no planks left"), "{}", ran.told());
    assert_eq!(project.effects().of("build 1").len(), 1);
    // A person's retry is another try, in a clean tree.
    project.towpath("retry stg", 1);
    assert_eq!(project.effects().of("build 1").len(), 2);
}
