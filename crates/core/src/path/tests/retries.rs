//! Trying again: by itself when a step could not say, and by a person's word when a deployment has ended.

use super::{
    play::{errored, failed},
    sim::Sim,
    world::*,
};
use crate::{names::DeploymentNumber, path::*};

/// A release on its way to an environment, at this step.
fn on_its_way(name: &str, id: &str) -> (Sim, DeploymentNumber) {
    let mut sim = Sim::new();
    let release = sim.cut(&[migration(1, Contract::Expand)]);
    let number = sim.deploy(&dana(), name, release).unwrap();
    sim.run_to(number, id);
    (sim, number)
}

fn permanent(cause: &str) -> Outcome {
    Outcome::Errored {
        cause: cause.into(),
        transient: false,
    }
}

#[test]
fn an_errored_step_is_tried_again_with_growing_pauses_up_to_a_bound() {
    let (mut sim, number) = on_its_way(DEVELOPMENT, "start-web");
    for pause in [1, 2, 4] {
        sim.finish(number, errored("no route to host"));
        let waiting = sim.waits(number);
        assert_eq!(waiting.reason, "another try");
        assert_eq!(waiting.until, Some(sim.now + seconds(pause)));
        sim.now = sim.now + seconds(pause);
        assert_eq!(sim.next(number), Next::Advance);
        sim.advance(number);
    }
    sim.finish(number, errored("no route to host"));
    assert_eq!(sim.deployment(number).status, Status::Undoing);
    assert_eq!(sim.complete(number), End::Errored);
    assert_eq!(sim.why(number), "start-web: no route to host");
}

#[test]
fn an_errored_step_is_not_tried_again_beyond_its_deadline() {
    let (mut sim, number) = on_its_way(DEVELOPMENT, "configure");
    sim.now = sim.now + seconds(29);
    sim.finish(number, errored("slow"));
    assert_eq!(sim.end(number), Some(End::Errored));
}

#[test]
fn what_failed_or_will_not_get_better_is_not_tried_again() {
    for outcome in [
        failed("no"),
        permanent("no"),
        Outcome::Inconclusive { why: "odd".into() },
    ] {
        let (mut sim, number) = on_its_way(DEVELOPMENT, "configure");
        let end = match outcome {
            Outcome::Failed { .. } => End::Failed,
            _ => End::Errored,
        };
        sim.finish(number, outcome);
        assert_eq!(sim.end(number), Some(end));
    }
}

#[test]
fn a_clock_that_jumps_back_only_makes_the_pause_longer() {
    let (mut sim, number) = on_its_way(DEVELOPMENT, "start-web");
    sim.finish(number, errored("no route to host"));
    let at = sim.waits(number).until;
    sim.now = sim.now.minus(seconds(3600));
    assert_eq!(sim.waits(number).until, at);
}

#[test]
fn a_retry_goes_on_at_the_step_that_did_not_pass() {
    let (mut sim, number) = on_its_way(STAGING, "migrate-main");
    sim.finish(number, failed("the table is there already"));
    sim.retry(&dana(), number, None).unwrap();
    sim.advance(number);
    assert_eq!(sim.step(number), "migrate-main");
    assert_eq!(sim.complete(number), End::Settled);
}

#[test]
fn a_retry_starts_again_what_was_removed() {
    let (mut sim, number) = on_its_way(STAGING, "switch");
    sim.finish(number, failed("the proxy is gone"));
    assert_eq!(sim.complete(number), End::Failed);
    sim.retry(&dana(), number, None).unwrap();
    sim.advance(number);
    assert_eq!(sim.step(number), "start-web");
    assert_eq!(sim.complete(number), End::Settled);
}

#[test]
fn what_a_retry_started_is_removed_again_when_it_fails_again() {
    let (mut sim, number) = on_its_way(STAGING, "start-web");
    for round in 1..=3 {
        sim.finish(number, failed("it never became healthy"));
        assert_eq!(sim.deployment(number).status, Status::Undoing);
        let Next::Perform {
            step: None, key, ..
        } = sim.next(number)
        else {
            panic!("round {round}: its instances are removed");
        };
        assert_eq!(key, format!("{number}.discard.{round}"));
        assert_eq!(sim.complete(number), End::Failed);
        sim.retry(&dana(), number, None).unwrap();
        sim.run_to(number, "start-web");
    }
}

