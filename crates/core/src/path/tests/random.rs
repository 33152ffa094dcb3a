//! Anything, in any order: people, pushes, outcomes and a clock that also jumps back. Nothing panics, the checks of
//! `sim` hold, and when everything goes well from then on, every deployment comes to its end.

use proptest::prelude::*;

use super::{
    moves::{Move, moves},
    play::{errored, failed},
    sim::Sim,
    world::*,
};
use crate::{
    manifest::{NoReturnRule, OnFailure, ParityRule, UndoRule},
    names::{DeploymentNumber, EnvironmentName, ReleaseNumber},
    path::*,
};

fn pick<T: Clone>(all: &[T], by: u8) -> Option<T> {
    let index = usize::from(by).checked_rem(all.len())?;
    all.get(index).cloned()
}

/// Mostly somebody who may deploy there, sometimes anybody.
fn person_at(by: u8, name: &str) -> Actor {
    match (by % 4, name) {
        (0, _) => person(by / 4),
        (_, PRODUCTION) => olga(),
        _ => dana(),
    }
}

fn person(by: u8) -> Actor {
    pick(
        &[
            dana(),
            quinn(),
            lee(),
            max(),
            olga(),
            olga(),
            dana(),
            mallory(),
        ],
        by,
    )
    .unwrap()
}

fn place(by: u8) -> &'static str {
    [DEVELOPMENT, STAGING, PRODUCTION][usize::from(by) % 3]
}

fn open(sim: &Sim) -> Vec<DeploymentNumber> {
    sim.state.open().map(|d| d.number).collect()
}

fn deployments(sim: &Sim) -> Vec<DeploymentNumber> {
    sim.state.deployments.keys().copied().collect()
}

/// Makes a move; what is refused, is.
fn play(sim: &mut Sim, step: &Move) {
    let releases: Vec<ReleaseNumber> = sim.state.releases.keys().rev().copied().collect();
    match *step {
        Move::Cut { contract, change } if releases.len() < 9 => cut(sim, contract, change),
        Move::Cut { .. } => {}
        Move::Push { place: at, release } => {
            if let Some(release) = pick(&releases, release) {
                let _ = sim.push(place(at), release);
            }
        }
        Move::Deploy {
            who,
            place: at,
            release,
        } => {
            if let Some(release) = pick(&releases, release) {
                let _ = sim.deploy(&person_at(who, place(at)), place(at), release);
            }
        }
        Move::Promote { who, release } => {
            if let Some(release) = pick(&releases, release) {
                let from = env(STAGING);
                let plan = sim.plan(PRODUCTION, release);
                let _ = sim.request(
                    &person_at(who, PRODUCTION),
                    plan,
                    Trigger::Promotion { from },
                );
            }
        }
        Move::Rollback {
            who,
            place: at,
            named,
        } => {
            let verified = sim.env(place(at)).verified;
            match named.and_then(|named| pick(&verified, named)) {
                Some(standing) => {
                    let release = sim.release(standing.release);
                    let undo = reversals(&sim.state, &env(place(at)), release, &standing.launch);
                    let plan = plan_return(&standing, &undo.unwrap_or_default());
                    drop(sim.request(&person_at(who, place(at)), plan, Trigger::Person));
                }
                None => drop(sim.rollback(&person_at(who, place(at)), place(at))),
            }
        }
        Move::Rule {
            who,
            place: at,
            what,
        } => rule(sim, &person_at(who, place(at)), place(at), what),
        Move::Veto { who, release } => {
            if let Some(release) = pick(&releases, release) {
                // Mostly somebody who may not: nothing of a vetoed release moves any more.
                let by = if who < 10 { dana() } else { mallory() };
                let _ = sim.veto(&by, release);
            }
        }
        Move::Sign {
            who,
            which,
            rejects,
        } => {
            let asked = |n: &DeploymentNumber| sim.deployment(*n).asked.is_some();
            let waiting: Vec<_> = open(sim).into_iter().filter(asked).collect();
            if let Some(deployment) = pick(&waiting, which) {
                let command = match rejects {
                    true => Command::Reject {
                        deployment,
                        name: None,
                        reason: "no".into(),
                    },
                    false => Command::Sign {
                        deployment,
                        name: None,
                        evidence: None,
                        comment: None,
                    },
                };
                let _ = sim.command(&person(who), command);
            }
        }
        Move::Cancel { who, which } => {
            if let Some(number) = pick(&deployments(sim), which) {
                let by = person_at(who, sim.deployment(number).plan.environment.as_str());
                let _ = sim.cancel(&by, number);
            }
        }
        Move::Retry { who, which, from } => {
            if let Some(number) = pick(&latest(sim), which) {
                let steps = &sim.deployment(number).plan.steps;
                let from = from.and_then(|from| pick(steps, from)).map(|step| step.id);
                let by = person_at(who, sim.deployment(number).plan.environment.as_str());
                let _ = sim.retry(&by, number, from.as_deref());
            }
        }
        Move::Probe { which, failures } => probe(sim, which, failures),
        Move::Work {
            which,
            outcome,
            is_killed,
        } => {
            if let Some(number) = pick(&open(sim), which) {
                work(sim, number, outcome, is_killed);
            }
        }
        Move::Run { which } => {
            if let Some(number) = pick(&open(sim), which) {
                sim.run(number);
            }
        }
        Move::Clock { seconds } => sim.now.0 += i64::from(seconds) * 1000,
    }
}

