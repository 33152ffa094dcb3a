//! `keep_safe_back`: what takes away what a release needs that is live, warm or promised is refused, and says what comes first.

use super::{sim::Sim, world::*};
use crate::{names::ReleaseNumber, path::*};

const WARM: u64 = 600;

/// Production promises `keep`, and each of these releases went all the way, one after the other.
fn shipped(keep: Option<u8>, releases: &[&[Migration]]) -> Sim {
    let mut sim = Sim::new();
    promise(&mut sim, PRODUCTION, keep);
    for migrations in releases {
        let release = sim.cut(migrations);
        sim.ship(release);
        sim.now = sim.now + seconds(WARM + 1);
    }
    sim
}

fn promise(sim: &mut Sim, name: &str, keep: Option<u8>) {
    environment(&mut sim.manifest, name)
        .going_back
        .keep_safe_back = keep;
}

/// What the gate says to a release with these migrations, verified in staging.
fn asked(sim: &mut Sim, migrations: &[Migration]) -> Option<Answer> {
    let release = sim.cut(migrations);
    let staged = sim.deploy(&dana(), STAGING, release).unwrap();
    assert_eq!(sim.complete(staged), End::Settled, "{}", sim.why(staged));
    gate(sim, PRODUCTION, release)
}

fn gate(sim: &mut Sim, name: &str, release: ReleaseNumber) -> Option<Answer> {
    let by = if name == PRODUCTION { olga() } else { dana() };
    let number = sim.deploy(&by, name, release).unwrap();
    let deployment = sim.deployment(number);
    let candidate = Candidate::of(deployment, sim.release(release));
    let reports = ask_gates(&sim.state, &candidate, sim.now).into_iter();
    let mut reports = reports.filter(|report| report.gate == Gate::SafeBack);
    reports.next().map(|report| report.answer)
}

fn refused(answer: Option<Answer>) -> (String, String) {
    match answer {
        Some(Answer::Refuse { reason, way_out }) => (reason, way_out),
        other => panic!("{other:?}"),
    }
}

fn base() -> Migration {
    migration(1, Contract::Expand)
}

/// Stops the old shape's use.
fn moved() -> Migration {
    migration(2, Contract::Expand)
}

/// Takes the old shape away, from those that do not know migration 2.
fn taken() -> Migration {
    Migration {
        after: Some(2.into()),
        ..migration(3, Contract::Contract)
    }
}

#[test]
fn without_it_nothing_is_promised() {
    let mut sim = shipped(None, &[&[base()]]);
    let answer = asked(&mut sim, &[base(), migration(2, Contract::Contract)]);
    assert_eq!(answer, None);
}

#[test]
fn what_is_live_keeps_what_it_needs() {
    let mut sim = shipped(Some(0), &[&[base()]]);
    let broken = migration(2, Contract::Contract);
    let (reason, way_out) = refused(asked(&mut sim, &[base(), broken]));
    assert_eq!(
        reason,
        "migration 2 (change 2) of database main takes away what releases of production need that keep_safe_back = 0 keeps possible: v1 (live)"
    );
    assert!(
        way_out.starts_with("first bring production releases that no longer need the old shape"),
        "{way_out}"
    );
    assert!(way_out.contains("-- towpath: contract after VERSION"));
    // What breaks nobody passes, and so does what can be undone only where nobody would have to.
    let mut sim = shipped(Some(0), &[&[base()]]);
    let answer = asked(&mut sim, &[base(), moved()]);
    assert!(matches!(answer, Some(Answer::Pass { .. })), "{answer:?}");
}

#[test]
fn what_is_warm_keeps_what_it_needs_until_it_is_cold() {
    let mut sim = Sim::new();
    promise(&mut sim, PRODUCTION, Some(0));
    for migrations in [&[base()][..], &[base(), moved()]] {
        let release = sim.cut(migrations);
        sim.ship(release);
    }
    let until = sim.env(PRODUCTION).previous.unwrap().until;
    let (reason, way_out) = refused(asked(&mut sim, &[base(), moved(), taken()]));
    assert!(
        reason.ends_with(&format!("v1 (warm until {until})")),
        "{reason}"
    );
    assert!(
        way_out.contains("releases that know migration 2"),
        "{way_out}"
    );
    assert!(way_out.contains(&format!("until {until}")), "{way_out}");
    sim.now = until;
    let number = sim.env(PRODUCTION).queue;
    assert_eq!(number.len(), 1);
    sim.advance(number[0]);
    assert_eq!(sim.complete(number[0]), End::Settled);
}

#[test]
fn the_last_that_were_verified_keep_what_they_need() {
    let old = [base()];
    let new = [base(), moved()];
    let last = [base(), moved(), taken()];
    // As many as were promised, beside the live one, know the new shape.
    for (keep, between, is_open) in [
        (0, 0, true),
        (1, 0, false),
        (1, 1, true),
        (2, 1, false),
        (2, 2, true),
    ] {
        let mut releases: Vec<&[Migration]> = vec![&old, &new];
        releases.extend(std::iter::repeat_n(&new[..], between));
        let mut sim = shipped(Some(keep), &releases);
        let answer = asked(&mut sim, &last);
        let is_pass = matches!(answer, Some(Answer::Pass { .. }));
        assert_eq!(is_pass, is_open, "{keep} {between}: {answer:?}");
        if !is_open {
            let (reason, way_out) = refused(answer);
            assert!(reason.ends_with(": v1 (verified)"), "{reason}");
            assert!(
                way_out.contains("releases that know migration 2"),
                "{way_out}"
            );
        }
    }
}

#[test]
fn a_vetoed_release_is_promised_to_nobody() {
    let mut sim = shipped(Some(1), &[&[base()], &[base(), moved()]]);
    sim.veto(&olga(), ReleaseNumber(1)).unwrap();
    let answer = asked(&mut sim, &[base(), moved(), taken()]);
    assert!(matches!(answer, Some(Answer::Pass { .. })), "{answer:?}");
}

#[test]
fn a_release_cannot_drop_the_promise_and_who_shares_the_database_keeps_theirs() {
    let mut sim = shipped(Some(0), &[&[base()]]);
    promise(&mut sim, PRODUCTION, None);
    refused(asked(&mut sim, &[base(), migration(2, Contract::Contract)]));

    let mut sim = Sim::new();
    promise(&mut sim, STAGING, Some(0));
    let shared = crate::manifest::EnvironmentDatabase {
        same_as: Some(env(STAGING)),
    };
    let databases = &mut environment(&mut sim.manifest, DEVELOPMENT).databases;
    databases.insert("main".parse().unwrap(), shared);
    let first = sim.cut(&[base()]);
    let staged = sim.deploy(&dana(), STAGING, first).unwrap();
    assert_eq!(sim.complete(staged), End::Settled);
    let second = sim.cut(&[base(), migration(2, Contract::Contract)]);
    let (reason, _) = refused(gate(&mut sim, DEVELOPMENT, second));
    assert!(reason.contains("releases of staging need"), "{reason}");
}

#[test]
fn a_return_is_never_refused_for_a_promise() {
    let mut sim = shipped(Some(4), &[&[base()], &[base(), moved()]]);
    let rollback = sim.rollback(&olga(), PRODUCTION).unwrap();
    assert_eq!(sim.complete(rollback), End::Settled);
}
