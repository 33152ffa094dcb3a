//! `GET /api/v1/status`: where everything is.

use axum::{Json, extract::State};

use crate::{
    engine::StatusView,
    server::{App, error::ApiError},
};

pub(super) async fn status(State(app): State<App>) -> Result<Json<StatusView>, ApiError> {
    Ok(Json(app.engine.status(&app.manifests.read()).await?))
}
