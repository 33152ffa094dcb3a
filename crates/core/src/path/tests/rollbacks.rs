//! The way back: by itself when something fails after the switch, and when a person asks.

use super::{play::failed, sim::Sim, world::*};
use crate::path::*;

/// `n` releases went all the way; each brought nothing that others cannot live with.
fn shipped(n: u32) -> (Sim, Vec<crate::names::ReleaseNumber>) {
    let mut sim = Sim::new();
    let releases = (0..n)
        .map(|_| {
            let release = sim.cut(&[]);
            sim.ship(release);
            release
        })
        .collect();
    (sim, releases)
}

/// A release that is verified in staging.
fn promoted(sim: &mut Sim, migrations: &[Migration]) -> crate::names::ReleaseNumber {
    let release = sim.cut(migrations);
    let staging = sim.deploy(&quinn(), STAGING, release).unwrap();
    assert_eq!(sim.complete(staging), End::Settled);
    release
}

#[test]
fn what_fails_before_the_switch_goes_and_nobody_notices() {
    let (mut sim, releases) = shipped(1);
    let second = promoted(&mut sim, &[]);
    let number = sim.deploy(&olga(), PRODUCTION, second).unwrap();
    sim.fail_at(number, "start-web");
    assert_eq!(sim.deployment(number).undo, Some(Undo::Discard));
    let Next::Perform {
        step: None, key, ..
    } = sim.next(number)
    else {
        panic!("its instances are removed");
    };
    assert_eq!(key, format!("{number}.discard.1"));
    assert_eq!(sim.complete(number), End::Failed);
    assert_eq!(sim.live(PRODUCTION), Some(releases[0]));
    assert_eq!(sim.env(PRODUCTION).hold, None);
}

#[test]
fn what_fails_before_anything_started_just_ends() {
    let (mut sim, _) = shipped(1);
    let second = promoted(&mut sim, &[]);
    let number = sim.deploy(&olga(), PRODUCTION, second).unwrap();
    sim.fail_at(number, "configure");
    assert_eq!(sim.end(number), Some(End::Failed));
    assert!(sim.deployment(number).discard.is_empty());
}

#[test]
fn what_fails_after_the_switch_is_rolled_back_by_another_deployment() {
    let (mut sim, releases) = shipped(1);
    let second = promoted(&mut sim, &[]);
    let number = sim.deploy(&olga(), PRODUCTION, second).unwrap();
    sim.run_to(number, "watch");
    assert_eq!(sim.live(PRODUCTION), Some(second));
    sim.finish(number, failed("GET / failed 3 times in a row"));
    assert_eq!(sim.deployment(number).status, Status::Undoing);
    let Some(Undo::Rollback {
        deployment: rollback,
        to,
    }) = sim.deployment(number).undo
    else {
        panic!("it is rolled back");
    };
    assert_eq!(to, releases[0]);
    assert!(sim.waits(number).reason.contains(&rollback.to_string()));

    assert_eq!(sim.complete(rollback), End::Settled);
    assert_eq!(sim.end(number), Some(End::RolledBack));
    assert_eq!(sim.why(number), "watch: GET / failed 3 times in a row");
    assert_eq!(sim.live(PRODUCTION), Some(releases[0]));
    assert!(!sim.is_verified(second, PRODUCTION));
    assert!(sim.is_verified(releases[0], PRODUCTION));
    // What failed is of no use warm.
    assert_eq!(sim.env(PRODUCTION).previous, None);
    sim.replay();
}

#[test]
fn an_older_release_that_fails_gives_way_to_what_was_there_before_it() {
    let (mut sim, releases) = shipped(3);
    let number = sim.deploy(&olga(), PRODUCTION, releases[1]).unwrap();
    sim.fail_at(number, "smoke-1");
    let Some(Undo::Rollback { deployment, to }) = sim.deployment(number).undo else {
        panic!("it is rolled back");
    };
    assert_eq!(to, releases[2], "v3 was live, not v1");
    sim.complete(deployment);
    assert_eq!(sim.live(PRODUCTION), Some(releases[2]));
}

