//! `GET /api/v1/journal`: the records, and whether they are as they were written.

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use serde::{Deserialize, Serialize};
use towpath_core::journal::{Record, Stream};

use crate::{
    server::{App, error::ApiError},
    store::{Page, Verification},
};

/// The most that one answer lists.
const MOST: u32 = 1000;

/// Which ones.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    after: Option<u64>,
    stream: Option<Stream>,
    limit: Option<u32>,
}

/// A page of them, oldest first.
#[derive(Serialize, Deserialize)]
pub(crate) struct Records {
    /// The format's version.
    pub version: u32,
    /// The records.
    pub records: Vec<Record>,
}

pub(super) async fn records(
    State(app): State<App>,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Json<Records>, ApiError> {
    let Query(which) = which.map_err(ApiError::malformed)?;
    let limit = which.limit.unwrap_or(100).min(MOST);
    let page = Page {
        after: which.after.unwrap_or(0),
        stream: which.stream,
        limit,
    };
    Ok(Json(Records {
        version: 1,
        records: app.engine.store.records(&page).await?,
    }))
}

pub(super) async fn verify(State(app): State<App>) -> Result<Json<Verification>, ApiError> {
    Ok(Json(app.engine.store.verify().await?))
}
