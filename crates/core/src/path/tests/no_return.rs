//! Points of no return: said, waited at, accepted by whoever may roll back, and only for the deployment that was looked at.

use super::{sim::Sim, world::*};
use crate::{
    manifest::NoReturnRule,
    names::{DeploymentNumber, ReleaseNumber},
    path::*,
};

/// A project in which production asks, with a first release everywhere.
fn begun() -> (Sim, Migration) {
    let mut sim = Sim::new();
    let production = environment(&mut sim.manifest, PRODUCTION);
    production.going_back.no_return = NoReturnRule::Ask;
    let base = migration(1, Contract::Expand);
    let first = sim.cut(std::slice::from_ref(&base));
    sim.ship(first);
    (sim, base)
}

/// A release with these migrations, verified in staging.
fn staged(sim: &mut Sim, migrations: &[Migration]) -> ReleaseNumber {
    let release = sim.cut(migrations);
    let number = sim.deploy(&dana(), STAGING, release).unwrap();
    assert_eq!(sim.complete(number), End::Settled, "{}", sim.why(number));
    release
}

fn breaking(version: i64, reversible: bool) -> Migration {
    Migration {
        reversible,
        ..migration(version, Contract::Contract)
    }
}

fn gate(sim: &Sim, number: DeploymentNumber) -> Option<Answer> {
    let deployment = sim.deployment(number);
    let candidate = Candidate::of(deployment, sim.release(deployment.plan.release));
    let reports = ask_gates(&sim.state, &candidate, sim.now).into_iter();
    let mut reports = reports.filter(|report| report.gate == Gate::PointOfNoReturn);
    reports.next().map(|report| report.answer)
}

#[test]
fn what_cannot_be_taken_back_waits_until_somebody_who_may_roll_back_accepts_it() {
    let (mut sim, base) = begun();
    let release = staged(&mut sim, &[base, breaking(2, false)]);
    let number = sim.deploy(&olga(), PRODUCTION, release).unwrap();
    let waiting = sim.waits(number);
    assert_eq!(
        waiting.reason,
        "the acceptance of a point of no return: v1, live in production, cannot be returned to afterwards: migration 2 (change 2) cannot be undone: no down-migration was stored with it (declared contract); done by hand, what was written since in the new shape is kept only as far as what undoes it keeps it"
    );
    assert_eq!(waiting.who.as_deref(), Some("operator (olga@acme.test)"));
    for by in [dana(), quinn(), mallory(), towpath()] {
        let refusal = sim.accept(&by, number).unwrap_err();
        assert_eq!(refusal.code(), "path::not-allowed");
    }
    let silent = Command::AcceptNoReturn {
        deployment: number,
        reason: " ".into(),
    };
    assert_eq!(sim.command(&olga(), silent).unwrap_err(), Refusal::NoReason);
    sim.accept(&olga(), number).unwrap();
    assert!(
        matches!(gate(&sim, number), Some(Answer::Pass { note }) if note.starts_with(
            "accepted by olga@acme.test: the old rows are exported; v1, live in production"
        ))
    );
    assert_eq!(
        sim.accept(&olga(), number).unwrap_err().code(),
        "path::not-now"
    );
    assert_eq!(sim.complete(number), End::Settled);
    assert_eq!(
        sim.accept(&olga(), number).unwrap_err().code(),
        "path::not-now"
    );
    sim.replay();
}

#[test]
fn what_can_be_undone_or_breaks_nobody_is_none() {
    for more in [
        vec![breaking(2, true), breaking(3, true)],
        vec![migration(2, Contract::Expand), migration(3, Contract::Data)],
        vec![Migration {
            after: Some(1.into()),
            ..breaking(2, false)
        }],
    ] {
        let (mut sim, base) = begun();
        let all = [vec![base], more].concat();
        let release = staged(&mut sim, &all);
        let number = sim.deploy(&olga(), PRODUCTION, release).unwrap();
        assert_eq!(gate(&sim, number), None);
        let refusal = sim.accept(&olga(), number).unwrap_err();
        assert!(refusal.to_string().contains("passes no point of no return"));
        assert_eq!(sim.complete(number), End::Settled);
    }
}