#[test]
fn a_redeployment_that_fails_goes_back_to_the_release_before() {
    let (mut sim, releases) = shipped(2);
    let number = sim.deploy(&olga(), PRODUCTION, releases[1]).unwrap();
    sim.fail_at(number, "smoke-1");
    let Some(Undo::Rollback { deployment, to }) = sim.deployment(number).undo else {
        panic!("it is rolled back");
    };
    assert_eq!(to, releases[0]);
    sim.complete(deployment);
    assert_eq!(sim.end(number), Some(End::RolledBack));
}

#[test]
fn the_first_deployment_has_nothing_to_return_to() {
    let mut sim = Sim::new();
    let release = promoted(&mut sim, &[]);
    let number = sim.deploy(&olga(), PRODUCTION, release).unwrap();
    sim.fail_at(number, "smoke-1");
    assert_eq!(sim.end(number), Some(End::Failed));
    assert!(sim.why(number).contains("no verified release from before"));
    assert!(sim.env(PRODUCTION).hold.is_some());
}

#[test]
fn a_rollback_goes_from_v3_to_v2_to_v1_and_then_nowhere() {
    let (mut sim, releases) = shipped(3);
    for target in [releases[1], releases[0]] {
        let rollback = sim.rollback(&olga(), PRODUCTION).unwrap();
        assert_eq!(sim.deployment(rollback).plan.release, target);
        assert_eq!(sim.complete(rollback), End::Settled);
        assert_eq!(sim.live(PRODUCTION), Some(target));
    }
    let refusal = sim.rollback(&olga(), PRODUCTION).unwrap_err();
    assert_eq!(refusal.code(), "path::cannot-return");
}

#[test]
fn what_a_person_left_by_rolling_back_stays_warm_but_is_no_target() {
    let (mut sim, releases) = shipped(3);
    let rollback = sim.rollback(&olga(), PRODUCTION).unwrap();
    sim.complete(rollback);
    let previous = sim.env(PRODUCTION).previous.unwrap();
    assert_eq!(previous.standing.release, releases[2]);
    let verified: Vec<_> = sim
        .env(PRODUCTION)
        .verified
        .iter()
        .map(|s| s.release)
        .collect();
    assert_eq!(verified, releases[..2]);
}

#[test]
fn a_rollback_that_fails_is_never_rolled_back() {
    let (mut sim, releases) = shipped(3);
    let rollback = sim.rollback(&olga(), PRODUCTION).unwrap();
    sim.fail_at(rollback, "smoke-1");
    assert_eq!(sim.end(rollback), Some(End::Failed));
    assert_eq!(sim.deployment(rollback).undo, None);
    assert_eq!(sim.live(PRODUCTION), Some(releases[1]));
    assert!(sim.env(PRODUCTION).hold.is_some());
    // The next one goes further back, not forward to what was left.
    let further = sim.rollback(&olga(), PRODUCTION).unwrap();
    assert_eq!(sim.deployment(further).plan.release, releases[0]);
}

#[test]
fn a_rollback_that_could_not_say_does_not_lead_forward_either() {
    let (mut sim, releases) = shipped(3);
    let rollback = sim.rollback(&olga(), PRODUCTION).unwrap();
    sim.run_to(rollback, "smoke-1");
    let outcome = Outcome::Inconclusive { why: "odd".into() };
    sim.finish(rollback, outcome);
    assert_eq!(sim.end(rollback), Some(End::Errored));
    let further = sim.rollback(&olga(), PRODUCTION).unwrap();
    assert_eq!(sim.deployment(further).plan.release, releases[0]);
}

#[test]
fn a_plan_that_would_roll_a_rollback_back_does_not() {
    let (mut sim, _) = shipped(3);
    let plan = Plan {
        on_failure: crate::manifest::OnFailure::Rollback,
        ..sim.way(&env(PRODUCTION)).unwrap()
    };
    let rollback = sim.request(&olga(), plan, Trigger::Person).unwrap();
    sim.fail_at(rollback, "smoke-1");
    assert_eq!(sim.end(rollback), Some(End::Failed));
}

