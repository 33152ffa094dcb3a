//! After an upgrade (WebSocket): bytes go both ways until one side has had enough.

use std::rc::Rc;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncWriteExt, copy_bidirectional};

use super::{
    peer::{Channel, Flight},
    worker::Worker,
};

/// Joins a client that gets a 101 to the instance that gave it; the flight lasts until both are done.
pub(super) fn open(worker: &Rc<Worker>, client: OnUpgrade, channel: Box<Channel>, flight: Flight) {
    let open = worker.open();
    let parts = channel.connection.into_parts();
    tokio::task::spawn_local(async move {
        let mut instance = parts.io.into_inner();
        if let Ok(upgraded) = client.await {
            let mut client = TokioIo::new(upgraded);
            // How it ends is between the two; there is nobody to tell.
            let _ = async {
                client.write_all(&parts.read_buf).await?;
                copy_bidirectional(&mut client, &mut instance).await
            }
            .await;
        }
        drop(flight);
        drop(open);
    });
}
