//! Where one can return to, now and once something has settled.

use super::{sim::Sim, world::*};
use crate::{names::ReleaseNumber, path::*};

fn safe(sim: &Sim) -> Option<u32> {
    safe_back_to(&sim.state, &env(PRODUCTION)).map(|release| release.0)
}

/// Ships releases that each add a migration to those before.
fn shipped(sim: &mut Sim, contracts: &[Contract]) -> Vec<ReleaseNumber> {
    let all: Vec<Migration> = (1..)
        .zip(contracts)
        .map(|(version, contract)| Migration {
            reversible: true,
            ..migration(version, *contract)
        })
        .collect();
    let releases = 1..=all.len();
    releases
        .map(|known| {
            let release = sim.cut(&all[..known]);
            sim.ship(release);
            release
        })
        .collect()
}

#[test]
fn it_is_safe_back_to_the_oldest_release_that_needs_nothing_undone() {
    let mut sim = Sim::new();
    assert_eq!(safe(&sim), None);
    shipped(&mut sim, &[Contract::Expand]);
    assert_eq!(safe(&sim), None, "nothing was there before");

    let mut sim = Sim::new();
    let mut contracts = [Contract::Expand; 5];
    contracts[2] = Contract::Contract;
    let releases = shipped(&mut sim, &contracts);
    assert_eq!(safe(&sim), Some(3));
    sim.veto(&olga(), releases[2]).unwrap();
    assert_eq!(safe(&sim), Some(4));
}

#[test]
fn what_is_foretold_comes_true() {
    let main = "main".parse().unwrap();
    for last in [Contract::Expand, Contract::Contract, Contract::Irreversible] {
        let mut sim = Sim::new();
        let releases = shipped(&mut sim, &[Contract::Expand, Contract::Expand]);
        let mut all = sim.release(releases[1]).migrations(&main).to_vec();
        all.push(Migration {
            reversible: true,
            ..migration(3, last)
        });
        let third = sim.cut(&all);
        let staged = sim.deploy(&dana(), STAGING, third).unwrap();
        sim.complete(staged);

        let plan = sim.plan(PRODUCTION, third);
        let foretold = once_settled(&sim.state, &plan, sim.release(third), sim.now);
        let number = sim.deploy(&olga(), PRODUCTION, third).unwrap();
        assert_eq!(sim.complete(number), End::Settled);
        same(&foretold, &sim);

        let Ok(way) = return_target(&sim.state, &env(PRODUCTION), Some(third)) else {
            assert_eq!(last, Contract::Irreversible);
            continue;
        };
        let plan = plan_return(way.standing, &way.undo);
        let target = sim.release(way.standing.release);
        let foretold = once_settled(&sim.state, &plan, target, sim.now);
        let rollback = sim.rollback(&olga(), PRODUCTION).unwrap();
        assert_eq!(sim.complete(rollback), End::Settled);
        same(&foretold, &sim);
    }
}

/// What is foretold and what came say the same of going back.
fn same(foretold: &State, sim: &Sim) {
    let production = env(PRODUCTION);
    let told = |state: &State| {
        let known = state.environment(&production);
        let live = known.live.map(|live| live.release);
        let verified: Vec<_> = known.verified.iter().map(|one| one.release).collect();
        let way = return_target(state, &production, live);
        let way = way.map(|way| (way.standing.release, way.undo));
        (
            live,
            verified,
            known.schema,
            way,
            safe_back_to(state, &production),
        )
    };
    assert_eq!(told(foretold), told(&sim.state));
}