#[test]
fn undoing_fails_when_the_rollback_fails_and_a_person_is_called() {
    let (mut sim, _) = shipped(1);
    let second = promoted(&mut sim, &[]);
    let number = sim.deploy(&olga(), PRODUCTION, second).unwrap();
    sim.fail_at(number, "smoke-1");
    let rollback = sim.env(PRODUCTION).last.unwrap();
    sim.fail_at(rollback, "start-web");
    sim.complete(rollback);
    assert_eq!(sim.end(rollback), Some(End::Failed));
    assert_eq!(sim.end(number), Some(End::UndoFailed));
    assert_eq!(sim.live(PRODUCTION), Some(second), "nothing is guessed");
    assert!(sim.env(PRODUCTION).hold.is_some());
    assert_eq!(sim.env(PRODUCTION).active, None);

    // The rollback itself may be retried; what it undid stays as it ended.
    sim.retry(&olga(), rollback, None).unwrap();
    assert_eq!(sim.complete(rollback), End::Settled);
    assert_eq!(sim.end(number), Some(End::UndoFailed));
}

#[test]
fn undoing_fails_when_the_instances_cannot_be_removed() {
    let mut sim = Sim::new();
    let release = sim.cut(&[]);
    let number = sim.deploy(&dana(), DEVELOPMENT, release).unwrap();
    sim.fail_at(number, "start-web");
    sim.finish(number, failed("it does not stop"));
    assert_eq!(sim.end(number), Some(End::UndoFailed));
    assert!(sim.why(number).contains("it does not stop"));
}

#[test]
fn never_onto_a_schema_that_is_not_allowed() {
    let (mut sim, _) = shipped(1);
    let second = promoted(&mut sim, &[migration(1, Contract::Contract)]);
    let number = sim.deploy(&olga(), PRODUCTION, second).unwrap();
    sim.fail_at(number, "smoke-1");
    assert_eq!(sim.end(number), Some(End::UndoFailed));
    assert!(
        sim.why(number)
            .contains("migration 1 (change 1) cannot be undone: no down-migration"),
        "{}",
        sim.why(number)
    );
    assert_eq!(sim.live(PRODUCTION), Some(second));
    assert!(sim.env(PRODUCTION).hold.is_some());
    let refusal = sim.rollback(&olga(), PRODUCTION).unwrap_err();
    assert_eq!(refusal.code(), "path::cannot-return");
    assert!(refusal.help().contains("keeps migration 1"));
}

#[test]
fn the_way_back_passes_over_what_the_schema_forbids() {
    let mut sim = Sim::new();
    let knows = [migration(1, Contract::Contract)];
    let [first, _, third] = [&knows[..], &[], &knows].map(|migrations| {
        // v2 was cut without the migration, which only comes with v3 as far as the journal knows.
        sim.cut(migrations)
    });
    for release in [first, third] {
        sim.ship(release);
    }
    let rollback = sim.rollback(&olga(), PRODUCTION).unwrap();
    assert_eq!(sim.deployment(rollback).plan.release, first);
}

#[test]
fn a_schema_that_moved_on_meanwhile_refuses_the_rollback_and_calls_a_person() {
    let (mut sim, _) = shipped(1);
    let second = promoted(&mut sim, &[]);
    let number = sim.deploy(&olga(), PRODUCTION, second).unwrap();
    sim.run_to(number, "smoke-1");
    let key = sim.deployment(number).attempt().unwrap().key.clone();
    let outcome = failed("500");
    let command = Command::EndAttempt {
        deployment: number,
        key,
        outcome,
    };
    sim.command(&towpath(), command).unwrap();
    sim.advance(number);
    let rollback = sim.env(PRODUCTION).last.unwrap();
    assert_eq!(sim.deployment(rollback).status, Status::Queued);

    // Another environment that shares the database migrates it at this very moment.
    sim.manifest.environments[0].databases.insert(
        "main".parse().unwrap(),
        crate::manifest::EnvironmentDatabase {
            same_as: Some(env(PRODUCTION)),
        },
    );
    let third = sim.cut(&[migration(1, Contract::Irreversible)]);
    let other = sim.deploy(&dana(), DEVELOPMENT, third).unwrap();
    sim.run_to(other, "configure");

    sim.advance(rollback);
    assert_eq!(sim.end(rollback), Some(End::Refused));
    assert_eq!(sim.end(number), Some(End::UndoFailed));
    assert!(sim.env(PRODUCTION).hold.is_some());
}

