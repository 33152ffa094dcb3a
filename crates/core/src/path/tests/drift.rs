//! Drift: a release comes only onto databases that hold what their migrations make, where that is asked for; and schemas in parity.

use jiff::civil::date;

use super::{sim::Sim, world::*};
use crate::{
    manifest::{Acceptance, ParityRule},
    names::{DeploymentNumber, ReleaseNumber},
    path::*,
};

/// Staging wants no drift, and has the first migration.
fn strict() -> Sim {
    let mut sim = Sim::new();
    environment(&mut sim.manifest, STAGING).no_drift = true;
    let first = sim.cut(&[migration(1, Contract::Expand)]);
    let number = sim.deploy(&dana(), STAGING, first).unwrap();
    assert_eq!(sim.complete(number), End::Settled, "{}", sim.why(number));
    sim
}

fn second(sim: &mut Sim) -> ReleaseNumber {
    sim.cut(&[
        migration(1, Contract::Expand),
        migration(2, Contract::Expand),
    ])
}

fn differs() -> Drift {
    Drift::Differs {
        lines: vec![
            "table guests: different".into(),
            "+ column note: TEXT".into(),
        ],
        more: 2,
    }
}

/// What is there from now on when somebody looks.
fn find(sim: &mut Sim, name: &str, schema: &str, drift: Drift) {
    let look = Look {
        schema: Some(schema.into()),
        drift: Some(drift),
    };
    sim.looks.insert(env(name), look);
}

fn answer(sim: &Sim, number: DeploymentNumber) -> Option<Answer> {
    let deployment = sim.deployment(number);
    let release = sim.release(deployment.plan.release);
    let reports = ask_gates(&sim.state, &Candidate::of(deployment, release), sim.now);
    let mut reports = reports.into_iter();
    let report = reports.find(|report| report.gate == Gate::NoDrift);
    report.map(|report| report.answer)
}

#[test]
fn what_drifted_is_looked_at_and_refuses() {
    let mut sim = strict();
    let release = second(&mut sim);
    find(&mut sim, STAGING, "other", differs());
    let number = sim.deploy(&dana(), STAGING, release).unwrap();
    let Some(Answer::Wait { reason, .. }) = answer(&sim, number) else {
        panic!("{:?}", answer(&sim, number));
    };
    assert_eq!(reason, "a look at main of staging");
    let places = vec![Sought {
        home: env(STAGING),
        database: "main".parse().unwrap(),
        drift: true,
    }];
    assert_eq!(sim.next(number), Next::Look { places });
    assert_eq!(sim.complete(number), End::Refused);
    insta::assert_snapshot!(sim.why(number), @"main of staging is not what its applied migrations make: table guests: different; + column note: TEXT; and 2 lines more; `towpath db drift staging` shows all of it: take it back there and deploy again, or make it a migration with `towpath db capture NAME --environment staging` and deploy the release that has it");
    // What was taken back lets it in, without another release.
    sim.looks.clear();
    sim.now = sim.now + seconds(1);
    let number = sim.deploy(&dana(), STAGING, release).unwrap();
    assert_eq!(sim.complete(number), End::Settled, "{}", sim.why(number));
}

#[test]
fn what_cannot_be_told_refuses_and_what_is_half_done_goes_on() {
    let mut sim = strict();
    let release = second(&mut sim);
    let unknown = Drift::Unknown {
        why: "could not make a scratch database: permission denied".into(),
        help: "allow it".into(),
    };
    find(&mut sim, STAGING, "any", unknown);
    let number = sim.deploy(&dana(), STAGING, release).unwrap();
    assert_eq!(sim.complete(number), End::Refused);
    insta::assert_snapshot!(sim.why(number), @"it cannot be told whether main of staging is what its applied migrations make: could not make a scratch database: permission denied; allow it");
    let unfinished = Drift::Unfinished {
        migration: "2 (change 2)".into(),
    };
    find(&mut sim, STAGING, "any", unfinished);
    sim.now = sim.now + seconds(1);
    let number = sim.deploy(&dana(), STAGING, release).unwrap();
    assert_eq!(sim.complete(number), End::Settled, "{}", sim.why(number));
}

#[test]
fn a_look_is_made_again_before_the_first_effect_of_what_took_long() {
    let mut sim = strict();
    let release = second(&mut sim);
    let number = sim.deploy(&dana(), STAGING, release).unwrap();
    sim.run_to(number, "build");
    sim.now = sim.now + seconds(61);
    find(&mut sim, STAGING, "other", differs());
    assert_eq!(sim.complete(number), End::Refused, "{}", sim.why(number));
}

#[test]
fn what_waits_for_people_is_not_looked_at() {
    let mut sim = strict();
    let release = second(&mut sim);
    let policy = sim.policy(STAGING);
    let lock = Command::Lock {
        policy,
        reason: "a demonstration".into(),
        lasting: seconds(600),
    };
    sim.command(&lee(), lock).unwrap();
    let first = sim.deploy(&dana(), STAGING, release).unwrap();
    assert!(
        matches!(sim.next(first), Next::Wait(_)),
        "{:?}",
        sim.next(first)
    );
    sim.now = sim.now + seconds(600);
    assert!(
        matches!(sim.next(first), Next::Look { .. }),
        "{:?}",
        sim.next(first)
    );
}

