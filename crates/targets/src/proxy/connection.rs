//! One client's connection: HTTP/1.1 or HTTP/2, request after request, until it closes or the proxy ends.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    future::{Future, poll_fn},
    net::SocketAddr,
    pin::pin,
    rc::Rc,
    sync::Arc,
    task::{Poll, Waker},
    time::Duration,
};

use hyper::{rt::Executor, service::service_fn};
use hyper_util::{rt::TokioTimer, server::conn::auto};
use tokio::net::TcpStream;

use super::{
    ask::Client,
    clock::{Clock, Deadline, HeadTimer},
    forward::forward,
    wire::Wire,
    worker::Open,
};

/// How large the head of a request may be.
const MOST_HEAD: usize = 64 * 1024;
/// How many requests a client may have in flight on one HTTP/2 connection.
const MOST_STREAMS: u32 = 256;

/// The open connections of a worker.
#[derive(Debug, Default)]
pub(super) struct Connections {
    open: RefCell<HashMap<u64, Watched>>,
    next: Cell<u64>,
    closing: Cell<bool>,
}

#[derive(Debug)]
struct Watched {
    deadline: Arc<Deadline>,
    task: Waker,
}

impl Connections {
    /// Wakes the connections whose request did not come in time.
    pub(super) fn wake_overdue(&self, clock: &Clock) {
        for connection in self.open.borrow().values() {
            if connection.deadline.has_passed(clock) {
                connection.task.wake_by_ref();
            }
        }
    }

    /// Has all connections close after the request that they are at.
    pub(super) fn close(&self) {
        self.closing.set(true);
        for connection in self.open.borrow().values() {
            connection.task.wake_by_ref();
        }
    }

    fn watch(&self, deadline: &Arc<Deadline>, task: Waker) -> u64 {
        let id = self.next.get();
        self.next.set(id + 1);
        let deadline = deadline.clone();
        self.open
            .borrow_mut()
            .insert(id, Watched { deadline, task });
        id
    }

    fn forget(&self, id: u64) {
        self.open.borrow_mut().remove(&id);
    }
}

/// Runs the tasks of HTTP/2 streams on the worker's own thread.
#[derive(Debug, Clone)]
struct Local;

impl<F> Executor<F> for Local
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}

/// Serves a client on one connection.
pub(super) async fn serve(
    open: Open,
    slot: usize,
    stream: TcpStream,
    client: SocketAddr,
    listener: SocketAddr,
) {
    let worker = open.worker();
    let head_within = worker.shared.head_within;
    let deadline = Arc::new(Deadline::after(&worker.clock, head_within));
    let timer = HeadTimer {
        clock: worker.clock.clone(),
        deadline: deadline.clone(),
    };
    let builder = protocols(timer, head_within);
    let client = Rc::new(Client::new(client.ip(), listener));
    let service = service_fn(|request| {
        deadline.lift();
        forward(worker.clone(), slot, client.clone(), request)
    });
    let mut connection = pin!(builder.serve_connection_with_upgrades(Wire::new(stream), service));

    let task = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
    let id = worker.connections.watch(&deadline, task);
    let mut closing = false;
    let result = poll_fn(|cx| {
        if !closing && worker.connections.closing.get() {
            closing = true;
            connection.as_mut().graceful_shutdown();
        }
        match connection.as_mut().poll(cx) {
            // Not even a protocol was spoken: hyper has no limit for that.
            Poll::Pending if deadline.has_passed(&worker.clock) => Poll::Ready(Ok(())),
            polled => polled,
        }
    })
    .await;
    worker.connections.forget(id);
    if let Err(error) = result {
        tracing::debug!(error, "a connection broke off");
    }
}

fn protocols(timer: HeadTimer, head_within: Duration) -> auto::Builder<Local> {
    let mut builder = auto::Builder::new(Local);
    builder
        .http1()
        .timer(timer)
        .header_read_timeout(head_within)
        .max_buf_size(MOST_HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20))
        .max_concurrent_streams(MOST_STREAMS)
        .max_header_list_size(MOST_HEAD as u32);
    builder
}
