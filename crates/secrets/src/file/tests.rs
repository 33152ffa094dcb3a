//! What happens to an environment's file over its life.

use std::fs;

use secrecy::{ExposeSecret, SecretString};

use super::*;
use crate::sops::{Identities, Recipient, keygen};

struct World {
    directory: tempfile::TempDir,
    place: Place,
}

struct Person {
    identities: Identities,
    recipient: Recipient,
}

fn person() -> Person {
    let (secret, recipient) = keygen();
    let identities = Identities::from_text(secret.expose_secret()).unwrap();
    Person {
        identities,
        recipient,
    }
}

fn place(environment: &str) -> Place {
    Place {
        project: "guestbook".into(),
        environment: environment.into(),
    }
}

fn value(text: &str) -> SecretString {
    text.into()
}

fn at(second: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(1_790_000_000 + second).unwrap()
}

impl World {
    fn new() -> World {
        World {
            directory: tempfile::tempdir().unwrap(),
            place: place("staging"),
        }
    }

    fn path(&self) -> std::path::PathBuf {
        self.directory.path().join("staging.yaml")
    }

    fn begin(&self, people: &[&Person], values: &[(&str, &str)]) {
        let recipients: Vec<_> = people.iter().map(|one| one.recipient.clone()).collect();
        let mut opened = Opened::new(&self.path(), &self.place, &recipients, None).unwrap();
        for (key, text) in values {
            opened.set(key, &value(text), at(0)).unwrap();
        }
        opened.save(at(0)).unwrap();
    }

    fn shut(&self) -> Shut {
        Shut::read(&self.path(), &self.place).unwrap().unwrap()
    }

    fn open(&self, person: &Person) -> Opened {
        self.shut().open(&person.identities).unwrap()
    }

    fn text(&self) -> String {
        fs::read_to_string(self.path()).unwrap()
    }
}

fn said(opened: &Opened, key: &str) -> Option<String> {
    Some(opened.get(key)?.expose_secret().to_owned())
}

fn shown(exposed: &[Exposed]) -> Vec<&str> {
    exposed.iter().map(|one| one.key.as_str()).collect()
}

#[test]
fn values_are_kept_and_told_of_without_opening() {
    let (world, dana) = (World::new(), person());
    world.begin(&[&dana], &[("TOKEN", "hunter2"), ("KEY", "a\nb")]);
    let shut = world.shut();
    assert_eq!(shut.keys(), ["TOKEN", "KEY"]);
    assert_eq!(
        shut.ledger().unwrap().keys["TOKEN"].since,
        at(0).to_string()
    );
    let opened = world.open(&dana);
    assert_eq!(said(&opened, "TOKEN").as_deref(), Some("hunter2"));
    assert_eq!(said(&opened, "KEY").as_deref(), Some("a\nb"));
    assert!(opened.changed_elsewhere().is_empty());
    assert!(!world.text().contains("hunter2"));
}

#[test]
fn a_file_of_another_place_is_refused() {
    let (world, dana) = (World::new(), person());
    world.begin(&[&dana], &[("TOKEN", "hunter2")]);
    let elsewhere = Shut::read(&world.path(), &place("production"));
    assert!(matches!(elsewhere, Err(FileError::Elsewhere { .. })));
    // Also one whose tree was made to look right: the values know where they belong.
    fs::write(
        world.path(),
        world.text().replace("    staging:", "    production:"),
    )
    .unwrap();
    let shut = Shut::read(&world.path(), &place("production"));
    let opened = shut.and_then(|shut| shut.unwrap().open(&dana.identities));
    assert!(opened.is_err());
}

