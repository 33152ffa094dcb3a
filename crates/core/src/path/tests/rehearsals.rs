//! Rehearsals: what follows on what, what they prove, and what they do not.

use super::{sim::Sim, world::*};
use crate::{
    names::{DeploymentNumber, EnvironmentName, ReleaseNumber},
    path::*,
};

fn place() -> EnvironmentName {
    env(STAGING)
}

/// The first release is verified in staging, and a second is there to be rehearsed.
fn two() -> (Sim, ReleaseNumber) {
    let mut sim = Sim::new();
    let first = sim.cut(&[migration(1, Contract::Expand)]);
    let number = sim.deploy(&dana(), STAGING, first).unwrap();
    assert_eq!(sim.complete(number), End::Settled);
    let second = sim.cut(&[
        migration(1, Contract::Expand),
        migration(2, Contract::Expand),
    ]);
    (sim, second)
}

fn forward(
    sim: &mut Sim,
    of: ReleaseNumber,
    after: Option<DeploymentNumber>,
) -> Result<DeploymentNumber, Refusal> {
    let plan = rehearsed_deploy(sim.plan(STAGING, of));
    sim.request(&dana(), plan, Trigger::Rehearsal { of, after })
}

fn back(
    sim: &mut Sim,
    of: ReleaseNumber,
    after: DeploymentNumber,
) -> Result<DeploymentNumber, Refusal> {
    let returning = ReleaseNumber(1);
    let manifest = sim.manifests[&returning].clone();
    let tests = &manifest.environment(STAGING).unwrap().test;
    let plan = rehearsed_return(sim.way(&place())?, tests);
    let after = Some(after);
    sim.request(&dana(), plan, Trigger::Rehearsal { of, after })
}

fn prove(sim: &mut Sim, [first, back, again]: [DeploymentNumber; 3]) -> Result<(), Refusal> {
    let command = Command::ProveRollback { first, back, again };
    sim.command(&dana(), command).map(drop)
}

fn done(sim: &mut Sim, number: DeploymentNumber) -> DeploymentNumber {
    assert_eq!(sim.complete(number), End::Settled, "{}", sim.why(number));
    assert!(sim.deployment(number).signatures.is_empty());
    number
}

/// All three, one after the other.
fn rehearsed(sim: &mut Sim, of: ReleaseNumber) -> [DeploymentNumber; 3] {
    let station_of = |sim: &Sim| station(&sim.state, &place(), of, None);
    assert_eq!(station_of(sim), Station::Forward { after: None });
    let first = forward(sim, of, None).unwrap();
    assert_eq!(station_of(sim), Station::UnderWay(first));
    done(sim, first);
    assert_eq!(station_of(sim), Station::Back { after: first });
    let between = back(sim, of, first).unwrap();
    done(sim, between);
    let after = Some(between);
    assert_eq!(station_of(sim), Station::Forward { after });
    let again = forward(sim, of, after).unwrap();
    done(sim, again);
    let back = between;
    assert_eq!(station_of(sim), Station::Prove { back, again });
    [first, between, again]
}

#[test]
fn three_deployments_prove_the_way_back_and_verify_nothing() {
    let (mut sim, second) = two();
    let numbers = rehearsed(&mut sim, second);
    let ran = |number| -> Vec<Phase> {
        let steps = sim.deployment(number).plan.steps.iter();
        steps.map(|step| step.phase).collect()
    };
    for number in numbers {
        assert!(ran(number).contains(&Phase::Test), "{number}");
        assert!(!ran(number).contains(&Phase::SignOff), "{number}");
    }
    prove(&mut sim, numbers).unwrap();
    let rehearsal = sim.release(second).rehearsal.clone().unwrap();
    assert!(rehearsal.proves());
    assert_eq!(rehearsal.deployments, numbers);
    assert_eq!(rehearsal.to, Some(ReleaseNumber(1)));
    assert_eq!(sim.live(STAGING), Some(second));
    assert!(!sim.is_verified(second, STAGING));
    assert_eq!(sim.env(STAGING).hold, None);
    sim.replay();
    // Asked once more, it is done once more.
    let again = station(&sim.state, &place(), second, None);
    assert_eq!(again, Station::Forward { after: None });
}

