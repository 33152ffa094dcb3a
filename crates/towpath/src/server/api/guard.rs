//! What is looked at around every request: who may come in on the port, and that every answer is in the API's format.

use std::{
    net::{IpAddr, SocketAddr},
    panic::AssertUnwindSafe,
};

use axum::{
    body::to_bytes,
    extract::Request,
    http::{HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;

use crate::server::{error::ApiError, listen::Reached};

/// The most that the framework has to say of a request, in bytes.
const WORDS: usize = 4096;

/// Headers of every answer on the port.
const HEADERS: [(header::HeaderName, &str); 4] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
];

/// Only reading, and only by names that are ours: a page elsewhere must not reach us by a name that it made point here.
pub(super) async fn of_port(address: SocketAddr, request: Request, next: Next) -> Response {
    let mut response = match let_in(address, &request) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    };
    for (name, value) in HEADERS {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    // Other pages cannot even load it as a picture or a script.
    response.headers_mut().insert(
        "cross-origin-resource-policy",
        HeaderValue::from_static("same-origin"),
    );
    response
}

fn let_in(address: SocketAddr, request: &Request) -> Result<(), ApiError> {
    let reached = request
        .extensions()
        .get::<Reached>()
        .map(|reached| reached.0);
    let host = request
        .headers()
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    if !host.is_some_and(|host| is_ours(host, address.ip(), reached)) {
        return Err(ApiError::new(
            StatusCode::MISDIRECTED_REQUEST,
            "api::host",
            "this server does not go by that name",
            format!(
                "use http://{address}, or http://localhost:{}",
                address.port()
            ),
        ));
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "api::read-only",
            "this address only shows; nobody can be authenticated here yet",
            "use the command line on the server's machine",
        ));
    }
    Ok(())
}

/// Whether a request's host is the loopback's, the address that we listen on, or the one that it came to.
fn is_ours(host: &str, bound: IpAddr, reached: Option<IpAddr>) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        // The colons of an address in brackets are its own.
        Some((name, port)) if !port.ends_with(']') => (name, port),
        _ => (host, "0"),
    };
    if port.parse::<u16>().is_err() {
        return false;
    }
    if name.eq_ignore_ascii_case("localhost") {
        return true;
    }
    let address = match name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
    {
        Some(inner) => inner.parse().map(IpAddr::V6).ok(),
        None => name.parse().map(IpAddr::V4).ok(),
    };
    // An address is never a name that somebody made point here; only that it is another's is to be told.
    address.is_some_and(|address| {
        let address = address.to_canonical();
        [
            IpAddr::from([127, 0, 0, 1]),
            IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
            bound.to_canonical(),
        ]
        .contains(&address)
            || Some(address) == reached
    })
}

/// What is not for the port.
pub(super) async fn elsewhere() -> ApiError {
    ApiError::new(
        StatusCode::FORBIDDEN,
        "api::socket-only",
        "this address only shows where releases are; that is for the machine's user",
        "use the command line on the server's machine, or the socket in the data directory",
    )
}

/// Every error in the same format, whoever made it: the framework's own words too, and a panic.
pub(super) async fn in_our_format(request: Request, next: Next) -> Response {
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let Ok(response) = answered else {
        return ApiError::ours(StatusCode::INTERNAL_SERVER_ERROR).into_response();
    };
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_ours = kind.is_some_and(|kind| {
        // The page tells people in its own way.
        let formats: [&[u8]; 2] = [b"application/json", b"text/html"];
        formats
            .iter()
            .any(|format| kind.as_bytes().starts_with(format))
    });
    if is_ours || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let (parts, body) = response.into_parts();
    let words = to_bytes(body, WORDS).await.unwrap_or_default();
    let error = ApiError::of_status(status, &String::from_utf8_lossy(&words));
    let mut response = error.into_response();
    for (name, value) in &parts.headers {
        if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_somebody_made_point_here_is_not_ours() {
        let bound = IpAddr::from([127, 0, 0, 1]);
        for ours in [
            "localhost:7117",
            "127.0.0.1:7117",
            "127.0.0.1",
            "[::1]:7117",
            "[::1]",
            "LOCALHOST",
        ] {
            assert!(is_ours(ours, bound, None), "{ours}");
        }
        for other in [
            "evil.test",
            "evil.test:7117",
            "localhost.evil.test:7117",
            "127.0.0.1.evil.test",
            "localhost.",
            "localhost:evil",
            "localhost:7117:7117",
            "user@localhost",
            "192.168.1.7",
            "::1",
            "[127.0.0.1]",
            "[::1",
            "2130706433",
            "",
            ":",
        ] {
            assert!(!is_ours(other, bound, None), "{other}");
        }
    }

    #[test]
    fn on_every_address_the_one_that_was_reached_is_ours() {
        let all = IpAddr::from([0, 0, 0, 0]);
        let reached = Some(IpAddr::from([192, 168, 1, 7]));
        assert!(is_ours("192.168.1.7:7117", all, reached));
        assert!(!is_ours("192.168.1.8:7117", all, reached));
        assert!(!is_ours("evil.test", all, reached));
    }
}
