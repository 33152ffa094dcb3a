//! The desk: answers what comes in on the control socket, one line of JSON for one line of JSON.

use std::{rc::Rc, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    sync::{Mutex, Notify, Semaphore},
    time::{sleep, timeout},
};

use super::{
    control::{Answer, ControlError, MOST_LINE, Request},
    switch::Switch,
};

/// How many may talk to the proxy at once; others wait.
const MOST_VISITORS: usize = 64;

/// Answers everyone, forever.
pub(super) async fn serve(listener: UnixListener, switch: Rc<Mutex<Switch>>, ended: Arc<Notify>) {
    let room = Arc::new(Semaphore::new(MOST_VISITORS));
    loop {
        let Ok(place) = room.clone().acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let switch = switch.clone();
                let ended = ended.clone();
                tokio::task::spawn_local(async move {
                    if let Err(error) = talk(stream, &switch, &ended).await {
                        tracing::debug!(%error, "a control connection broke off");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "could not accept a control connection");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn talk(stream: UnixStream, switch: &Mutex<Switch>, ended: &Notify) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut reader)
            .take(MOST_LINE + 1)
            .read_until(b'\n', &mut line)
            .await?;
        if read == 0 {
            return Ok(());
        }
        let whole = line.ends_with(b"\n");
        let answer = if !whole && read as u64 > MOST_LINE {
            let reason = format!("the message is longer than {MOST_LINE} bytes");
            Answer::Refused(ControlError::Invalid(reason))
        } else {
            match serde_json::from_slice(&line) {
                Ok(request) => answer(request, switch, ended).await,
                Err(error) => Answer::Refused(ControlError::Invalid(format!(
                    "the message is not understood: {error}"
                ))),
            }
        };
        let mut text = serde_json::to_vec(&answer)?;
        text.push(b'\n');
        writer.write_all(&text).await?;
        if !whole {
            return Ok(());
        }
    }
}

async fn answer(request: Request, switch: &Mutex<Switch>, ended: &Notify) -> Answer {
    match request {
        Request::Status => Answer::Status(switch.lock().await.status()),
        Request::Apply(update) => {
            let applied = switch.lock().await.apply(&update).await;
            ended.notify_waiters();
            match applied {
                Ok(status) => Answer::Status(status),
                Err(error) => Answer::Refused(error),
            }
        }
        Request::Drained { key, within_ms } => {
            let within = Duration::from_millis(within_ms);
            let drained = timeout(within, drained(&key, switch, ended)).await;
            Answer::Drained(drained.is_ok())
        }
    }
}

async fn drained(key: &str, switch: &Mutex<Switch>, ended: &Notify) {
    loop {
        let notified = ended.notified();
        let mut notified = std::pin::pin!(notified);
        // Before the question, or an end between question and wait would be missed.
        notified.as_mut().enable();
        if !switch.lock().await.is_busy(key) {
            return;
        }
        notified.await;
    }
}