#[test]
fn what_was_verified_stays_so_and_stays_a_place_to_return_to() {
    let (mut sim, second) = two();
    let number = sim.deploy(&dana(), STAGING, second).unwrap();
    assert_eq!(sim.complete(number), End::Settled);
    let between = back(&mut sim, second, number).unwrap();
    done(&mut sim, between);
    let again = forward(&mut sim, second, Some(between)).unwrap();
    done(&mut sim, again);
    prove(&mut sim, [number, between, again]).unwrap();
    assert!(sim.is_verified(second, STAGING));
    let verified = sim.env(STAGING).verified;
    let verified: Vec<u32> = verified.iter().map(|one| one.release.0).collect();
    assert_eq!(verified, [1, 2]);
}

#[test]
fn ordinary_deployments_prove_nothing() {
    let (mut sim, second) = two();
    let first = sim.deploy(&dana(), STAGING, second).unwrap();
    sim.complete(first);
    let between = sim.rollback(&dana(), STAGING).unwrap();
    sim.complete(between);
    let again = sim.deploy(&dana(), STAGING, second).unwrap();
    sim.complete(again);
    let refused = prove(&mut sim, [first, between, again]).unwrap_err();
    assert!(matches!(refused, Refusal::NotNow { .. }), "{refused}");
    assert_eq!(sim.release(second).rehearsal, None);
}

#[test]
fn the_order_is_proven_too_and_whoever_may_not_roll_back_proves_nothing() {
    let (mut sim, second) = two();
    let [first, between, again] = rehearsed(&mut sim, second);
    for odd in [
        [again, between, first],
        [first, first, again],
        [first, again, between],
        [again, between, again],
    ] {
        let refused = prove(&mut sim, odd).unwrap_err();
        assert!(matches!(refused, Refusal::NotNow { .. }), "{odd:?}");
    }
    let back = between;
    let command = Command::ProveRollback { first, back, again };
    let refused = sim.command(&mallory(), command).unwrap_err();
    assert!(matches!(refused, Refusal::NotAllowed { .. }), "{refused}");
}

#[test]
fn nothing_comes_in_between() {
    let (mut sim, second) = two();
    let first = forward(&mut sim, second, None).unwrap();
    // Not before it has ended.
    assert!(back(&mut sim, second, first).is_err());
    done(&mut sim, first);
    let between = back(&mut sim, second, first).unwrap();
    done(&mut sim, between);
    let other = sim.deploy(&dana(), STAGING, second).unwrap();
    let stopped = station(&sim.state, &place(), second, Some(between));
    assert_eq!(stopped, Station::Stopped { at: between });
    sim.complete(other);
    let refused = forward(&mut sim, second, Some(between)).unwrap_err();
    let said = refused.to_string();
    assert!(
        said.contains("is not what the rehearsal of v2 goes on from"),
        "{said}"
    );
}

#[test]
fn a_schema_that_is_not_as_it_was_is_remembered_as_it_was() {
    let (mut sim, second) = two();
    let spoil = |sim: &mut Sim, number, schema: &str| {
        sim.run_to(number, "migrate-main");
        let Receipt::Migrated {
            database,
            home,
            applied,
            fresh,
            ..
        } = sim.receipt(number)
        else {
            panic!("it migrates");
        };
        let schema = schema.to_owned();
        let receipt = Receipt::Migrated {
            database,
            home,
            applied,
            fresh,
            schema,
        };
        sim.finish(number, super::play::passed(receipt));
        done(sim, number)
    };
    let round = |sim: &mut Sim, before: &str, after: &str| {
        let first = forward(sim, second, None).unwrap();
        spoil(sim, first, before);
        let between = back(sim, second, first).unwrap();
        done(sim, between);
        let again = forward(sim, second, Some(between)).unwrap();
        spoil(sim, again, after);
        prove(sim, [first, between, again]).unwrap();
        sim.release(second).rehearsal.clone().unwrap()
    };
    let found = round(&mut sim, "whole", "spoiled");
    assert!(found.finding.unwrap().contains("was whole and is spoiled"));
    assert!(sim.env(STAGING).hold.is_some());
    // As it was before the second time, and not as it was before anything was spoiled.
    let found = round(&mut sim, "spoiled", "spoiled");
    assert!(found.finding.unwrap().contains("was whole and is spoiled"));
    assert!(round(&mut sim, "whole", "whole").proves());
    sim.replay();
}

