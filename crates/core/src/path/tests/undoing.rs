//! Going back where code alone is not enough: down-migrations, by whom, and what is left.

use super::{play::failed, sim::Sim, world::*};
use crate::{
    manifest::UndoRule,
    names::{DeploymentNumber, ReleaseNumber},
    path::*,
};

fn reversible(version: i64, contract: Contract) -> Migration {
    Migration {
        reversible: true,
        ..migration(version, contract)
    }
}

/// The first release adds a table; the second takes something away, and adds something else.
fn two(sim: &mut Sim) -> [ReleaseNumber; 2] {
    let base = migration(1, Contract::Expand);
    let first = sim.cut(std::slice::from_ref(&base));
    sim.ship(first);
    let taken = reversible(2, Contract::Contract);
    let added = reversible(3, Contract::Expand);
    let second = sim.cut(&[base, taken, added]);
    let staged = sim.deploy(&dana(), STAGING, second).unwrap();
    assert_eq!(sim.complete(staged), End::Settled);
    [first, second]
}

fn versions(sim: &Sim, name: &str) -> Vec<i64> {
    let applied = sim.state.applied(&env(name), &"main".parse().unwrap());
    applied
        .iter()
        .filter_map(|one| one.version.number())
        .collect()
}

fn undone(sim: &Sim, number: DeploymentNumber) -> Vec<i64> {
    let steps = sim.deployment(number).plan.steps.iter();
    let undone = steps.filter_map(|step| match &step.action {
        Action::Undo(reversal) => Some(&reversal.migrations),
        _ => None,
    });
    undone
        .flatten()
        .filter_map(|one| one.version.number())
        .collect()
}

#[test]
fn a_persons_rollback_undoes_what_the_old_release_cannot_run_on_newest_first() {
    let mut sim = Sim::new();
    let [first, second] = two(&mut sim);
    let number = sim.deploy(&olga(), PRODUCTION, second).unwrap();
    assert_eq!(sim.complete(number), End::Settled);
    let rollback = sim.rollback(&olga(), PRODUCTION).unwrap();
    assert_eq!(undone(&sim, rollback), [3, 2]);
    let step = &sim.deployment(rollback).plan.steps[0];
    assert_eq!(step.phase, Phase::Migrate);
    assert_eq!(
        step.to_string(),
        "undoes 3 (change 3): what was written since to what it added is lost; then 2 (change 2): what was written since in the new shape is kept only as far as what undoes it keeps it (database main of production)"
    );
    assert_eq!(sim.complete(rollback), End::Settled);
    assert_eq!(sim.live(PRODUCTION), Some(first));
    assert_eq!(versions(&sim, PRODUCTION), [1]);
    // Whoever wants it again deploys it, and it is migrated again.
    let again = sim.deploy(&olga(), PRODUCTION, second).unwrap();
    assert_eq!(sim.complete(again), End::Settled);
    assert_eq!(versions(&sim, PRODUCTION), [1, 2, 3]);
}

#[test]
fn after_a_failure_nothing_is_undone_that_nobody_asked_for() {
    let mut sim = Sim::new();
    let [_, second] = two(&mut sim);
    let number = sim.deploy(&olga(), PRODUCTION, second).unwrap();
    sim.fail_at(number, "watch");
    assert_eq!(sim.end(number), Some(End::UndoFailed));
    let why = sim.why(number);
    assert!(why.contains("returning to v1 undoes 3 (change 3)"), "{why}");
    assert!(why.contains("`towpath rollback production`"), "{why}");
    assert!(sim.env(PRODUCTION).hold.is_some());
    assert_eq!(versions(&sim, PRODUCTION), [1, 2, 3]);
    let rollback = sim.rollback(&olga(), PRODUCTION).unwrap();
    assert_eq!(sim.complete(rollback), End::Settled);
    assert_eq!(versions(&sim, PRODUCTION), [1]);
}

#[test]
fn after_a_failure_it_is_undone_by_itself_where_both_rules_say_so() {
    let rule = |sim: &mut Sim| {
        let production = environment(&mut sim.manifest, PRODUCTION);
        production.going_back.undo = UndoRule::Automatic;
    };
    // A release cannot bring the rule for itself.
    let mut sim = Sim::new();
    let base = migration(1, Contract::Expand);
    let first = sim.cut(std::slice::from_ref(&base));
    sim.ship(first);
    rule(&mut sim);
    let second = sim.cut(&[base, reversible(2, Contract::Contract)]);
    let staged = sim.deploy(&dana(), STAGING, second).unwrap();
    sim.complete(staged);
    let number = sim.deploy(&olga(), PRODUCTION, second).unwrap();
    sim.fail_at(number, "watch");
    assert_eq!(sim.end(number), Some(End::UndoFailed));

    let mut sim = Sim::new();
    rule(&mut sim);
    let [first, second] = two(&mut sim);
    let number = sim.deploy(&olga(), PRODUCTION, second).unwrap();
    sim.fail_at(number, "watch");
    let rollback = sim.env(PRODUCTION).last.unwrap();
    assert_eq!(undone(&sim, rollback), [3, 2]);
    assert_eq!(sim.complete(rollback), End::Settled);
    assert_eq!(sim.end(number), Some(End::RolledBack));
    assert_eq!(sim.live(PRODUCTION), Some(first));
    assert_eq!(versions(&sim, PRODUCTION), [1]);
}

