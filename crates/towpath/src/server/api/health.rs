//! `GET /api/v1/health`: whether the server works.

use axum::{Json, extract::State, http::StatusCode};
use serde_json::{Value, json};

use crate::server::App;

pub(super) async fn health(State(app): State<App>) -> (StatusCode, Json<Value>) {
    let trouble = app
        .trouble
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
        .clone();
    let status = if trouble.is_some() {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::OK
    };
    let answer = json!({
        "version": 1,
        "ok": trouble.is_none(),
        "trouble": trouble,
        "towpath": env!("CARGO_PKG_VERSION"),
    });
    (status, Json(answer))
}
