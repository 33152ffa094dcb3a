//! What must be so after every transaction, whatever happened before.

use std::collections::BTreeSet;

use super::sim::Sim;
use crate::{
    Time,
    names::{DeploymentNumber, EnvironmentName},
    path::{
        Action, Answer, Candidate, Deployment, End, EnvironmentState, Evidence, Kind, Next,
        Release, State, Status, Undo, advance, ask_gates, evolve, next, runs_on, verdict_of_gates,
    },
};

pub fn check(sim: &Sim) {
    for (name, environment) in &sim.state.environments {
        one_at_a_time(&sim.state, name, environment);
        verified_means_settled(sim, name, environment);
    }
    for deployment in sim.state.deployments.values() {
        consistent(deployment);
    }
    for deployment in sim.state.open() {
        goes_on(sim, deployment);
    }
}

/// One deployment has the environment; with an automatic rollback, also the one that it undoes.
fn one_at_a_time(state: &State, name: &EnvironmentName, environment: &EnvironmentState) {
    let mut queued = BTreeSet::new();
    let mut under_way = BTreeSet::new();
    for deployment in state.open().filter(|d| d.plan.environment == *name) {
        let of = match deployment.status {
            Status::Queued => &mut queued,
            _ => &mut under_way,
        };
        of.insert(deployment.number);
    }
    let queue: BTreeSet<DeploymentNumber> = environment.queue.iter().copied().collect();
    assert_eq!(queue.len(), environment.queue.len(), "{name} queues twice");
    assert_eq!(queue, queued, "the queue of {name}");
    let Some(active) = environment.active else {
        assert_eq!(under_way, BTreeSet::new(), "{name} is free");
        return;
    };
    assert!(under_way.remove(&active), "{active} has {name}");
    for other in under_way {
        let undone_by = match state.deployments[&other].undo {
            Some(Undo::Rollback { deployment, .. }) => Some(deployment),
            _ => None,
        };
        assert_eq!(undone_by, Some(active), "{other} and {active} share {name}");
    }
}

/// A release is verified where its last judgement was that it settled, and only such are returned to.
fn verified_means_settled(sim: &Sim, name: &EnvironmentName, environment: &EnvironmentState) {
    if name.is_clone() {
        // Nothing is; what was where it comes from can be returned to.
        let mut releases = sim.state.releases.values();
        assert!(!releases.any(|release| release.verified.contains_key(name)));
        return;
    }
    for release in sim.state.releases.values() {
        let judged = sim.judged.get(&(release.number, name.clone()));
        assert_eq!(
            release.verified.contains_key(name),
            judged == Some(&End::Settled),
            "whether {} is verified in {name}",
            release.number
        );
    }
    let mut seen = BTreeSet::new();
    for standing in &environment.verified {
        let release = &sim.state.releases[&standing.release];
        let by = release.verified.get(name);
        assert_eq!(
            by,
            Some(&standing.deployment),
            "{} in {name}",
            standing.release
        );
        assert!(seen.insert(standing.release), "{} twice", standing.release);
    }
}

fn consistent(deployment: &Deployment) {
    let number = deployment.number;
    let is_over = deployment.status == Status::Ended;
    assert_eq!(deployment.ended.is_some(), is_over, "{number}");
    let steps = deployment.steps.iter().flat_map(|run| &run.attempts);
    let running = steps
        .chain(&deployment.discard)
        .filter(|attempt| attempt.outcome.is_none())
        .count();
    assert!(running <= usize::from(!is_over), "{number} runs {running}");
    if deployment.plan.kind == Kind::Rollback {
        let again = matches!(deployment.undo, Some(Undo::Rollback { .. }));
        assert!(!again, "{number}, a rollback, is rolled back");
    }
    let signers: BTreeSet<&String> = deployment.signatures.iter().map(|s| &s.by).collect();
    assert_eq!(signers.len(), deployment.signatures.len(), "{number}");
}

