//! Who may do what, checked where a command enters: each command with and without the right.

use super::{sim::Sim, world::*};
use crate::path::*;

fn is_refused<T: std::fmt::Debug>(result: Result<T, Refusal>) {
    assert_eq!(result.unwrap_err().code(), "path::not-allowed");
}

#[test]
fn only_those_who_use_an_environment_deploy_to_it() {
    let mut sim = Sim::new();
    let release = sim.cut(&[]);
    for by in [mallory(), quinn(), olga()] {
        is_refused(sim.deploy(&by, DEVELOPMENT, release));
    }
    is_refused(sim.deploy(&dana(), PRODUCTION, release));
    sim.deploy(&dana(), DEVELOPMENT, release).unwrap();
    let plan = sim.plan(PRODUCTION, release);
    let from = env(STAGING);
    is_refused(sim.request(&dana(), plan, Trigger::Promotion { from }));
}

#[test]
fn only_those_who_may_cancel_retry_and_roll_back() {
    let mut sim = Sim::new();
    let first = sim.cut(&[]);
    sim.ship(first);
    let second = sim.cut(&[]);
    sim.ship(second);
    is_refused(sim.rollback(&dana(), PRODUCTION));
    let number = sim.deploy(&olga(), PRODUCTION, second).unwrap();
    sim.run_to(number, "configure");
    is_refused(sim.cancel(&dana(), number));
    sim.cancel(&olga(), number).unwrap();
    sim.run(number);
    is_refused(sim.retry(&dana(), number, None));
    sim.retry(&olga(), number, None).unwrap();
}

#[test]
fn only_those_who_may_lock_and_hold() {
    let mut sim = Sim::new();
    let policy = || Sim::new().policy(PRODUCTION);
    let commands = || {
        [
            Command::Lock {
                policy: policy(),
                reason: "mine".into(),
                lasting: seconds(60),
            },
            Command::Unlock { policy: policy() },
            Command::Hold {
                policy: policy(),
                reason: "wait".into(),
            },
            Command::ReleaseHold { policy: policy() },
        ]
    };
    for allowed in commands() {
        for by in [mallory(), dana()] {
            let result = sim.command(&by, allowed.clone());
            // Nothing is said about a lock to those who may not know more than that there is none.
            let unlocks = matches!(allowed, Command::Unlock { .. });
            if !(unlocks && sim.env(PRODUCTION).lock.is_none()) {
                is_refused(result);
            }
        }
        sim.command(&olga(), allowed).unwrap();
    }
}

#[test]
fn only_those_who_may_read_and_write_secrets_and_it_is_recorded() {
    let mut sim = Sim::new();
    let (keys, reason) = (vec!["TOKEN".to_owned()], "mail does not go out".to_owned());
    let place = &mut sim.manifest.environments[2];
    place.allow.read_secrets = Some(vec![role("developer")]);
    place.allow.write_secrets = Some(Vec::new());
    let read = Command::ReadSecrets {
        policy: sim.policy(PRODUCTION),
        by: "get".into(),
        keys: keys.clone(),
        reason: reason.clone(),
    };
    let write = Command::WriteSecrets {
        policy: sim.policy(PRODUCTION),
        by: "set".into(),
        keys: keys.clone(),
        reason,
    };
    is_refused(sim.command(&mallory(), read.clone()));
    is_refused(sim.command(&olga(), read.clone()));
    is_refused(sim.command(&olga(), write));
    sim.command(&dana(), read).unwrap();
    let silent = Command::ReadSecrets {
        policy: sim.policy(PRODUCTION),
        by: "get".into(),
        keys,
        reason: " ".into(),
    };
    assert_eq!(sim.command(&dana(), silent), Err(Refusal::NoReason));
}

#[test]
fn a_locks_owner_gives_it_up_also_without_the_right() {
    let mut sim = Sim::new();
    let policy = sim.policy(PRODUCTION);
    let command = Command::Lock {
        policy,
        reason: "mine".into(),
        lasting: seconds(60),
    };
    sim.command(&olga(), command).unwrap();
    sim.manifest
        .roles
        .get_mut(&role("operator"))
        .unwrap()
        .members
        .clear();
    let policy = sim.policy(PRODUCTION);
    sim.command(&olga(), Command::Unlock { policy }).unwrap();
}

