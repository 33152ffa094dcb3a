//! What the comparisons with other tools share: time.

use std::time::{Duration, Instant};

/// What work comes to, and how long it takes.
pub fn timed<A>(work: impl FnOnce() -> A) -> (A, Duration) {
    let begun = Instant::now();
    let done = work();
    (done, begun.elapsed())
}
