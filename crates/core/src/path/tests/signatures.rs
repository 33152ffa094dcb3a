//! Signatures: asked for, given by distinct people, bound to what was looked at.

use super::{play::failed, sim::Sim, world::*};
use crate::{Digest, names::DeploymentNumber, path::*};

/// A deployment to staging that waits for its first signature.
fn waiting() -> (Sim, DeploymentNumber) {
    let mut sim = Sim::new();
    let release = sim.cut(&[migration(1, Contract::Expand)]);
    let number = sim.deploy(&dana(), STAGING, release).unwrap();
    sim.run(number);
    (sim, number)
}

fn asked(sim: &Sim, number: DeploymentNumber) -> String {
    sim.deployment(number).asked.clone().unwrap().name
}

#[test]
fn a_signature_is_asked_for_with_its_evidence() {
    let (sim, number) = waiting();
    let asked = sim.deployment(number).asked.clone().unwrap();
    assert_eq!(
        (asked.name.as_str(), asked.until),
        ("qa", sim.now + seconds(259_200))
    );
    let parts: Vec<&str> = asked.evidence.0.keys().map(String::as_str).collect();
    assert_eq!(
        parts,
        [
            "config",
            "environment",
            "migrations of main",
            "release",
            "test-1"
        ]
    );
}

#[test]
fn the_last_signature_continues_the_path() {
    let (mut sim, number) = waiting();
    sim.sign(&quinn(), number, "qa").unwrap();
    assert_eq!(sim.next(number), Next::Advance);
    sim.advance(number);
    assert_eq!(asked(&sim, number), "acceptance");
    sim.sign(&lee(), number, "acceptance").unwrap();
    assert_eq!(sim.next(number), Next::Advance);
    sim.advance(number);
    assert_eq!(sim.end(number), Some(End::Settled));
}

#[test]
fn one_person_cannot_sign_twice() {
    let (mut sim, number) = waiting();
    sim.sign(&max(), number, "qa").unwrap();
    sim.advance(number);
    let refusal = sim.sign(&max(), number, "acceptance").unwrap_err();
    assert_eq!(refusal.code(), "path::same-person");
    // Nor under the same address in other letters, or through another group.
    let groups = vec!["leaders".into()];
    let email = "MAX@acme.test".into();
    let shouting = Actor::Person { email, groups };
    let refusal = sim.sign(&shouting, number, "acceptance").unwrap_err();
    assert_eq!(refusal.code(), "path::same-person");
    sim.sign(&lee(), number, "acceptance").unwrap();
}

#[test]
fn signatures_are_given_in_order_by_those_who_may() {
    let (mut sim, number) = waiting();
    let refusal = sim.sign(&lee(), number, "acceptance").unwrap_err();
    assert!(
        refusal.help().contains("\"qa\" comes first"),
        "{}",
        refusal.help()
    );
    for by in [dana(), lee(), mallory(), towpath()] {
        let refusal = sim.sign(&by, number, "qa").unwrap_err();
        assert_eq!(refusal.code(), "path::not-allowed", "{by}");
    }
    let before = sim
        .deploy(&dana(), DEVELOPMENT, sim.deployment(number).plan.release)
        .unwrap();
    assert_eq!(
        sim.sign(&quinn(), before, "qa").unwrap_err().code(),
        "path::not-now"
    );
}

#[test]
fn a_signature_is_of_what_was_seen() {
    let (mut sim, number) = waiting();
    let evidence = sim
        .deployment(number)
        .asked
        .clone()
        .unwrap()
        .evidence
        .digest();
    let sign = |seen| Command::Sign {
        deployment: number,
        name: None,
        evidence: Some(seen),
        comment: Some("  looks good ".into()),
    };
    let refusal = sim.command(&quinn(), sign(Digest::ZERO)).unwrap_err();
    assert_eq!(refusal.code(), "path::evidence-changed");
    sim.command(&quinn(), sign(evidence)).unwrap();
    let signature = &sim.deployment(number).signatures[0];
    assert_eq!(signature.comment.as_deref(), Some("looks good"));
    assert_eq!(signature.evidence.digest(), evidence);
}

