//! One GET to a local address, with a bound on time and size: smoke checks and probes.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use towpath_core::manifest::HttpCheck;

/// The most of a body that is looked at.
const MOST: usize = 1 << 20;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The answer was as expected; how long it took.
    AsExpected(Duration),
    /// It was another.
    Otherwise(String),
    /// Another answer than was expected.
    Answer {
        /// What is wrong with it.
        finding: String,
        /// Its body, which nobody has taken secrets out of.
        body: String,
    },
    /// There was none.
    Nothing(String),
}

/// Makes a check's request.
pub async fn check(address: SocketAddr, check: &HttpCheck) -> Found {
    let began = tokio::time::Instant::now();
    let (status, body) = match tokio::time::timeout(check.within, get(address, &check.get)).await {
        Err(_) => {
            let within = towpath_core::time::human(check.within);
            return Found::Otherwise(format!(
                "GET {} was not answered within {within}",
                check.get
            ));
        }
        Ok(Err(why)) => return Found::Nothing(format!("GET {}: {why}", check.get)),
        Ok(Ok(answer)) => answer,
    };
    if status != check.expect {
        return Found::Answer {
            finding: format!("GET {} answered {status}, not {}", check.get, check.expect),
            body: String::from_utf8_lossy(&body).into_owned(),
        };
    }
    if let Some(text) = &check.contains
        && !String::from_utf8_lossy(&body).contains(text.as_str())
    {
        return Found::Otherwise(format!("GET {} does not contain {text:?}", check.get));
    }
    Found::AsExpected(began.elapsed())
}

/// The beginning of a body, to stand behind a finding.
pub fn excerpt(text: &str) -> String {
    let line: String = text
        .trim()
        .lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(120)
        .collect();
    if line.is_empty() {
        String::new()
    } else {
        format!(": {line}")
    }
}

async fn get(address: SocketAddr, path: &str) -> Result<(u16, Bytes), String> {
    let stream = tokio::net::TcpStream::connect(address)
        .await
        .map_err(|e| e.to_string())?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|e| e.to_string())?;
    let request = Request::get(path)
        .header(header::HOST, address.to_string())
        .header(
            header::USER_AGENT,
            concat!("towpath/", env!("CARGO_PKG_VERSION")),
        )
        .body(Empty::<Bytes>::new())
        .map_err(|e| e.to_string())?;
    let exchange = async {
        let response = sender
            .send_request(request)
            .await
            .map_err(|e| e.to_string())?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), MOST)
            .collect()
            .await
            .map_err(|e| e.to_string())?;
        Ok((status, body.to_bytes()))
    };
    tokio::pin!(exchange);
    // The connection is driven here and dropped with the request: nothing is left behind.
    tokio::pin!(connection);
    tokio::select! {
        done = &mut exchange => done,
        ended = &mut connection => match ended {
            Ok(()) => exchange.await,
            Err(error) => Err(error.to_string()),
        },
    }
}
