//! A worker that stops for longer than its lease lasts is taken over from; when it wakes, it finds out and lets go.

use nix::sys::signal::Signal;

use crate::project::{Project, Running, eventually};

const LEASE_MS: &str = "3000";

/// Starts a command that stops itself at a point, and waits until it has.
fn stopped_at(project: &Project, line: &str, by: &str, point: &str) -> Running {
    let ask = project
        .ask(line)
        .by(by)
        .with("TOWPATH_TEST_LEASE_MS", LEASE_MS);
    let running = ask.with("TOWPATH_TEST_STOP_AT", point).start();
    let stat = format!("/proc/{}/stat", running.pid());
    eventually(point, || {
        let stat = std::fs::read_to_string(&stat).ok()?;
        let (_, rest) = stat.rsplit_once(')')?;
        assert!(!rest.starts_with(" Z"), "it never came to {point:?}");
        rest.starts_with(" T").then_some(())
    });
    running
}

/// Another worker does what is left, then the first wakes up.
fn taken_over(point: &str) {
    let project = Project::new();
    let first = stopped_at(&project, "deploy stg", "dana", point);
    let second = project
        .ask("retry d1")
        .with("TOWPATH_TEST_LEASE_MS", LEASE_MS)
        .start();
    let second = second.ended();
    assert_eq!(second.status.code(), Some(4), "{}", second.told());
    let records = project.records();
    let fences = project.fences();
    first.signal(Signal::SIGCONT);
    let first = first.ended();
    assert_eq!(first.status.code(), Some(4), "{}", first.told());
    assert_eq!(project.records(), records, "the first wrote after all");
    assert_eq!(
        project.fences(),
        fences,
        "the first moved the traffic after all"
    );
    let effects = project.effects();
    let mut all = effects.all();
    all.sort_unstable();
    assert_eq!(
        all,
        ["build 1", "start staging.web.v1.d1.0", "test staging v1"]
    );
    assert_eq!(project.number("staging", "SELECT count(*) FROM trips"), 1);
    let active = project.environment("staging").active.unwrap();
    assert!(
        active.steps.iter().all(|step| step.tries <= 1),
        "{active:#?}"
    );
    project.towpath("journal verify", 0);
    project.towpath("journal replay", 0);
}

#[test]
fn before_its_first_word() {
    taken_over("with the lease of d1");
}

#[test]
fn while_a_build_runs() {
    taken_over("the build runs");
}

#[test]
fn before_it_migrates() {
    taken_over("about to migrate for d1.migrate-main.1");
}

#[test]
fn before_it_says_that_it_has_migrated() {
    taken_over("before the end of d1.migrate-main.1 and what follows for d1");
}

#[test]
fn after_it_has_started_an_instance() {
    taken_over("staging.web.v1.d1.0 is started");
}

#[test]
fn before_it_moves_the_traffic() {
    taken_over("about to move the traffic for d1.switch.1");
}

#[test]
fn while_a_test_runs() {
    taken_over("the test runs");
}