#[test]
fn a_veto_is_for_those_who_may_roll_back_somewhere() {
    let mut sim = Sim::new();
    let release = sim.cut(&[]);
    is_refused(sim.veto(&mallory(), release));
    sim.veto(&dana(), release).unwrap();
    let command = Command::Veto {
        release,
        reason: "no".into(),
        policies: Vec::new(),
    };
    is_refused(sim.command(&olga(), command));
}

#[test]
fn an_exception_replaces_those_who_use_the_environment() {
    let mut sim = Sim::new();
    environment(&mut sim.manifest, STAGING).allow.deploy = Some(vec![role("leader")]);
    let release = sim.cut(&[]);
    is_refused(sim.deploy(&dana(), STAGING, release));
    sim.deploy(&lee(), STAGING, release).unwrap();
    environment(&mut sim.manifest, STAGING).allow.deploy = Some(Vec::new());
    let nobody = sim.cut(&[]);
    let refusal = sim.deploy(&lee(), STAGING, nobody).unwrap_err();
    assert!(refusal.help().contains("nobody may"), "{}", refusal.help());
}

#[test]
fn the_identity_providers_groups_count() {
    let mut sim = Sim::new();
    let ops = sim.manifest.roles.get_mut(&role("operator")).unwrap();
    ops.idp_groups.push("ops".into());
    let command = |sim: &Sim| Command::Hold {
        policy: sim.policy(PRODUCTION),
        reason: "wait".into(),
    };
    let mut person = |group: &str| {
        let actor = Actor::Person {
            email: "new@acme.test".into(),
            groups: vec![group.into()],
        };
        let command = command(&sim);
        sim.command(&actor, command)
    };
    is_refused(person("oops"));
    person("ops").unwrap();
}

#[test]
fn without_any_role_the_machines_user_may_do_everything() {
    let mut sim = Sim::new();
    sim.manifest.roles.clear();
    environment(&mut sim.manifest, STAGING).sign_off.clear();
    let release = sim.cut(&[]);
    for name in [STAGING, PRODUCTION] {
        let number = sim.deploy(&mallory(), name, release).unwrap();
        assert_eq!(sim.complete(number), End::Settled);
    }
}

/// A release went all the way, and the next one makes mallory a member of everything.
fn loosened() -> (Sim, crate::names::ReleaseNumber) {
    let mut sim = Sim::new();
    let first = sim.cut(&[]);
    sim.ship(first);
    for role in sim.manifest.roles.values_mut() {
        role.members.push("mallory@acme.test".into());
    }
    let second = sim.cut(&[]);
    (sim, second)
}

#[test]
fn a_release_cannot_let_somebody_in_who_deploys_it() {
    let (mut sim, second) = loosened();
    is_refused(sim.deploy(&mallory(), STAGING, second));
    let number = sim.deploy(&quinn(), STAGING, second).unwrap();
    assert_eq!(sim.complete(number), End::Settled);
    // From then on they are the rules.
    sim.deploy(&mallory(), STAGING, second).unwrap();
}

#[test]
fn a_release_cannot_let_somebody_in_who_signs_it() {
    let (mut sim, second) = loosened();
    let number = sim.deploy(&quinn(), STAGING, second).unwrap();
    sim.run(number);
    is_refused(sim.sign(&mallory(), number, "qa"));
    sim.sign(&quinn(), number, "qa").unwrap();
    sim.advance(number);
    let command = Command::Reject {
        deployment: number,
        name: None,
        reason: "because".into(),
    };
    is_refused(sim.command(&mallory(), command));
}

#[test]
fn a_release_cannot_let_somebody_in_who_cancels_or_retries_it() {
    let (mut sim, second) = loosened();
    let number = sim.deploy(&quinn(), STAGING, second).unwrap();
    sim.run_to(number, "configure");
    is_refused(sim.cancel(&mallory(), number));
    sim.finish(number, super::play::failed("no"));
    is_refused(sim.retry(&mallory(), number, None));
}

#[test]
fn a_release_may_bring_a_role_of_its_own_for_its_signatures() {
    let mut sim = Sim::new();
    let first = sim.cut(&[]);
    sim.ship(first);
    let security = crate::manifest::Role {
        members: vec!["sam@acme.test".into()],
        idp_groups: Vec::new(),
    };
    sim.manifest.roles.insert(role("security"), security);
    let staging = environment(&mut sim.manifest, STAGING);
    let mut rule = staging.sign_off[1].clone();
    (rule.name, rule.role) = ("security".into(), role("security"));
    staging.sign_off.push(rule);
    let second = sim.cut(&[]);
    let number = sim.deploy(&quinn(), STAGING, second).unwrap();
    sim.run(number);
    sim.sign(&quinn(), number, "qa").unwrap();
    sim.advance(number);
    sim.sign(&lee(), number, "acceptance").unwrap();
    sim.advance(number);
    sim.sign(&Actor::person("sam@acme.test"), number, "security")
        .unwrap();
    assert_eq!(sim.complete(number), End::Settled);
}