#[test]
fn production_asks_for_it_where_the_manifest_says_so() {
    let (mut sim, _) = two();
    environment(&mut sim.manifest, PRODUCTION).going_back.proven = true;
    let third = sim.cut(&[migration(1, Contract::Expand)]);
    let gate = |sim: &Sim| {
        let plan = sim.plan(PRODUCTION, third);
        let candidate = Candidate {
            plan: &plan,
            trigger: &Trigger::Person,
            requested_by: "olga",
            requested_at: sim.now,
            release: sim.release(third),
            accepted: None,
        };
        let reports = ask_gates(&sim.state, &candidate, sim.now).into_iter();
        let mut reports = reports.filter(|report| report.gate == Gate::RollbackProven);
        reports.next().map(|report| report.answer)
    };
    match gate(&sim) {
        Some(Answer::Refuse { way_out, .. }) => {
            assert_eq!(way_out, "`towpath rehearse staging v3`");
        }
        other => panic!("{other:?}"),
    }
    let numbers = rehearsed(&mut sim, third);
    assert!(matches!(gate(&sim), Some(Answer::Refuse { .. })));
    prove(&mut sim, numbers).unwrap();
    assert!(matches!(gate(&sim), Some(Answer::Pass { .. })));
}

/// What is there of the clone of staging.
fn clone_of_staging(sim: &Sim) -> EnvironmentState {
    sim.state.environment(&place().of_clone())
}

/// Makes a clone of staging, and begins a rehearsal in it.
fn begin_on_clone(
    sim: &mut Sim,
    who: &Actor,
    of: ReleaseNumber,
) -> Result<DeploymentNumber, Refusal> {
    let plan = on_clone(&sim.state, rehearsed_deploy(sim.plan(STAGING, of)));
    let copies = plan.launch.databases.keys().map(|database| {
        let (home, name) = (place(), format!("clone_of_{database}"));
        (database.clone(), ClonedDatabase { home, name })
    });
    let databases = copies.collect();
    let plan = cloning_first(plan, &databases);
    let command = Command::Clone {
        plan: Box::new(plan.clone()),
        databases,
        idle: seconds(60),
    };
    sim.command(who, command)?;
    sim.request(who, plan, Trigger::Rehearsal { of, after: None })
}

fn goes_on_in_clone(
    sim: &mut Sim,
    of: ReleaseNumber,
    after: DeploymentNumber,
) -> Result<DeploymentNumber, Refusal> {
    let plan = match station(&sim.state, &place().of_clone(), of, None) {
        Station::Back { .. } => rehearsed_return(sim.way(&place().of_clone())?, &[]),
        _ => on_clone(&sim.state, rehearsed_deploy(sim.plan(STAGING, of))),
    };
    let after = Some(after);
    sim.request(&dana(), plan, Trigger::Rehearsal { of, after })
}

fn remove_clone(sim: &mut Sim) -> bool {
    let clone = place().of_clone();
    let events = sim.command(&Actor::Towpath, Command::RemoveClone { clone });
    !events.unwrap().is_empty()
}