/// Whatever settled has passed every step, and has each signature on the evidence of its end.
pub fn settled(deployment: &Deployment, release: &Release) {
    let evidence = Evidence::of(deployment, release);
    let steps = deployment.plan.steps.iter().zip(&deployment.steps);
    for (step, run) in steps.filter(|(step, _)| !matches!(step.action, Action::Settle)) {
        assert!(
            run.passed(),
            "{} settled without {}",
            deployment.number,
            step.id
        );
        if let Action::SignOff(rule) = &step.action {
            let by_name = |s: &&crate::path::Signature| s.name == rule.name;
            let signature = deployment.signatures.iter().find(by_name).unwrap();
            assert_eq!(signature.evidence, evidence, "{}", deployment.number);
        }
    }
}

/// The first effect since the admission begins only while every gate is open at that instant.
pub fn gates_are_open(state: &State, deployment: &Deployment, release: &Release, now: Time) {
    let steps = deployment.plan.steps.iter().zip(&deployment.steps);
    let effects: usize = steps
        .filter(|(step, _)| step.action.is_effect())
        .map(|(_, run)| run.attempts.len() - run.spent)
        .sum();
    if effects == 1 && deployment.status == Status::Running {
        let gates = ask_gates(state, &Candidate::of(deployment, release), now);
        let answer = verdict_of_gates(&gates);
        assert!(
            matches!(answer, Answer::Pass { .. }),
            "{}: {answer:?}",
            deployment.number
        );
    }
}

/// Traffic comes to no release that does not run on the schema, unless somebody else changed that at the same time.
pub fn runs_where_it_is(state: &State, deployment: &Deployment, release: &Release) {
    let launch = &deployment.plan.launch;
    let own = |name: &EnvironmentName| *name == deployment.plan.environment;
    let is_shared = state.environments.iter().any(|(name, known)| {
        let launches = known.live.iter().map(|standing| &standing.launch);
        let active = known
            .active
            .and_then(|number| state.deployments.get(&number));
        let mut launches = launches.chain(active.map(|active| &active.plan.launch));
        !own(name)
            && launches.any(|other| {
                launch
                    .databases
                    .iter()
                    .any(|one| other.databases.get(one.0) == Some(one.1))
            })
    });
    for (database, home) in &launch.databases {
        let fits = runs_on(release.migrations(database), state.applied(home, database));
        assert!(is_shared || fits.is_ok(), "{}: {fits:?}", deployment.number);
    }
}

/// Whatever ends without having had the traffic has removed, or tried to remove, what it started.
pub fn leaves_nothing(deployment: &Deployment) {
    let mut steps = deployment.plan.steps.iter().zip(&deployment.steps);
    let is_started = steps
        .any(|(step, run)| matches!(step.action, Action::Start { .. }) && run.last().is_some());
    if is_started && !deployment.switched {
        assert!(
            !deployment.removal().is_empty(),
            "{} leaves something",
            deployment.number
        );
    }
}

/// What follows by itself comes to an end at once, and every wait is named.
fn goes_on(sim: &Sim, deployment: &Deployment) {
    let number = deployment.number;
    match next(&sim.state, number, sim.now) {
        Next::Advance => {
            let mut state = sim.state.clone();
            for (stream, event) in advance(&state, number, sim.now) {
                let fact = crate::path::Fact {
                    stream,
                    at: sim.now,
                    actor: "towpath".into(),
                    event,
                };
                evolve(&mut state, &fact);
            }
            assert_ne!(next(&state, number, sim.now), Next::Advance, "{number}");
        }
        Next::Wait(waiting) => {
            let names_another = sim
                .state
                .open()
                .any(|d| d.number != number && waiting.reason.contains(&d.number.to_string()));
            let is_named = waiting.until.is_some() || waiting.who.is_some() || names_another;
            assert!(is_named, "{number} waits for {:?}", waiting.reason);
            let is_ahead = waiting.until.is_none_or(|until| until > sim.now);
            assert!(is_ahead, "{number} waits for {waiting:?}, which is over");
        }
        Next::Done => panic!("{number} is open, but nothing is to be done"),
        Next::Look { places } => assert!(!places.is_empty(), "{number}"),
        Next::Perform { .. } | Next::Abort { .. } => {}
    }
}
