//! `GET /api/v1/deployments`: the deployments that were and are.

use axum::{
    Json,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
};
use serde::{Deserialize, Serialize};
use towpath_core::names::DeploymentNumber;

use crate::{
    engine::DeploymentView,
    server::{App, error::ApiError},
};

/// The most that one answer lists.
const MOST: u32 = 200;

/// Which ones.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    environment: Option<String>,
    before: Option<DeploymentNumber>,
    limit: Option<u32>,
}

/// A page of them, newest first.
#[derive(Serialize, Deserialize)]
pub(crate) struct Deployments {
    /// The format's version.
    pub version: u32,
    /// The deployments.
    pub deployments: Vec<DeploymentView>,
}

/// One of them.
#[derive(Serialize, Deserialize)]
pub(crate) struct One {
    /// The format's version.
    pub version: u32,
    /// The deployment.
    pub deployment: DeploymentView,
}

pub(super) async fn list(
    State(app): State<App>,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Json<Deployments>, ApiError> {
    let Query(which) = which.map_err(ApiError::malformed)?;
    let place = app.place(None);
    let environment = match &which.environment {
        Some(typed) => Some(place.environment(typed)?.name.clone()),
        None => None,
    };
    let limit = which.limit.unwrap_or(20).min(MOST);
    let deployments = app
        .engine
        .history(environment.as_ref(), which.before, limit)
        .await?;
    Ok(Json(Deployments {
        version: 1,
        deployments,
    }))
}

pub(super) async fn show(
    State(app): State<App>,
    number: Result<Path<DeploymentNumber>, PathRejection>,
) -> Result<Json<One>, ApiError> {
    let Path(number) = number.map_err(|error| ApiError::malformed(error.body_text()))?;
    let view = app.engine.deployment_view(number).await?;
    let deployment =
        view.ok_or_else(|| ApiError::missing(format!("there is no deployment {number}")))?;
    Ok(Json(One {
        version: 1,
        deployment,
    }))
}
