//! Stopping on the way, going on after a failure, and running out of time.

use std::fs;

use crate::{
    project::{Project, Ran, Running, eventually},
    walk,
};

fn begun(project: &Project, effect: &str) {
    eventually(effect, || {
        (!project.effects().of(effect).is_empty()).then_some(())
    });
}

/// Cancels what runs; both the one who cancels and the one who waits see it end.
fn cancelled(project: &Project, running: Running) -> Ran {
    project.towpath("cancel stg -m 'wrong boat'", 0);
    let ran = running.ended();
    assert_eq!(ran.status.code(), Some(1), "{}", ran.told());
    assert!(ran.stdout.contains("wrong boat"), "{}", ran.told());
    let last = project.environment("staging").last.unwrap();
    assert_eq!(last.status, "cancelled");
    ran
}

fn runs_nothing(project: &Project) {
    let left = project.processes();
    let left: Vec<_> = left.iter().filter(|process| !process.is_proxys()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_build_is_cancelled_and_ends() {
    let project = Project::new();
    fs::write(project.path("gate"), "").unwrap();
    let running = project.ask("deploy stg").start();
    begun(&project, "build 1");
    cancelled(&project, running);
    runs_nothing(&project);
    assert_eq!(project.effects().of("").len(), 1);
}

#[test]
fn a_start_is_cancelled_and_its_instances_go() {
    let project = Project::new();
    project.write("behaviour", "sick");
    project.commit("a full bilge");
    let running = project.ask("deploy stg").start();
    begun(&project, "start staging");
    cancelled(&project, running);
    runs_nothing(&project);
    assert!(project.environment("staging").live.is_none());
}

#[test]
fn a_test_is_cancelled_and_ends() {
    let project = Project::new();
    fs::write(project.path("test-gate"), "").unwrap();
    let running = project.ask("deploy stg").start();
    begun(&project, "test staging");
    cancelled(&project, running);
    let tests = project.processes();
    assert!(
        tests.iter().all(|process| !process.is("check.sh")),
        "{tests:?}"
    );
    // Staging keeps what it has, so that people can look.
    assert!(project.environment("staging").live.is_some());
}

#[test]
fn what_waits_for_a_signature_is_cancelled() {
    let project = Project::new();
    project.towpath("deploy stg", 4);
    project.towpath("cancel stg", 0);
    assert_eq!(
        project.environment("staging").last.unwrap().status,
        "cancelled"
    );
    project
        .towpath("cancel stg", 3)
        .says(&["path::not-now", "has ended"]);
    project
        .ask("sign-off stg")
        .by("quinn")
        .ends(3)
        .says(&["path::not-now"]);
    // A retry asks for the signature again, and does nothing twice.
    project.towpath("retry stg", 4);
    assert_eq!(project.effects().of("").len(), 3);
}

#[test]
fn a_watch_is_cancelled_and_users_go_back() {
    let project = walk::first_release_is_live();
    project.change("towpath.toml", "for    = \"300ms\"", "for    = \"10m\"");
    project.commit_second();
    project.towpath("deploy stg", 4);
    project.ask("sign-off stg").by("quinn").ends(4);
    project.ask("sign-off stg").by("lee").ends(0);
    let running = project.ask("promote stg").by("olive").start();
    eventually("the watch", || {
        let active = project.environment("production").active?;
        let mut steps = active.steps.into_iter();
        steps.find(|step| step.id == "watch")?.started_at
    });
    // Cancelled it is; the rollback that follows from that says so too.
    project.ask("cancel prd -m 'a storm'").by("olive").run();
    let ran = running.ended();
    assert_eq!(ran.status.code(), Some(1), "{}", ran.told());
    let production = project.environment("production");
    assert_eq!(production.live.unwrap().release.0, 1);
    assert_eq!(project.effects().of("start production.web.v1").len(), 1);
}

#[test]
fn a_retry_goes_on_from_the_step_that_failed() {
    let project = Project::new();
    project.change(
        "check.sh",
        "set -eu\n",
        "set -eu\n[ -e \"$EFFECTS.fixed\" ] || { echo 'a hole'; exit 9; }\n",
    );
    project.commit("a hole");
    let ran = project.towpath("deploy stg", 1);
    for text in ["exit status 9", "a hole"] {
        assert!(
            ran.stdout.contains(text) || ran.stderr.contains(text),
            "{}",
            ran.told()
        );
    }
    fs::write(project.path("effects.fixed"), "").unwrap();
    project.towpath("retry stg", 4);
    let active = project.environment("staging").active.unwrap();
    for step in &active.steps {
        let tries = match (step.id.as_str(), &step.started_at) {
            (_, None) => 0,
            ("test-1", _) => 2,
            _ => 1,
        };
        assert_eq!(step.tries, tries, "{step:?}");
    }
    for effect in ["build", "start", "test"] {
        assert_eq!(project.effects().of(effect).len(), 1, "{effect}");
    }
    project.towpath("retry stg --from test-1", 4);
}

#[test]
fn a_build_that_runs_out_of_time_is_ended() {
    let project = Project::new();
    project.change(
        "towpath.toml",
        "cache = [\"cache\"]",
        "cache = [\"cache\"]\nbuild_within = \"300ms\"",
    );
    project.commit("in a hurry");
    fs::write(project.path("gate"), "").unwrap();
    let ran = project.towpath("deploy stg", 5);
    assert!(
        ran.stdout.contains("not done within 300ms"),
        "{}",
        ran.told()
    );
    runs_nothing(&project);
}

#[test]
fn a_test_that_runs_out_of_time_is_ended() {
    let project = Project::new();
    project.change(
        "towpath.toml",
        "[\"sh check.sh\"]",
        "[{ run = \"sh check.sh\", within = \"300ms\" }]",
    );
    project.commit("in a hurry");
    fs::write(project.path("test-gate"), "").unwrap();
    let ran = project.towpath("deploy stg", 5);
    assert!(
        ran.stdout.contains("not done within 300ms"),
        "{}",
        ran.told()
    );
    let tests = project.processes();
    assert!(
        tests.iter().all(|process| !process.is("check.sh")),
        "{tests:?}"
    );
}

#[test]
fn a_signature_that_does_not_come_in_time() {
    let project = Project::new();
    project.change(
        "towpath.toml",
        "role = \"qa\" }",
        "role = \"qa\", within = \"1ms\" }",
    );
    project.commit("in a hurry");
    let ran = project.towpath("deploy stg", 5);
    assert!(
        ran.stdout.contains("nobody signed \"qa\""),
        "{}",
        ran.told()
    );
}