#[test]
fn the_ledger_is_authenticated_names_and_all() {
    let (world, dana) = (World::new(), person());
    world.begin(&[&dana], &[("TOKEN", "hunter2"), ("OTHER", "hunter3")]);
    let good = world.text();
    let ledger = good.find(LEDGER).unwrap();
    for (before, after) in [
        ("TOKEN:", "TOKEM:"),
        ("generation: \"1\"", "generation: \"2\""),
    ] {
        let touched = format!(
            "{}{}",
            &good[..ledger],
            good[ledger..].replacen(before, after, 1)
        );
        assert_ne!(touched, good);
        fs::write(world.path(), touched).unwrap();
        let opened = world.shut().open(&dana.identities);
        assert!(opened.is_err(), "{after}");
    }
    // What the names are is not in SOPS's own code; here it is, and it can be begun anew.
    let touched = format!(
        "{}{}",
        &good[..ledger],
        good[ledger..].replacen("TOKEN:", "TOKEM:", 1)
    );
    fs::write(world.path(), touched).unwrap();
    assert!(matches!(
        world.shut().open(&dana.identities),
        Err(FileError::Ledger { .. })
    ));
    let mut mended = world.shut().open_mending(&dana.identities).unwrap();
    mended.save(at(9)).unwrap();
    assert_eq!(world.open(&dana).ledger().keys.len(), 2);
}

#[test]
fn whoever_leaves_saw_what_was_not_changed_since() {
    let (world, dana, lee) = (World::new(), person(), person());
    world.begin(
        &[&dana, &lee],
        &[("OLD", "1"), ("TURNED", "2"), ("GONE", "3")],
    );
    let mut opened = world.open(&dana);
    opened.remove("GONE", at(1)).unwrap();
    opened.save(at(1)).unwrap();
    let mut opened = world.open(&dana);
    opened
        .seal_for(std::slice::from_ref(&dana.recipient))
        .unwrap();
    opened.save(at(2)).unwrap();
    assert!(world.shut().open(&lee.identities).is_err());
    assert_eq!(shown(&world.shut().exposed()), ["OLD", "TURNED", "GONE"]);

    // The clock goes back; what counts is the order.
    let mut opened = world.open(&dana);
    opened.set("TURNED", &value("4"), at(-100)).unwrap();
    opened.set("NEW", &value("5"), at(-100)).unwrap();
    opened.save(at(-100)).unwrap();
    let exposed = world.open(&dana).exposed();
    assert_eq!(shown(&exposed), ["OLD", "GONE"]);
    assert!(exposed[1].removed && !exposed[0].removed);
    assert_eq!(exposed[0].to, lee.recipient.to_string());

    // Whoever comes back knows it all again, and has left again when they leave.
    for people in [vec![&dana, &lee], vec![&dana]] {
        let recipients: Vec<_> = people.iter().map(|one| one.recipient.clone()).collect();
        let mut opened = world.open(&dana);
        opened.seal_for(&recipients).unwrap();
        opened.save(at(3)).unwrap();
    }
    assert_eq!(
        shown(&world.shut().exposed()),
        ["NEW", "OLD", "TURNED", "GONE"]
    );
}

#[test]
fn a_rotation_has_both_values_until_it_is_over() {
    let (world, dana) = (World::new(), person());
    world.begin(&[&dana], &[("TOKEN", "old")]);
    let mut opened = world.open(&dana);
    assert!(matches!(
        opened.finish_rotation("TOKEN"),
        Err(FileError::NotRotating(_))
    ));
    assert!(matches!(
        opened.begin_rotation("NONE", &value("x"), at(1)),
        Err(FileError::NoSuchKey(_))
    ));
    assert!(matches!(
        opened.begin_rotation("TOKEN", &value("old"), at(1)),
        Err(FileError::SameValue(_))
    ));
    opened
        .begin_rotation("TOKEN", &value("new"), at(1))
        .unwrap();
    opened.save(at(1)).unwrap();

    assert_eq!(world.shut().rotating(), ["TOKEN"]);
    let mut opened = world.open(&dana);
    assert!(opened.changed_elsewhere().is_empty());
    assert_eq!(said(&opened, "TOKEN").as_deref(), Some("new"));
    assert_eq!(opened.previous("TOKEN").unwrap().expose_secret(), "old");
    assert!(matches!(
        opened.begin_rotation("TOKEN", &value("newer"), at(2)),
        Err(FileError::Rotating(_))
    ));
    assert!(matches!(
        opened.set("TOKEN", &value("newer"), at(2)),
        Err(FileError::Rotating(_))
    ));
    opened.abort_rotation("TOKEN").unwrap();
    assert_eq!(said(&opened, "TOKEN").as_deref(), Some("old"));
    assert_eq!(opened.ledger().keys["TOKEN"].since, at(0).to_string());

    let mut opened = world.open(&dana);
    opened.finish_rotation("TOKEN").unwrap();
    opened.save(at(3)).unwrap();
    let opened = world.open(&dana);
    assert_eq!(said(&opened, "TOKEN").as_deref(), Some("new"));
    assert!(opened.previous("TOKEN").is_none() && world.shut().rotating().is_empty());
}

