//! Dotenv files, against who else reads them: npm's `dotenv` and `dotenvx`.

mod reading;
mod writing;

use std::{
    collections::BTreeMap,
    env, fs,
    process::{Command, Stdio},
    thread,
};

use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use serde::Deserialize;

use crate::place;

/// What the others made of one text.
#[derive(Deserialize)]
struct Readings {
    found: Reading<BTreeMap<String, Vec<String>>>,
    dotenvx: Reading<BTreeMap<String, String>>,
    dotenv: Reading<BTreeMap<String, String>>,
    fast: Reading<BTreeMap<String, String>>,
}

#[derive(Deserialize, Debug)]
#[serde(rename_all = "lowercase")]
enum Reading<T> {
    Read(T),
    Failed(String),
}

impl<T> Reading<T> {
    #[track_caller]
    fn read(&self, text: &str) -> &T {
        match self {
            Self::Read(values) => values,
            Self::Failed(why) => panic!("{why}: {text:?}"),
        }
    }
}

/// What the others make of texts, or nothing where the packages cannot be had and may be missing.
fn readings(texts: &[String]) -> Option<Vec<Readings>> {
    let directory = place::NODE
        .directory()
        .filter(|directory| place::NODE.is_in(directory));
    let (Some(directory), Some(node)) = (directory, place::program("node")) else {
        let thread = thread::current();
        let test = thread.name().unwrap_or("a test");
        let way = "`cargo xtask test tests` installs what it can";
        assert!(env::var_os("CI").is_none(), "{test} needs node; {way}");
        eprintln!("skipped: {test} needs the stand-ins (node); {way}");
        return None;
    };
    let scratch = tempfile::tempdir().unwrap();
    let (input, output) = (scratch.path().join("in"), scratch.path().join("out"));
    fs::write(&input, serde_json::to_vec(texts).unwrap()).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/dotenv/read.cjs");
    // It logs what it cannot decrypt, and says what commands say that it runs.
    let done = Command::new(node)
        .arg(script)
        .args([&directory, &input, &output])
        .current_dir(scratch.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{told}");
    let readings: Vec<Readings> = serde_json::from_slice(&fs::read(&output).unwrap()).unwrap();
    assert_eq!(readings.len(), texts.len());
    Some(readings)
}

/// Values that a strategy makes, the same each time.
fn generated<S: Strategy>(strategy: S, count: usize) -> Vec<S::Value> {
    let mut runner = TestRunner::deterministic();
    let make = |_| strategy.new_tree(&mut runner).unwrap().current();
    (0..count).map(make).collect()
}
