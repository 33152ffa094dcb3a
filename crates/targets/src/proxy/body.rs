//! An answer's body on its way to a client. It streams; nothing is collected.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::{
    channel::{Broken, Channel},
    peer::Flight,
    table::Service,
};

/// A response's body.
#[derive(Debug)]
pub(super) enum Download {
    /// Nothing, or nothing more.
    Empty,
    /// The proxy's own words.
    Text(&'static str),
    /// As it comes from an instance.
    Answer(Answer),
}

/// What an instance answers, with the connection that it comes on.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) channel: Box<Channel>,
    pub(super) flight: Flight,
    pub(super) service: Arc<Service>,
    pub(super) worker: usize,
}

impl Download {
    /// The body of an answer whose head has come.
    pub(super) fn new(answer: Answer) -> Self {
        let mut download = Self::Answer(answer);
        download.end_if_answered();
        download
    }

    /// Once all of it is here, the instance is done with it, and the connection can carry the next request.
    fn end_if_answered(&mut self) {
        if let Self::Answer(answer) = self
            && answer.channel.is_answered()
            && let Self::Answer(answer) = std::mem::replace(self, Self::Empty)
        {
            answer.flight.peer.put(answer.channel);
        }
    }

    /// The instance broke off: the client must not take what it has for the whole.
    fn break_off(&mut self, broken: Broken) -> io::Error {
        let Self::Answer(answer) = std::mem::replace(self, Self::Empty) else {
            return io::ErrorKind::Other.into();
        };
        match broken {
            Broken::Instance(error) => {
                let counters = &answer.flight.peer.instance.counters;
                counters.failed(answer.worker);
                answer.service.counters.failed(answer.worker);
                error
            }
            Broken::Client => io::ErrorKind::ConnectionAborted.into(),
        }
    }
}

impl Body for Download {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Text(text) => {
                let frame = Frame::data(Bytes::from_static(text.as_bytes()));
                *self = Self::Empty;
                Poll::Ready(Some(Ok(frame)))
            }
            Self::Answer(answer) => {
                let polled = answer.channel.poll_body(cx);
                match polled {
                    Poll::Ready(Some(Err(broken))) => {
                        Poll::Ready(Some(Err(self.break_off(broken))))
                    }
                    Poll::Ready(Some(Ok(frame))) => {
                        self.end_if_answered();
                        Poll::Ready(Some(Ok(frame)))
                    }
                    Poll::Ready(None) => {
                        self.end_if_answered();
                        Poll::Ready(None)
                    }
                    Poll::Pending => Poll::Pending,
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Empty)
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Text(text) => SizeHint::with_exact(text.len() as u64),
            Self::Answer(answer) => answer.channel.size_hint(),
        }
    }
}
