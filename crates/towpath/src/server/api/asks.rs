//! `POST /api/v1/asks`: what people ask of the path.

use std::path::PathBuf;

use axum::{
    Json,
    extract::{State, rejection::JsonRejection},
};
use serde::{Deserialize, Serialize};
use towpath_core::path::Actor;

use crate::{
    engine::{Ask, Reply},
    server::{App, error::ApiError},
};

/// Who asks for what, from where.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    /// The person's e-mail address.
    pub actor: String,
    /// The work tree in which revisions are looked up first.
    pub work_tree: Option<PathBuf>,
    /// What is asked for.
    pub ask: Ask,
}

pub(super) async fn ask(
    State(app): State<App>,
    asked: Result<Json<Asked>, JsonRejection>,
) -> Result<Json<Reply>, ApiError> {
    let Json(asked) = asked.map_err(ApiError::malformed)?;
    if !asked.actor.contains('@') {
        return Err(ApiError::malformed("`actor` is not an e-mail address"));
    }
    let place = app.place(asked.work_tree);
    Ok(Json(
        app.engine
            .ask(&Actor::person(&asked.actor), &place, &asked.ask)
            .await?,
    ))
}
