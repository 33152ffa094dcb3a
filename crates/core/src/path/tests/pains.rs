//! The pains of this field that must not recur, one test each (those of signatures, rights and locks have their files).

use super::{
    play::{errored, failed, requested},
    sim::Sim,
    world::*,
};
use crate::path::*;

#[test]
fn a_release_travels_to_production() {
    let mut sim = Sim::new();
    for n in 1..=3 {
        let release = sim.cut(&[migration(1, Contract::Expand)]);
        sim.ship(release);
        assert_eq!(sim.live(PRODUCTION), Some(release));
        assert_eq!(sim.env(PRODUCTION).verified.len(), n);
    }
    assert_eq!(
        sim.env(PRODUCTION)
            .previous
            .unwrap()
            .standing
            .release
            .to_string(),
        "v2"
    );
    sim.replay();
}

#[test]
fn a_freeze_is_checked_again_before_the_first_effect() {
    let mut sim = Sim::new();
    sim.manifest.freezes = vec![freeze()];
    let release = sim.cut(&[]);
    let staging = sim.deploy(&dana(), STAGING, release).unwrap();
    sim.complete(staging);
    let number = sim.deploy(&olga(), PRODUCTION, release).unwrap();
    sim.run_to(number, "build");
    // The build began before the freeze, and ends within it.
    sim.now = at("2026-11-20T18:30:00Z");
    sim.pass(number);
    assert_eq!(sim.deployment(number).status, Status::Running);
    let waiting = sim.waits(number);
    assert!(waiting.reason.contains("weekend"), "{waiting:?}");
    assert_eq!(waiting.until, Some(at("2026-11-22T18:00:00Z")));
    assert!(!sim.deployment(number).has_effects());

    sim.now = at("2026-11-22T18:00:00Z");
    assert_eq!(sim.complete(number), End::Settled);
}

#[test]
fn a_freeze_is_checked_again_when_a_retry_builds_again() {
    let mut sim = Sim::new();
    sim.manifest.freezes = vec![freeze()];
    let release = sim.cut(&[]);
    let staging = sim.deploy(&dana(), STAGING, release).unwrap();
    sim.complete(staging);
    let number = sim.deploy(&olga(), PRODUCTION, release).unwrap();
    sim.fail_at(number, "configure");
    sim.retry(&olga(), number, Some("build")).unwrap();
    sim.run_to(number, "build");
    sim.now = at("2026-11-20T18:30:00Z");
    sim.pass(number);
    assert!(sim.waits(number).reason.contains("weekend"));
}

#[test]
fn a_veto_during_the_build_is_seen_before_the_first_effect() {
    let mut sim = Sim::new();
    let release = sim.cut(&[]);
    let number = sim.deploy(&dana(), DEVELOPMENT, release).unwrap();
    sim.run_to(number, "build");
    sim.veto(&olga(), release).unwrap();
    sim.run(number);
    assert_eq!(sim.end(number), Some(End::Cancelled));
    assert!(!sim.deployment(number).has_effects());
}

#[test]
fn a_failed_reverification_revokes() {
    let mut sim = Sim::new();
    let release = sim.cut(&[]);
    let first = sim.deploy(&quinn(), STAGING, release).unwrap();
    sim.complete(first);
    assert!(sim.is_verified(release, STAGING));

    let again = sim.deploy(&quinn(), STAGING, release).unwrap();
    assert_eq!(sim.deployment(again).plan.kind, Kind::Redeploy);
    sim.fail_at(again, "test-1");
    assert_eq!(sim.end(again), Some(End::Failed));
    assert!(!sim.is_verified(release, STAGING));

    let number = sim.deploy(&olga(), PRODUCTION, release).unwrap();
    sim.advance(number);
    assert_eq!(sim.end(number), Some(End::Refused));
    assert!(
        sim.why(number).contains("not verified in staging"),
        "{}",
        sim.why(number)
    );
}

#[test]
fn a_reverification_that_could_not_say_revokes_nothing() {
    let mut sim = Sim::new();
    let release = sim.cut(&[]);
    let first = sim.deploy(&quinn(), STAGING, release).unwrap();
    sim.complete(first);
    let again = sim.deploy(&quinn(), STAGING, release).unwrap();
    sim.run_to(again, "test-1");
    let outcome = Outcome::Errored {
        cause: "no such host".into(),
        transient: false,
    };
    sim.finish(again, outcome);
    assert_eq!(sim.end(again), Some(End::Errored));
    assert!(sim.is_verified(release, STAGING));
}

#[test]
fn a_retry_continues_the_same_deployment_and_keeps_the_cause() {
    let mut sim = Sim::new();
    let release = sim.cut(&[migration(1, Contract::Expand)]);
    let number = sim.deploy(&quinn(), STAGING, release).unwrap();
    sim.run_to(number, "test-1");
    sim.finish(number, failed("3 of 40 tests failed"));
    assert_eq!(sim.end(number), Some(End::Failed));
    assert_eq!(sim.why(number), "test-1: 3 of 40 tests failed");

    sim.retry(&quinn(), number, None).unwrap();
    assert_eq!(
        sim.advance(number).len(),
        2,
        "admitted, and at the test at once"
    );
    assert_eq!(sim.step(number), "test-1");
    let index = sim.deployment(number).cursor();
    let attempts = &sim.deployment(number).steps[index].attempts;
    assert_eq!(attempts.len(), 2);
    assert_eq!(attempts[0].outcome, Some(failed("3 of 40 tests failed")));
    assert_ne!(attempts[0].key, attempts[1].key);
    for run in &sim.deployment(number).steps[..index] {
        assert_eq!(run.attempts.len(), 1, "what had passed is not done again");
    }
    assert_eq!(sim.complete(number), End::Settled);
    assert_eq!(sim.state.last_deployment, number.0);
}

