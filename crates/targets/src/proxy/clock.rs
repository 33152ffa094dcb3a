//! Time limits that cost nothing per request: a clock that ticks once a second, and deadlines compared with it.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use hyper::rt::{Sleep, Timer};

/// A worker's clock.
#[derive(Debug)]
pub(super) struct Clock {
    started: Instant,
    elapsed: AtomicU64,
}

impl Clock {
    /// Starts now.
    pub(super) fn new() -> Self {
        Self {
            started: Instant::now(),
            elapsed: AtomicU64::new(0),
        }
    }

    /// Looks at the real clock.
    pub(super) fn tick(&self) {
        let elapsed = self.started.elapsed().as_millis();
        self.elapsed.store(
            u64::try_from(elapsed).unwrap_or(u64::MAX),
            Ordering::Relaxed,
        );
    }

    /// Milliseconds since its start.
    pub(super) fn elapsed(&self) -> u64 {
        self.elapsed.load(Ordering::Relaxed)
    }
}

/// By when a connection's next request has to be there. Its task is woken when it is not.
#[derive(Debug)]
pub(super) struct Deadline(AtomicU64);

impl Deadline {
    /// So long from now.
    pub(super) fn after(clock: &Clock, time: Duration) -> Self {
        let time = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self(AtomicU64::new(clock.elapsed().saturating_add(time)))
    }

    /// Whether it is over.
    pub(super) fn has_passed(&self, clock: &Clock) -> bool {
        self.0.load(Ordering::Relaxed) <= clock.elapsed()
    }

    /// There is none any more.
    pub(super) fn lift(&self) {
        self.0.store(u64::MAX, Ordering::Relaxed);
    }
}

/// What hyper asks for time: how long it waits for the head of a request goes into the connection's deadline.
#[derive(Debug, Clone)]
pub(super) struct HeadTimer {
    /// The worker's clock.
    pub(super) clock: Arc<Clock>,
    /// The connection's.
    pub(super) deadline: Arc<Deadline>,
}

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        let until = deadline.saturating_duration_since(self.clock.started);
        Box::pin(HeadSleep {
            timer: self.clone(),
            until: u64::try_from(until.as_millis()).unwrap_or(u64::MAX),
        })
    }

    fn now(&self) -> Instant {
        self.clock.started + Duration::from_millis(self.clock.elapsed())
    }
}

struct HeadSleep {
    timer: HeadTimer,
    until: u64,
}

impl Sleep for HeadSleep {}

impl Future for HeadSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.until <= self.timer.clock.elapsed() {
            return Poll::Ready(());
        }
        // The waker is the connection's own, which the sweep knows.
        self.timer.deadline.0.store(self.until, Ordering::Relaxed);
        Poll::Pending
    }
}

impl Drop for HeadSleep {
    fn drop(&mut self) {
        self.timer.deadline.lift();
    }
}
