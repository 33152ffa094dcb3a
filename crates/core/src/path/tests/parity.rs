//! Parity: a release comes only where what it was verified in is enough like it.

use jiff::civil::date;

use super::{sim::Sim, world::*};
use crate::{
    manifest::{Acceptance, ParityRule},
    path::*,
};

/// Staging and production differ in four of ten facts: smoke, test, watch and on_failure.
fn mirrored(min: u8) -> Sim {
    let mut sim = Sim::new();
    environment(&mut sim.manifest, STAGING).mirrors = Some(env(PRODUCTION));
    environment(&mut sim.manifest, PRODUCTION).parity = Some(ParityRule { min });
    sim
}

/// Accepted until the day of [`NOON`].
fn accept(sim: &mut Sim, name: &str, difference: &str) {
    environment(&mut sim.manifest, name)
        .accept
        .push(Acceptance {
            difference: difference.into(),
            reason: "half the load".into(),
            owner: "leader".into(),
            until: date(2026, 11, 20),
        });
}

/// A new release is verified in staging and goes to production.
fn promoted(sim: &mut Sim, migrations: &[Migration]) -> (End, String) {
    let release = sim.cut(migrations);
    let staged = sim.deploy(&dana(), STAGING, release).unwrap();
    assert_eq!(sim.complete(staged), End::Settled, "{}", sim.why(staged));
    to_production(sim, release)
}

fn to_production(sim: &mut Sim, release: crate::names::ReleaseNumber) -> (End, String) {
    let number = sim.deploy(&olga(), PRODUCTION, release).unwrap();
    (sim.complete(number), sim.why(number))
}

#[test]
fn a_release_is_refused_where_it_was_tried_elsewhere_than_it_goes() {
    let mut sim = mirrored(95);
    let (end, why) = promoted(&mut sim, &[]);
    assert_eq!(end, End::Refused);
    insta::assert_snapshot!(why, @"staging mirrors production to 60%, and 95% is needed: smoke, test, watch, and 1 more; `towpath parity staging production` shows each difference: bring the two together, or `accept` it in towpath.toml with reason, owner and end, and let that release come here");
}

#[test]
fn what_is_accepted_lets_it_in_until_the_day_is_over() {
    let mut sim = mirrored(95);
    accept(&mut sim, STAGING, "smoke");
    accept(&mut sim, STAGING, "test");
    accept(&mut sim, PRODUCTION, "*a*");
    let (end, why) = promoted(&mut sim, &[]);
    assert_eq!(end, End::Settled, "{why}");
    let gates = &sim.deployment(crate::names::DeploymentNumber(2)).admitted;
    let gates = &gates.as_ref().unwrap().gates;
    let report = gates.iter().find(|report| report.gate == Gate::Parity);
    let note = "staging mirrors it to 100%".to_owned();
    assert_eq!(report.unwrap().answer, Answer::Pass { note });

    let release = sim.cut(&[]);
    let staged = sim.deploy(&dana(), STAGING, release).unwrap();
    assert_eq!(sim.complete(staged), End::Settled);
    sim.now = at("2026-11-21T00:00:00Z");
    let (end, why) = to_production(&mut sim, release);
    assert_eq!(end, End::Refused);
    assert!(why.contains("smoke (accepted until 2026-11-20)"), "{why}");
}

#[test]
fn a_score_that_is_enough_is_enough() {
    let mut sim = mirrored(60);
    assert_eq!(promoted(&mut sim, &[]).0, End::Settled);
    let mut sim = mirrored(61);
    assert_eq!(promoted(&mut sim, &[]).0, End::Refused);
}

#[test]
fn what_the_release_brings_is_no_difference_and_what_came_after_it_is() {
    let mut sim = mirrored(55);
    let one = [migration(1, Contract::Expand)];
    assert_eq!(promoted(&mut sim, &one).0, End::Settled);
    let two = [one[0].clone(), migration(2, Contract::Expand)];
    let second = sim.cut(&two);
    let staged = sim.deploy(&dana(), STAGING, second).unwrap();
    assert_eq!(sim.complete(staged), End::Settled);
    let three = [two.as_slice(), &[migration(3, Contract::Expand)]].concat();
    let third = sim.cut(&three);
    let staged = sim.deploy(&dana(), STAGING, third).unwrap();
    assert_eq!(sim.complete(staged), End::Settled);
    // Staging has gone on to the third migration.
    let (end, why) = to_production(&mut sim, second);
    assert_eq!(end, End::Refused);
    assert!(why.contains("databases.main.migrations"), "{why}");
    assert_eq!(to_production(&mut sim, third).0, End::Settled);
}

