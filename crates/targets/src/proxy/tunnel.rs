//! After an upgrade (WebSocket): bytes go both ways until one side has had enough.

use std::rc::Rc;

use hyper::upgrade::{OnUpgrade, Parts};
use tokio::io::{AsyncWriteExt, copy_bidirectional};

use super::{channel::Channel, peer::Flight, wire::Wire, worker::Worker};

/// Joins a client that gets a 101 to the instance that gave it; the flight lasts until both are done.
pub(super) fn open(worker: &Rc<Worker>, client: OnUpgrade, channel: Channel, flight: Flight) {
    let open = worker.open();
    let (mut instance, ahead) = channel.into_stream();
    tokio::task::spawn_local(async move {
        if let Ok(upgraded) = client.await
            && let Ok(Parts { io, read_buf, .. }) = upgraded.downcast::<Wire>()
        {
            let mut client = io.into_inner();
            // How it ends is between the two; there is nobody to tell.
            let _ = async {
                instance.write_all(&read_buf).await?;
                client.write_all(&ahead).await?;
                copy_bidirectional(&mut client, &mut instance).await
            }
            .await;
        }
        drop(flight);
        drop(open);
    });
}
