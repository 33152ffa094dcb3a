//! Where the journal ends: looked up in one place, for everybody who waits for more of it.

use std::time::Duration;

use tokio::sync::{broadcast::error::RecvError, watch};

use crate::store::{Page, Store, StoreError};

/// How often the journal is looked at for what other processes wrote.
const LOOK: Duration = Duration::from_secs(1);

/// How many records are passed over at a time.
const PAGE: u32 = 1000;

/// Keeps `end` at the last record's number until the future is dropped.
pub(super) async fn run(store: Store, end: watch::Sender<u64>) {
    let mut written = store.subscribe();
    loop {
        // What cannot be read now is read at the next look; the dispatcher tells what is wrong.
        if let Err(error) = advance(&store, &end).await {
            tracing::debug!(%error, "could not look at the journal's end");
        }
        tokio::select! {
            record = written.recv() => match record {
                Ok(record) => raise(&end, record.seq),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            },
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

async fn advance(store: &Store, end: &watch::Sender<u64>) -> Result<(), StoreError> {
    loop {
        let page = Page {
            after: *end.borrow(),
            stream: None,
            limit: PAGE,
        };
        match store.records(&page).await?.last() {
            Some(last) => raise(end, last.seq),
            None => return Ok(()),
        }
    }
}

fn raise(end: &watch::Sender<u64>, seq: u64) {
    end.send_if_modified(|end| {
        let is_more = seq > *end;
        *end = seq.max(*end);
        is_more
    });
}