#[test]
fn a_release_cannot_ease_the_rule_for_itself() {
    let mut sim = mirrored(100);
    accept(&mut sim, STAGING, "*");
    assert_eq!(promoted(&mut sim, &[]).0, End::Settled);
    environment(&mut sim.manifest, STAGING).accept.clear();
    environment(&mut sim.manifest, PRODUCTION).parity = Some(ParityRule { min: 10 });
    let (end, why) = promoted(&mut sim, &[]);
    assert_eq!(end, End::Refused);
    assert!(why.contains("100% is needed"), "{why}");
    // Without the rule, what was in force is asked as it was.
    environment(&mut sim.manifest, PRODUCTION).parity = None;
    let release = sim.cut(&[]);
    let staged = sim.deploy(&dana(), STAGING, release).unwrap();
    assert_eq!(sim.complete(staged), End::Settled);
    sim.now = at("2026-11-21T00:00:00Z");
    assert_eq!(to_production(&mut sim, release).0, End::Refused);
}

/// What differs in the release counts, whether it asks for parity itself or not; and so does what it mends.
#[test]
fn a_release_without_the_rule_is_compared_as_it_is() {
    let mut sim = mirrored(100);
    accept(&mut sim, STAGING, "*");
    assert_eq!(promoted(&mut sim, &[]).0, End::Settled);
    let rules = environment(&mut sim.manifest, PRODUCTION);
    rules.parity = None;
    rules.keep_warm = std::time::Duration::from_secs(7);
    environment(&mut sim.manifest, STAGING).accept.clear();
    environment(&mut sim.manifest, STAGING).mirrors = None;
    let (end, why) = promoted(&mut sim, &[]);
    assert_eq!(end, End::Refused, "{why}");
    assert!(why.contains("100% is needed"), "{why}");
    accept(&mut sim, STAGING, "*");
    assert_eq!(promoted(&mut sim, &[]).0, End::Settled);
}

#[test]
fn a_way_back_is_not_asked() {
    let mut sim = mirrored(55);
    for _ in 0..2 {
        assert_eq!(promoted(&mut sim, &[]).0, End::Settled);
    }
    sim.manifest = mirrored(100).manifest;
    let rollback = sim.rollback(&olga(), PRODUCTION).unwrap();
    assert_eq!(sim.complete(rollback), End::Settled);
}

#[test]
fn a_plan_of_before_there_was_parity_is_read_and_asks_for_none() {
    let mut sim = Sim::new();
    let release = sim.cut(&[]);
    let mut written = serde_json::to_value(sim.plan(PRODUCTION, release)).unwrap();
    written["policy"].as_object_mut().unwrap().remove("parity");
    let plan = serde_json::from_value::<Plan>(written).unwrap();
    assert_eq!(plan.policy.parity, None);
    let gates = {
        let release = sim.release(release);
        let candidate = Candidate {
            accepted: None,
            plan: &plan,
            trigger: &Trigger::Person,
            requested_by: "olga@acme.test",
            requested_at: NOON,
            release,
        };
        ask_gates(&sim.state, &candidate, NOON)
    };
    assert!(gates.iter().all(|report| report.gate != Gate::Parity));
}

#[test]
fn what_is_seen_is_what_is_live() {
    let mut sim = mirrored(55);
    assert!(observed(&sim.state).0.is_empty());
    let one = [migration(1, Contract::Expand)];
    assert_eq!(promoted(&mut sim, &one).0, End::Settled);
    let seen = observed(&sim.state).0;
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[&env(STAGING)], seen[&env(PRODUCTION)]);
    let migrations = &seen[&env(STAGING)].migrations;
    assert_eq!(migrations["main"][0].version, 1);
}

/// A tool's versions are made of names, and the state keeps what it has applied in the order of time.
#[test]
fn what_a_tool_has_applied_is_the_same_in_whichever_order() {
    let of_name = |number: i64, name: &str| Migration {
        name: name.into(),
        ..migration((1 << 52) + number, Contract::Expand)
    };
    let (guests, polls) = (of_name(7, "guests.0001"), of_name(3, "polls.0001"));
    let mut sim = mirrored(55);
    let first = sim.cut(std::slice::from_ref(&guests));
    let both = sim.cut(&[polls, guests]);
    for release in [first, both] {
        let staged = sim.deploy(&dana(), STAGING, release).unwrap();
        assert_eq!(sim.complete(staged), End::Settled, "{}", sim.why(staged));
    }
    let (end, why) = to_production(&mut sim, both);
    assert_eq!(end, End::Settled, "{why}");
    let [here, there] = [STAGING, PRODUCTION].map(|name| {
        let applied = sim.state.applied(&env(name), &"main".parse().unwrap());
        let names = applied.iter().map(|one| one.name.as_str());
        names.collect::<Vec<_>>()
    });
    assert_eq!(here, ["guests.0001", "polls.0001"]);
    assert_eq!(there, ["polls.0001", "guests.0001"]);
    let seen = observed(&sim.state).0;
    assert_eq!(seen[&env(STAGING)], seen[&env(PRODUCTION)]);
}