#[test]
fn a_way_back_is_not_asked_and_a_release_cannot_drop_the_rule_for_itself() {
    let mut sim = strict();
    let release = second(&mut sim);
    let number = sim.deploy(&dana(), STAGING, release).unwrap();
    assert_eq!(sim.complete(number), End::Settled);
    find(&mut sim, STAGING, "other", differs());
    let rollback = sim.rollback(&lee(), STAGING).unwrap();
    assert_eq!(
        sim.complete(rollback),
        End::Settled,
        "{}",
        sim.why(rollback)
    );
    environment(&mut sim.manifest, STAGING).no_drift = false;
    let third = second(&mut sim);
    let number = sim.deploy(&dana(), STAGING, third).unwrap();
    assert_eq!(sim.complete(number), End::Refused);
}

#[test]
fn what_a_rehearsal_left_behind_is_for_the_rehearsal_to_find() {
    let mut sim = strict();
    let of = second(&mut sim);
    let number = sim.deploy(&dana(), STAGING, of).unwrap();
    find(&mut sim, STAGING, "other", differs());
    let deployment = sim.deployment(number);
    let is_asked = |after| {
        let candidate = Candidate {
            trigger: &Trigger::Rehearsal { of, after },
            ..Candidate::of(deployment, sim.release(of))
        };
        let reports = ask_gates(&sim.state, &candidate, sim.now);
        reports.iter().any(|report| report.gate == Gate::NoDrift)
    };
    assert!(is_asked(None));
    assert!(!is_asked(Some(number)));
}

#[test]
fn what_was_seen_is_nobodys_word() {
    let mut sim = strict();
    let command = Command::RecordLook {
        home: env(STAGING),
        database: "main".parse().unwrap(),
        look: Look {
            schema: None,
            drift: Some(Drift::Same),
        },
    };
    let refused = sim.command(&dana(), command).unwrap_err();
    assert!(matches!(refused, Refusal::NotAllowed { .. }), "{refused:?}");
}

#[test]
fn an_environment_without_the_rule_is_not_looked_at() {
    let mut sim = Sim::new();
    let release = sim.cut(&[migration(1, Contract::Expand)]);
    let number = sim.deploy(&dana(), STAGING, release).unwrap();
    assert_eq!(sim.next(number), Next::Advance);
    assert_eq!(answer(&sim, number), None);
}

/// Staging mirrors production, and both have the first migration; what else they differ in is accepted.
fn mirrored() -> Sim {
    let mut sim = Sim::new();
    let staging = environment(&mut sim.manifest, STAGING);
    staging.mirrors = Some(env(PRODUCTION));
    for difference in ["smoke", "test", "watch", "on_failure"] {
        staging.accept.push(accepted(difference));
    }
    environment(&mut sim.manifest, PRODUCTION).parity = Some(ParityRule { min: 100 });
    promoted(&mut sim, &[migration(1, Contract::Expand)], End::Settled);
    sim
}

fn accepted(difference: &str) -> Acceptance {
    Acceptance {
        difference: difference.into(),
        reason: "known".into(),
        owner: "leader".into(),
        until: date(2026, 11, 20),
    }
}

fn promoted(sim: &mut Sim, migrations: &[Migration], end: End) -> String {
    let release = sim.cut(migrations);
    let staged = sim.deploy(&dana(), STAGING, release).unwrap();
    assert_eq!(sim.complete(staged), End::Settled, "{}", sim.why(staged));
    sim.now = sim.now + seconds(1);
    let number = sim.deploy(&olga(), PRODUCTION, release).unwrap();
    assert_eq!(sim.complete(number), end, "{}", sim.why(number));
    sim.why(number)
}

#[test]
fn schemas_that_should_be_the_same_are_compared_and_a_difference_can_be_accepted() {
    let mut sim = mirrored();
    let one = [migration(1, Contract::Expand)];
    promoted(&mut sim, &one, End::Settled);
    find(&mut sim, PRODUCTION, "other", differs());
    let why = promoted(&mut sim, &one, End::Refused);
    assert!(why.contains("databases.main.schema;"), "{why}");
    environment(&mut sim.manifest, PRODUCTION)
        .accept
        .push(accepted("databases.main.schema"));
    promoted(&mut sim, &one, End::Settled);
    sim.now = at("2026-11-21T00:00:00Z");
    let why = promoted(&mut sim, &one, End::Refused);
    assert!(
        why.contains("databases.main.schema (accepted until 2026-11-20)"),
        "{why}"
    );
}

#[test]
fn schemas_that_nobody_can_see_or_that_will_be_others_are_not_compared() {
    let mut sim = mirrored();
    find(&mut sim, PRODUCTION, "other", differs());
    let two = [
        migration(1, Contract::Expand),
        migration(2, Contract::Expand),
    ];
    promoted(&mut sim, &two, End::Settled);
    let unseen = Look {
        schema: None,
        drift: None,
    };
    sim.looks.insert(env(PRODUCTION), unseen);
    promoted(&mut sim, &two, End::Settled);
}