/// The last deployment of each environment, which alone may be retried.
fn latest(sim: &Sim) -> Vec<DeploymentNumber> {
    let environments = sim.state.environments.values();
    environments
        .filter_map(|environment| environment.last)
        .collect()
}

fn cut(sim: &mut Sim, contract: u8, change: u8) {
    let manifest = &mut sim.manifest;
    match change % 16 {
        0 => manifest.freezes = vec![freeze()],
        1 => manifest.freezes.clear(),
        2 => environment(manifest, STAGING).sign_off.truncate(1),
        3 => environment(manifest, PRODUCTION).after.clear(),
        4 => environment(manifest, STAGING).on_failure = OnFailure::Rollback,
        5 => environment(manifest, PRODUCTION).on_failure = OnFailure::Hold,
        6 => manifest
            .roles
            .get_mut(&role("operator"))
            .unwrap()
            .members
            .push("lee@acme.test".into()),
        7 => {
            let shared = crate::manifest::EnvironmentDatabase {
                same_as: Some(env(STAGING)),
            };
            let databases = &mut environment(manifest, DEVELOPMENT).databases;
            databases.insert("main".parse().unwrap(), shared);
        }
        8 => manifest.services.clear(),
        12 => {
            let production = &mut environment(manifest, PRODUCTION).going_back;
            production.keep_safe_back = Some(2);
            production.no_return = NoReturnRule::Ask;
        }
        13 => environment(manifest, PRODUCTION).no_drift = true,
        10 | 11 => environment(manifest, PRODUCTION).going_back.undo = UndoRule::Automatic,
        9 => {
            // As they are, and not once they differ in what runs too.
            environment(manifest, STAGING).mirrors = Some(env(PRODUCTION));
            environment(manifest, PRODUCTION).parity = Some(ParityRule { min: 55 });
        }
        _ => *manifest = super::world::manifest(),
    }
    if manifest.services.is_empty() {
        environment(manifest, PRODUCTION).smoke.clear();
    }
    let contracts = [
        Contract::Expand,
        Contract::Expand,
        Contract::Data,
        Contract::Contract,
    ];
    let own = contract.is_multiple_of(3).then(|| Migration {
        reversible: !contract.is_multiple_of(5),
        ..migration(i64::from(contract), contracts[usize::from(contract) % 4])
    });
    let before = sim.state.releases.values().next_back();
    let mut migrations = before.map_or(Vec::new(), |release| {
        release
            .source
            .migrations
            .values()
            .flatten()
            .cloned()
            .collect()
    });
    migrations.extend(own);
    sim.cut(&migrations);
}

