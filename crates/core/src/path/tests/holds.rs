//! Locks, holds and freezes.

use super::{sim::Sim, world::*};
use crate::path::*;

fn lock(sim: &mut Sim, actor: &Actor, name: &str, lasting: u64) -> Result<Events, Refusal> {
    let command = Command::Lock {
        policy: sim.policy(name),
        reason: "a demonstration".into(),
        lasting: seconds(lasting),
    };
    sim.command(actor, command)
}

fn unlock(sim: &mut Sim, actor: &Actor, name: &str) -> Result<Events, Refusal> {
    let policy = sim.policy(name);
    sim.command(actor, Command::Unlock { policy })
}

#[test]
fn a_lock_keeps_others_out_until_it_expires() {
    let mut sim = Sim::new();
    lock(&mut sim, &quinn(), STAGING, 3600).unwrap();
    let release = sim.cut(&[]);
    let number = sim.deploy(&dana(), STAGING, release).unwrap();
    assert!(sim.advance(number).is_empty());
    let waiting = sim.waits(number);
    assert_eq!(
        waiting.reason,
        "the lock of quinn@acme.test: a demonstration"
    );
    assert_eq!(waiting.until, Some(NOON + seconds(3600)));

    sim.now = NOON + seconds(3599);
    assert!(sim.advance(number).is_empty());
    sim.now = NOON + seconds(3600);
    assert_eq!(sim.complete(number), End::Settled);
}

#[test]
fn a_locks_owner_deploys_and_extends_it_and_others_take_it_away() {
    let mut sim = Sim::new();
    lock(&mut sim, &quinn(), STAGING, 60).unwrap();
    lock(&mut sim, &quinn(), STAGING, 3600).unwrap();
    let refusal = lock(&mut sim, &dana(), STAGING, 60).unwrap_err();
    assert_eq!(refusal.code(), "path::locked");
    let release = sim.cut(&[]);
    let number = sim.deploy(&quinn(), STAGING, release).unwrap();
    assert_eq!(sim.complete(number), End::Settled);
    unlock(&mut sim, &dana(), STAGING).unwrap();
    assert_eq!(
        unlock(&mut sim, &dana(), STAGING).unwrap_err().code(),
        "path::nothing-to-release"
    );
}

#[test]
fn a_locks_owner_is_not_kept_out_by_those_whom_the_lock_keeps_out() {
    let mut sim = Sim::new();
    let [one, two] = [sim.cut(&[]), sim.cut(&[])];
    lock(&mut sim, &quinn(), STAGING, 3600).unwrap();
    let theirs = sim.deploy(&dana(), STAGING, two).unwrap();
    let own = sim.deploy(&quinn(), STAGING, one).unwrap();
    assert_eq!(sim.complete(own), End::Settled);
    assert!(sim.waits(theirs).reason.contains("the lock of quinn"));
    sim.now = NOON + seconds(3600);
    assert_eq!(sim.complete(theirs), End::Settled);
}

#[test]
fn a_lock_lasts_from_a_second_to_thirty_days_and_has_a_reason() {
    let mut sim = Sim::new();
    for lasting in [0, 30 * 24 * 3600 + 1] {
        assert_eq!(
            lock(&mut sim, &dana(), STAGING, lasting),
            Err(Refusal::BadLock)
        );
    }
    let command = Command::Lock {
        policy: sim.policy(STAGING),
        reason: "\t".into(),
        lasting: seconds(60),
    };
    assert_eq!(sim.command(&dana(), command), Err(Refusal::NoReason));
}

