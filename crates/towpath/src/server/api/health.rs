//! `GET /api/v1/health`: whether the server works, and if not, why.

use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};

use crate::server::{App, Trouble};

/// How the server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthView {
    /// The format's version.
    pub version: u32,
    /// Whether it works on the path.
    pub ok: bool,
    /// The version of Towpath that it is.
    pub towpath: String,
    /// Its process.
    pub pid: u32,
    /// Why it does not work on the path just now.
    pub trouble: Option<Trouble>,
    /// Why it goes on with the last valid manifest.
    pub manifest: Option<String>,
}

pub(super) async fn health(State(app): State<App>) -> (StatusCode, Json<HealthView>) {
    let trouble = app.health.trouble();
    let status = match trouble {
        Some(_) => StatusCode::SERVICE_UNAVAILABLE,
        None => StatusCode::OK,
    };
    let view = HealthView {
        version: 1,
        ok: trouble.is_none(),
        towpath: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        trouble,
        manifest: app.manifests.wrong(),
    };
    (status, Json(view))
}
