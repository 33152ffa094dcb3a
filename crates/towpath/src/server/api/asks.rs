//! `POST /api/v1/asks`: what people ask of the path.

use std::{
    future::Future,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use axum::{
    Json,
    extract::{State, rejection::JsonRejection},
    http::{HeaderMap, StatusCode},
};
use serde::{Deserialize, Serialize};
use tokio::{sync::oneshot, task::JoinSet};

use super::actor::who;
use crate::{
    engine::{Ask, Reply},
    server::{App, error::ApiError},
};

/// Who asks for what, from where.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    /// The person's e-mail address; the header says it otherwise.
    pub actor: Option<String>,
    /// The work tree in which revisions are looked up first.
    pub work_tree: Option<PathBuf>,
    /// What is asked for.
    pub ask: Ask,
}

pub(super) async fn ask(
    State(app): State<App>,
    headers: HeaderMap,
    asked: Result<Json<Asked>, JsonRejection>,
) -> Result<Json<Reply>, ApiError> {
    let Json(asked) =
        asked.map_err(|error| ApiError::of_status(error.status(), &error.body_text()))?;
    let actor = who(asked.actor.as_deref(), &headers)?;
    let place = app.place(super::work_tree(asked.work_tree)?);
    let engine = app.engine.clone();
    let answer = app
        .asks
        .run(async move { engine.ask(&actor, &place, &asked.ask).await });
    match answer.await {
        Ok(reply) => Ok(Json(reply?)),
        Err(_) => Err(ApiError::ours(StatusCode::INTERNAL_SERVER_ERROR)),
    }
}

/// What was asked for and is being done. It goes on when whoever asked has gone: what is half done helps nobody.
#[derive(Default)]
pub(crate) struct Asks(Mutex<JoinSet<()>>);

impl Asks {
    fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (answer, answered) = oneshot::channel();
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(async move {
            // Whoever asked may have gone.
            let _ = answer.send(work.await);
        });
        answered
    }

    /// Returns when all of it is done. Nothing new may come in meanwhile.
    pub(crate) async fn ended(&self) {
        let mut tasks = self.take();
        while tasks.join_next().await.is_some() {}
    }

    /// Ends it.
    pub(crate) async fn abort(&self) {
        self.take().shutdown().await;
    }

    fn take(&self) -> JoinSet<()> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
