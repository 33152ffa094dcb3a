//! Errors as the API tells them: a status, a code, a sentence, a way out.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

use crate::{
    engine::{EngineError, RequestError},
    git::GitError,
    store::StoreError,
};

/// An error on its way to a client.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    said: Said,
}

/// What is said of an error.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Said {
    pub(super) code: String,
    pub(super) message: String,
    #[serde(default)]
    pub(super) help: String,
}

/// An error as it is written.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Body {
    pub(super) version: u32,
    pub(super) error: Said,
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
            said: Said {
                code: code.to_owned(),
                message: message.into(),
                help: help.into(),
            },
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    pub(super) fn said(&self) -> &Said {
        &self.said
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
            "the guide's page on running Towpath shows how to ask",
        )
    }

    /// What the framework says of a request that never reached a handler of ours.
    pub(super) fn of_status(status: StatusCode, said: &str) -> Self {
        let message = match said.trim() {
            "" => status
                .canonical_reason()
                .unwrap_or("refused")
                .to_lowercase(),
            said => said.to_owned(),
        };
        let (code, help) = match status {
            StatusCode::NOT_FOUND => return ApiError::missing(message),
            StatusCode::METHOD_NOT_ALLOWED => {
                ("api::method", "look with GET; ask with POST /api/v1/asks")
            }
            StatusCode::PAYLOAD_TOO_LARGE => ("api::too-large", "send at most 1 MiB"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => (
                "api::media-type",
                "send JSON, with content-type: application/json",
            ),
            status if status.is_server_error() => return ApiError::ours(status),
            _ => (
                "api::malformed",
                "the guide's page on running Towpath shows how to ask",
            ),
        };
        ApiError::new(status, code, message, help)
    }

    /// Something of ours went wrong; what, is for the log.
    pub(super) fn ours(status: StatusCode) -> Self {
        ApiError::new(
            status,
            "api::internal",
            "this is a mistake of ours",
            "the server's log says more",
        )
    }
}

/// The statuses are chosen so that the command line ends the same way with a server and without.
fn status_of(error: &RequestError) -> StatusCode {
    match error {
        RequestError::NoSuchEnvironment { .. } => StatusCode::NOT_FOUND,
        RequestError::Refused(refusal) => match refusal.code() {
            "path::not-allowed" => StatusCode::FORBIDDEN,
            "path::no-such-release" | "path::no-such-deployment" => StatusCode::NOT_FOUND,
            _ => StatusCode::CONFLICT,
        },
        RequestError::Unclear { .. } | RequestError::Build { .. } => StatusCode::CONFLICT,
        RequestError::Engine(EngineError::Manifest(_)) => StatusCode::UNPROCESSABLE_ENTITY,
        RequestError::Engine(EngineError::Git(GitError::NoSuchRevision { .. })) => {
            StatusCode::NOT_FOUND
        }
        // It depends on a repository that said no.
        RequestError::Engine(EngineError::Git(
            GitError::Moved { .. } | GitError::Diverged { .. },
        )) => StatusCode::FAILED_DEPENDENCY,
        RequestError::Engine(EngineError::Store(StoreError::Full)) => {
            StatusCode::INSUFFICIENT_STORAGE
        }
        RequestError::Engine(EngineError::Store(StoreError::Busy)) => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        RequestError::Engine(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl From<RequestError> for ApiError {
    fn from(error: RequestError) -> Self {
        let status = status_of(&error);
        if status.is_server_error() {
            tracing::error!(code = error.code(), %error, "a request could not be answered");
        }
        ApiError::new(status, error.code(), error.to_string(), error.help())
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        RequestError::from(error).into()
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        RequestError::from(error).into()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = Body {
            version: 1,
            error: self.said,
        };
        (self.status, Json(body)).into_response()
    }
}
