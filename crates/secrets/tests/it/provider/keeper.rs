//! A server that answers as a test tells it to, for those that keep secrets; with TLS or without.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use http_body_util::{BodyExt, Full};
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
    sync::Barrier,
    task::JoinSet,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

/// How many are asked at once, unless it is said otherwise.
const AT_ONCE: usize = 8;

/// What is answered: a status and a body.
pub type Answer = (u16, String);
type Answers = Arc<dyn Fn(&Request<Bytes>) -> Answer + Send + Sync>;

/// A server, until it is dropped.
pub struct Keeper {
    pub address: SocketAddr,
    /// What was asked, as path and query.
    pub asked: Arc<Mutex<Vec<String>>>,
    /// Where those wait for each other whose path has a part `together`.
    pub gate: Arc<Gate>,
    _serving: JoinSet<()>,
}

/// Lets as many in as may be asked at once, when all of them are there, and counts how many were inside.
pub struct Gate {
    barrier: Barrier,
    inside: AtomicUsize,
    pub most: AtomicUsize,
}

impl Gate {
    fn new() -> Gate {
        Gate {
            barrier: Barrier::new(AT_ONCE),
            inside: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
        }
    }

    async fn pass(&self) {
        let inside = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(inside, Ordering::SeqCst);
        self.barrier.wait().await;
        self.inside.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Keeper {
    pub async fn start(
        tls: Option<Arc<ServerConfig>>,
        answers: impl Fn(&Request<Bytes>) -> Answer + Send + Sync + 'static,
    ) -> Keeper {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::default();
        let gate = Arc::new(Gate::new());
        let mut serving = JoinSet::new();
        serving.spawn(serve(
            listener,
            tls.map(TlsAcceptor::from),
            Arc::new(answers),
            Arc::clone(&asked),
            Arc::clone(&gate),
        ));
        Keeper {
            address,
            asked,
            gate,
            _serving: serving,
        }
    }

    /// How often something was asked whose path and query begin like this.
    pub fn times(&self, prefix: &str) -> usize {
        let asked = self.asked.lock().unwrap();
        asked
            .iter()
            .filter(|asked| asked.starts_with(prefix))
            .count()
    }
}

async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    answers: Answers,
    asked: Arc<Mutex<Vec<String>>>,
    gate: Arc<Gate>,
) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (tls, answers) = (tls.clone(), Arc::clone(&answers));
        let (asked, gate) = (Arc::clone(&asked), Arc::clone(&gate));
        connections.spawn(async move {
            match tls {
                None => speak(stream, answers, asked, gate).await,
                // Who does not trust us hangs up.
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        speak(stream, answers, asked, gate).await;
                    }
                }
            }
        });
    }
}

async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    answers: Answers,
    asked: Arc<Mutex<Vec<String>>>,
    gate: Arc<Gate>,
) {
    let service = service_fn(async |request: Request<Incoming>| {
        let uri = request.uri().to_string();
        let together = uri.contains("/together/");
        asked.lock().unwrap().push(uri);
        if together {
            gate.pass().await;
        }
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let (status, body) = answers(&Request::from_parts(head, body));
        let mut response = Response::new(Full::new(Bytes::from(body)));
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        Ok::<_, hyper::Error>(response)
    });
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// A server that reads what is asked, writes these bytes, and hangs up; without bytes, it holds the line.
pub async fn raw(bytes: Option<&'static [u8]>) -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let mut held = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await;
            match bytes {
                Some(bytes) => stream.write_all(bytes).await.unwrap(),
                None => held.push(stream),
            }
        }
    });
    (address, serving)
}

/// A certificate for this machine, and a file with the authority that signed it.
pub fn certificate() -> (Arc<ServerConfig>, tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let file = directory.path().join("authority.pem");
    std::fs::write(&file, authority.self_signed(&key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(authority, key);
    let own = KeyPair::generate().unwrap();
    let names = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = names.signed_by(&own, &issuer).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.serialize_der()));
    let config = ServerConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    (Arc::new(config), directory, file)
}
