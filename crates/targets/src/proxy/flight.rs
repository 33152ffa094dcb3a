//! One exchange with an instance: the request goes up, the answer comes down, on a connection that both drive.

use std::{
    fmt,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::future::poll_fn;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::{body::Incoming, client::conn::TrySendError};

use super::{
    body::Upload,
    peer::{Channel, Flight},
    table::Service,
};

/// A request that got no answer.
pub(super) enum Unanswered {
    /// Nothing of it was sent: it may go elsewhere.
    Unsent(Box<Request<Upload>>),
    /// The client stopped sending it.
    Abandoned,
    /// The instance may have seen it.
    Lost(hyper::Error),
}

/// Sends a request and waits for the head of the answer. The channel is given back with it, unless it broke.
pub(super) async fn exchange(
    channel: Box<Channel>,
    request: Request<Upload>,
) -> Result<(Response<Incoming>, Option<Box<Channel>>), Unanswered> {
    let mut channel = Some(channel);
    let mut answer = pin!(
        channel
            .as_mut()
            .map(|channel| channel.sender.try_send_request(request))
            .expect("it was put there a line above")
    );
    let answered = poll_fn(|cx| {
        if let Some(open) = &mut channel {
            // Polled without a shutdown, so that the socket can be had back after an upgrade.
            let polled = open.connection.poll_without_shutdown(cx);
            let answered = answer.as_mut().poll(cx);
            if answered.is_ready() || polled.is_pending() {
                return answered;
            }
            // The connection ended without taking the request: dropping it hands the request back.
            channel = None;
        }
        answer.as_mut().poll(cx)
    })
    .await;
    match answered {
        Ok(response) => Ok((response, channel)),
        Err(error) => Err(unanswered(error)),
    }
}

fn unanswered(mut error: TrySendError<Request<Upload>>) -> Unanswered {
    match error.take_message() {
        Some(request) => Unanswered::Unsent(Box::new(request)),
        None => match error.into_error() {
            error if error.is_user() => Unanswered::Abandoned,
            error => Unanswered::Lost(error),
        },
    }
}

/// An answer's body, with the connection that it comes down on.
pub(super) struct Answer {
    incoming: Incoming,
    channel: Option<Box<Channel>>,
    flight: Option<Flight>,
    service: Arc<Service>,
    worker: usize,
}

impl Answer {
    /// The rest of an answer whose head has come.
    pub(super) fn new(
        incoming: Incoming,
        channel: Option<Box<Channel>>,
        flight: Flight,
        service: Arc<Service>,
        worker: usize,
    ) -> Self {
        Self {
            incoming,
            channel,
            flight: Some(flight),
            service,
            worker,
        }
    }

    /// The next piece.
    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let mut polled = Pin::new(&mut self.incoming).poll_frame(cx);
        if polled.is_pending()
            && let Some(channel) = &mut self.channel
        {
            if channel.connection.poll_without_shutdown(cx).is_ready() {
                self.channel = None;
            }
            polled = Pin::new(&mut self.incoming).poll_frame(cx);
        }
        match &polled {
            Poll::Ready(Some(Ok(_))) if self.incoming.is_end_stream() => self.finish(),
            Poll::Ready(None) => self.finish(),
            Poll::Ready(Some(Err(_))) => self.fail(),
            _ => {}
        }
        polled
    }

    /// The body is complete: the connection can carry the next request.
    fn finish(&mut self) {
        if let Some(flight) = self.flight.take()
            && let Some(channel) = self.channel.take()
        {
            flight.peer.put(channel);
        }
    }

    /// The instance broke off: the client must not take what it has for the whole.
    fn fail(&mut self) {
        self.channel = None;
        if let Some(flight) = self.flight.take() {
            flight.peer.instance.counters.failed(self.worker);
            self.service.counters.failed(self.worker);
        }
    }

    /// Whether all of it was handed out.
    pub(super) fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    /// How much is to come.
    pub(super) fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        // A server does not ask again when it knows that there is no more.
        if self.incoming.is_end_stream() {
            self.finish();
        }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").finish_non_exhaustive()
    }
}