#[test]
fn after_a_rollback_nothing_automatic_happens_until_a_person_says_so() {
    let mut sim = Sim::new();
    for _ in 0..2 {
        let release = sim.cut(&[]);
        sim.ship(release);
    }
    let rollback = sim.rollback(&olga(), PRODUCTION).unwrap();
    sim.complete(rollback);
    let hold = sim.env(PRODUCTION).hold.unwrap();
    assert_eq!(hold.by, "towpath");
    assert_eq!(hold.reason, "d5 rolled it back to v1");

    let third = sim.cut(&[]);
    let staging = sim.deploy(&dana(), STAGING, third).unwrap();
    sim.complete(staging);
    let pushed = sim.push(PRODUCTION, third).unwrap();
    assert!(sim.advance(pushed).is_empty());
    let waiting = sim.waits(pushed);
    assert!(
        waiting.reason.contains("the hold by towpath"),
        "{waiting:?}"
    );
    assert_eq!(waiting.who.unwrap(), "operator (olga@acme.test)");

    let policy = sim.policy(PRODUCTION);
    sim.command(&olga(), Command::ReleaseHold { policy })
        .unwrap();
    assert_eq!(sim.complete(pushed), End::Settled);
}

#[test]
fn a_person_passes_a_hold_and_releases_it() {
    let mut sim = Sim::new();
    let command = Command::Hold {
        policy: sim.policy(STAGING),
        reason: "the tests are flaky".into(),
    };
    sim.command(&dana(), command).unwrap();
    let [one, two] = [sim.cut(&[]), sim.cut(&[])];
    let pushed = sim.push(STAGING, two).unwrap();
    let asked_for = sim.deploy(&quinn(), STAGING, one).unwrap();
    sim.run_to(asked_for, "test-1");
    assert_eq!(sim.env(STAGING).hold, None);
    assert_eq!(sim.complete(asked_for), End::Settled);
    assert_eq!(sim.complete(pushed), End::Settled);
}

#[test]
fn a_hold_is_released_once() {
    let mut sim = Sim::new();
    let policy = sim.policy(STAGING);
    let refusal = sim
        .command(&dana(), Command::ReleaseHold { policy })
        .unwrap_err();
    assert_eq!(refusal.code(), "path::nothing-to-release");
}

#[test]
fn a_release_cannot_drop_a_freeze_that_is_in_force() {
    let mut sim = Sim::new();
    sim.manifest.freezes = vec![freeze()];
    let first = sim.cut(&[]);
    sim.ship(first);
    sim.manifest.freezes.clear();
    let second = sim.cut(&[]);
    let staging = sim.deploy(&dana(), STAGING, second).unwrap();
    sim.complete(staging);
    sim.now = at("2026-11-21T12:00:00Z");
    let number = sim.deploy(&olga(), PRODUCTION, second).unwrap();
    assert!(sim.advance(number).is_empty());
    assert_eq!(sim.waits(number).until, Some(at("2026-11-22T18:00:00Z")));
    sim.now = at("2026-11-22T18:00:00Z");
    assert_eq!(sim.complete(number), End::Settled);
}

#[test]
fn a_release_cannot_drop_what_has_to_come_before() {
    let mut sim = Sim::new();
    let first = sim.cut(&[]);
    sim.ship(first);
    environment(&mut sim.manifest, PRODUCTION).after.clear();
    let second = sim.cut(&[]);
    let number = sim.deploy(&olga(), PRODUCTION, second).unwrap();
    sim.advance(number);
    assert_eq!(sim.end(number), Some(End::Refused));
}

#[test]
fn a_freeze_or_a_lock_does_not_stop_a_rollback() {
    let mut sim = Sim::new();
    sim.manifest.freezes = vec![freeze()];
    for _ in 0..2 {
        let release = sim.cut(&[]);
        sim.ship(release);
    }
    sim.now = at("2026-11-21T00:00:00Z");
    let policy = sim.policy(PRODUCTION);
    let command = Command::Lock {
        policy,
        reason: "an audit".into(),
        lasting: seconds(3600),
    };
    sim.command(&olga(), command).unwrap();
    let rollback = sim.rollback(&olga(), PRODUCTION).unwrap();
    assert_eq!(sim.complete(rollback), End::Settled);
}
