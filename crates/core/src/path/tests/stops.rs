//! Stopping: a cancel in each state, and a veto.

use super::{play::failed, sim::Sim, world::*};
use crate::{names::DeploymentNumber, path::*};

fn at_step(name: &str, id: &str) -> (Sim, DeploymentNumber) {
    let mut sim = Sim::new();
    let release = sim.cut(&[]);
    let number = sim.deploy(&dana(), name, release).unwrap();
    sim.run_to(number, id);
    (sim, number)
}

#[test]
fn a_queued_deployment_is_cancelled_at_once() {
    let (mut sim, running) = at_step(STAGING, "test-1");
    let release = sim.cut(&[]);
    let queued = sim.push(STAGING, release).unwrap();
    sim.cancel(&dana(), queued).unwrap();
    assert_eq!(
        sim.next(queued),
        Next::Advance,
        "it need not wait for its turn"
    );
    sim.advance(queued);
    assert_eq!(sim.end(queued), Some(End::Cancelled));
    assert!(
        sim.why(queued)
            .contains("dana@acme.test: changed our minds")
    );
    assert_eq!(sim.complete(running), End::Settled);
}

#[test]
fn a_cancel_before_anything_started_just_ends() {
    let (mut sim, number) = at_step(DEVELOPMENT, "configure");
    sim.cancel(&dana(), number).unwrap();
    assert!(matches!(
        sim.next(number),
        Next::Abort { step: Some(1), .. }
    ));
    sim.run(number);
    assert_eq!(sim.end(number), Some(End::Cancelled));
    assert_eq!(sim.deployment(number).undo, None);
    assert_eq!(sim.live(DEVELOPMENT), None);
}

#[test]
fn a_cancel_before_the_switch_removes_the_instances() {
    let (mut sim, number) = at_step(DEVELOPMENT, "switch");
    sim.cancel(&dana(), number).unwrap();
    sim.run(number);
    assert_eq!(sim.end(number), Some(End::Cancelled));
    assert_eq!(sim.deployment(number).undo, Some(Undo::Discard));
    assert_eq!(sim.deployment(number).discard.len(), 1);
}

#[test]
fn a_switch_that_passes_although_it_was_cancelled_counts() {
    let (mut sim, number) = at_step(DEVELOPMENT, "switch");
    sim.cancel(&dana(), number).unwrap();
    sim.pass(number);
    assert_eq!(sim.end(number), Some(End::Cancelled));
    assert_eq!(
        sim.live(DEVELOPMENT).unwrap(),
        sim.deployment(number).plan.release
    );
    assert!(
        sim.deployment(number).discard.is_empty(),
        "what has the traffic stays"
    );
}

#[test]
fn a_cancel_after_the_switch_leaves_things_as_they_are_or_rolls_back() {
    let (mut sim, number) = at_step(STAGING, "test-1");
    sim.cancel(&dana(), number).unwrap();
    sim.run(number);
    assert_eq!(sim.end(number), Some(End::Cancelled));
    assert!(sim.live(STAGING).is_some());

    let mut sim = Sim::new();
    let first = sim.cut(&[]);
    sim.ship(first);
    let second = sim.cut(&[]);
    let staging = sim.deploy(&dana(), STAGING, second).unwrap();
    sim.complete(staging);
    let number = sim.deploy(&olga(), PRODUCTION, second).unwrap();
    sim.run_to(number, "watch");
    sim.cancel(&olga(), number).unwrap();
    sim.run(number);
    let rollback = sim.env(PRODUCTION).last.unwrap();
    assert_eq!(sim.complete(rollback), End::Settled);
    assert_eq!(sim.end(number), Some(End::RolledBack));
    assert_eq!(sim.live(PRODUCTION), Some(first));
}

#[test]
fn a_cancel_ends_the_wait_for_a_signature() {
    let (mut sim, number) = at_step(STAGING, "test-1");
    sim.run(number);
    assert!(sim.deployment(number).asked.is_some());
    sim.cancel(&dana(), number).unwrap();
    assert_eq!(sim.next(number), Next::Advance);
    sim.advance(number);
    assert_eq!(sim.end(number), Some(End::Cancelled));
    assert_eq!(
        sim.sign(&quinn(), number, "qa").unwrap_err().code(),
        "path::not-now"
    );
}

