//! A web server that answers as a test tells it to, with TLS or without.

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use http_body_util::Full;
use hyper::{
    HeaderMap, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::HeaderName,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    task::JoinSet,
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};

/// What was asked.
pub struct Asked {
    pub method: String,
    pub path: String,
    headers: HeaderMap,
}

impl Asked {
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

/// What is answered.
pub struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

/// An answer with a status and a body.
pub fn answer(status: u16, body: impl Into<String>) -> Answer {
    Answer {
        status,
        headers: Vec::new(),
        body: body.into(),
    }
}

impl Answer {
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Answer {
        self.headers.push((name, value.into()));
        self
    }
}

/// What answers.
type Answers = Arc<dyn Fn(&Asked) -> Answer + Send + Sync>;

/// A web server, until it is dropped.
pub struct Web {
    address: SocketAddr,
    scheme: &'static str,
    _serving: JoinSet<()>,
}

impl Web {
    pub async fn start(answers: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Web {
        Web::open(None, answers).await
    }

    pub async fn start_tls(
        tls: Arc<ServerConfig>,
        answers: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
    ) -> Web {
        Web::open(Some(tls), answers).await
    }

    async fn open(
        tls: Option<Arc<ServerConfig>>,
        answers: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
    ) -> Web {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let mut serving = JoinSet::new();
        serving.spawn(serve(
            listener,
            tls.map(TlsAcceptor::from),
            Arc::new(answers),
        ));
        Web {
            address,
            scheme,
            _serving: serving,
        }
    }

    /// Its host and port, as findings tell it.
    pub fn at(&self) -> String {
        self.address.to_string()
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }
}

async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, answers: Answers) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (tls, answers) = (tls.clone(), Arc::clone(&answers));
        connections.spawn(async move {
            match tls {
                None => speak(stream, answers).await,
                // A client that does not trust us says so by hanging up.
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        speak(stream, answers).await;
                    }
                }
            }
        });
    }
}

async fn speak(stream: impl AsyncRead + AsyncWrite + Unpin, answers: Answers) {
    let service = service_fn(async |request: Request<Incoming>| {
        let asked = Asked {
            method: request.method().to_string(),
            path: request.uri().path().to_owned(),
            headers: request.headers().clone(),
        };
        let answer = answers(&asked);
        let mut response = Response::new(Full::new(Bytes::from(answer.body)));
        *response.status_mut() = StatusCode::from_u16(answer.status).unwrap();
        for (name, value) in answer.headers {
            let name = HeaderName::from_static(name);
            response.headers_mut().append(name, value.parse().unwrap());
        }
        Ok::<_, Infallible>(response)
    });
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