#[test]
fn a_rejected_signature_fails_the_deployment() {
    let (mut sim, number) = waiting();
    let reject = |reason: &str| Command::Reject {
        deployment: number,
        name: None,
        reason: reason.into(),
    };
    assert_eq!(sim.command(&quinn(), reject("")), Err(Refusal::NoReason));
    let refusal = sim.command(&dana(), reject("no")).unwrap_err();
    assert_eq!(refusal.code(), "path::not-allowed");
    sim.command(&quinn(), reject("the total is wrong")).unwrap();
    sim.advance(number);
    assert_eq!(sim.end(number), Some(End::Failed));
    assert!(
        sim.why(number)
            .contains("rejected by quinn@acme.test: the total is wrong")
    );
}

#[test]
fn a_signature_that_nobody_gives_expires_and_says_nothing_about_the_release() {
    let (mut sim, number) = waiting();
    let until = sim.waits(number).until.unwrap();
    sim.now = until.minus(std::time::Duration::from_millis(1));
    assert!(sim.advance(number).is_empty());
    sim.now = until;
    // Too late, also when nobody has looked yet.
    assert_eq!(
        sim.sign(&quinn(), number, "qa").unwrap_err().code(),
        "path::not-now"
    );
    sim.advance(number);
    let index = sim.deployment(number).cursor();
    let outcome = sim.deployment(number).steps[index].attempts[0]
        .outcome
        .clone();
    assert_eq!(outcome.unwrap().verdict(), Verdict::Inconclusive);
    assert_eq!(sim.end(number), Some(End::Errored));
    assert!(
        sim.why(number).contains("nobody signed \"qa\""),
        "{}",
        sim.why(number)
    );
}

#[test]
fn a_signature_on_the_same_evidence_is_not_asked_for_again() {
    let (mut sim, number) = waiting();
    sim.sign(&quinn(), number, "qa").unwrap();
    sim.advance(number);
    sim.cancel(&dana(), number).unwrap();
    sim.advance(number);
    sim.retry(&dana(), number, Some("sign-qa")).unwrap();
    sim.run(number);
    assert_eq!(asked(&sim, number), "acceptance");
    assert_eq!(sim.deployment(number).signatures.len(), 1);
    sim.sign(&lee(), number, "acceptance").unwrap();
    assert_eq!(sim.complete(number), End::Settled);
}

#[test]
fn what_changed_voids_a_signature_and_is_named() {
    let (mut sim, number) = waiting();
    sim.sign(&quinn(), number, "qa").unwrap();
    sim.advance(number);
    let command = Command::Reject {
        deployment: number,
        name: None,
        reason: "run the tests again".into(),
    };
    sim.command(&lee(), command).unwrap();
    sim.advance(number);
    sim.retry(&dana(), number, Some("test-1")).unwrap();
    sim.run_to(number, "test-1");
    let receipt = sim.receipt(number);
    sim.finish(number, super::play::passed(receipt));
    let voided = sim
        .records
        .iter()
        .find_map(|record| match Event::of(record) {
            Ok(Event::SignOffVoided { name, changed }) => Some((name, changed)),
            _ => None,
        });
    assert_eq!(voided, Some(("qa".into(), vec!["test-1".into()])));
    assert_eq!(asked(&sim, number), "qa");
    // A voided signature does not keep its signer from giving the other one.
    sim.sign(&max(), number, "qa").unwrap();
    assert_eq!(sim.complete(number), End::Settled);
}

