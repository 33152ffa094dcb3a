//! The constant stream: real requests against production from the moment that it is live, each answer looked at.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, client::conn::http1::SendRequest, header};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

/// How many connections are kept open.
const CONNECTIONS: u64 = 4;

/// Between two requests of a connection.
const PACE: Duration = Duration::from_millis(20);

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was sent, and what came of it. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Traffic(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    sent: AtomicU64,
    failed: AtomicU64,
    stop: AtomicBool,
    causes: Mutex<Vec<String>>,
}

impl Traffic {
    /// Begins to send.
    pub(super) fn start(&self, address: SocketAddr) {
        for connection in 0..CONNECTIONS {
            let traffic = self.clone();
            tokio::spawn(async move { traffic.send(address, connection).await });
        }
    }

    /// Ends, each connection after its answer.
    pub(super) fn stop(&self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }

    /// How many requests were sent, and how many failed.
    pub(super) fn counts(&self) -> (u64, u64) {
        (
            self.0.sent.load(Ordering::Relaxed),
            self.0.failed.load(Ordering::Relaxed),
        )
    }

    /// The first failures, for people.
    pub(super) fn causes(&self) -> Vec<String> {
        self.0
            .causes
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .clone()
    }

    async fn send(&self, address: SocketAddr, connection: u64) {
        let mut sender = None;
        let mut number = connection;
        let mut pace = tokio::time::interval(PACE);
        while !self.0.stop.load(Ordering::Relaxed) {
            pace.tick().await;
            number += CONNECTIONS;
            self.0.sent.fetch_add(1, Ordering::Relaxed);
            let answered = timeout(PATIENCE, one(&mut sender, address, number)).await;
            let cause = match answered {
                Ok(Ok(())) => continue,
                Ok(Err(cause)) => cause,
                Err(_) => format!("no answer within {} s", PATIENCE.as_secs()),
            };
            sender = None;
            self.0.failed.fetch_add(1, Ordering::Relaxed);
            let mut causes = self
                .0
                .causes
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            if causes.len() < 5 {
                causes.push(cause);
            }
        }
    }
}

/// One request on a connection that is kept: mostly the page, now and then the entries or a new entry.
async fn one(
    kept: &mut Option<SendRequest<Full<Bytes>>>,
    address: SocketAddr,
    number: u64,
) -> Result<(), String> {
    let mut sender = match kept.take() {
        Some(sender) if sender.is_ready() => sender,
        // A connection that the other side has closed between two requests is opened again, as any browser does.
        _ => connect(address).await?,
    };
    let (request, marks) = request(address, number)?;
    let response = sender
        .send_request(request)
        .await
        .map_err(|error| error.to_string())?;
    let status = response.status();
    let body = response
        .into_body()
        .collect()
        .await
        .map_err(|error| format!("the answer broke off: {error}"))?;
    let body = String::from_utf8_lossy(&body.to_bytes()).into_owned();
    if !(status.is_success() || status.is_redirection()) {
        return Err(format!("answered {status}"));
    }
    if status.is_success() && !body.contains(marks) {
        return Err(format!("the answer does not hold {marks:?}"));
    }
    *kept = Some(sender);
    Ok(())
}

async fn connect(address: SocketAddr) -> Result<SendRequest<Full<Bytes>>, String> {
    let stream = TcpStream::connect(address)
        .await
        .map_err(|error| format!("could not connect: {error}"))?;
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    tokio::spawn(connection);
    Ok(sender)
}

/// The next request, and what its answer must hold.
fn request(
    address: SocketAddr,
    number: u64,
) -> Result<(Request<Full<Bytes>>, &'static str), String> {
    let (method, path, body, marks) = match number % 50 {
        0 => (
            Method::POST,
            "/entries",
            format!("name=Visitor+{number}&message=Passing+through"),
            "",
        ),
        1..=5 => (Method::GET, "/api/entries", String::new(), "["),
        _ => (Method::GET, "/", String::new(), "Guestbook"),
    };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, address.to_string())
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| error.to_string())?;
    Ok((request, marks))
}
