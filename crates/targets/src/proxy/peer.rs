//! An instance as one worker sees it: the keep-alive connections that this worker has to it, and none else's.

use std::{
    cell::{Cell, RefCell},
    io,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Waker},
    time::{Duration, Instant},
};

use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, sync::Notify, time::timeout};

use super::{body::Upload, table::Instance};

/// How long an instance may take to accept a connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How many idle connections a worker keeps to an instance.
const MOST_IDLE: usize = 256;
/// How long a connection may stay idle.
const IDLE_FOR: Duration = Duration::from_secs(60);

/// A connection to an instance, carrying one request at a time.
///
/// No task of its own drives it: whoever waits for the answer does. That saves two wake-ups per request.
#[derive(Debug)]
pub(super) struct Channel {
    /// Takes requests.
    pub(super) sender: SendRequest<Upload>,
    /// Moves bytes when polled.
    pub(super) connection: Connection<TokioIo<TcpStream>, Upload>,
    idle_since: Instant,
}

impl Channel {
    /// Whether it waits for a request, and the other side has not closed it.
    fn is_idle(&mut self) -> bool {
        // Nobody waits for an idle connection, so nobody has to be woken.
        let mut context = Context::from_waker(Waker::noop());
        let open = Pin::new(&mut self.connection)
            .poll(&mut context)
            .is_pending();
        open && self.sender.is_ready()
    }
}

/// An instance as one worker sees it.
#[derive(Debug)]
pub(super) struct Peer {
    /// The instance.
    pub(super) instance: Arc<Instance>,
    worker: usize,
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
    pub(super) fn new(instance: Arc<Instance>, worker: usize, drained: Arc<Notify>) -> Self {
        Self {
            instance,
            worker,
            idle: RefCell::default(),
            retired: Cell::new(false),
            drained,
        }
    }

    /// Takes an idle connection that is still open, the last used first.
    pub(super) fn take(&self) -> Option<Box<Channel>> {
        loop {
            let mut channel = self.idle.borrow_mut().pop()?;
            if channel.is_idle() {
                return Some(channel);
            }
        }
    }

    /// Keeps a connection for the next request, if it is fit for one.
    pub(super) fn put(&self, mut channel: Box<Channel>) {
        if self.retired.get() || !channel.is_idle() {
            return;
        }
        let mut idle = self.idle.borrow_mut();
        if idle.len() < MOST_IDLE {
            channel.idle_since = Instant::now();
            idle.push(channel);
        }
    }

    /// Opens a connection.
    pub(super) async fn connect(&self) -> io::Result<Box<Channel>> {
        let stream = timeout(CONNECT_WITHIN, TcpStream::connect(self.instance.address))
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        Ok(Box::new(Channel {
            sender,
            connection,
            idle_since: Instant::now(),
        }))
    }

    /// No new requests come; idle connections close now, busy ones after their request.
    pub(super) fn retire(&self) {
        self.retired.set(true);
        self.idle.borrow_mut().clear();
    }

    /// Closes connections that were idle for long, or that the instance closed.
    pub(super) fn sweep(&self, now: Instant) {
        self.idle.borrow_mut().retain_mut(|channel| {
            now.saturating_duration_since(channel.idle_since) < IDLE_FOR && channel.is_idle()
        });
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
            self.peer.drained.notify_one();
        }
    }
}