fn rule(sim: &mut Sim, actor: &Actor, name: &str, what: u8) {
    let policy = sim.policy(name);
    let reason = "because".to_owned();
    let command = match what % 4 {
        0 => Command::Lock {
            policy,
            reason,
            lasting: seconds(1 + u64::from(what) * 60),
        },
        1 => Command::Unlock { policy },
        2 => Command::Hold { policy, reason },
        _ => Command::ReleaseHold { policy },
    };
    let _ = sim.command(actor, command);
}

fn probe(sim: &mut Sim, which: u8, failures: u8) {
    let Some(deployment) = pick(&open(sim), which) else {
        return;
    };
    if let Some(attempt) = sim.deployment(deployment).attempt() {
        let command = Command::RecordProbe {
            deployment,
            key: attempt.key.clone(),
            probe: 0,
            failures: u32::from(failures % 3),
            finding: "503".into(),
        };
        sim.command(&towpath(), command).unwrap();
    }
}

fn work(sim: &mut Sim, number: DeploymentNumber, outcome: u8, is_killed: bool) {
    let key = match sim.next(number) {
        Next::Advance => return bounded(&sim.advance(number)),
        Next::Look { places } => return sim.look(number, &places),
        Next::Perform { key, .. } | Next::Abort { key, .. } => key,
        Next::Wait(_) => return assert!(sim.advance(number).is_empty()),
        Next::Done => panic!("{number} is open"),
    };
    // More goes wrong in production, where the way back is longest.
    let rarity = match sim.deployment(number).plan.environment.as_str() {
        PRODUCTION => 12,
        _ => 32,
    };
    let outcome = match outcome % rarity {
        0 => failed("no"),
        1 => errored("no route to host"),
        2 => Outcome::Errored {
            cause: "gone".into(),
            transient: false,
        },
        3 => Outcome::Inconclusive { why: "odd".into() },
        _ => super::play::passed(sim.receipt(number)),
    };
    let command = Command::EndAttempt {
        deployment: number,
        key,
        outcome,
    };
    sim.command(&towpath(), command).unwrap();
    if !is_killed {
        bounded(&sim.advance(number));
    }
}

fn bounded(events: &Events) {
    assert!(events.len() < 20, "{events:?}");
}

/// From here on everything goes well: what is performed passes, people sign, locks and holds are lifted, time goes on.
fn all_goes_well(sim: &mut Sim) {
    for _ in 0..400 {
        let numbers = open(sim);
        if numbers.is_empty() {
            return;
        }
        let mut earliest = None;
        let mut has_moved = false;
        for number in numbers {
            match sim.run(number) {
                Next::Wait(waiting) => {
                    has_moved |= help(sim, number);
                    earliest = earliest.into_iter().chain(waiting.until).min();
                }
                _ => has_moved = true,
            }
        }
        if let (false, Some(until)) = (has_moved, earliest) {
            sim.now = sim.now.max(until);
        }
    }
    let stuck: Vec<_> = open(sim).into_iter().map(|n| (n, sim.next(n))).collect();
    panic!("stuck: {stuck:#?}");
}

/// Does what a waiting deployment waits for, as far as people can.
fn help(sim: &mut Sim, number: DeploymentNumber) -> bool {
    let deployment = sim.deployment(number);
    let name: EnvironmentName = deployment.plan.environment.clone();
    if let Some(asked) = deployment.asked.clone() {
        let signers = [quinn(), lee(), max()];
        return signers
            .iter()
            .any(|by| sim.sign(by, number, &asked.name).is_ok());
    }
    let mut has_moved = sim.accept(&olga(), number).is_ok();
    for command in [
        Command::Unlock {
            policy: sim.policy(name.as_str()),
        },
        Command::ReleaseHold {
            policy: sim.policy(name.as_str()),
        },
    ] {
        has_moved |= sim.command(&towpath(), command).is_ok();
    }
    has_moved
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 20,
        failure_persistence: None,
        max_shrink_iters: 2000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_happens_every_deployment_can_come_to_its_end(
        shipped in 0..4u8,
        steps in moves(),
    ) {
        let mut sim = Sim::new();
        for _ in 0..shipped {
            let release = sim.cut(&[]);
            sim.ship(release);
        }
        for step in &steps {
            play(&mut sim, step);
        }
        all_goes_well(&mut sim);
        sim.replay();
    }
}
