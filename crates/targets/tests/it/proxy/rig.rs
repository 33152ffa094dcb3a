//! What the tests are made of: a proxy, instances, clients, and a limit to every wait.

use std::{
    convert::Infallible,
    future::Future,
    net::SocketAddr,
    path::Path,
    sync::mpsc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Full, combinators::BoxBody};
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinSet,
};
use towpath_targets::proxy::{
    Limits, Proxy,
    control::{Client, SOCKET, ServiceRoute, Status, Update, Upstream, UpstreamStatus},
};

/// The environment of most tests.
pub const ENVIRONMENT: &str = "staging";
/// How long anything may take. Only failures ever wait for so long.
const AT_MOST: Duration = Duration::from_secs(30);

/// Waits, but not forever.
pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(AT_MOST, future)
        .await
        .expect("it should have happened by now")
}

/// Asks again and again until the answer is there.
pub async fn until<T, F>(mut ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let start = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(start.elapsed() < AT_MOST, "it should have happened by now");
        tokio::task::yield_now().await;
    }
}

/// A proxy in a thread, with a directory of its own.
pub struct Rig {
    pub directory: TempDir,
    pub client: Client,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Rig {
    pub fn start() -> Self {
        Self::on(tempfile::tempdir().unwrap())
    }

    /// A proxy on a directory that was another's.
    pub fn on(directory: TempDir) -> Self {
        Self::with(directory, Limits::default().head_within)
    }

    /// A proxy that waits so long for the head of a request.
    pub fn with(directory: TempDir, head_within: Duration) -> Self {
        let limits = Limits {
            head_within,
            // The clients in a test are no reason to wait.
            end_within: Duration::from_millis(50),
        };
        let path = directory.path().to_owned();
        let (stop, stopped) = oneshot::channel::<()>();
        let (ready, is_ready) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let proxy = Proxy::open(&path, limits).unwrap();
            ready.send(()).unwrap();
            proxy.serve_until(async {
                let _ = stopped.await;
            });
        });
        is_ready.recv().expect("the proxy starts");
        Self {
            client: client(directory.path()),
            directory,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Ends the proxy and keeps what it leaves.
    pub fn end(mut self) -> TempDir {
        self.finish();
        std::mem::replace(&mut self.directory, tempfile::tempdir().unwrap())
    }

    /// Routes the service `web` to these, on an address of the proxy's choice, which is returned.
    pub async fn route(&self, fence: u64, instances: &[&Instance]) -> SocketAddr {
        let update = update(fence, vec![web(None, instances)]);
        soon(self.client.apply(&update)).await.unwrap().services[0].listen
    }

    pub async fn status(&self) -> Status {
        soon(self.client.status()).await.unwrap()
    }

    /// What the status says of an instance of the first service.
    pub async fn upstream(&self, key: &str) -> Option<UpstreamStatus> {
        let status = self.status().await;
        let mut upstreams = status.services.into_iter().next()?.upstreams.into_iter();
        upstreams.find(|upstream| upstream.key == key)
    }

    /// Waits until so many requests of an instance are in flight.
    pub async fn active(&self, key: &str, count: u64) {
        until(async || {
            let active = self.upstream(key).await?.active;
            (active == count).then_some(())
        })
        .await;
    }

    pub async fn drained(&self, key: &str) -> bool {
        soon(self.client.drained(key, Duration::from_secs(20)))
            .await
            .unwrap()
    }

    fn finish(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.stop.take();
        // Joined only when nothing is wrong: a test that failed should say so at once.
        if !std::thread::panicking() {
            self.finish();
        }
    }
}

pub fn client(directory: &Path) -> Client {
    Client::new(directory.join(SOCKET))
}

pub fn update(fence: u64, services: Vec<ServiceRoute>) -> Update {
    Update {
        environment: ENVIRONMENT.to_owned(),
        fence,
        services,
    }
}

pub fn web(listen: Option<SocketAddr>, instances: &[&Instance]) -> ServiceRoute {
    service("web", listen, instances)
}

pub fn service(name: &str, listen: Option<SocketAddr>, instances: &[&Instance]) -> ServiceRoute {
    ServiceRoute {
        service: name.to_owned(),
        listen,
        release: "v1".to_owned(),
        upstreams: instances
            .iter()
            .map(|instance| instance.upstream())
            .collect(),
    }
}

/// An address where nobody listens.
pub fn nowhere() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

pub type Body = BoxBody<Bytes, hyper::Error>;

pub fn text(text: impl Into<Bytes>) -> Body {
    Full::new(text.into())
        .map_err(|never| match never {})
        .boxed()
}

pub fn nothing() -> Body {
    Empty::new().map_err(|never| match never {}).boxed()
}

pub fn answer(body: impl Into<Bytes>) -> Response<Body> {
    Response::new(text(body))
}

/// An instance of a service. It is killed, with all its connections, when this is dropped.
pub struct Instance {
    pub key: String,
    pub address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Instance {
    /// Answers with what `handle` gives.
    pub async fn serving<H, F>(key: &str, handle: H) -> Self
    where
        H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        Self::accepting(key, move |stream| {
            let handle = handle.clone();
            async move {
                let service = service_fn(move |request| {
                    let answer = handle(request);
                    async { Ok::<_, Infallible>(answer.await) }
                });
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .with_upgrades()
                    .await;
            }
        })
        .await
    }