#[test]
fn while_a_rotation_lasts_both_values_count_as_seen() {
    let (world, dana, lee) = (World::new(), person(), person());
    world.begin(&[&dana, &lee], &[("TOKEN", "old")]);
    let mut opened = world.open(&dana);
    opened
        .seal_for(std::slice::from_ref(&dana.recipient))
        .unwrap();
    opened
        .begin_rotation("TOKEN", &value("new"), at(1))
        .unwrap();
    opened.save(at(1)).unwrap();
    assert_eq!(
        shown(&world.shut().exposed()),
        ["TOKEN"],
        "the old one still opens doors"
    );
    let mut opened = world.open(&dana);
    opened.finish_rotation("TOKEN").unwrap();
    opened.save(at(2)).unwrap();
    assert!(world.shut().exposed().is_empty());
}

#[test]
fn fingerprints_are_equal_where_values_are_and_the_key_is() {
    let dana = person();
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let recipients = std::slice::from_ref(&dana.recipient);
    let mut first = Opened::new(&path("a.yaml"), &place("staging"), recipients, None).unwrap();
    first.set("TOKEN", &value("same"), at(0)).unwrap();
    let mut other = Opened::new(&path("b.json"), &place("production"), recipients, None).unwrap();
    other.set("KEY", &value("same"), at(0)).unwrap();
    let print = |opened: &Opened, key: &str| opened.ledger().keys[key].fingerprint;
    assert_ne!(print(&first, "TOKEN"), print(&other, "KEY"));
    let shared = crate::fingerprint::FingerprintKey::from_bytes(first.fingerprint_key().expose());
    other.adopt_fingerprint_key(shared);
    assert_eq!(print(&first, "TOKEN"), print(&other, "KEY"));
    other.save(at(0)).unwrap();
    let read = Shut::read(&path("b.json"), &place("production"))
        .unwrap()
        .unwrap();
    let read = read.open(&dana.identities).unwrap();
    assert!(read.changed_elsewhere().is_empty());
    assert_eq!(print(&read, "KEY"), print(&first, "TOKEN"));
}

#[test]
fn what_no_process_can_be_handed_is_refused() {
    let (world, dana) = (World::new(), person());
    world.begin(&[&dana], &[("TOKEN", "x")]);
    let mut opened = world.open(&dana);
    for (key, text) in [
        ("A B", "x"),
        ("1A", "x"),
        ("", "x"),
        ("A_unencrypted", "x"),
        ("A", ""),
        ("A", "a\0b"),
    ] {
        assert!(
            opened.set(key, &value(text), at(1)).is_err(),
            "{key} {text:?}"
        );
    }
    let long = "x".repeat(MOST_VALUE_BYTES + 1);
    assert!(opened.set("A", &value(&long), at(1)).is_err());
    assert!(
        Opened::new(
            &world.directory.path().join("x.env"),
            &world.place,
            &[dana.recipient],
            None
        )
        .is_err()
    );
}

#[test]
fn a_secret_is_never_written_where_the_file_says_that_it_stays_in_clear() {
    let world = World::new();
    let dana = person();
    world.begin(&[&dana], &[("ONE", "1")]);
    // Whoever can write the file can say so, without opening it: what is there is still as it was.
    let text = world.text();
    let ruled = text.replace(
        "unencrypted_suffix: \"_unencrypted\"",
        "unencrypted_regex: ^(TWO|_towpath_unencrypted)$",
    );
    assert_ne!(ruled, text);
    fs::write(world.path(), &ruled).unwrap();
    let mut opened = world.open(&dana);
    let refused = opened.set("TWO", &value("hunter2"), at(1));
    assert!(refused.is_err());
    opened.set("ONE", &value("3"), at(1)).unwrap();
    opened.save(at(1)).unwrap();
    assert!(!world.text().contains("hunter2"));
}
