//! The API's routes: a file a resource. Everything is on the socket; on TCP there is only what shows.

mod actor;
mod asks;
mod deployments;
mod events;
mod guard;
mod health;
mod journal;
mod observed;
mod outputs;
mod plan;
mod releases;
mod status;

use std::{net::SocketAddr, path::PathBuf};

use axum::{
    Extension, Router,
    extract::{DefaultBodyLimit, Request},
    middleware::from_fn,
    routing::{MethodRouter, any, get, post},
};

use super::{App, error::ApiError, page};
use events::Detail;

pub use self::health::HealthView;
pub(super) use self::{
    asks::{Asked, Asks},
    deployments::{Deployments, One},
    journal::Records,
    observed::Observed,
    outputs::{Outputs, Which as OutputsOf},
    plan::Which as PlanOf,
    releases::Releases,
};

/// The largest request that is read, in bytes.
const MOST: usize = 1 << 20;

/// Everything, for the machine's user.
pub(super) fn whole(app: App) -> Router {
    let mut routes = shown(Detail::Whole);
    for (path, route) in private() {
        routes = routes.route(path, route);
    }
    routes
        .fallback(missing)
        .layer(DefaultBodyLimit::max(MOST))
        .layer(from_fn(guard::in_our_format))
        .with_state(app)
}

/// What may be seen by whoever reaches the port.
pub(super) fn read_only(app: App, address: SocketAddr) -> Router {
    let mut routes = shown(Detail::Outline).merge(page::routes());
    for (path, _) in private() {
        routes = routes.route(path, any(guard::elsewhere));
    }
    routes
        .fallback(missing)
        .layer(from_fn(move |request, next| {
            guard::of_port(address, request, next)
        }))
        .layer(from_fn(guard::in_our_format))
        .with_state(app)
}

/// What says where releases are, and nothing of what anybody wrote or printed elsewhere.
fn shown(detail: Detail) -> Router<App> {
    Router::new()
        .route("/api/v1/status", get(status::status))
        .route("/api/v1/deployments", get(deployments::list))
        .route("/api/v1/deployments/{number}", get(deployments::show))
        .route("/api/v1/releases", get(releases::list))
        .route("/api/v1/releases/{number}", get(releases::show))
        .route(
            "/api/v1/events",
            get(events::events).layer(Extension(detail)),
        )
        .route("/api/v1/health", get(health::health))
}

/// What acts, reads what people's programs printed, or looks into work trees.
fn private() -> [(&'static str, MethodRouter<App>); 8] {
    [
        ("/api/v1/asks", post(asks::ask)),
        ("/api/v1/plan", get(plan::plan)),
        ("/api/v1/deployments/{number}/outputs", get(outputs::list)),
        (
            "/api/v1/deployments/{number}/output",
            get(outputs::of_deployment),
        ),
        (
            "/api/v1/environments/{name}/output",
            get(outputs::of_environment),
        ),
        ("/api/v1/observed", get(observed::observed)),
        ("/api/v1/journal", get(journal::records)),
        ("/api/v1/journal/verification", get(journal::verify)),
    ]
}

async fn missing(request: Request) -> ApiError {
    ApiError::missing(format!("there is nothing at {}", request.uri().path()))
}

/// A work tree that a client names: where it is must not depend on where the server was started.
fn work_tree(named: Option<PathBuf>) -> Result<Option<PathBuf>, ApiError> {
    match named {
        Some(path) if path.is_relative() => Err(ApiError::malformed(format!(
            "work_tree must be a whole path, not {}",
            path.display()
        ))),
        named => Ok(named),
    }
}
