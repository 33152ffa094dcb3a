//! One client's connection: HTTP/1.1 or HTTP/2, request after request, until it closes or the proxy ends.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    convert::Infallible,
    future::{Future, poll_fn},
    io,
    net::SocketAddr,
    pin::pin,
    rc::Rc,
    sync::Arc,
    task::{Poll, Waker},
    time::Duration,
};

use bytes::BytesMut;
use http::{Request, Response};
use hyper::{
    body::Incoming,
    rt::Executor,
    server::conn::{http1, http2},
    service::{Service, service_fn},
};
use hyper_util::rt::TokioTimer;
use tokio::{io::AsyncReadExt, net::TcpStream};

use super::{
    ask::Client,
    body::Download,
    clock::{Clock, Deadline, HeadTimer},
    forward::forward,
    wire::Wire,
    worker::{Open, Worker},
};

/// How much is read to find out the protocol; most requests are here then.
const BEGIN: usize = 4096;
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

/// How a client begins that knows that the proxy speaks HTTP/2 (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Serves a client on one connection.
pub(super) async fn serve(
    open: Open,
    slot: usize,
    mut stream: TcpStream,
    client: SocketAddr,
    listener: SocketAddr,
) {
    let watch = Watch::new(&open).await;
    let Some(begun) = watch.over(read_begin(&mut stream)).await else {
        return;
    };
    let wire = match begun {
        Ok(begun) => (begun.starts_with(PREFACE), Wire::new(stream, begun)),
        Err(error) => {
            tracing::debug!(%error, "a connection broke off");
            return;
        }
    };
    let client = Rc::new(Client::new(client.ip(), listener));
    let service = service_fn(|request| {
        watch.deadline.lift();
        forward(watch.worker.clone(), slot, client.clone(), request)
    });
    let result = match wire {
        (true, wire) => watch.serve_http2(wire, service).await,
        (false, wire) => watch.serve_http1(wire, service).await,
    };
    if let Some(Err(error)) = result {
        tracing::debug!(%error, "a connection broke off");
    }
}

/// Reads until it is clear which protocol the client speaks.
async fn read_begin(stream: &mut TcpStream) -> io::Result<BytesMut> {
    let mut begun = BytesMut::with_capacity(BEGIN);
    loop {
        let read = stream.read_buf(&mut begun).await?;
        let common = begun.len().min(PREFACE.len());
        if read == 0 || common == PREFACE.len() || begun[..common] != PREFACE[..common] {
            return Ok(begun);
        }
    }
}

/// A connection as the worker knows it, for as long as it is served.
struct Watch<'a> {
    worker: &'a Rc<Worker>,
    deadline: Arc<Deadline>,
    id: u64,
}

impl<'a> Watch<'a> {
    async fn new(open: &'a Open) -> Self {
        let worker = open.worker();
        let deadline = Arc::new(Deadline::after(&worker.clock, worker.shared.head_within));
        let task = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
        let id = worker.connections.watch(&deadline, task);
        Self {
            worker,
            deadline,
            id,
        }
    }

    /// Waits for what has to happen in time and before the proxy ends. None: it did not.
    async fn over<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if self.is_overdue() || self.is_closing() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
        .await
    }

    async fn serve_http1<S, F>(&self, wire: Wire, service: S) -> Option<hyper::Result<()>>
    where
        S: Service<
                Request<Incoming>,
                Response = Response<Download>,
                Error = Infallible,
                Future = F,
            >,
        F: Future<Output = Result<Response<Download>, Infallible>> + 'static,
    {
        let timer = HeadTimer {
            clock: self.worker.clock.clone(),
            deadline: self.deadline.clone(),
        };
        let connection = http1::Builder::new()
            .timer(timer)
            .header_read_timeout(self.worker.shared.head_within)
            .max_buf_size(MOST_HEAD)
            .serve_connection(wire, service)
            .with_upgrades();
        let mut connection = pin!(connection);
        let mut closing = false;
        poll_fn(|cx| {
            if self.is_closing() && !closing {
                closing = true;
                connection.as_mut().graceful_shutdown();
            }
            connection.as_mut().poll(cx).map(Some)
        })
        .await
    }

    async fn serve_http2<S, F>(&self, wire: Wire, service: S) -> Option<hyper::Result<()>>
    where
        S: Service<
                Request<Incoming>,
                Response = Response<Download>,
                Error = Infallible,
                Future = F,
            >,
        F: Future<Output = Result<Response<Download>, Infallible>> + 'static,
    {
        let connection = http2::Builder::new(Local)
            .timer(TokioTimer::new())
            .keep_alive_interval(Duration::from_secs(30))
            .keep_alive_timeout(Duration::from_secs(20))
            .max_concurrent_streams(MOST_STREAMS)
            .max_header_list_size(MOST_HEAD as u32)
            .serve_connection(wire, service);
        let mut connection = pin!(connection);
        let mut closing = false;
        poll_fn(|cx| {
            if self.is_closing() && !closing {
                closing = true;
                connection.as_mut().graceful_shutdown();
            }
            match connection.as_mut().poll(cx) {
                // hyper has no limit for the first request.
                Poll::Pending if self.is_overdue() => Poll::Ready(None),
                polled => polled.map(Some),
            }
        })
        .await
    }

    fn is_overdue(&self) -> bool {
        self.deadline.has_passed(&self.worker.clock)
    }

    fn is_closing(&self) -> bool {
        self.worker.connections.closing.get()
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.worker.connections.forget(self.id);
    }
}