    /// Answers everything with its own key.
    pub async fn named(key: &str) -> Self {
        let body = Bytes::from(key.to_owned());
        Self::serving(key, move |_| std::future::ready(answer(body.clone()))).await
    }

    /// Does with each connection as it is told.
    pub async fn accepting<H, F>(key: &str, mut handle: H) -> Self
    where
        H: FnMut(TcpStream) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                connections.spawn(handle(stream));
            }
        });
        Self {
            key: key.to_owned(),
            address,
            task,
        }
    }

    /// One that cannot be reached.
    pub fn absent(key: &str) -> Self {
        Self {
            key: key.to_owned(),
            address: nowhere(),
            task: tokio::spawn(async {}),
        }
    }

    pub fn upstream(&self) -> Upstream {
        Upstream {
            key: self.key.clone(),
            address: self.address,
        }
    }
}

/// A client's connection, HTTP/1.1 with keep-alive.
pub struct Session(http1::SendRequest<Body>);

impl Session {
    pub async fn open(address: SocketAddr) -> Self {
        let stream = soon(TcpStream::connect(address)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection.with_upgrades());
        Self(sender)
    }

    pub async fn send(&mut self, request: Request<Body>) -> hyper::Result<Response<Incoming>> {
        soon(async {
            self.0.ready().await?;
            self.0.send_request(request).await
        })
        .await
    }

    pub async fn get(&mut self, path: &str) -> hyper::Result<(StatusCode, String)> {
        whole(self.send(request("GET", path, nothing())).await?).await
    }
}

/// A client's connection, HTTP/2 with prior knowledge.
pub async fn open_http2(address: SocketAddr) -> http2::SendRequest<Body> {
    let stream = soon(TcpStream::connect(address)).await.unwrap();
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    sender
}

/// A request on a connection of its own.
pub async fn get(address: SocketAddr, path: &str) -> (StatusCode, String) {
    let mut session = Session::open(address).await;
    session.get(path).await.unwrap()
}

pub fn request(method: &str, path: &str, body: Body) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(path)
        .header("host", "guestbook.test")
        .body(body)
        .unwrap()
}

/// The status and all of the body.
pub async fn whole(response: Response<Incoming>) -> hyper::Result<(StatusCode, String)> {
    let status = response.status();
    let bytes = soon(response.into_body().collect()).await?.to_bytes();
    Ok((status, String::from_utf8_lossy(&bytes).into_owned()))
}

/// A connection on which a test writes and reads bytes itself.
pub struct Wire(pub TcpStream);

impl Wire {
    pub async fn open(address: SocketAddr) -> Self {
        Self(soon(TcpStream::connect(address)).await.unwrap())
    }

    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        soon(self.0.write_all(bytes.as_ref())).await.unwrap();
    }

    /// Reads until what was read ends a head, and returns it.
    pub async fn head(&mut self) -> String {
        self.until("\r\n\r\n").await
    }

    /// Reads up to and including `end`, byte by byte so that nothing of the next message is lost.
    pub async fn until(&mut self, end: &str) -> String {
        let mut read = Vec::new();
        while !read.ends_with(end.as_bytes()) {
            match soon(self.0.read_u8()).await {
                Ok(byte) => read.push(byte),
                Err(error) => {
                    let read = String::from_utf8_lossy(&read).into_owned();
                    panic!("{error} after {read:?}");
                }
            }
        }
        String::from_utf8(read).unwrap()
    }

    pub async fn exactly(&mut self, count: usize) -> String {
        let mut read = vec![0; count];
        soon(self.0.read_exact(&mut read)).await.unwrap();
        String::from_utf8(read).unwrap()
    }

    /// Everything up to the end of the connection, however it ends.
    pub async fn rest(&mut self) -> String {
        let mut read = Vec::new();
        let _ = soon(self.0.read_to_end(&mut read)).await;
        String::from_utf8_lossy(&read).into_owned()
    }
}
