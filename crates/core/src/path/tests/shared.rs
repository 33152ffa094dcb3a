//! A database that two environments use is changed by one deployment at a time, and whoever uses it waits.

use super::{sim::Sim, world::*};
use crate::{names::DeploymentNumber, path::*};

fn sharing() -> Sim {
    let mut sim = Sim::new();
    let same = crate::manifest::EnvironmentDatabase {
        same_as: Some(env(DEVELOPMENT)),
    };
    let staging = environment(&mut sim.manifest, STAGING);
    staging.databases.insert("main".parse().unwrap(), same);
    sim
}

fn answer(sim: &Sim, number: DeploymentNumber) -> Option<Answer> {
    let deployment = sim.deployment(number);
    let release = sim.release(deployment.plan.release);
    let reports = ask_gates(&sim.state, &Candidate::of(deployment, release), sim.now);
    let mut reports = reports.into_iter();
    let report = reports.find(|report| report.gate == Gate::SharedDatabase);
    report.map(|report| report.answer)
}

#[test]
fn whoever_uses_a_database_waits_while_another_changes_it() {
    let mut sim = sharing();
    let release = sim.cut(&[migration(1, Contract::Expand)]);
    let first = sim.deploy(&dana(), DEVELOPMENT, release).unwrap();
    let second = sim.deploy(&dana(), STAGING, release).unwrap();
    sim.run_to(first, "migrate-main");
    let expected = format!("{first} changes the database main, which both use");
    match answer(&sim, second) {
        Some(Answer::Wait { reason, .. }) => assert_eq!(reason, expected),
        other => panic!("{other:?}"),
    }
    assert!(
        matches!(sim.run(second), Next::Wait(_)),
        "{:?}",
        sim.next(second)
    );
    sim.pass(first);
    assert_eq!(answer(&sim, second), None);
    sim.run_to(second, "migrate-main");
    // The first one has begun to touch its environment: it goes on.
    assert_eq!(sim.complete(first), End::Settled, "{}", sim.why(first));
    assert_eq!(sim.complete(second), End::Settled, "{}", sim.why(second));
}

#[test]
fn databases_of_their_own_do_not_wait_for_each_other() {
    let mut sim = Sim::new();
    let release = sim.cut(&[migration(1, Contract::Expand)]);
    let first = sim.deploy(&dana(), DEVELOPMENT, release).unwrap();
    let second = sim.deploy(&dana(), STAGING, release).unwrap();
    sim.run_to(first, "migrate-main");
    assert_eq!(answer(&sim, second), None);
    sim.run_to(second, "migrate-main");
}
