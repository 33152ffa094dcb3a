//! Errors as the API tells them: a status, a code, a sentence, a way out.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::{
    engine::{EngineError, RequestError},
    git::GitError,
};

/// An error on its way to a client.
pub(super) struct ApiError {
    status: StatusCode,
    code: String,
    message: String,
    help: String,
}

impl ApiError {
    pub(super) fn new(
        status: StatusCode,
        code: &str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        ApiError {
            status,
            code: code.to_owned(),
            message: message.into(),
            help: help.into(),
        }
    }

    /// There is no such thing.
    pub(super) fn missing(what: impl Into<String>) -> Self {
        ApiError::new(
            StatusCode::NOT_FOUND,
            "api::not-found",
            what,
            "GET /api/v1/status shows what there is",
        )
    }

    /// The request makes no sense.
    pub(super) fn malformed(why: impl ToString) -> Self {
        ApiError::new(
            StatusCode::BAD_REQUEST,
            "api::malformed",
            why.to_string(),
            "see the API's documentation",
        )
    }
}

impl From<RequestError> for ApiError {
    fn from(error: RequestError) -> Self {
        let status = match &error {
            RequestError::Refused(refusal) if refusal.code() == "path::not-allowed" => {
                StatusCode::FORBIDDEN
            }
            RequestError::NoSuchEnvironment { .. } => StatusCode::NOT_FOUND,
            RequestError::Refused(_)
            | RequestError::Unclear { .. }
            | RequestError::Build { .. } => StatusCode::CONFLICT,
            RequestError::Engine(EngineError::Git(GitError::NoSuchRevision { .. })) => {
                StatusCode::NOT_FOUND
            }
            RequestError::Engine(EngineError::Manifest(_)) => StatusCode::UNPROCESSABLE_ENTITY,
            RequestError::Engine(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        ApiError::new(status, error.code(), error.to_string(), error.help())
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        RequestError::from(error).into()
    }
}

impl From<crate::store::StoreError> for ApiError {
    fn from(error: crate::store::StoreError) -> Self {
        RequestError::from(error).into()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let error = json!({"code": self.code, "message": self.message, "help": self.help});
        (self.status, Json(json!({"version": 1, "error": error}))).into_response()
    }
}
