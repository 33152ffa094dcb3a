//! Where an environment can return to, for any schema and any history: compared with the plainest reading of the rule.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{sim::Sim, world::*};
use crate::{
    MigrationVersion,
    names::{DeploymentNumber, ReleaseNumber},
    path::*,
};

const CONTRACTS: [Contract; 5] = [
    Contract::Expand,
    Contract::Contract,
    Contract::Data,
    Contract::Irreversible,
    Contract::Unknown,
];

/// A release that stood in production: which of the eight migrations it knows, and whether it was vetoed.
#[derive(Debug, Clone, PartialEq)]
struct Past {
    knows: u8,
    is_vetoed: bool,
}

/// A state of production: what stood there, oldest first, what is applied, and which database its launch names.
fn state(pasts: &[Past], applied: &[Migration]) -> State {
    let mut sim = Sim::new();
    let mut verified = Vec::new();
    for (past, n) in pasts.iter().zip(1..) {
        let known: Vec<Migration> = (0..8)
            .filter(|bit| past.knows & (1 << bit) != 0)
            .map(|bit| migration(bit, Contract::Unknown))
            .collect();
        let number = sim.cut(&known);
        let plan = sim.plan(PRODUCTION, number);
        verified.push(Standing {
            release: number,
            deployment: DeploymentNumber(n),
            config: None,
            instances: BTreeMap::new(),
            launch: plan.launch,
            policy: plan.policy,
            since: NOON,
        });
    }
    let mut state = sim.state;
    for (release, past) in state.releases.values_mut().zip(pasts) {
        release.vetoed = past.is_vetoed.then(|| Veto {
            by: "olga@acme.test".into(),
            at: NOON,
            reason: "no".into(),
        });
    }
    let production = state.environments.entry(env(PRODUCTION)).or_default();
    production.verified = verified;
    let schema = &mut production.schema;
    schema.insert("main".parse().unwrap(), applied.to_vec());
    state
}

/// Whether every migration that breaks it is one that it knows, whatever is applied besides.
fn can_be_deployed(past: &Past, applied: &[Migration]) -> bool {
    let knows = |version: i64| (0..8).contains(&version) && past.knows & (1 << version) != 0;
    applied.iter().all(|migration| {
        let keeps = matches!(migration.contract, Contract::Expand | Contract::Data);
        let knows = |version: &MigrationVersion| version.number().is_some_and(knows);
        keeps || knows(&migration.version) || migration.after.as_ref().is_some_and(knows)
    })
}

/// Likewise, and what it knows is there.
fn can_run(past: &Past, applied: &[Migration]) -> bool {
    let is_there = |bit: &i64| applied.iter().any(|migration| migration.version == *bit);
    let known = (0..8).filter(|bit| past.knows & (1 << bit) != 0);
    can_be_deployed(past, applied) && known.into_iter().all(|bit| is_there(&bit))
}

/// Mostly they know a lot of what is applied, and nothing else, or nothing would ever be allowed.
fn past(applied: u8) -> impl Strategy<Value = Past> {
    let knows = prop_oneof![
        1 => any::<u8>(),
        4 => any::<u8>().prop_map(move |k| k & applied),
        4 => Just(applied),
        4 => any::<u8>().prop_map(move |k| (k | 0x3f) & applied)
    ];
    (knows, prop::bool::weighted(0.2)).prop_map(|(knows, is_vetoed)| Past { knows, is_vetoed })
}

fn applied() -> impl Strategy<Value = Vec<Migration>> {
    let one = (
        prop::sample::select(&CONTRACTS[..]),
        prop::option::weighted(0.3, 0..9_i64),
    );
    prop::collection::vec(one, 0..8).prop_map(|all| {
        let numbered = (0..).zip(all);
        numbered
            .map(|(version, (contract, after))| Migration {
                after: after.map(Into::into),
                ..migration(version, contract)
            })
            .collect()
    })
}

/// What stood there, and what is applied.
fn history() -> impl Strategy<Value = (Vec<Past>, Vec<Migration>)> {
    applied().prop_flat_map(|applied| {
        let all = u8::try_from((1_u32 << applied.len()) - 1).unwrap();
        (prop::collection::vec(past(all), 0..5), Just(applied))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_way_back_is_the_last_verified_release_that_the_schema_allows(
        (pasts, applied) in history(),
        leaving in prop::option::of(1..7u32),
    ) {
        let state = state(&pasts, &applied);
        let leaving = leaving.map(ReleaseNumber);
        let numbered = || pasts.iter().zip(1..).map(|(past, n)| (past, ReleaseNumber(n)));
        for (past, number) in numbered() {
            let release = &state.releases[&number];
            let launch = &state.environments[&env(PRODUCTION)].verified[0].launch;
            let allowed = schema_allows(&state, release, launch);
            prop_assert_eq!(allowed.is_ok(), can_be_deployed(past, &applied));
            let way = reversals(&state, &env(PRODUCTION), release, launch);
            prop_assert_eq!(way.is_ok_and(|undo| undo.is_empty()), can_run(past, &applied));
            if let Err(obstacle) = allowed {
                prop_assert!(!obstacle.way_out().is_empty());
                prop_assert_eq!(past.knows & (1 << obstacle.migration.version.number().unwrap()), 0);
                prop_assert!(applied.contains(&obstacle.migration));
            }
        }
        let candidates = || numbered().filter(|(past, n)| Some(*n) != leaving && !past.is_vetoed);
        let expected = candidates()
            .filter(|(past, _)| can_run(past, &applied))
            .map(|(_, number)| number)
            .last();
        match return_target(&state, &env(PRODUCTION), leaving) {
            Ok(way) => prop_assert_eq!(Some(way.standing.release), expected),
            Err(NoReturn::Schema(_)) => {
                prop_assert_eq!(expected, None);
                prop_assert!(candidates().next().is_some());
            }
            Err(NoReturn::NothingBefore { .. }) => prop_assert_eq!(candidates().next(), None),
            Err(NoReturn::Changed { .. }) => prop_assert!(false, "nothing was planned"),
        }
    }
}

#[test]
fn a_shared_database_is_judged_where_it_is_kept() {
    let mut sim = Sim::new();
    let old = sim.cut(&[]);
    let number = sim.deploy(&dana(), STAGING, old).unwrap();
    sim.complete(number);
    let shared = crate::manifest::EnvironmentDatabase {
        same_as: Some(env(STAGING)),
    };
    let databases = &mut environment(&mut sim.manifest, DEVELOPMENT).databases;
    databases.insert("main".parse().unwrap(), shared);
    let new = sim.cut(&[migration(1, Contract::Contract)]);
    let number = sim.deploy(&dana(), DEVELOPMENT, new).unwrap();
    sim.complete(number);
    assert!(sim.env(DEVELOPMENT).schema.is_empty());
    assert_eq!(sim.env(STAGING).schema.len(), 1);
    let again = sim.deploy(&dana(), STAGING, old).unwrap();
    sim.advance(again);
    assert_eq!(sim.end(again), Some(End::Refused));
    assert!(
        sim.why(again)
            .contains("applied to database main of staging")
    );
}
