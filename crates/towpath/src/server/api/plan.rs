//! `GET /api/v1/plan`: what a deployment would do.

use std::path::PathBuf;

use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
    http::HeaderMap,
};
use serde::{Deserialize, Serialize};
use towpath_core::names::ReleaseNumber;

use super::actor::who;
use crate::{
    engine::Preview,
    server::{App, error::ApiError},
};

/// Of what, for whom.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// The person's e-mail address; the header says it otherwise.
    pub actor: Option<String>,
    /// The environment, by name or alias.
    pub environment: String,
    /// A release or a revision; for a rollback, a release.
    pub what: Option<String>,
    /// Whether it is a rollback.
    #[serde(default)]
    pub rollback: bool,
    /// The work tree in which revisions are looked up first.
    pub work_tree: Option<PathBuf>,
}

pub(super) async fn plan(
    State(app): State<App>,
    headers: HeaderMap,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Json<Preview>, ApiError> {
    let Query(which) = which.map_err(ApiError::malformed)?;
    let actor = who(which.actor.as_deref(), &headers)?;
    let place = app.place(super::work_tree(which.work_tree)?);
    let (environment, what) = (&which.environment, which.what.as_deref());
    if !which.rollback {
        let preview = app.engine.preview(&actor, &place, environment, what);
        return Ok(Json(preview.await?));
    }
    let to = what.map(|what| what.parse::<ReleaseNumber>());
    let to = to.transpose().map_err(|error| {
        ApiError::malformed(format!("what must be a release such as v42: {error}"))
    })?;
    let preview = app.engine.preview_rollback(&actor, &place, environment, to);
    Ok(Json(preview.await?))
}
