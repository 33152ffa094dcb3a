//! `GET /api/v1/deployments/{number}/outputs`: where the outputs of a deployment's work are.

use axum::{
    Json,
    extract::{Path, State},
};
use serde::{Deserialize, Serialize};
use towpath_core::names::DeploymentNumber;

use crate::{
    engine::Output,
    server::{App, error::ApiError},
};

/// The outputs, in the order of the steps.
#[derive(Serialize, Deserialize)]
pub(crate) struct Outputs {
    /// The format's version.
    pub version: u32,
    /// The outputs.
    pub outputs: Vec<Output>,
}

pub(super) async fn list(
    State(app): State<App>,
    Path(number): Path<String>,
) -> Result<Json<Outputs>, ApiError> {
    let number: DeploymentNumber = number.parse().map_err(ApiError::malformed)?;
    Ok(Json(Outputs {
        version: 1,
        outputs: app.engine.outputs(number).await?,
    }))
}
