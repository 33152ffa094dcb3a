//! Death after death, and death at moments that nobody chose.

use std::{collections::BTreeMap, thread, time::Duration};

use nix::sys::signal::Signal;

use super::killed_at;
use crate::walk::Walk;

/// Every process dies soon after it has begun, so that it takes many to walk the path.
fn each_process_dies_at(first: usize) {
    let mut deaths = BTreeMap::<usize, usize>::new();
    let total = Walk::new().walk(|project, index, step, line| {
        let died = deaths.entry(index).or_default();
        // Some work takes more points than that until it is written down, and would never be done.
        let ran = killed_at(project, step, line, first + *died / 8);
        *died += 1;
        ran
    });
    assert!(total > 20, "only {total} died");
}

#[test]
fn a_path_is_walked_by_processes_that_die_at_their_third_point() {
    each_process_dies_at(3);
}

#[test]
fn a_path_is_walked_by_processes_that_die_at_their_fourth_point() {
    each_process_dies_at(4);
}

#[test]
fn a_path_is_walked_by_processes_that_die_at_their_sixth_point() {
    each_process_dies_at(6);
}

/// Kills each command up to three times, after times that nobody chose.
fn killed_at_any_moment() {
    let seed = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_nanos();
    println!("seed {seed}");
    let mut random = u64::try_from(seed & u128::from(u64::MAX)).unwrap();
    let mut tries = BTreeMap::<usize, u32>::new();
    Walk::new().walk(|project, index, step, line| {
        let tries = tries.entry(index).or_default();
        *tries += 1;
        let running = project.ask(line).by(step.by()).start();
        if *tries > 3 {
            return running.ended();
        }
        // xorshift64*, see Vigna: An experimental exploration of Marsaglia's xorshift generators, scrambled.
        random ^= random >> 12;
        random ^= random << 25;
        random ^= random >> 27;
        let after = Duration::from_micros(random.wrapping_mul(0x2545_F491_4F6C_DD1D) % 700_000);
        // It is the moment that is tried here, and nothing that could be waited for.
        thread::sleep(after);
        running.signal(Signal::SIGKILL);
        running.ended()
    });
}

#[test]
fn a_path_is_walked_by_processes_that_die_at_any_moment() {
    killed_at_any_moment();
}

#[test]
fn and_at_any_other() {
    killed_at_any_moment();
}
