//! Killed at any point, a command leaves a secret file as it was or as it is to be, and run again it does the rest.

use std::{fs, thread, time::Duration};

use nix::sys::signal::Signal;
use secrecy::ExposeSecret;
use towpath_secrets::{
    file::{Place, Shut},
    sops::{self, Identities},
};

use super::rig::Rig;

/// What there is to be told of a secret file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    token: Option<String>,
    before: Option<String>,
    other: Option<String>,
    recipients: usize,
}

/// The state of an environment's file, which must open.
fn state(rig: &Rig, environment: &str) -> State {
    let place = Place {
        project: "ferry".into(),
        environment: environment.into(),
    };
    let key = fs::read_to_string(rig.key_file()).unwrap();
    let identities = Identities::from_text(&key).unwrap();
    let shut = Shut::read(&rig.file(environment), &place).unwrap().unwrap();
    let opened = shut.open(&identities).unwrap();
    let text = |value: Option<secrecy::SecretString>| Some(value?.expose_secret().to_owned());
    State {
        token: text(opened.get("TOKEN")),
        before: text(opened.previous("TOKEN")),
        other: text(opened.get("WORK_KEY")),
        recipients: shut.recipients().len(),
    }
}

/// A project where Dana may write everywhere, and a second person can be let in.
fn rig() -> Rig {
    let (_, recipient) = sops::keygen();
    let rig = Rig::with(|manifest| {
        manifest
            .replace(
                "used_by    = [\"operator\"]",
                "used_by    = [\"operator\", \"developer\"]",
            )
            .replace(
                "[services.web]",
                &format!("[recipients.quinn]\nage = \"{recipient}\"\n\n[services.web]"),
            )
    });
    for environment in ["local", "staging", "production"] {
        rig.set(environment, "TOKEN", &format!("token of {environment}"));
    }
    rig
}

/// Runs a command killed at each of its points, always from the same beginning. Returns at how many it was.
fn killed_at_every_point(rig: &Rig, line: &str, fed: &str) -> usize {
    let file = rig.file("staging");
    let bytes = fs::read(&file).unwrap();
    let before = state(rig, "staging");
    rig.call(line).fed(fed).ends(0);
    let after = state(rig, "staging");
    assert_ne!(before, after);
    for point in 1.. {
        fs::write(&file, &bytes).unwrap();
        let call = rig.call(line).fed(fed);
        let said = call
            .with("TOWPATH_TEST_DIE_AT_FILE", point.to_string())
            .run();
        let found = state(rig, "staging");
        if !said.was_killed() {
            assert_eq!(said.status.code(), Some(0), "{}", said.told());
            assert_eq!(found, after);
            return point - 1;
        }
        assert!(
            found == before || found == after,
            "{line} at {point}: {found:?}"
        );
        let again = rig.call(line).fed(fed).run();
        // What is done already is refused where it cannot be done twice.
        let is_fine = match found == before {
            true => again.status.code() == Some(0),
            false => matches!(again.status.code(), Some(0 | 3)),
        };
        assert!(is_fine, "{line} at {point}: {}", again.told());
        assert_eq!(state(rig, "staging"), after, "{line} at {point}");
    }
    unreachable!("it survives some day")
}

#[test]
fn each_change_is_done_whole_or_not_at_all() {
    let rig = rig();
    let commands = [
        ("secret set staging TOKEN", "set anew"),
        ("secret set staging WORK_KEY", "a first value"),
        ("secret rotate staging TOKEN", "rotated"),
        ("secret rotate staging TOKEN --abort", ""),
        ("secret rotate staging TOKEN", "rotated again"),
        ("secret rotate staging TOKEN --finish", ""),
        ("secret rm staging WORK_KEY", ""),
    ];
    for (line, fed) in commands {
        let points = killed_at_every_point(&rig, line, fed);
        assert!(points >= 3, "{line} passed {points} points");
    }
    rig.project.change(
        "towpath.toml",
        "recipients = [\"dana\"]",
        "recipients = [\"dana\", \"quinn\"]",
    );
    let points = killed_at_every_point(&rig, "secret rekey staging", "");
    assert!(points >= 3);
}

#[test]
fn the_first_secret_of_an_environment_is_there_or_not() {
    let rig = rig();
    let file = rig.file("staging");
    let line = "secret set staging TOKEN";
    for point in 1.. {
        fs::remove_file(&file).unwrap();
        let call = rig.call(line).fed("the first");
        let said = call
            .with("TOWPATH_TEST_DIE_AT_FILE", point.to_string())
            .run();
        if file.exists() {
            assert_eq!(state(&rig, "staging").token.as_deref(), Some("the first"));
        }
        rig.call(line).fed("the first").ends(0);
        assert_eq!(state(&rig, "staging").token.as_deref(), Some("the first"));
        if !said.was_killed() {
            assert!(point > 3, "{point}");
            return;
        }
    }
}

#[test]
fn three_files_are_sealed_anew_by_processes_that_die_at_any_moment() {
    let rig = rig();
    let environments = ["local", "staging", "production"];
    let before = environments.map(|environment| state(&rig, environment));
    let seed = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_nanos();
    println!("seed {seed}");
    let mut random = u64::try_from(seed & u128::from(u64::MAX)).unwrap();
    let began = std::time::Instant::now();
    rig.call("secret rekey --new-key").ends(0);
    let usual = u64::try_from(began.elapsed().as_micros()).unwrap();
    let mut deaths = 0;
    for _ in 0..20 {
        let running = rig.call("secret rekey --new-key").start();
        // xorshift64*, see Vigna: An experimental exploration of Marsaglia's xorshift generators, scrambled.
        random ^= random >> 12;
        random ^= random << 25;
        random ^= random >> 27;
        let after = Duration::from_micros(random.wrapping_mul(0x2545_F491_4F6C_DD1D) % usual);
        // It is the moment that is tried here, and nothing that could be waited for.
        thread::sleep(after);
        running.signal(Signal::SIGKILL);
        deaths += usize::from(running.ended().was_killed());
        let found = environments.map(|environment| state(&rig, environment));
        assert_eq!(found, before);
    }
    assert!(deaths > 5, "only {deaths} died");
    rig.call("secret rekey --new-key").ends(0);
    assert_eq!(
        environments.map(|environment| state(&rig, environment)),
        before
    );
    rig.call("secret doctor").ends(0);
}

#[test]
fn two_who_set_secrets_at_once_both_do() {
    let rig = rig();
    for round in 0..5 {
        let (token, other) = (format!("token {round}"), format!("other {round}"));
        let first = rig.call("secret set staging TOKEN").fed(&token).start();
        let second = rig.call("secret set staging WORK_KEY").fed(&other).start();
        for said in [first.ended(), second.ended()] {
            assert_eq!(said.status.code(), Some(0), "{}", said.told());
        }
        let found = state(&rig, "staging");
        assert_eq!((found.token, found.other), (Some(token), Some(other)));
    }
    // The first of a file as well.
    fs::remove_file(rig.file("staging")).unwrap();
    let first = rig.call("secret set staging TOKEN").fed("one").start();
    let second = rig.call("secret set staging WORK_KEY").fed("two").start();
    for said in [first.ended(), second.ended()] {
        assert_eq!(said.status.code(), Some(0), "{}", said.told());
    }
    let found = state(&rig, "staging");
    assert_eq!(
        (found.token.as_deref(), found.other.as_deref()),
        (Some("one"), Some("two"))
    );
}