#[test]
fn code_alone_is_preferred_to_a_newer_release_that_costs_data() {
    let mut sim = Sim::new();
    let known = [reversible(1, Contract::Contract)];
    let (first, second) = (sim.cut(&known), sim.cut(&[]));
    // v2 was there before anybody had the migration.
    for release in [second, first] {
        sim.ship(release);
    }
    let third = sim.cut(&known);
    sim.ship(third);
    let way = rollback_way(&sim.state, &env(PRODUCTION)).unwrap();
    assert_eq!((way.standing.release, way.undo.len()), (first, 0));
}

#[test]
fn what_somebody_else_undid_meanwhile_is_planned_anew() {
    let mut sim = Sim::new();
    let [_, second] = two(&mut sim);
    let number = sim.deploy(&olga(), PRODUCTION, second).unwrap();
    assert_eq!(sim.complete(number), End::Settled);
    let plan = sim.way(&env(PRODUCTION)).unwrap();
    let seen = |sim: &mut Sim, applied: &[Migration]| {
        let command = Command::RecordSchema {
            home: env(PRODUCTION),
            database: "main".parse().unwrap(),
            applied: applied.to_vec(),
        };
        let refused = sim.command(&olga(), command.clone()).unwrap_err();
        assert_eq!(refused.code(), "path::not-allowed");
        sim.command(&towpath(), command).unwrap()
    };
    let all = sim.release(second).migrations(&"main".parse().unwrap());
    let all = all.to_vec();
    assert_eq!(seen(&mut sim, &all).len(), 0, "that was known");

    // Something came on top: it would have to go too, and nobody was told.
    let mut more = all.clone();
    more.push(reversible(4, Contract::Expand));
    seen(&mut sim, &more);
    let refusal = sim
        .request(&olga(), plan.clone(), Trigger::Person)
        .unwrap_err();
    assert_eq!(refusal.code(), "path::cannot-return");
    assert!(refusal.help().contains("plans it anew"));

    // Half of it is done already, as after a crash: what is left is what was planned.
    seen(&mut sim, &all[..2]);
    let rollback = sim.request(&olga(), plan, Trigger::Person).unwrap();
    assert_eq!(sim.complete(rollback), End::Settled);
    assert_eq!(versions(&sim, PRODUCTION), [1]);
}

#[test]
fn an_undo_that_fails_half_way_is_gone_on_with() {
    let mut sim = Sim::new();
    let [first, second] = two(&mut sim);
    let number = sim.deploy(&olga(), PRODUCTION, second).unwrap();
    sim.complete(number);
    let rollback = sim.rollback(&olga(), PRODUCTION).unwrap();
    sim.run_to(rollback, "undo-main");
    let applied = sim
        .state
        .applied(&env(PRODUCTION), &"main".parse().unwrap())[..2]
        .to_vec();
    let seen = Command::RecordSchema {
        home: env(PRODUCTION),
        database: "main".parse().unwrap(),
        applied,
    };
    sim.command(&towpath(), seen).unwrap();
    sim.finish(rollback, failed("no such column"));
    assert_eq!(sim.end(rollback), Some(End::Failed));
    assert_eq!(versions(&sim, PRODUCTION), [1, 2]);
    sim.retry(&olga(), rollback, None).unwrap();
    assert_eq!(sim.complete(rollback), End::Settled);
    assert_eq!(sim.live(PRODUCTION), Some(first));
    assert_eq!(versions(&sim, PRODUCTION), [1]);
}

#[test]
fn nothing_is_undone_under_a_release_that_is_live_elsewhere() {
    let mut sim = Sim::new();
    let shared = crate::manifest::EnvironmentDatabase {
        same_as: Some(env(STAGING)),
    };
    let databases = &mut environment(&mut sim.manifest, DEVELOPMENT).databases;
    databases.insert("main".parse().unwrap(), shared);
    let [_, second] = two(&mut sim);
    let number = sim.deploy(&dana(), DEVELOPMENT, second).unwrap();
    assert_eq!(sim.complete(number), End::Settled);
    let refusal = sim.rollback(&dana(), STAGING).unwrap_err();
    assert!(
        refusal
            .to_string()
            .contains("v2, live in development, needs it"),
        "{refusal}"
    );
    assert!(refusal.help().contains("return development from v2 first"));
}
