//! `GET /api/v1/observed`: what runs in each environment, and the migrations that its databases have.

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use towpath_core::catalogue;

use crate::server::{App, error::ApiError};

/// What is seen, by environment.
#[derive(Serialize, Deserialize)]
pub(crate) struct Observed {
    /// The format's version.
    pub version: u32,
    /// Those in which something is live.
    pub observed: catalogue::Observed,
}

pub(super) async fn observed(State(app): State<App>) -> Result<Json<Observed>, ApiError> {
    Ok(Json(Observed {
        version: 1,
        observed: app.engine.observed().await?,
    }))
}