#[test]
fn a_retry_after_the_switch_does_not_start_again_what_runs() {
    let (mut sim, number) = on_its_way(STAGING, "start-web");
    sim.finish(number, failed("it never became healthy"));
    sim.complete(number);
    sim.retry(&dana(), number, None).unwrap();
    sim.fail_at(number, "test-1");
    assert_eq!(sim.end(number), Some(End::Failed));
    // What was removed before the last retry has long been started again.
    sim.retry(&dana(), number, None).unwrap();
    sim.advance(number);
    assert_eq!(sim.step(number), "test-1");
}

#[test]
fn removing_is_tried_again_too_also_after_a_cancel() {
    let (mut sim, number) = on_its_way(STAGING, "switch");
    sim.cancel(&dana(), number).unwrap();
    let Next::Abort { why, .. } = sim.next(number) else {
        panic!("the attempt is ended");
    };
    sim.finish(number, Outcome::Inconclusive { why });
    assert_eq!(sim.deployment(number).status, Status::Undoing);
    sim.finish(number, errored("busy"));
    let waiting = sim.waits(number);
    assert_eq!(waiting.reason, "another try");
    assert_eq!(waiting.until, Some(sim.now + seconds(1)));
    sim.now = sim.now + seconds(1);
    assert_eq!(sim.complete(number), End::Cancelled);
    assert_eq!(sim.deployment(number).discard.len(), 2);
}

#[test]
fn removing_is_given_up_after_a_few_tries() {
    let (mut sim, number) = on_its_way(DEVELOPMENT, "start-web");
    sim.finish(number, failed("no"));
    for pause in [1, 2, 4] {
        sim.finish(number, errored("busy"));
        sim.now = sim.now + seconds(pause);
        sim.advance(number);
    }
    sim.finish(number, errored("busy"));
    assert_eq!(sim.end(number), Some(End::UndoFailed));
    assert!(sim.why(number).contains("busy"), "{}", sim.why(number));
    // Somebody has to look before anything automatic comes on top of what is left.
    assert!(sim.env(DEVELOPMENT).hold.is_some());
}

#[test]
fn a_retry_may_begin_earlier_but_not_later() {
    let (mut sim, number) = on_its_way(STAGING, "test-1");
    sim.finish(number, failed("no"));
    let refusal = sim.retry(&dana(), number, Some("sign-qa")).unwrap_err();
    assert!(
        refusal.to_string().contains("has not come as far"),
        "{refusal}"
    );
    let refusal = sim.retry(&dana(), number, Some("tests")).unwrap_err();
    assert!(refusal.help().contains("test-1"), "{}", refusal.help());

    sim.retry(&dana(), number, Some("migrate-main")).unwrap();
    sim.run_to(number, "migrate-main");
    assert_eq!(sim.deployment(number).attempt().unwrap().number, 2);
    assert_eq!(sim.complete(number), End::Settled);
}

#[test]
fn only_what_failed_errored_or_was_cancelled_is_retried_and_only_the_latest() {
    let (mut sim, number) = on_its_way(STAGING, "test-1");
    let refusal = sim.retry(&dana(), number, None).unwrap_err();
    assert!(refusal.to_string().contains("has not ended"), "{refusal}");
    sim.pass(number);
    sim.complete(number);
    let refusal = sim.retry(&dana(), number, None).unwrap_err();
    assert!(
        refusal.to_string().contains("has ended: settled"),
        "{refusal}"
    );

    let release = sim.cut(&[]);
    let failing = sim.deploy(&dana(), STAGING, release).unwrap();
    sim.fail_at(failing, "test-1");
    let release = sim.cut(&[]);
    sim.push(STAGING, release).unwrap();
    let refusal = sim.retry(&dana(), failing, None).unwrap_err();
    assert!(refusal.to_string().contains("not the latest"), "{refusal}");
}

#[test]
fn a_cancelled_deployment_goes_on_where_it_was() {
    let (mut sim, number) = on_its_way(STAGING, "test-1");
    sim.cancel(&dana(), number).unwrap();
    sim.run(number);
    assert_eq!(sim.end(number), Some(End::Cancelled));
    sim.retry(&dana(), number, None).unwrap();
    assert_eq!(sim.complete(number), End::Settled);
}

