//! The API's routes: a file a resource. Everything is on the socket; on TCP there is only what shows.

mod asks;
mod deployments;
mod events;
mod health;
mod journal;
mod outputs;
mod plan;
mod releases;
mod status;

use std::net::SocketAddr;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};

use super::{App, error::ApiError, page};

pub(super) use self::{
    asks::Asked,
    deployments::{Deployments, One},
    journal::Records,
    outputs::Outputs,
    plan::Which as PlanOf,
};

/// The largest request that is read, in bytes.
const MOST: usize = 1 << 20;

/// Everything, for the machine's user.
pub(super) fn whole(app: App) -> Router {
    shown()
        .route("/api/v1/asks", post(asks::ask))
        .route("/api/v1/plan", get(plan::plan))
        .route("/api/v1/deployments/{number}/outputs", get(outputs::list))
        .route("/api/v1/journal", get(journal::records))
        .route("/api/v1/journal/verification", get(journal::verify))
        .fallback(missing)
        .layer(DefaultBodyLimit::max(MOST))
        .with_state(app)
}

/// What may be seen by whoever reaches the port.
pub(super) fn read_only(app: App, address: SocketAddr) -> Router {
    shown()
        .route("/", get(page::page))
        .route("/style.css", get(page::style))
        .route("/live.js", get(page::script))
        .fallback(missing)
        .layer(middleware::from_fn(move |request: Request, next: Next| {
            guard(address, request, next)
        }))
        .with_state(app)
}

fn shown() -> Router<App> {
    Router::new()
        .route("/api/v1/status", get(status::status))
        .route("/api/v1/deployments", get(deployments::list))
        .route("/api/v1/deployments/{number}", get(deployments::show))
        .route("/api/v1/releases", get(releases::list))
        .route("/api/v1/releases/{number}", get(releases::show))
        .route("/api/v1/events", get(events::events))
        .route("/api/v1/health", get(health::health))
}

async fn missing(request: Request) -> ApiError {
    ApiError::missing(format!("there is nothing at {}", request.uri().path()))
}

/// Only reading, and only by names that are ours: a page elsewhere must not reach us by a name that it made point here.
async fn guard(address: SocketAddr, request: Request, next: Next) -> Response {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return ApiError::new(
            StatusCode::FORBIDDEN,
            "api::read-only",
            "this address only shows; nobody can be authenticated here yet",
            "use the command line on the server's machine",
        )
        .into_response();
    }
    let host = request
        .headers()
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    if !host.is_some_and(|host| is_ours(host, address)) {
        return ApiError::new(
            StatusCode::MISDIRECTED_REQUEST,
            "api::host",
            "this server does not go by that name",
            format!("use http://{address}"),
        )
        .into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn is_ours(host: &str, address: SocketAddr) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_matches(['[', ']']);
    name.eq_ignore_ascii_case("localhost")
        || name == "127.0.0.1"
        || name == "::1"
        || name == address.ip().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_somebody_made_point_here_is_not_ours() {
        let address: SocketAddr = "127.0.0.1:7117".parse().unwrap();
        for ours in [
            "localhost:7117",
            "127.0.0.1:7117",
            "[::1]:7117",
            "LOCALHOST",
        ] {
            assert!(is_ours(ours, address), "{ours}");
        }
        for other in [
            "evil.test",
            "evil.test:7117",
            "localhost.evil.test:7117",
            "127.0.0.1.evil.test",
            "",
        ] {
            assert!(!is_ours(other, address), "{other}");
        }
    }
}
