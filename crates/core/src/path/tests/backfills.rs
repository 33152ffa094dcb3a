//! Migrations that are run in batches: they have the time that they take, and the journal tells how far they are.

use std::time::Duration;

use super::{sim::Sim, world::*};
use crate::{manifest::MigrationTool, names::DeploymentNumber, path::*};

/// As long as the manifest says, for what goes in batches by itself.
#[test]
fn a_tool_has_a_limit_of_its_own() {
    let mut sim = Sim::new();
    let main = sim.manifest.databases.get_mut("main").unwrap();
    main.tool = Some(MigrationTool {
        migrate: "migrate".into(),
        status: "status".into(),
        applied: None,
        pending: None,
        within: seconds(7200),
    });
    let release = sim.cut(&[migration(1, Contract::Expand)]);
    let plan = sim.plan(STAGING, release);
    let mut steps = plan.steps.iter();
    let step = steps.find(|step| step.id == "migrate-main").unwrap();
    assert_eq!(step.within, seconds(7200));
}

fn deployed(batched: bool) -> (Sim, DeploymentNumber) {
    let mut sim = Sim::new();
    let fill = Migration {
        batched,
        ..migration(2, Contract::Data)
    };
    let release = sim.cut(&[migration(1, Contract::Expand), fill]);
    let number = sim.deploy(&dana(), DEVELOPMENT, release).unwrap();
    sim.run_to(number, "migrate-main");
    (sim, number)
}

fn advanced(deployment: DeploymentNumber, key: &str, rows: u64) -> Command {
    Command::RecordBackfill {
        deployment,
        key: key.to_owned(),
        backfill: Backfill {
            database: "main".parse().unwrap(),
            migration: "2 (change 2)".into(),
            rows,
            total: 4000,
            changed: rows,
            left_ms: Some(1000),
            paused: None,
        },
    }
}

#[test]
fn a_backfill_has_the_time_that_it_takes() {
    let lasting = |batched| {
        let (sim, number) = deployed(batched);
        let attempt = sim.deployment(number).attempt().unwrap().clone();
        attempt.deadline.since(attempt.started_at)
    };
    assert_eq!(lasting(false), seconds(600));
    assert_eq!(lasting(true), seconds(7 * 24 * 3600));
    // One of before gives no time to what comes later, once something else is the last that is there.
    let (mut sim, number) = deployed(true);
    assert_eq!(sim.complete(number), End::Settled);
    let mut migrations = sim
        .state
        .applied(&env(DEVELOPMENT), &"main".parse().unwrap())
        .to_vec();
    let mut next = |version| {
        migrations.push(migration(version, Contract::Expand));
        let release = sim.cut(&migrations);
        let plan = sim.plan(DEVELOPMENT, release);
        let number = sim.deploy(&dana(), DEVELOPMENT, release).unwrap();
        assert_eq!(sim.complete(number), End::Settled);
        let step = plan.steps.iter().find(|step| step.id == "migrate-main");
        step.unwrap().within
    };
    assert_eq!(next(3), Duration::from_secs(7 * 24 * 3600));
    assert_eq!(next(4), Duration::from_secs(600));
}

#[test]
fn how_far_it_is_stands_with_its_attempt() {
    let (mut sim, number) = deployed(true);
    let key = sim.deployment(number).attempt().unwrap().key.clone();
    for rows in [1000, 2000] {
        sim.command(&Actor::Towpath, advanced(number, &key, rows))
            .unwrap();
        let attempt = sim.deployment(number).attempt().unwrap();
        assert_eq!(attempt.backfill.as_ref().map(|told| told.rows), Some(rows));
    }
    // Of an attempt that is not, or is over, nothing more is heard.
    let stale = |sim: &mut Sim, key: &str| {
        let refused = sim.command(&Actor::Towpath, advanced(number, key, 3000));
        assert!(matches!(refused, Err(Refusal::Stale { .. })), "{refused:?}");
    };
    stale(&mut sim, "d1.other.1");
    sim.finish(number, super::play::failed("no"));
    stale(&mut sim, &key);
}