#[test]
fn absolute_deadlines_survive_retries_and_restarts() {
    let mut sim = Sim::new();
    let release = sim.cut(&[]);
    let number = sim.deploy(&dana(), DEVELOPMENT, release).unwrap();
    sim.run_to(number, "start-web");
    let deadline = sim.deployment(number).attempt().unwrap().deadline;
    sim.now = sim.now + seconds(10);
    sim.finish(number, errored("the target does not answer"));
    sim.now = sim.now + seconds(1);
    sim.advance(number);
    let attempt = sim.deployment(number).attempt().unwrap();
    assert_eq!((attempt.number, attempt.deadline), (2, deadline));
    sim.replay();
}

#[test]
fn a_deadline_that_passes_keeps_the_last_real_cause() {
    let mut sim = Sim::new();
    let release = sim.cut(&[]);
    let number = sim.deploy(&dana(), DEVELOPMENT, release).unwrap();
    sim.run_to(number, "configure");
    sim.finish(number, errored("the key service does not answer"));
    // Nobody was there to try again in time.
    sim.now = sim.now + seconds(3600);
    sim.advance(number);
    assert_eq!(sim.end(number), Some(End::Errored));
    assert_eq!(
        sim.why(number),
        "configure: the key service does not answer"
    );
}

#[test]
fn a_key_is_durable_before_its_effect_and_names_one_try_for_good() {
    let mut sim = Sim::new();
    let release = sim.cut(&[]);
    let number = sim.deploy(&dana(), DEVELOPMENT, release).unwrap();
    sim.run_to(number, "switch");
    // Asking again, as after a restart, starts nothing anew.
    assert!(sim.advance(number).is_empty());
    let Next::Perform { key, .. } = sim.next(number) else {
        panic!("it is performed");
    };
    let late = Command::EndAttempt {
        deployment: number,
        key: format!("{key}x"),
        outcome: failed("somebody else's word"),
    };
    let refusal = sim.command(&towpath(), late).unwrap_err();
    assert_eq!(refusal.code(), "path::stale");
}

#[test]
fn a_lost_event_is_found_again_by_a_scan() {
    let mut sim = Sim::new();
    let release = sim.cut(&[]);
    let number = sim.deploy(&dana(), DEVELOPMENT, release).unwrap();
    sim.run_to(number, "start-web");
    let key = sim.deployment(number).attempt().unwrap().key.clone();
    let command = Command::EndAttempt {
        deployment: number,
        key,
        outcome: failed("it never became healthy"),
    };
    // The end is written, and whoever wrote it is killed before anything follows.
    sim.command(&towpath(), command).unwrap();
    assert_eq!(sim.next(number), Next::Advance);
    assert_eq!(sim.run(number), Next::Done);
    assert_eq!(sim.end(number), Some(End::Failed));
}

#[test]
fn configuration_is_undone_with_code() {
    let mut sim = Sim::new();
    let first = sim.cut(&[]);
    sim.ship(first);
    let config = sim.env(PRODUCTION).live.unwrap().config;
    let second = sim.cut(&[]);
    sim.ship(second);
    assert_ne!(sim.env(PRODUCTION).live.unwrap().config, config);

    let rollback = sim.rollback(&olga(), PRODUCTION).unwrap();
    let like = &sim.deployment(rollback).plan.steps[0].action;
    assert_eq!(*like, Action::Configure { like: config });
    assert_eq!(sim.complete(rollback), End::Settled);
    assert_eq!(sim.env(PRODUCTION).live.unwrap().config, config);
}

#[test]
fn the_way_back_is_a_deployment_like_any_other() {
    let mut sim = Sim::new();
    let first = sim.cut(&[]);
    sim.ship(first);
    let second = sim.cut(&[]);
    sim.ship(second);
    let rollback = sim.rollback(&olga(), PRODUCTION).unwrap();
    let steps = &sim.deployment(rollback).plan.steps;
    let ids: Vec<&str> = steps.iter().map(|s| s.id.as_str()).collect();
    assert_eq!(
        ids,
        ["configure", "start-web", "switch", "smoke-1", "settle"]
    );
    let Action::Start { reuse, .. } = &steps[1].action else {
        panic!("it starts the service");
    };
    assert_eq!(reuse[0].to_string(), "production.web.v1.d2.1");
}

#[test]
fn every_wait_is_named() {
    let mut sim = Sim::new();
    let release = sim.cut(&[]);
    let staging = sim.deploy(&quinn(), STAGING, release).unwrap();
    sim.run(staging);
    let waiting = sim.waits(staging);
    assert_eq!(waiting.reason, "the signature \"qa\"");
    assert_eq!(waiting.who.unwrap(), "qa (quinn@acme.test, max@acme.test)");
    assert!(waiting.until.is_some());

    let newer = sim.cut(&[]);
    let queued = sim.push(STAGING, newer).unwrap();
    assert_eq!(
        sim.waits(queued).reason,
        format!("{staging}, which has staging")
    );
}

#[test]
fn the_same_source_is_the_same_release() {
    let mut sim = Sim::new();
    let release = sim.cut(&[]);
    let source = Box::new(sim.release(release).source.clone());
    let again = sim.command(&towpath(), Command::Cut { source }).unwrap();
    assert!(again.is_empty());
    assert_eq!(requested(&again), None);

    // Built once: what a second build makes is not this release.
    let number = sim.deploy(&dana(), DEVELOPMENT, release).unwrap();
    sim.complete(number);
    let digest = sim.release(release).digest();
    let made = Ok(Default::default());
    let events = sim
        .command(&towpath(), Command::RecordBuild { release, made })
        .unwrap();
    assert!(events.is_empty());
    assert_eq!(sim.release(release).digest(), digest);
}
