//! `GET /api/v1/releases`: the releases that were cut.

use axum::{
    Json,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
};
use serde::{Deserialize, Serialize};
use towpath_core::names::ReleaseNumber;

use crate::{
    engine::ReleaseView,
    server::{App, error::ApiError},
};

/// The most that one answer lists.
const MOST: u32 = 200;

/// Which ones.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    before: Option<ReleaseNumber>,
    limit: Option<u32>,
}

/// A page of them, newest first.
#[derive(Serialize, Deserialize)]
pub(crate) struct Releases {
    /// The format's version.
    pub version: u32,
    /// The releases.
    pub releases: Vec<ReleaseView>,
}

pub(super) async fn list(
    State(app): State<App>,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Json<Releases>, ApiError> {
    let Query(which) = which.map_err(ApiError::malformed)?;
    let limit = which.limit.unwrap_or(20).min(MOST);
    let releases = app.engine.store.releases(which.before, limit).await?;
    Ok(Json(Releases {
        version: 1,
        releases: releases.into_iter().map(ReleaseView::of).collect(),
    }))
}

pub(super) async fn show(
    State(app): State<App>,
    number: Result<Path<ReleaseNumber>, PathRejection>,
) -> Result<Json<ReleaseView>, ApiError> {
    let Path(number) = number.map_err(|error| ApiError::malformed(error.body_text()))?;
    let release = app.engine.release(number).await?;
    let release =
        release.ok_or_else(|| ApiError::missing(format!("there is no release {number}")))?;
    Ok(Json(ReleaseView::of(release)))
}
