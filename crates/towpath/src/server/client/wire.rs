//! A request and its answer, on a connection of their own: HTTP/1.1 over the server's socket.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, Response, body::Incoming, client::conn::http1::handshake, header};
use hyper_util::rt::TokioIo;
use serde::{Serialize, de::DeserializeOwned};
use tokio::{net::UnixStream, time::timeout};

use super::ClientError;
use crate::server::{error::Body, socket::Short};

/// How long an answer may take that only looks.
const LOOK_WITHIN: Duration = Duration::from_secs(60);

/// Where requests go.
#[derive(Debug, Clone)]
pub(super) struct Wire {
    socket: PathBuf,
    /// The server's version, where it is another than ours.
    other: Option<String>,
}

impl Wire {
    pub(super) fn new(socket: PathBuf) -> Wire {
        Wire {
            socket,
            other: None,
        }
    }

    pub(super) fn with_version(self, version: String) -> Wire {
        let other = Some(version).filter(|version| version != env!("CARGO_PKG_VERSION"));
        Wire { other, ..self }
    }

    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Looks at something.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let answer = self.json(Method::GET, path, None::<&()>);
        timeout(LOOK_WITHIN, answer)
            .await
            .unwrap_or_else(|_| Err(unreachable("it does not answer")))
    }

    /// Opens something that is read as it comes.
    pub(super) async fn open(&self, path: &str) -> Result<Incoming, ClientError> {
        let response = timeout(LOOK_WITHIN, self.send(Method::GET, path, None::<&()>)).await;
        let response = response.unwrap_or_else(|_| Err(unreachable("it does not answer")))?;
        match response.status().is_success() {
            true => Ok(response.into_body()),
            false => Err(refusal(response).await),
        }
    }

    /// Sends JSON, and reads the answer's, however long it takes.
    pub(super) async fn json<B: Serialize, T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&B>,
    ) -> Result<T, ClientError> {
        let response = self.send(method, path, body).await?;
        if !response.status().is_success() {
            return Err(refusal(response).await);
        }
        self.read(&whole(response).await?)
    }

    /// What an answer says.
    pub(super) fn read<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, ClientError> {
        serde_json::from_slice(body).map_err(|error| {
            ClientError::Nonsense(match &self.other {
                Some(other) => format!(
                    "{error} (the server is towpath {other}, this is {}; use the same)",
                    env!("CARGO_PKG_VERSION")
                ),
                None => error.to_string(),
            })
        })
    }

    pub(super) async fn send<B: Serialize>(
        &self,
        method: Method,
        path: &str,
        body: Option<&B>,
    ) -> Result<Response<Incoming>, ClientError> {
        let socket = Short::of(&self.socket).map_err(unreachable)?;
        let stream = UnixStream::connect(&socket).await.map_err(unreachable)?;
        let (mut sender, connection) =
            handshake(TokioIo::new(stream)).await.map_err(unreachable)?;
        // Ends with the answer's body, or with the server.
        tokio::spawn(connection);
        let bytes = match body {
            Some(body) => serde_json::to_vec(body).map_err(nonsense)?,
            None => Vec::new(),
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "localhost")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(bytes)))
            .map_err(nonsense)?;
        sender.send_request(request).await.map_err(unreachable)
    }
}

/// The server's own words for an error.
async fn refusal(response: Response<Incoming>) -> ClientError {
    let status = response.status();
    let said = match whole(response).await {
        Ok(body) => serde_json::from_slice::<Body>(&body).map(|body| body.error),
        Err(error) => return error,
    };
    match said {
        Ok(said) => ClientError::Api {
            status: status.as_u16(),
            code: said.code,
            message: said.message,
            help: said.help,
        },
        Err(error) => ClientError::Nonsense(format!("status {status}, and {error}")),
    }
}

async fn whole(response: Response<Incoming>) -> Result<Bytes, ClientError> {
    let body = response.into_body().collect().await.map_err(unreachable)?;
    Ok(body.to_bytes())
}

pub(super) fn unreachable(error: impl ToString) -> ClientError {
    ClientError::Unreachable(error.to_string())
}

fn nonsense(error: impl ToString) -> ClientError {
    ClientError::Nonsense(error.to_string())
}