#[test]
fn whoever_may_roll_back_today_may_return_to_a_release_that_did_not_know_them() {
    let mut sim = Sim::new();
    let first = sim.cut(&[]);
    sim.ship(first);
    let operator = sim.manifest.roles.get_mut(&role("operator")).unwrap();
    operator.members.push("otto@acme.test".into());
    let second = sim.cut(&[]);
    sim.ship(second);
    let otto = Actor::person("Otto@acme.test ");
    let rollback = sim.rollback(&otto, PRODUCTION).unwrap();
    sim.run_to(rollback, "start-web");
    sim.cancel(&otto, rollback).unwrap();
}

#[test]
fn a_work_tree_that_names_somebody_lets_nobody_in() {
    let (mut sim, _) = loosened();
    let second = crate::names::ReleaseNumber(2);
    // The manifest beside whoever asks says that mallory is an operator; what settled there last does not.
    let policy = || Sim::new().policy(PRODUCTION);
    let reason = || "because".to_owned();
    let command = Command::Hold {
        policy: policy(),
        reason: reason(),
    };
    sim.command(&olga(), command).unwrap();
    for command in [
        Command::Lock {
            policy: sim.policy(PRODUCTION),
            reason: reason(),
            lasting: seconds(60),
        },
        Command::Hold {
            policy: sim.policy(PRODUCTION),
            reason: reason(),
        },
        Command::ReleaseHold {
            policy: sim.policy(PRODUCTION),
        },
    ] {
        is_refused(sim.command(&mallory(), command));
    }
    let lock = Command::Lock {
        policy: policy(),
        reason: reason(),
        lasting: seconds(60),
    };
    sim.command(&olga(), lock).unwrap();
    let policy = sim.policy(PRODUCTION);
    is_refused(sim.command(&mallory(), Command::Unlock { policy }));
    // Nothing has settled in development yet: there only the manifest says who may.
    environment(&mut sim.manifest, DEVELOPMENT).used_by.clear();
    is_refused(sim.veto(&mallory(), second));
}

#[test]
fn a_rollback_brings_back_code_and_not_former_rights() {
    let mut sim = Sim::new();
    let first = sim.cut(&[]);
    sim.ship(first);
    let operator = sim.manifest.roles.get_mut(&role("operator")).unwrap();
    operator.members.push("otto@acme.test".into());
    let second = sim.cut(&[]);
    sim.ship(second);
    let operator = sim.manifest.roles.get_mut(&role("operator")).unwrap();
    operator.members.retain(|member| member == "otto@acme.test");
    let third = sim.cut(&[]);
    let staging = sim.deploy(&quinn(), STAGING, third).unwrap();
    sim.complete(staging);
    let otto = Actor::person("otto@acme.test");
    let number = sim.deploy(&otto, PRODUCTION, third).unwrap();
    assert_eq!(sim.complete(number), End::Settled);
    let rollback = sim.rollback(&otto, PRODUCTION).unwrap();
    assert_eq!(sim.complete(rollback), End::Settled);

    let policy = sim.policy(PRODUCTION);
    is_refused(sim.command(
        &olga(),
        Command::ReleaseHold {
            policy: policy.clone(),
        },
    ));
    is_refused(sim.deploy(&olga(), PRODUCTION, second));
    sim.command(&otto, Command::ReleaseHold { policy }).unwrap();
}

#[test]
fn whoever_may_no_longer_roll_back_may_not_return_to_a_release_that_knew_them() {
    let mut sim = Sim::new();
    let first = sim.cut(&[]);
    sim.ship(first);
    let operator = sim.manifest.roles.get_mut(&role("operator")).unwrap();
    operator.members = vec!["otto@acme.test".into()];
    let second = sim.cut(&[]);
    let staging = sim.deploy(&quinn(), STAGING, second).unwrap();
    sim.complete(staging);
    // Both have to agree for the change itself; Towpath follows the branch.
    let production = sim.push(PRODUCTION, second).unwrap();
    sim.complete(production);
    is_refused(sim.rollback(&olga(), PRODUCTION));
}