#[test]
fn a_vetoed_release_is_no_target() {
    let (mut sim, releases) = shipped(3);
    sim.veto(&olga(), releases[1]).unwrap();
    let rollback = sim.rollback(&olga(), PRODUCTION).unwrap();
    assert_eq!(sim.deployment(rollback).plan.release, releases[0]);
}

#[test]
fn a_rollback_leads_only_to_what_was_verified_there() {
    let (mut sim, _) = shipped(1);
    let other = sim.cut(&[]);
    let way = rollback_way(&sim.state, &env(STAGING));
    assert!(way.is_err());
    // A plan of that kind would pass the gates of a freeze, a lock and verification.
    let plan = Plan {
        kind: Kind::Rollback,
        ..sim.plan(PRODUCTION, other)
    };
    let refusal = sim.request(&olga(), plan, Trigger::Person).unwrap_err();
    assert_eq!(refusal.code(), "path::cannot-return");
}

#[test]
fn only_a_failure_makes_a_deployment_that_undoes_another() {
    let (mut sim, _) = shipped(2);
    let third = promoted(&mut sim, &[]);
    let number = sim.deploy(&olga(), PRODUCTION, third).unwrap();
    sim.run_to(number, "watch");
    let standing = sim.env(PRODUCTION).verified[0].clone();
    let trigger = Trigger::Undo { of: number };
    let refusal = sim
        .request(&olga(), plan_return(&standing, &[]), trigger)
        .unwrap_err();
    assert_eq!(refusal.code(), "path::not-allowed");
}

#[test]
fn a_rollback_takes_the_environment_from_what_is_under_way() {
    let (mut sim, releases) = shipped(2);
    let third = promoted(&mut sim, &[]);
    let number = sim.deploy(&olga(), PRODUCTION, third).unwrap();
    sim.run_to(number, "watch");
    let rollback = sim.rollback(&olga(), PRODUCTION).unwrap();
    assert_eq!(sim.deployment(rollback).plan.release, releases[1]);
    assert!(matches!(sim.next(number), Next::Abort { .. }));
    sim.run(number);
    assert_eq!(sim.end(number), Some(End::Cancelled));
    assert_eq!(
        sim.deployment(number).undo,
        None,
        "the rollback has the traffic"
    );
    assert_eq!(sim.complete(rollback), End::Settled);
    assert_eq!(sim.live(PRODUCTION), Some(releases[1]));
}

#[test]
fn what_gives_way_before_its_switch_leaves_no_instances_behind() {
    let (mut sim, releases) = shipped(2);
    let third = promoted(&mut sim, &[]);
    let number = sim.deploy(&olga(), PRODUCTION, third).unwrap();
    sim.run_to(number, "switch");
    let rollback = sim.rollback(&olga(), PRODUCTION).unwrap();
    assert_eq!(sim.deployment(rollback).plan.release, releases[0]);
    sim.run(number);
    assert_eq!(sim.end(number), Some(End::Cancelled));
    assert_eq!(sim.deployment(number).discard.len(), 1);
    assert_eq!(sim.complete(rollback), End::Settled);
}

#[test]
fn the_last_rollback_that_a_person_asks_for_is_the_one_that_happens() {
    let (mut sim, releases) = shipped(3);
    let fourth = promoted(&mut sim, &[]);
    let number = sim.deploy(&olga(), PRODUCTION, fourth).unwrap();
    sim.run_to(number, "switch");
    let near = sim.rollback(&olga(), PRODUCTION).unwrap();
    let standing = sim.env(PRODUCTION).verified[0].clone();
    let far = sim
        .request(&olga(), plan_return(&standing, &[]), Trigger::Person)
        .unwrap();
    assert_eq!(sim.end(near), Some(End::Superseded));
    sim.run(number);
    assert_eq!(sim.complete(far), End::Settled);
    assert_eq!(sim.live(PRODUCTION), Some(releases[0]));
    assert_eq!(sim.env(PRODUCTION).queue, []);
}

#[test]
fn a_rollback_is_refused_where_the_release_is_live() {
    let (mut sim, _) = shipped(2);
    let standing = sim.env(PRODUCTION).live.unwrap();
    let refusal = sim
        .request(&olga(), plan_return(&standing, &[]), Trigger::Person)
        .unwrap_err();
    assert_eq!(refusal.code(), "path::already-there");
}
