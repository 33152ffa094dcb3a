//! `GET /api/v1/deployments/{number}/outputs`: where the outputs of a deployment's work are; `…/output` and
//! `GET /api/v1/environments/{name}/output`: what they say, as text.

use std::convert::Infallible;

use axum::{
    Json,
    body::Body,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    http::header,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures_util::{Stream, stream};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use towpath_core::names::{DeploymentNumber, ServiceName};

use crate::{
    engine::{Output, Printed, Reader},
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

/// Which of them, and how.
#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Only those whose name holds this text.
    pub of: Option<String>,
    /// Only a step's.
    pub step: Option<String>,
    /// Only a service's.
    pub service: Option<ServiceName>,
    /// Whether to go on as they grow.
    pub follow: Option<bool>,
}

impl Which {
    fn chooses(&self, output: &Output) -> bool {
        let Which {
            of, step, service, ..
        } = self;
        of.as_ref().is_none_or(|of| output.of.contains(of.as_str()))
            && (step.is_none() || *step == output.step)
            && (service.is_none() || *service == output.service)
    }
}

pub(super) async fn list(
    State(app): State<App>,
    number: Result<Path<DeploymentNumber>, PathRejection>,
) -> Result<Json<Outputs>, ApiError> {
    let number = known(&app, number).await?;
    Ok(Json(Outputs {
        version: 1,
        outputs: app.engine.outputs(number).await?,
    }))
}

pub(super) async fn of_deployment(
    State(app): State<App>,
    number: Result<Path<DeploymentNumber>, PathRejection>,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(which) = which.map_err(ApiError::malformed)?;
    let number = known(&app, number).await?;
    Ok(text(app, Printed::By(number), which))
}

pub(super) async fn of_environment(
    State(app): State<App>,
    name: Result<Path<String>, PathRejection>,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(which) = which.map_err(ApiError::malformed)?;
    let Path(typed) = name.map_err(ApiError::malformed)?;
    let name = app.place(None).environment(&typed)?.name.clone();
    Ok(text(app, Printed::In(name), which))
}

async fn known(
    app: &App,
    number: Result<Path<DeploymentNumber>, PathRejection>,
) -> Result<DeploymentNumber, ApiError> {
    let Path(number) = number.map_err(|error| ApiError::malformed(error.body_text()))?;
    match app.engine.store.deployment(number).await? {
        Some(_) => Ok(number),
        None => Err(ApiError::missing(format!(
            "there is no deployment {number}"
        ))),
    }
}

fn text(app: App, printed: Printed, which: Which) -> Response {
    let follow = which.follow.unwrap_or(false);
    let stopping = app.stopping.clone();
    let reader = Reader::new(app.engine, printed, follow, move |output| {
        which.chooses(output)
    });
    let content = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    (content, Body::from_stream(pieces(reader, stopping))).into_response()
}

/// A piece at a time, and none before the one before was taken.
fn pieces(
    reader: Reader,
    stopping: watch::Receiver<bool>,
) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold((reader, stopping), |(mut reader, mut stopping)| async {
        let piece = tokio::select! {
            piece = reader.next() => piece,
            _ = stopping.wait_for(|stop| *stop) => return None,
        };
        match piece {
            Ok(piece) => Some((Ok(piece?), (reader, stopping))),
            Err(error) => {
                tracing::warn!(%error, "an output ends early");
                None
            }
        }
    })
}
