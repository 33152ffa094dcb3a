//! A file whose writer is killed is as it was or as it should be, and whoever does the same again gets it done.

use std::{fs, os::unix::process::ExitStatusExt as _, path::PathBuf, thread, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use towpath_secrets::{
    file::Opened,
    sops::{Identities, Recipient, keygen},
};

use super::child::{Change, MANY, Orders, now, open, place};

/// Points of which one is passed at most in a change; more is a change that never ends.
const MOST_POINTS: u32 = 20;

struct World {
    directory: tempfile::TempDir,
    secret: SecretString,
    identities: Identities,
    /// Who opens it at first, the last of whom is to leave.
    recipients: Vec<Recipient>,
}

/// All of a file that counts.
#[derive(Debug, PartialEq, Eq)]
struct State {
    values: Vec<(String, String, Option<String>)>,
    recipients: Vec<String>,
    departed: usize,
}

impl World {
    fn new() -> World {
        let ((secret, own), (_, other)) = (keygen(), keygen());
        World {
            directory: tempfile::tempdir().unwrap(),
            identities: Identities::from_text(secret.expose_secret()).unwrap(),
            secret,
            recipients: vec![own, other],
        }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("staging.yaml")
    }

    /// A file from before a change.
    fn begin(&self, change: Change) {
        let mut opened = Opened::new(&self.path(), &place(), &self.recipients, None).unwrap();
        for (key, value) in [("ONE", "1"), ("TWO", "2")] {
            opened.set(key, &value.into(), now()).unwrap();
        }
        if change == Change::Finish {
            opened
                .begin_rotation("ONE", &"newer".into(), now())
                .unwrap();
        }
        opened.save(now()).unwrap();
    }

    fn orders<'a>(&'a self, path: &'a std::path::Path, change: Change) -> Orders<'a> {
        let staying = match change {
            Change::SealFor => 1,
            _ => 2,
        };
        Orders {
            path,
            secret: &self.secret,
            recipients: &self.recipients[..staying],
        }
    }

    fn state(&self) -> State {
        let opened = open(&self.path(), &self.identities);
        assert!(opened.changed_elsewhere().is_empty());
        let said = |value: SecretString| value.expose_secret().to_owned();
        let values = opened.keys().into_iter().map(|key| {
            let value = said(opened.get(&key).unwrap());
            let previous = opened.previous(&key).map(said);
            (key, value, previous)
        });
        State {
            values: values.collect(),
            recipients: opened.recipients(),
            departed: opened.ledger().departed.len(),
        }
    }
}

#[test]
fn a_change_that_is_killed_anywhere_happened_or_did_not_and_can_be_made_again() {
    for change in [
        Change::Set,
        Change::Begin,
        Change::Finish,
        Change::SealFor,
        Change::Rekey,
    ] {
        let world = World::new();
        let path = world.path();
        let orders = world.orders(&path, change);
        world.begin(change);
        let before = world.state();
        assert!(orders.start(change, None).end().success());
        let after = world.state();
        assert!(before != after || change == Change::Rekey, "{change:?}");

        let mut kills = 0;
        loop {
            fs::remove_file(&path).unwrap();
            world.begin(change);
            let ended = orders.start(change, Some(kills + 1)).end();
            let found = world.state();
            if ended.success() {
                assert_eq!(found, after);
                break;
            }
            assert_eq!(ended.signal(), Some(9), "{change:?}");
            kills += 1;
            assert!(kills < MOST_POINTS, "{change:?}");
            assert!(found == before || found == after, "{change:?} {found:?}");
            assert!(orders.start(change, None).end().success());
            assert_eq!(world.state(), after, "{change:?}");
        }
        assert_eq!(kills, 3, "written, renamed and synced");
    }
}

#[test]
fn what_was_said_to_be_written_is_there_whenever_the_writer_is_killed() {
    let world = World::new();
    let path = world.path();
    world.begin(Change::Count);
    for round in 0..12_u32 {
        let mut writer = world
            .orders(&path, Change::Count)
            .start(Change::Count, None);
        let mut written = 0;
        for _ in 0..=round % 3 {
            written = writer.next();
        }
        // Not to wait for anything: to be killed at another moment of the next change each time.
        thread::sleep(Duration::from_micros(u64::from(round) * 350));
        writer.kill();
        let opened = open(&path, &world.identities);
        let found = opened.get("COUNT").unwrap();
        let found: u32 = found.expose_secret().parse().unwrap();
        assert!(found >= written, "{found} after {written}");
        assert_eq!(opened.get("TWO").unwrap().expose_secret(), "2");
    }
}

#[test]
fn two_writers_at_once_lose_nothing() {
    let world = World::new();
    let path = world.path();
    world.begin(Change::Count);
    let writers = ['A', 'B'].map(|name| {
        let change = Change::Many(name);
        world.orders(&path, change).start(change, None)
    });
    for writer in writers {
        assert!(writer.end().success());
    }
    let opened = open(&path, &world.identities);
    let mut expected: Vec<String> = ['A', 'B']
        .iter()
        .flat_map(|name| (0..MANY).map(move |count| format!("{name}{count}")))
        .chain(["ONE".into(), "TWO".into()])
        .collect();
    expected.sort();
    let mut found = opened.keys();
    found.sort();
    assert_eq!(found, expected);
    assert_eq!(opened.ledger().generation, 1 + u64::from(2 * MANY));
}
