//! Each point at which a command can die. One walk kills each of its commands once, all at their nth point; the walks of all n
//! together kill every command at every point. With `TOWPATH_TEST_EXHAUSTIVE=1`, also each of these deaths alone.

use std::{
    collections::BTreeSet,
    fs,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Instant,
};

use super::{killed_at, undisturbed};
use crate::walk::Walk;

/// No command passes more points than this, as the first test here says.
const POINTS: usize = 40;

/// How many tests share the walks.
const SHARDS: usize = 10;

#[test]
fn an_undisturbed_walk_passes_no_more_points() {
    let counts = count_points();
    let most = counts.iter().max().unwrap();
    assert!((30..=POINTS).contains(most), "{most} points");
}

/// Walks undisturbed, and returns how many points each command passed.
fn count_points() -> Vec<usize> {
    let mut counts = Vec::new();
    Walk::new().walk(|project, index, step, line| {
        let list = project.path(&format!("points-{index}"));
        let ask = project.ask(line).by(step.by());
        let ran = ask.with("TOWPATH_TEST_POINTS", &list).run();
        let points = fs::read_to_string(list).unwrap();
        println!("{line}:\n{points}");
        counts.push(points.lines().count());
        ran
    });
    counts
}

/// Kills each command of a walk once, at its nth point, for every nth point that is this shard's.
fn each_command_dies_once(shard: usize) {
    for point in (1..=POINTS).filter(|point| point % SHARDS == shard) {
        let mut killed = BTreeSet::new();
        Walk::new().walk(|project, index, step, line| match killed.insert(index) {
            true => killed_at(project, step, line, point),
            false => undisturbed(project, step, line),
        });
    }
}

macro_rules! shards {
    ($($name:ident $shard:literal)*) => {
        $(
            #[test]
            fn $name() {
                each_command_dies_once($shard);
            }
        )*
    };
}

shards! {
    each_command_dies_once_shard_0 0
    each_command_dies_once_shard_1 1
    each_command_dies_once_shard_2 2
    each_command_dies_once_shard_3 3
    each_command_dies_once_shard_4 4
    each_command_dies_once_shard_5 5
    each_command_dies_once_shard_6 6
    each_command_dies_once_shard_7 7
    each_command_dies_once_shard_8 8
    each_command_dies_once_shard_9 9
}

#[test]
fn each_death_alone_when_asked_for() {
    if std::env::var_os("TOWPATH_TEST_EXHAUSTIVE").is_none() {
        println!(
            "skipped each_death_alone_when_asked_for: it takes long; TOWPATH_TEST_EXHAUSTIVE=1 runs it"
        );
        return;
    }
    let counts = count_points();
    let mut deaths = Vec::new();
    for (command, count) in counts.iter().enumerate() {
        deaths.extend((1..=*count).map(|point| (command, point)));
    }
    let began = Instant::now();
    let next = AtomicUsize::new(0);
    // Two walks at a time, whatever else the test runner does.
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((command, point)) = deaths.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    die_alone(*command, *point);
                }
            });
        }
    });
    let took = began.elapsed();
    println!(
        "{} deaths of {} commands, each alone, in {took:?}",
        deaths.len(),
        counts.len()
    );
}

fn die_alone(command: usize, point: usize) {
    let mut is_first = true;
    let deaths = Walk::new().walk(|project, index, step, line| {
        match index == command && std::mem::take(&mut is_first) {
            true => killed_at(project, step, line, point),
            false => undisturbed(project, step, line),
        }
    });
    assert_eq!(deaths, 1, "command {command} at point {point}");
}