#[test]
fn a_clone_proves_it_and_nothing_happens_to_what_it_is_like() {
    let (mut sim, second) = two();
    let staging = sim.env(STAGING);
    let first = begin_on_clone(&mut sim, &dana(), second).unwrap();
    let plan = &sim.deployment(first).plan;
    assert_eq!(plan.environment.as_str(), "staging~clone");
    let clones = |step: &Step| matches!(step.action, Action::Clone { .. });
    let ids: Vec<&str> = plan.steps.iter().map(|step| step.id.as_str()).collect();
    let at = plan.steps.iter().position(clones).unwrap();
    assert_eq!(ids[at + 1], "migrate-main", "{ids:?}");
    done(&mut sim, first);
    assert!(!remove_clone(&mut sim), "it is in use");
    // Somebody deploys to staging meanwhile; the clone is another place.
    let other = sim.deploy(&dana(), STAGING, ReleaseNumber(1)).unwrap();
    assert_eq!(sim.complete(other), End::Settled);
    let between = goes_on_in_clone(&mut sim, second, first).unwrap();
    let back = &sim.deployment(between).plan;
    assert_eq!(
        (back.kind, back.release),
        (Kind::Rollback, ReleaseNumber(1))
    );
    let reuses =
        |step: &Step| matches!(&step.action, Action::Start { reuse, .. } if !reuse.is_empty());
    assert!(
        !back.steps.iter().any(reuses),
        "what runs in staging uses its database"
    );
    done(&mut sim, between);
    let again = goes_on_in_clone(&mut sim, second, between).unwrap();
    assert!(!sim.deployment(again).plan.steps.iter().any(clones));
    done(&mut sim, again);
    prove(&mut sim, [first, between, again]).unwrap();

    let rehearsal = sim.release(second).rehearsal.clone().unwrap();
    assert!(rehearsal.proves() && rehearsal.on_clone);
    assert_eq!(
        (rehearsal.environment.clone(), rehearsal.at),
        (place(), Some(sim.now))
    );
    assert_eq!(
        rehearsal.to_string(),
        format!(
            "rollback proven on a clone of staging: to v1 and back ({first}, {between}, {again})"
        )
    );
    assert!(remove_clone(&mut sim));
    assert!(!remove_clone(&mut sim));
    assert_eq!(clone_of_staging(&sim), EnvironmentState::default());
    assert_eq!(sim.env(STAGING).schema, staging.schema);
    assert_eq!(sim.live(STAGING), Some(ReleaseNumber(1)));
    assert!(!sim.is_verified(second, STAGING));
    sim.replay();
}

#[test]
fn what_a_clone_finds_holds_nothing_and_revokes_nothing() {
    let (mut sim, second) = two();
    let first = begin_on_clone(&mut sim, &dana(), second).unwrap();
    done(&mut sim, first);
    let between = goes_on_in_clone(&mut sim, second, first).unwrap();
    sim.fail_at(between, "start-web");
    assert_eq!(sim.complete(between), End::Failed);
    let stopped = Station::Stopped { at: between };
    let clone = place().of_clone();
    assert_eq!(station(&sim.state, &clone, second, Some(between)), stopped);
    let command = Command::FailRehearsal {
        release: second,
        deployment: between,
        finding: "it fails".into(),
    };
    sim.command(&dana(), command).unwrap();
    let rehearsal = sim.release(second).rehearsal.clone().unwrap();
    assert!(
        rehearsal
            .to_string()
            .starts_with("the rehearsal on a clone of staging failed"),
        "{rehearsal}"
    );
    assert_eq!(sim.env(STAGING).hold, None);
    assert!(sim.is_verified(ReleaseNumber(1), STAGING));
    let refused = sim.command(
        &dana(),
        Command::Retry {
            deployment: between,
            from: None,
        },
    );
    assert!(refused.unwrap_err().to_string().contains("is thrown away"));
    assert!(remove_clone(&mut sim));
    sim.replay();
}

