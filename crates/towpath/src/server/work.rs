//! The server's work: the dispatcher and the watcher, started again when they end, and how that goes.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::task::{JoinError, JoinSet};
use towpath_core::Time;

use super::App;
use crate::{
    clock::now,
    engine::{Dispatcher, Watcher},
};

/// How long a dispatcher that ended is left alone at first; twice as long each time, up to the most.
const AGAIN: Duration = Duration::from_secs(1);
const AGAIN_AT_MOST: Duration = Duration::from_secs(30);

/// After this long it works again, even if there was nothing to write down.
const STEADY: Duration = Duration::from_secs(15);

/// How often the upstream's manifest is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Why nothing is worked on just now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// What is wrong.
    pub message: String,
    /// The way out.
    pub help: String,
    /// Since when.
    pub since: Time,
    /// How often it was tried.
    pub tries: u32,
}

/// How the work goes.
#[derive(Default)]
pub(super) struct Health(Mutex<Option<Trouble>>);

impl Health {
    /// What is wrong, if anything is.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        self.lock().clone()
    }

    fn is_well(&self) {
        if let Some(trouble) = self.lock().take() {
            tracing::info!(tries = trouble.tries, "works on the path again");
        }
    }

    fn is_ill(&self, message: String, help: String) {
        let mut known = self.lock();
        let (since, tries) = match &*known {
            Some(trouble) => (trouble.since, trouble.tries + 1),
            None => (now(), 1),
        };
        // Once for each cause, not at every try.
        if known.as_ref().map(|trouble| &trouble.message) != Some(&message) {
            tracing::error!(
                error = message,
                help,
                "could not work on the path; trying again"
            );
        }
        *known = Some(Trouble {
            message,
            help,
            since,
            tries,
        });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Trouble>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Works on the path until the future is dropped. A disk that is full for a while does not end it.
pub(super) async fn dispatch(app: App) {
    let mut pause = AGAIN;
    loop {
        let mut written = app.engine.store.subscribe();
        let engine = app.engine.clone();
        // A task of its own: should it panic, that ends a try and not the server.
        let mut task = JoinSet::new();
        task.spawn(async move { Dispatcher::new(engine).run().await });
        let steady = async {
            tokio::select! {
                _ = written.recv() => {}
                () = tokio::time::sleep(STEADY) => {}
            }
            app.health.is_well();
        };
        let (ended, was_steady) = tokio::select! {
            biased;
            ended = task.join_next() => (ended, false),
            () = steady => (task.join_next().await, true),
        };
        match ended {
            Some(Ok(Err(error))) => app.health.is_ill(error.to_string(), error.help()),
            Some(Err(error)) => app.health.is_ill(panicked(&error), OURS.into()),
            // The journal is closed: the process is ending.
            Some(Ok(Ok(()))) | None => return,
        }
        pause = if was_steady {
            AGAIN
        } else {
            (pause * 2).min(AGAIN_AT_MOST)
        };
        tokio::time::sleep(pause).await;
    }
}

/// Watches the repository until the future is dropped.
pub(super) async fn look(app: App) {
    loop {
        let (engine, manifests) = (app.engine.clone(), app.manifests.clone());
        let mut task = JoinSet::new();
        task.spawn(async move {
            Watcher::new(engine)
                .run(move || Some(manifests.read()))
                .await;
        });
        if let Some(Err(error)) = task.join_next().await {
            tracing::error!(
                error = panicked(&error),
                help = OURS,
                "the watcher starts again"
            );
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Keeps the manifest as it is at the upstream, where it is read there.
pub(super) async fn read_upstream(app: App) {
    while app.manifests.is_upstream() {
        // The watcher asks the same repository, and says when it does not answer.
        if let Err(error) = app.manifests.look(&app.engine.mirror).await {
            tracing::debug!(%error, "could not read the upstream's manifest");
        }
        tokio::time::sleep(LOOK).await;
    }
}

const OURS: &str = "this is a mistake of ours; the log says where";

fn panicked(error: &JoinError) -> String {
    format!("the work came to a sudden end: {error}")
}
