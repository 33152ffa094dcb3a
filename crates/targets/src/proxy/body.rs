//! The bodies that go up to an instance and come down from it. They stream; nothing is collected.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::flight::Answer;

/// A request's body on its way to an instance.
#[derive(Debug)]
pub(super) enum Upload {
    /// None: the request can be sent again.
    Empty,
    /// As it comes in from the client.
    Streaming(Incoming),
}

impl Upload {
    /// The body of a request as it came in.
    pub(super) fn new(incoming: Incoming) -> Self {
        if incoming.is_end_stream() {
            Self::Empty
        } else {
            Self::Streaming(incoming)
        }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Streaming(incoming) => Pin::new(incoming).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Streaming(incoming) => incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Streaming(incoming) => incoming.size_hint(),
        }
    }
}

/// A response's body on its way to a client.
#[derive(Debug)]
pub(super) enum Download {
    /// Nothing, or nothing more.
    Empty,
    /// The proxy's own words.
    Text(&'static str),
    /// As it comes down from an instance.
    Streaming(Answer),
}

impl Body for Download {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Text(text) => {
                let frame = Frame::data(Bytes::from_static(text.as_bytes()));
                *self = Self::Empty;
                Poll::Ready(Some(Ok(frame)))
            }
            Self::Streaming(answer) => answer.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Text(_) => false,
            Self::Streaming(answer) => answer.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Text(text) => SizeHint::with_exact(text.len() as u64),
            Self::Streaming(answer) => answer.size_hint(),
        }
    }
}
