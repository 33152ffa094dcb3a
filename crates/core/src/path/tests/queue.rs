//! Who gets an environment next: the queue, what supersedes what, and pushes.

use super::{sim::Sim, world::*};
use crate::{manifest::OnFailure, path::*};

fn numbers(queue: &[crate::names::DeploymentNumber]) -> Vec<String> {
    queue.iter().map(ToString::to_string).collect()
}

#[test]
fn a_deployment_waits_for_the_one_that_has_the_environment() {
    let mut sim = Sim::new();
    let [one, two] = [sim.cut(&[]), sim.cut(&[])];
    let first = sim.deploy(&dana(), STAGING, one).unwrap();
    sim.run_to(first, "test-1");
    let second = sim.push(STAGING, two).unwrap();
    assert!(sim.advance(second).is_empty());
    assert_eq!(sim.waits(second).reason, "d1, which has staging");
    assert_eq!(sim.complete(first), End::Settled);
    assert_eq!(sim.complete(second), End::Settled);
    assert_eq!(sim.live(STAGING), Some(two));
}

#[test]
fn a_newer_release_supersedes_what_waits_but_never_what_runs() {
    let mut sim = Sim::new();
    let releases = [(); 4].map(|()| sim.cut(&[]));
    let running = sim.push(DEVELOPMENT, releases[0]).unwrap();
    sim.run_to(running, "start-web");
    let waiting = sim.push(DEVELOPMENT, releases[1]).unwrap();
    let latest = sim.push(DEVELOPMENT, releases[3]).unwrap();
    assert_eq!(sim.end(waiting), Some(End::Superseded));
    assert_eq!(sim.why(waiting), "v4 (d3) is newer");
    assert_eq!(sim.deployment(running).status, Status::Running);

    // An older one is not newer: it waits behind.
    let older = sim.push(DEVELOPMENT, releases[2]).unwrap();
    assert_eq!(numbers(&sim.env(DEVELOPMENT).queue), ["d3", "d4"]);
    for number in [running, latest, older] {
        assert_eq!(sim.complete(number), End::Settled);
    }
}

#[test]
fn the_latest_push_wins_in_development() {
    let mut sim = Sim::new();
    for _ in 0..5 {
        let release = sim.cut(&[]);
        sim.push(DEVELOPMENT, release).unwrap();
    }
    let open: Vec<_> = sim.state.open().map(|d| d.number).collect();
    assert_eq!(numbers(&open), ["d5"]);
    assert_eq!(sim.complete(open[0]), End::Settled);
    // A branch that is moved back gets what it points to.
    let older = crate::names::ReleaseNumber(2);
    let number = sim.push(DEVELOPMENT, older).unwrap();
    assert_eq!(sim.complete(number), End::Settled);
    assert_eq!(sim.live(DEVELOPMENT), Some(older));
}

#[test]
fn what_a_person_asks_for_goes_before_what_only_follows_a_branch() {
    let mut sim = Sim::new();
    let releases = [(); 3].map(|()| sim.cut(&[]));
    let running = sim.push(STAGING, releases[0]).unwrap();
    sim.run_to(running, "test-1");
    sim.push(STAGING, releases[2]).unwrap();
    sim.deploy(&dana(), STAGING, releases[1]).unwrap();
    assert_eq!(numbers(&sim.env(STAGING).queue), ["d3", "d2"]);
}

#[test]
fn a_release_that_is_on_its_way_is_not_deployed_twice() {
    let mut sim = Sim::new();
    let release = sim.cut(&[]);
    let number = sim.push(STAGING, release).unwrap();
    let refusal = sim.push(STAGING, release).unwrap_err();
    assert_eq!(refusal.to_string(), "v1 is on its way (d1) in staging");
    sim.run(number);
    assert_eq!(
        sim.push(STAGING, release).unwrap_err().code(),
        "path::already-there"
    );
    sim.complete(number);
    let refusal = sim.push(STAGING, release).unwrap_err();
    assert_eq!(refusal.to_string(), "v1 is live in staging");

    // A person may have reasons to put it there again.
    let again = sim.deploy(&dana(), STAGING, release).unwrap();
    assert_eq!(sim.deployment(again).plan.kind, Kind::Redeploy);
    assert_eq!(sim.complete(again), End::Settled);
}

#[test]
fn a_push_of_what_is_live_but_not_verified_tries_again() {
    let mut sim = Sim::new();
    let release = sim.cut(&[]);
    let number = sim.push(STAGING, release).unwrap();
    sim.fail_at(number, "test-1");
    assert_eq!(sim.live(STAGING), Some(release));
    let again = sim.push(STAGING, release).unwrap();
    assert_eq!(sim.complete(again), End::Settled);
}

#[test]
fn an_environment_without_services_is_settled_by_what_its_steps_did() {
    let mut sim = Sim::new();
    sim.manifest.services.clear();
    environment(&mut sim.manifest, PRODUCTION).smoke.clear();
    let release = sim.cut(&[migration(1, Contract::Expand)]);
    sim.ship(release);
    assert_eq!(sim.live(PRODUCTION), Some(release));
    let failing = sim.cut(&[
        migration(1, Contract::Expand),
        migration(2, Contract::Expand),
    ]);
    let staging = sim.deploy(&dana(), STAGING, failing).unwrap();
    sim.complete(staging);
    let number = sim.deploy(&olga(), PRODUCTION, failing).unwrap();
    assert_eq!(sim.deployment(number).plan.on_failure, OnFailure::Rollback);
    sim.fail_at(number, "watch");
    assert_eq!(sim.end(number), Some(End::Failed));
    assert_eq!(sim.live(PRODUCTION), Some(release));
}

#[test]
fn environments_do_not_wait_for_each_other() {
    let mut sim = Sim::new();
    let release = sim.cut(&[]);
    let [one, two] = [DEVELOPMENT, STAGING].map(|name| sim.deploy(&dana(), name, release).unwrap());
    sim.run_to(one, "switch");
    sim.run_to(two, "switch");
    assert_eq!(sim.complete(two), End::Settled);
    assert_eq!(sim.complete(one), End::Settled);
}

#[test]
fn a_release_is_refused_where_it_was_not_verified_before() {
    let mut sim = Sim::new();
    let release = sim.cut(&[]);
    let number = sim.deploy(&olga(), PRODUCTION, release).unwrap();
    let events = sim.advance(number);
    assert_eq!(events.len(), 2);
    assert_eq!(sim.end(number), Some(End::Refused));
    assert_eq!(
        sim.why(number),
        "v1 (commit 0000000000) is not verified in staging; let it pass staging first, then `towpath promote staging`"
    );
    assert_eq!(sim.env(PRODUCTION).queue, []);
    // What was refused is asked for again once the way is open.
    let staging = sim.deploy(&dana(), STAGING, release).unwrap();
    sim.complete(staging);
    let number = sim.deploy(&olga(), PRODUCTION, release).unwrap();
    assert_eq!(sim.complete(number), End::Settled);
}
