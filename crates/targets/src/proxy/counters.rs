//! Counters that every worker keeps for itself, without locks, and that are summed when someone asks.

use std::sync::atomic::{AtomicU64, Ordering};

/// What one worker counts. Alone on its cache lines, so that workers do not slow each other.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Cell {
    requests: AtomicU64,
    errors: AtomicU64,
    active: AtomicU64,
}

/// Requests, errors and requests in flight, of a service or of an upstream.
#[derive(Debug)]
pub(super) struct Counters(Box<[Cell]>);

impl Counters {
    /// Zeros for so many workers.
    pub(super) fn new(workers: usize) -> Self {
        Self((0..workers).map(|_| Cell::default()).collect())
    }

    /// A request was answered, or failed.
    pub(super) fn answered(&self, worker: usize, failed: bool) {
        add(&self.0[worker].requests, 1);
        if failed {
            self.failed(worker);
        }
    }

    /// A request that counts as answered already turned out to have failed.
    pub(super) fn failed(&self, worker: usize) {
        add(&self.0[worker].errors, 1);
    }

    /// A request is on its way.
    pub(super) fn enter(&self, worker: usize) {
        add(&self.0[worker].active, 1);
    }

    /// It is over.
    pub(super) fn leave(&self, worker: usize) {
        add(&self.0[worker].active, 1_u64.wrapping_neg());
    }

    /// Requests answered.
    pub(super) fn requests(&self) -> u64 {
        self.sum(|cell| &cell.requests)
    }

    /// Requests that failed.
    pub(super) fn errors(&self) -> u64 {
        self.sum(|cell| &cell.errors)
    }

    /// Requests in flight.
    pub(super) fn active(&self) -> u64 {
        self.sum(|cell| &cell.active)
    }

    fn sum(&self, field: impl Fn(&Cell) -> &AtomicU64) -> u64 {
        self.0
            .iter()
            .map(|cell| field(cell).load(Ordering::Acquire))
            .fold(0, u64::wrapping_add)
    }
}

/// Only the worker that owns the cell writes to it: no locked instruction is needed.
fn add(counter: &AtomicU64, amount: u64) {
    let value = counter.load(Ordering::Relaxed).wrapping_add(amount);
    counter.store(value, Ordering::Release);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_are_summed_and_what_enters_leaves() {
        let counters = Counters::new(2);
        counters.enter(0);
        counters.enter(1);
        counters.leave(0);
        assert_eq!(counters.active(), 1);
        counters.leave(1);
        assert_eq!(counters.active(), 0);
        counters.answered(0, false);
        counters.answered(1, true);
        assert_eq!((counters.requests(), counters.errors()), (2, 1));
    }
}