#[test]
fn a_harmless_migration_above_what_breaks_closes_the_way_too() {
    let (mut sim, base) = begun();
    let below = migration(2, Contract::Expand);
    let above = migration(4, Contract::Expand);
    let release = staged(&mut sim, &[base, below, breaking(3, true), above]);
    let number = sim.deploy(&olga(), PRODUCTION, release).unwrap();
    sim.accept(&olga(), number).unwrap();
    let accepted = sim.deployment(number).accepted.as_ref().unwrap();
    let versions: Vec<_> = accepted
        .migrations
        .iter()
        .map(|one| one.version.clone())
        .collect();
    assert_eq!(versions, [4]);
}

#[test]
fn an_empty_database_has_nothing_to_lose_and_a_rollback_is_not_asked() {
    let mut sim = Sim::new();
    for name in [STAGING, PRODUCTION] {
        environment(&mut sim.manifest, name).going_back.no_return = NoReturnRule::Ask;
    }
    let first = sim.cut(&[breaking(1, false)]);
    sim.ship(first);
    let second = sim.cut(&[breaking(1, false)]);
    sim.ship(second);
    let rollback = sim.rollback(&olga(), PRODUCTION).unwrap();
    assert_eq!(gate(&sim, rollback), None);
    assert_eq!(sim.complete(rollback), End::Settled);
}

#[test]
fn it_is_accepted_for_one_deployment_and_for_what_was_seen() {
    let (mut sim, base) = begun();
    let release = staged(&mut sim, &[base.clone(), breaking(2, false)]);
    let number = sim.deploy(&olga(), PRODUCTION, release).unwrap();
    sim.accept(&olga(), number).unwrap();
    sim.cancel(&olga(), number).unwrap();
    sim.run(number);
    let again = sim.deploy(&olga(), PRODUCTION, release).unwrap();
    assert!(matches!(gate(&sim, again), Some(Answer::Wait { .. })));

    // Accepted, and then it comes to pass another point: what it breaks there nobody has seen.
    sim.accept(&olga(), again).unwrap();
    let points = points_of_no_return(
        &sim.state,
        &sim.deployment(again).plan,
        sim.release(release),
    );
    let mut more = points;
    more[0].migrations[0].version = 7.into();
    let accepted = sim.deployment(again).accepted.as_ref();
    assert!(!no_return::covers(accepted, &more));
}

#[test]
fn it_is_asked_for_by_the_rules_in_force_and_where_the_database_is_kept() {
    // A release cannot drop the rule for itself.
    let (mut sim, base) = begun();
    environment(&mut sim.manifest, PRODUCTION)
        .going_back
        .no_return = NoReturnRule::Allow;
    let release = staged(&mut sim, &[base, breaking(2, false)]);
    let number = sim.deploy(&olga(), PRODUCTION, release).unwrap();
    assert!(matches!(gate(&sim, number), Some(Answer::Wait { .. })));

    // Where nobody asks, it is told all the same; and who shares the database is named.
    let mut sim = Sim::new();
    let shared = crate::manifest::EnvironmentDatabase {
        same_as: Some(env(STAGING)),
    };
    let databases = &mut environment(&mut sim.manifest, DEVELOPMENT).databases;
    databases.insert("main".parse().unwrap(), shared);
    let base = migration(1, Contract::Expand);
    let first = sim.cut(std::slice::from_ref(&base));
    sim.ship(first);
    let second = sim.cut(&[base, breaking(2, false)]);
    let number = sim.deploy(&dana(), DEVELOPMENT, second).unwrap();
    let Some(Answer::Pass { note }) = gate(&sim, number) else {
        panic!("{:?}", gate(&sim, number));
    };
    assert!(
        note.starts_with("allowed here: v1, live in staging, cannot be"),
        "{note}"
    );
    assert_eq!(sim.complete(number), End::Settled);
}
