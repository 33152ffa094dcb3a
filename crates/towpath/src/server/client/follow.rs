//! Following a deployment: its view again whenever it has changed, across restarts of the server.

use std::time::Duration;

use futures_util::{FutureExt, Stream, stream};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::{Instant, sleep, timeout};
use towpath_core::names::DeploymentNumber;

use super::{Client, ClientError, wire::unreachable};
use crate::engine::DeploymentView;

/// How long a server that does not answer is waited for: as long as it may take to be restarted.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between tries, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// A server that is there says something at least every fifteen seconds.
const SILENCE: Duration = Duration::from_secs(45);

/// The views of a deployment: at once, whenever it has changed, and as it ended.
pub(super) fn views(
    client: Client,
    number: DeploymentNumber,
) -> impl Stream<Item = Result<DeploymentView, ClientError>> + Send + use<> {
    let begin = Following {
        client,
        number,
        events: None,
        seen: None,
        is_over: false,
    };
    stream::unfold(begin, |mut following| async move {
        if following.is_over {
            return None;
        }
        let view = following.next().await;
        following.is_over = view.as_ref().map_or(true, |view| view.ended_at.is_some());
        Some((view, following))
    })
}

struct Following {
    client: Client,
    number: DeploymentNumber,
    events: Option<Incoming>,
    seen: Option<Seen>,
    is_over: bool,
}

/// A deployment, and the one that takes it back.
type Seen = (DeploymentView, Option<DeploymentView>);

impl Following {
    /// The next view that is another than the one before.
    async fn next(&mut self) -> Result<DeploymentView, ClientError> {
        let mut lost: Option<Instant> = None;
        let mut pause = FIRST_PAUSE;
        loop {
            match self.look().await {
                Ok(Some(view)) => return Ok(view),
                Ok(None) => (lost, pause) = (None, FIRST_PAUSE),
                Err(error @ ClientError::Unreachable(_)) => {
                    if lost.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
                        return Err(error);
                    }
                    self.events = None;
                    sleep(pause).await;
                    pause = (pause * 2).min(LAST_PAUSE);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits until something has happened, and looks whether it is about this deployment.
    async fn look(&mut self) -> Result<Option<DeploymentView>, ClientError> {
        match &mut self.events {
            // Listening begins before the look, so that nothing falls in between.
            None => self.events = Some(self.client.wire.open("/api/v1/events").await?),
            Some(events) => happened(events).await?,
        }
        let view = self.deployment(self.number).await?;
        let view = view.ok_or_else(|| {
            ClientError::Nonsense(format!("there is no deployment {}", self.number))
        })?;
        let undoing = match view.undone_by {
            Some(number) => self.deployment(number).await?,
            None => None,
        };
        let now = (view, undoing);
        let is_news = self.seen.as_ref().is_none_or(|seen| !is_same(seen, &now));
        let view = is_news.then(|| now.0.clone());
        self.seen = Some(now);
        Ok(view)
    }

    async fn deployment(
        &self,
        number: DeploymentNumber,
    ) -> Result<Option<DeploymentView>, ClientError> {
        self.client.deployment(number).await
    }
}

/// Returns when something has happened; much at once is one thing.
async fn happened(events: &mut Incoming) -> Result<(), ClientError> {
    let first = timeout(SILENCE, events.frame())
        .await
        .map_err(|_| unreachable("it does not answer"))?;
    let mut frame = Some(first);
    while let Some(next) = frame {
        match next {
            Some(Ok(_)) => frame = events.frame().now_or_never(),
            Some(Err(error)) => return Err(unreachable(error)),
            None => return Err(unreachable("the server ended the connection")),
        }
    }
    Ok(())
}

/// Whether nothing happened between two looks, but that time passed.
fn is_same(one: &Seen, other: &Seen) -> bool {
    let timeless = |view: &DeploymentView| DeploymentView {
        phases: Default::default(),
        ..view.clone()
    };
    timeless(&one.0) == timeless(&other.0)
        && one.1.as_ref().map(timeless) == other.1.as_ref().map(timeless)
}
