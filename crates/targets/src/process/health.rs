//! Asking an instance once whether it works.

use std::{error::Error, io, net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{Request, header};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};
use towpath_core::target::{Health, TargetError};

/// How long one try may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Gets a path, or only connects.
pub(super) async fn ask(address: SocketAddr, path: Option<&str>) -> Result<Health, TargetError> {
    let request = path.map(|path| request(address, path)).transpose()?;
    let answer = timeout(PATIENCE, async {
        let stream = TcpStream::connect(address)
            .await
            .map_err(|cause| format!("could not connect to {address}: {}", root(&cause)))?;
        match request {
            Some(request) => get(stream, request).await,
            None => Ok(()),
        }
    });
    Ok(match answer.await {
        Ok(Ok(())) => Health::Healthy,
        Ok(Err(why)) => Health::Unhealthy(why),
        Err(_) => Health::Unhealthy(format!(
            "{address} did not answer within {} s",
            PATIENCE.as_secs()
        )),
    })
}

fn request(address: SocketAddr, path: &str) -> Result<Request<Empty<Bytes>>, TargetError> {
    Request::get(path)
        .header(header::HOST, address.to_string())
        .header(header::USER_AGENT, "towpath")
        .header(header::CONNECTION, "close")
        .body(Empty::new())
        .map_err(|cause| TargetError::Invalid(format!("health path {path:?}: {cause}")))
}

async fn get(stream: TcpStream, request: Request<Empty<Bytes>>) -> Result<(), String> {
    let path = request.uri().clone();
    let failed = |cause: hyper::Error| format!("GET {path} failed: {}", root(&cause));
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(failed)?;
    let talk = tokio::spawn(connection);
    let answer = sender.send_request(request).await.map_err(failed);
    talk.abort();
    match answer?.status() {
        status if (200..400).contains(&status.as_u16()) => Ok(()),
        status => Err(format!(
            "GET {path} answered with status {}",
            status.as_u16()
        )),
    }
}

/// The innermost cause, as people call it.
fn root(error: &(dyn Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    match innermost.downcast_ref::<io::Error>().map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => "connection refused".into(),
        Some(io::ErrorKind::ConnectionReset) => "connection reset".into(),
        _ => innermost.to_string(),
    }
}