#[test]
fn a_new_configuration_voids_a_signature() {
    let (mut sim, number) = waiting();
    sim.sign(&quinn(), number, "qa").unwrap();
    sim.advance(number);
    sim.cancel(&dana(), number).unwrap();
    sim.advance(number);
    sim.retry(&dana(), number, Some("configure")).unwrap();
    sim.run_to(number, "configure");
    let config = Digest::of_bytes(b"a rotated key");
    sim.finish(number, super::play::passed(Receipt::Configured { config }));
    sim.run(number);
    let kinds: Vec<String> = sim.records.iter().map(|r| r.kind.clone()).collect();
    assert!(kinds.contains(&"sign-off-voided".to_owned()));
    assert_eq!(asked(&sim, number), "qa");
}

#[test]
fn only_a_person_ends_the_wait_for_a_signature() {
    let (mut sim, number) = waiting();
    let key = sim.deployment(number).attempt().unwrap().key.clone();
    for outcome in [super::play::passed(Receipt::Nothing), failed("no")] {
        let command = Command::EndAttempt {
            deployment: number,
            key: key.clone(),
            outcome,
        };
        let refusal = sim.command(&towpath(), command).unwrap_err();
        assert_eq!(refusal.code(), "path::not-allowed");
    }
    assert!(sim.deployment(number).asked.is_some());
}

/// The names of the signatures that a plan asks for, with who gives them.
fn signatures(plan: &Plan) -> Vec<(&str, &str)> {
    let signature = |step: &'_ Step| matches!(step.action, Action::SignOff(_));
    let steps = plan.steps.iter().filter(|step| signature(step));
    steps
        .map(|step| match &step.action {
            Action::SignOff(rule) => (rule.name.as_str(), rule.role.as_str()),
            _ => unreachable!(),
        })
        .collect()
}

#[test]
fn a_release_cannot_drop_a_signature_that_is_in_force() {
    let mut sim = Sim::new();
    let first = sim.cut(&[]);
    sim.ship(first);
    let staging = environment(&mut sim.manifest, STAGING);
    staging.sign_off.remove(1);
    staging.sign_off[0].role = "developer".parse().unwrap();
    sim.manifest.roles.remove("leader");
    let second = sim.cut(&[]);
    let plan = sim.plan(STAGING, second);
    assert_eq!(signatures(&plan), [("qa", "qa"), ("acceptance", "leader")]);

    let number = sim.deploy(&dana(), STAGING, second).unwrap();
    sim.run(number);
    let refusal = sim.sign(&dana(), number, "qa").unwrap_err();
    assert_eq!(refusal.code(), "path::not-allowed");
    sim.sign(&quinn(), number, "qa").unwrap();
    sim.advance(number);
    assert_eq!(
        sim.waits(number).who.unwrap(),
        "leader by the rules in force"
    );
    let refusal = sim.sign(&dana(), number, "acceptance").unwrap_err();
    assert_eq!(refusal.code(), "path::not-allowed");
    sim.sign(&lee(), number, "acceptance").unwrap();
    assert_eq!(sim.complete(number), End::Settled);

    // From the next one on, its rules are those in force.
    let third = sim.cut(&[]);
    let plan = sim.plan(STAGING, third);
    assert_eq!(signatures(&plan), [("qa", "developer")]);
}

#[test]
fn a_plan_from_before_a_signature_was_needed_is_refused() {
    let mut sim = Sim::new();
    let rules = environment(&mut sim.manifest, STAGING).sign_off.clone();
    environment(&mut sim.manifest, STAGING).sign_off.clear();
    let without = sim.cut(&[]);
    environment(&mut sim.manifest, STAGING).sign_off = rules;
    let with = sim.cut(&[]);
    let planned_before = sim.plan(STAGING, without);
    let number = sim.deploy(&dana(), STAGING, with).unwrap();
    sim.complete(number);
    let late = sim
        .request(&dana(), planned_before, Trigger::Person)
        .unwrap();
    sim.advance(late);
    assert_eq!(sim.end(late), Some(End::Refused));
    assert!(sim.why(late).contains("signature \"qa\" by qa"));
    // Planned now, it asks for them.
    let plan = sim.plan(STAGING, without);
    assert_eq!(signatures(&plan), [("qa", "qa"), ("acceptance", "leader")]);
}
