//! Accepting connections, on the socket and on TCP, and ending them in time.

use std::{io, net::IpAddr, time::Duration};

use axum::{Router, extract::Request};
use hyper::{body::Incoming, server::conn::http1, service::Service};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use nix::unistd::Uid;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sync::watch,
    task::JoinSet,
};

/// How long the head of a request may take, counted from the end of the one before: this also ends idle connections.
const HEAD_WITHIN: Duration = Duration::from_secs(60);

/// How many connections are open at a time; others wait to be accepted.
const MOST: usize = 512;

/// How long accepting pauses when there are no descriptors left.
const BREATH: Duration = Duration::from_millis(100);

/// The address of ours that a request came to, where it came over TCP.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reached(pub(super) IpAddr);

/// Something that connections come from.
pub(super) trait Listener {
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// The next connection.
    async fn next(&self) -> io::Result<Self::Stream>;

    /// Whether its peer is let in, and where it came to.
    fn admit(stream: &Self::Stream) -> io::Result<Option<Reached>>;
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn next(&self) -> io::Result<TcpStream> {
        let (stream, _) = self.accept().await?;
        // Without it, events only come later.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }

    fn admit(stream: &TcpStream) -> io::Result<Option<Reached>> {
        Ok(Some(Reached(stream.local_addr()?.ip().to_canonical())))
    }
}

impl Listener for UnixListener {
    type Stream = UnixStream;

    async fn next(&self) -> io::Result<UnixStream> {
        Ok(self.accept().await?.0)
    }

    /// Only the machine's user, whatever the socket's mode has come to be: who speaks here says who acts.
    fn admit(stream: &UnixStream) -> io::Result<Option<Reached>> {
        let peer = Uid::from_raw(stream.peer_cred()?.uid());
        if peer == Uid::effective() || peer.is_root() {
            return Ok(None);
        }
        tracing::warn!(%peer, "somebody else's process was turned away from the socket");
        Err(io::ErrorKind::PermissionDenied.into())
    }
}

/// Answers what comes in until `stopping`; then accepts nothing more, calls `closed`, and returns once what is in flight
/// has ended. Dropping the future ends that at once.
pub(super) async fn serve<L: Listener>(
    listener: L,
    router: Router,
    mut stopping: watch::Receiver<bool>,
    closed: impl FnOnce(),
) {
    let mut connections = JoinSet::new();
    loop {
        let has_room = connections.len() < MOST;
        tokio::select! {
            () = stopped(&mut stopping) => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.next(), if has_room => match accepted {
                Ok(stream) => {
                    if let Ok(reached) = L::admit(&stream) {
                        connections.spawn(converse(stream, reached, router.clone(), stopping.clone()));
                    }
                }
                Err(error) if is_one_peers(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "could not accept a connection");
                    tokio::time::sleep(BREATH).await;
                }
            }
        }
    }
    drop(listener);
    closed();
    while connections.join_next().await.is_some() {}
}

async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // An error means that the server is gone.
    let _ = stopping.wait_for(|stop| *stop).await;
}

/// Whether the peer has gone before it was accepted.
fn is_one_peers(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    reached: Option<Reached>,
    router: Router,
    mut stopping: watch::Receiver<bool>,
) {
    let router = TowerToHyperService::new(router);
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        if let Some(reached) = reached {
            request.extensions_mut().insert(reached);
        }
        router.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped(&mut stopping) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    // A client that goes away in the middle is nothing to tell people about.
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
