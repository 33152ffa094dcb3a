//! `GET /api/v1/events`: the journal as it grows, as server-sent events. On TCP an event says what happened to what; what
//! the record holds is for the machine's user.

use std::convert::Infallible;

use axum::{
    Extension,
    extract::{Query, State, rejection::QueryRejection},
    http::HeaderMap,
    response::sse::{Event, KeepAlive, Sse},
};
use futures_util::{Stream, stream};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::watch;
use towpath_core::{
    Time,
    journal::{self, Record},
};

use crate::{
    server::{App, error::ApiError},
    store::{Page, Store},
};

/// How many records are read at a time.
const PAGE: u32 = 100;

/// Where to begin, and how.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct From {
    /// After this record; the header `Last-Event-ID` says it otherwise. From now on when neither does.
    after: Option<u64>,
    /// Whether an event is named by its record's kind. Browsers hand events without a name to `onmessage`, whatever they are.
    named: Option<bool>,
}

/// How much of a record is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// All of it.
    Whole,
    /// That it is there.
    Outline,
}

/// A record without what it holds.
#[derive(Serialize)]
struct Outline<'a> {
    seq: u64,
    at: Time,
    stream: &'a journal::Stream,
    kind: &'a str,
}

struct Reader {
    store: Store,
    end: watch::Receiver<u64>,
    stopping: watch::Receiver<bool>,
    after: u64,
    read: std::vec::IntoIter<Record>,
    detail: Detail,
    named: bool,
}

pub(super) async fn events(
    State(app): State<App>,
    Extension(detail): Extension<Detail>,
    from: Result<Query<From>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let Query(from) = from.map_err(ApiError::malformed)?;
    let last = app.engine.store.state().await?.seq;
    // A journal that was restored may end before what a client has seen.
    let after = resumed(&headers)?.or(from.after).unwrap_or(last).min(last);
    let reader = Reader {
        store: app.engine.store.clone(),
        end: app.end.clone(),
        stopping: app.stopping.clone(),
        after,
        read: Vec::new().into_iter(),
        detail,
        named: from.named.unwrap_or(true),
    };
    Ok(Sse::new(stream::unfold(reader, next)).keep_alive(KeepAlive::default()))
}

fn resumed(headers: &HeaderMap) -> Result<Option<u64>, ApiError> {
    let Some(id) = headers.get("last-event-id").filter(|id| !id.is_empty()) else {
        return Ok(None);
    };
    let seq = id.to_str().ok().and_then(|id| id.parse().ok());
    seq.map(Some)
        .ok_or_else(|| ApiError::malformed("Last-Event-ID is not the number of a record"))
}

/// The next event: always from the journal itself, a page at a time, so that none is missed, none comes twice, and a slow
/// client costs nothing.
async fn next(mut reader: Reader) -> Option<(Result<Event, Infallible>, Reader)> {
    loop {
        if *reader.stopping.borrow() {
            return None;
        }
        if let Some(record) = reader.read.next() {
            reader.after = record.seq;
            return Some((Ok(reader.event(&record)), reader));
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
            Err(error) => {
                tracing::warn!(%error, "events end early");
                return None;
            }
        }
        let after = reader.after;
        tokio::select! {
            more = reader.end.wait_for(|end| *end > after) => drop(more.ok()?),
            _ = reader.stopping.wait_for(|stop| *stop) => return None,
        }
    }
}

impl Reader {
    fn event(&self, record: &Record) -> Event {
        let data = match self.detail {
            Detail::Whole => json!(record),
            Detail::Outline => json!(Outline {
                seq: record.seq,
                at: record.at,
                stream: &record.stream,
                kind: &record.kind,
            }),
        };
        let event = Event::default()
            .id(record.seq.to_string())
            .data(data.to_string());
        // A kind that a later version wrote is told as it is; one that would break the format cannot be in a journal.
        match self.named && !record.kind.contains(['\n', '\r']) {
            true => event.event(&record.kind),
            false => event,
        }
    }
}
