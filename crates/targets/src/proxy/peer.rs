//! An instance as one worker sees it: the idle connections that this worker has to it, and what it has in flight.

use std::{
    cell::{Cell, RefCell},
    io,
    rc::Rc,
    sync::Arc,
};

use tokio::sync::Notify;

use super::{channel::Channel, clock::Clock, table::Instance};

/// How many idle connections a worker keeps to an instance.
const MOST_IDLE: usize = 256;
/// How long a connection may stay idle, in milliseconds.
const IDLE_FOR: u64 = 60_000;

/// An instance as one worker sees it.
#[derive(Debug)]
pub(super) struct Peer {
    /// The instance.
    pub(super) instance: Arc<Instance>,
    worker: usize,
    clock: Arc<Clock>,
    #[expect(
        clippy::vec_box,
        reason = "a channel is large, and moves in and out at every request"
    )]
    idle: RefCell<Vec<Box<Channel>>>,
    retired: Cell<bool>,
    drained: Arc<Notify>,
}

impl Peer {
    /// The instance, without any connection yet; `drained` hears of each request that ends after it was retired.
    pub(super) fn new(
        instance: Arc<Instance>,
        worker: usize,
        clock: Arc<Clock>,
        drained: Arc<Notify>,
    ) -> Self {
        Self {
            instance,
            worker,
            clock,
            idle: RefCell::default(),
            retired: Cell::new(false),
            drained,
        }
    }

    /// Takes an idle connection that is still open, the last used first. `surely`: as far as can be known at all.
    pub(super) fn take(&self, surely: bool) -> Option<Box<Channel>> {
        loop {
            let mut channel = self.idle.borrow_mut().pop()?;
            if channel.is_open() && (!surely || channel.is_open_now()) {
                return Some(channel);
            }
        }
    }

    /// Opens a connection.
    pub(super) async fn connect(&self) -> io::Result<Box<Channel>> {
        Channel::connect(self.instance.address).await
    }

    /// Keeps a connection for the next request, if it is fit for one.
    pub(super) fn put(&self, mut channel: Box<Channel>) {
        let mut idle = self.idle.borrow_mut();
        if !self.retired.get() && channel.is_reusable() && idle.len() < MOST_IDLE {
            channel.rest();
            channel.used = self.clock.elapsed();
            idle.push(channel);
        }
    }

    /// No new requests come; idle connections close now, busy ones after their request.
    pub(super) fn retire(&self) {
        self.retired.set(true);
        self.idle.borrow_mut().clear();
    }

    /// Closes connections that were idle for long, or that the instance closed.
    pub(super) fn sweep(&self) {
        let now = self.clock.elapsed();
        self.idle
            .borrow_mut()
            .retain_mut(|channel| now - channel.used < IDLE_FOR && channel.is_open());
    }
}

/// A request on its way to an instance: counted as active from here until this is dropped, however that comes about.
#[derive(Debug)]
pub(super) struct Flight {
    /// Where it goes.
    pub(super) peer: Rc<Peer>,
}

impl Flight {
    /// Sets out.
    pub(super) fn to(peer: Rc<Peer>) -> Self {
        peer.instance.counters.enter(peer.worker);
        Self { peer }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.peer.instance.counters.leave(self.peer.worker);
        if self.peer.retired.get() {
            self.peer.drained.notify_waiters();
        }
    }
}