#[test]
fn a_cancel_ends_the_wait_for_another_try_and_for_a_gate() {
    let (mut sim, number) = at_step(DEVELOPMENT, "configure");
    sim.finish(number, super::play::errored("busy"));
    sim.cancel(&dana(), number).unwrap();
    sim.advance(number);
    assert_eq!(sim.end(number), Some(End::Cancelled));

    let (mut sim, number) = at_step(DEVELOPMENT, "build");
    let policy = sim.policy(DEVELOPMENT);
    sim.manifest
        .roles
        .get_mut(&role("developer"))
        .unwrap()
        .members
        .push("lee@acme.test".into());
    let command = Command::Lock {
        policy: sim.policy(DEVELOPMENT),
        reason: "a demonstration".into(),
        lasting: seconds(3600),
    };
    sim.command(&lee(), command).unwrap();
    assert_ne!(policy, sim.policy(DEVELOPMENT));
    sim.pass(number);
    assert!(sim.waits(number).reason.contains("a demonstration"));
    sim.cancel(&dana(), number).unwrap();
    sim.advance(number);
    assert_eq!(sim.end(number), Some(End::Cancelled));
}

#[test]
fn what_is_being_taken_back_or_has_ended_is_not_cancelled() {
    let (mut sim, number) = at_step(DEVELOPMENT, "start-web");
    sim.finish(number, failed("no"));
    let refusal = sim.cancel(&dana(), number).unwrap_err();
    assert!(
        refusal.to_string().contains("being taken back"),
        "{refusal}"
    );
    sim.complete(number);
    let refusal = sim.cancel(&dana(), number).unwrap_err();
    assert!(refusal.to_string().contains("has ended"), "{refusal}");
}

#[test]
fn a_cancel_is_asked_for_once_and_with_a_reason() {
    let (mut sim, number) = at_step(DEVELOPMENT, "start-web");
    let reason = "  ".into();
    let command = Command::Cancel {
        deployment: number,
        reason,
    };
    assert_eq!(sim.command(&dana(), command), Err(Refusal::NoReason));
    sim.cancel(&dana(), number).unwrap();
    let refusal = sim.cancel(&dana(), number).unwrap_err();
    assert!(refusal.to_string().contains("already"), "{refusal}");
}

#[test]
fn a_rollback_that_is_cancelled_leaves_the_undoing_to_a_person() {
    let mut sim = Sim::new();
    let first = sim.cut(&[]);
    sim.ship(first);
    let second = sim.cut(&[]);
    let staging = sim.deploy(&dana(), STAGING, second).unwrap();
    sim.complete(staging);
    let number = sim.deploy(&olga(), PRODUCTION, second).unwrap();
    sim.fail_at(number, "smoke-1");
    let rollback = sim.env(PRODUCTION).last.unwrap();
    sim.cancel(&olga(), rollback).unwrap();
    sim.run(rollback);
    assert_eq!(sim.end(rollback), Some(End::Cancelled));
    assert_eq!(sim.end(number), Some(End::UndoFailed));
    assert!(sim.env(PRODUCTION).hold.is_some());
    assert_eq!(sim.env(PRODUCTION).active, None);
}

#[test]
fn a_veto_stops_whatever_is_in_flight_everywhere() {
    let mut sim = Sim::new();
    let first = sim.cut(&[]);
    sim.ship(first);
    let second = sim.cut(&[]);
    let staging = sim.deploy(&dana(), STAGING, second).unwrap();
    sim.complete(staging);
    let production = sim.deploy(&olga(), PRODUCTION, second).unwrap();
    sim.run_to(production, "watch");
    let development = sim.deploy(&dana(), DEVELOPMENT, second).unwrap();
    sim.run_to(development, "start-web");
    let third = sim.cut(&[]);
    let other = sim.deploy(&dana(), STAGING, third).unwrap();

    sim.veto(&olga(), second).unwrap();
    sim.run(development);
    assert_eq!(sim.end(development), Some(End::Cancelled));
    sim.run(production);
    let rollback = sim.env(PRODUCTION).last.unwrap();
    assert_eq!(sim.complete(rollback), End::Settled);
    assert_eq!(sim.end(production), Some(End::RolledBack));
    assert_eq!(sim.complete(other), End::Settled);

    for name in [DEVELOPMENT, STAGING, PRODUCTION] {
        let by = if name == PRODUCTION { olga() } else { dana() };
        assert_eq!(
            sim.deploy(&by, name, second).unwrap_err().code(),
            "path::vetoed"
        );
    }
    assert_eq!(
        sim.veto(&olga(), second).unwrap_err().code(),
        "path::vetoed"
    );
}

#[test]
fn a_veto_of_what_is_being_returned_to_stops_the_return() {
    let mut sim = Sim::new();
    let [first, second] = [(); 2].map(|()| {
        let release = sim.cut(&[]);
        sim.ship(release);
        release
    });
    let rollback = sim.rollback(&olga(), PRODUCTION).unwrap();
    sim.run_to(rollback, "start-web");
    sim.veto(&olga(), first).unwrap();
    sim.run(rollback);
    assert_eq!(sim.end(rollback), Some(End::Cancelled));
    assert_eq!(sim.live(PRODUCTION), Some(second));
}