#[test]
fn a_clone_is_for_one_rehearsal_by_whoever_may_and_goes_when_nobody_goes_on() {
    let (mut sim, second) = two();
    let refused = begin_on_clone(&mut sim, &mallory(), second).unwrap_err();
    assert!(matches!(refused, Refusal::NotAllowed { .. }), "{refused}");
    let plan = on_clone(&sim.state, sim.plan(STAGING, second));
    let refused = sim.request(&dana(), plan, Trigger::Person).unwrap_err();
    assert!(matches!(refused, Refusal::NotAllowed { .. }), "{refused}");

    let first = begin_on_clone(&mut sim, &dana(), second).unwrap();
    let third = sim.cut(&[migration(1, Contract::Expand)]);
    let refused = begin_on_clone(&mut sim, &dana(), third).unwrap_err();
    assert!(
        refused.to_string().contains("has the clone of staging"),
        "{refused}"
    );
    done(&mut sim, first);
    sim.now = sim.now + seconds(59);
    assert!(!remove_clone(&mut sim));
    sim.now = sim.now + seconds(2);
    let refused = goes_on_in_clone(&mut sim, second, first).unwrap_err();
    assert!(
        refused.to_string().contains("clone of staging is gone"),
        "{refused}"
    );
    assert!(remove_clone(&mut sim));
    begin_on_clone(&mut sim, &dana(), third).unwrap();
}

#[test]
fn what_the_way_back_leaves_is_seen_by_what_the_copy_was_like() {
    let mut sim = Sim::new();
    let first = sim.cut(&[migration(1, Contract::Expand)]);
    let number = sim.deploy(&dana(), STAGING, first).unwrap();
    assert_eq!(sim.complete(number), End::Settled);
    let down = Migration {
        reversible: true,
        ..migration(2, Contract::Contract)
    };
    let second = sim.cut(&[migration(1, Contract::Expand), down]);
    let round = |sim: &mut Sim, left: &str| {
        let first = begin_on_clone(sim, &dana(), second).unwrap();
        done(sim, first);
        let back = goes_on_in_clone(sim, second, first).unwrap();
        sim.run_to(back, "undo-main");
        let Receipt::Migrated {
            database,
            home,
            applied,
            fresh,
            ..
        } = sim.receipt(back)
        else {
            panic!("it undoes");
        };
        let receipt = Receipt::Migrated {
            database,
            home,
            applied,
            fresh,
            schema: left.to_owned(),
        };
        sim.finish(back, super::play::passed(receipt));
        done(sim, back);
        let again = goes_on_in_clone(sim, second, back).unwrap();
        done(sim, again);
        prove(sim, [first, back, again]).unwrap();
        assert!(remove_clone(sim));
        sim.release(second).rehearsal.clone().unwrap().finding
    };
    let found = round(&mut sim, "with an index").unwrap();
    assert!(
        found.contains("with the same migrations applied"),
        "{found}"
    );
    assert_eq!(round(&mut sim, ""), None);
    assert!(round(&mut sim, "with an index").is_some());
    // Where the release is live, a copy is never what it was before it; that is remembered.
    let number = sim.deploy(&dana(), STAGING, second).unwrap();
    assert_eq!(sim.complete(number), End::Settled);
    assert!(round(&mut sim, "with an index").is_some());
}

#[test]
fn nothing_is_cloned_while_its_schema_changes() {
    let (mut sim, second) = two();
    let busy = sim.deploy(&dana(), STAGING, second).unwrap();
    sim.run_to(busy, "migrate-main");
    let refused = begin_on_clone(&mut sim, &dana(), second).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("changes a database of staging"),
        "{refused}"
    );
    sim.pass(busy);
    let first = begin_on_clone(&mut sim, &dana(), second).unwrap();
    // Nor is a copy begun while one that began later changes it.
    assert_eq!(sim.complete(busy), End::Settled);
    let third = sim.cut(&[
        migration(1, Contract::Expand),
        migration(2, Contract::Expand),
        migration(3, Contract::Expand),
    ]);
    let later = sim.deploy(&dana(), STAGING, third).unwrap();
    sim.run_to(later, "migrate-main");
    match sim.run(first) {
        Next::Wait(wait) => assert!(format!("{wait:?}").contains("changes the database main")),
        other => panic!("{other:?}"),
    }
    assert_eq!(sim.complete(later), End::Settled, "{}", sim.why(later));
    done(&mut sim, first);
}
