//! `GET /api/v1/events`: what happens, as it happens. Each event names a record; what it holds is read elsewhere.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::{Query, State},
    http::HeaderMap,
    response::sse::{Event, KeepAlive, Sse},
};
use futures_util::{Stream, stream};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::{broadcast, watch};
use towpath_core::journal::Record;

use crate::{
    server::{App, error::ApiError},
    store::{Page, Store},
};

/// How many records are read at a time.
const PAGE: u32 = 100;

/// How often the journal is looked at for what other processes wrote.
const LOOK: Duration = Duration::from_secs(1);

/// Where to begin.
#[derive(Deserialize)]
pub(super) struct From {
    after: Option<u64>,
}

struct Reader {
    store: Store,
    written: broadcast::Receiver<Arc<Record>>,
    stopping: watch::Receiver<bool>,
    after: u64,
    read: std::vec::IntoIter<Record>,
}

pub(super) async fn events(
    State(app): State<App>,
    Query(from): Query<From>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let resumed = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok()?.parse().ok());
    // Listening begins before the first look, so that nothing falls in between.
    let written = app.engine.store.subscribe();
    let after = match resumed.or(from.after) {
        Some(after) => after,
        None => app.engine.store.state().await?.seq,
    };
    let reader = Reader {
        store: app.engine.store.clone(),
        written,
        stopping: app.stopping.clone(),
        after,
        read: Vec::new().into_iter(),
    };
    Ok(Sse::new(stream::unfold(reader, next)).keep_alive(KeepAlive::default()))
}

/// The next event: always from the journal itself, so that none is missed and none comes twice.
async fn next(mut reader: Reader) -> Option<(Result<Event, Infallible>, Reader)> {
    loop {
        if let Some(record) = reader.read.next() {
            reader.after = record.seq;
            let data = json!({"seq": record.seq, "at": record.at, "stream": record.stream, "kind": record.kind});
            let event = Event::default()
                .id(record.seq.to_string())
                .event("record")
                .data(data.to_string());
            return Some((Ok(event), reader));
        }
        let page = Page {
            after: reader.after,
            stream: None,
            limit: PAGE,
        };
        match reader.store.records(&page).await {
            Ok(records) if !records.is_empty() => {
                reader.read = records.into_iter();
                continue;
            }
            Ok(_) => {}
            // The client comes back with the last event that it has seen.
            Err(_) => return None,
        }
        tokio::select! {
            _ = reader.written.recv() => {}
            () = tokio::time::sleep(LOOK) => {}
            _ = reader.stopping.wait_for(|stop| *stop) => return None,
        }
    }
}