#[test]
fn a_vetoed_release_is_not_retried_into_anything() {
    let (mut sim, number) = on_its_way(STAGING, "test-1");
    let release = sim.deployment(number).plan.release;
    sim.finish(number, failed("no"));
    sim.veto(&olga(), release).unwrap();
    sim.retry(&dana(), number, None).unwrap();
    sim.advance(number);
    assert_eq!(sim.end(number), Some(End::Refused));
}

#[test]
fn a_second_switch_keeps_what_was_there_before_the_first() {
    let mut sim = Sim::new();
    let first = sim.cut(&[]);
    let number = sim.deploy(&dana(), STAGING, first).unwrap();
    sim.complete(number);
    let second = sim.cut(&[]);
    let number = sim.deploy(&dana(), STAGING, second).unwrap();
    sim.fail_at(number, "test-1");
    sim.retry(&dana(), number, Some("start-web")).unwrap();
    sim.run_to(number, "test-1");
    let previous = sim
        .env(STAGING)
        .previous
        .expect("v1 can still take the traffic back");
    assert_eq!(previous.standing.release, first);
}

#[test]
fn a_retry_does_not_verify_a_release_by_what_another_one_does() {
    let mut sim = Sim::new();
    let first = sim.cut(&[]);
    let number = sim.deploy(&dana(), STAGING, first).unwrap();
    sim.complete(number);
    let second = sim.cut(&[]);
    let number = sim.deploy(&dana(), STAGING, second).unwrap();
    sim.fail_at(number, "test-1");
    sim.retry(&dana(), number, None).unwrap();
    // A rollback that comes between a retry and its turn puts something else there.
    let rollback = sim.rollback(&dana(), STAGING).unwrap();
    assert_eq!(sim.complete(rollback), End::Settled);
    sim.run(number);
    assert_eq!(sim.end(number), Some(End::Superseded));
    assert!(!sim.is_verified(second, STAGING));
    assert_eq!(sim.live(STAGING), Some(first));
}

#[test]
fn a_retry_of_what_is_no_longer_live_is_refused() {
    let mut sim = Sim::new();
    let [one, two] = [sim.cut(&[]), sim.cut(&[])];
    let busy = sim.deploy(&dana(), STAGING, one).unwrap();
    sim.run_to(busy, "test-1");
    let pushed = sim.push(STAGING, two).unwrap();
    sim.cancel(&dana(), busy).unwrap();
    sim.run(busy);
    // An older release, asked for by a person: it goes before the push, and fails after its switch.
    let latest = sim.deploy(&dana(), STAGING, one).unwrap();
    sim.fail_at(latest, "test-1");
    sim.complete(pushed);
    assert_eq!(sim.env(STAGING).last, Some(latest));
    let refusal = sim.retry(&dana(), latest, None).unwrap_err();
    assert!(refusal.to_string().contains("no longer live"), "{refusal}");
}

#[test]
fn a_persons_retry_of_what_a_push_began_is_a_persons() {
    let mut sim = Sim::new();
    sim.manifest
        .roles
        .get_mut(&role("operator"))
        .unwrap()
        .members
        .push("lee@acme.test".into());
    let release = sim.cut(&[]);
    let staging = sim.deploy(&quinn(), STAGING, release).unwrap();
    sim.complete(staging);
    let number = sim.push(PRODUCTION, release).unwrap();
    sim.fail_at(number, "smoke-1");
    assert_eq!(sim.end(number), Some(End::Failed));
    assert!(
        sim.env(PRODUCTION).hold.is_some(),
        "there is nothing to return to"
    );
    let policy = sim.policy(PRODUCTION);
    let command = Command::Lock {
        policy,
        reason: "looking into it".into(),
        lasting: seconds(3600),
    };
    sim.command(&olga(), command).unwrap();

    sim.retry(&lee(), number, None).unwrap();
    sim.advance(number);
    assert!(sim.waits(number).reason.contains("the lock of olga"));
    sim.cancel(&lee(), number).unwrap();
    sim.advance(number);
    sim.retry(&olga(), number, None).unwrap();
    assert_eq!(sim.complete(number), End::Settled);
    assert_eq!(sim.env(PRODUCTION).hold, None);
    let trigger = &sim.deployment(number).trigger;
    assert!(
        matches!(trigger, Trigger::Push { .. }),
        "what began it is kept"
    );
}
