//! A request's body on its way to an instance: taken from the client as fast as the instance takes it, and framed anew.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName,
    header::{CONNECTION, CONTENT_LENGTH, HOST, TE, TRANSFER_ENCODING, UPGRADE},
};
use http_body::Body;
use hyper::body::Incoming;

use super::{
    ask::{Ask, Coding},
    chunks,
};

/// Up to this size a piece is copied behind what goes before it, and leaves with it.
const SMALL: usize = 4096;

/// The client did not send what it announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Abandoned;

/// A body to be sent.
#[derive(Debug)]
pub(super) struct Upload {
    body: Option<Incoming>,
    coding: Coding,
    trailers: Vec<HeaderName>,
}

impl Upload {
    /// The body of a request that was looked over.
    pub(super) fn new(body: Option<Incoming>, ask: &Ask) -> Self {
        Self {
            body,
            coding: ask.coding,
            trailers: ask.trailers.clone(),
        }
    }

    /// No body.
    pub(super) fn empty() -> Self {
        Self {
            body: None,
            coding: Coding::Empty,
            trailers: Vec::new(),
        }
    }

    /// Whether there is nothing (more) to be sent.
    pub(super) fn is_over(&self) -> bool {
        self.body.is_none()
    }

    /// Appends what comes next to `to`, as long as there is something and it is small. A large piece is returned and
    /// belongs behind what was appended; [`Upload::close_piece`] has to be called behind it.
    pub(super) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut Vec<u8>,
    ) -> Poll<Result<Option<Bytes>, Abandoned>> {
        while let Some(body) = &mut self.body {
            let frame = match Pin::new(body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => frame,
                Poll::Ready(Some(Err(_))) => return Poll::Ready(Err(Abandoned)),
                Poll::Ready(None) => {
                    self.end(&HeaderMap::new(), to)?;
                    break;
                }
                Poll::Pending => return Poll::Pending,
            };
            match frame.into_data() {
                Ok(data) if data.is_empty() => {}
                Ok(data) => {
                    self.open_piece(data.len(), to)?;
                    if to.len() + data.len() > SMALL {
                        return Poll::Ready(Ok(Some(data)));
                    }
                    to.extend_from_slice(&data);
                    self.close_piece(to);
                }
                Err(frame) => {
                    let trailers = frame.into_trailers().unwrap_or_default();
                    let trailers = self.announced(trailers);
                    self.end(&trailers, to)?;
                }
            }
        }
        Poll::Ready(Ok(None))
    }

    /// Appends what belongs behind a piece.
    pub(super) fn close_piece(&self, to: &mut Vec<u8>) {
        if self.coding == Coding::Chunked {
            chunks::close(to);
        }
    }

    fn open_piece(&mut self, size: usize, to: &mut Vec<u8>) -> Result<(), Abandoned> {
        match &mut self.coding {
            Coding::Chunked => chunks::open(size, to),
            Coding::Length(rest) => *rest = rest.checked_sub(size as u64).ok_or(Abandoned)?,
            Coding::Empty => return Err(Abandoned),
        }
        Ok(())
    }

    fn end(&mut self, trailers: &HeaderMap, to: &mut Vec<u8>) -> Result<(), Abandoned> {
        self.body = None;
        match self.coding {
            Coding::Chunked => chunks::end(trailers, to),
            Coding::Length(0) | Coding::Empty => {}
            Coding::Length(_) => return Err(Abandoned),
        }
        Ok(())
    }

    /// Only fields that the head announced, and none that says how to understand the message: an instance may take
    /// these for fields of the head.
    fn announced(&self, mut trailers: HeaderMap) -> HeaderMap {
        for name in [
            CONNECTION,
            CONTENT_LENGTH,
            HOST,
            TE,
            TRANSFER_ENCODING,
            UPGRADE,
        ] {
            trailers.remove(name);
        }
        let mut announced = HeaderMap::new();
        for (name, value) in &trailers {
            if self.trailers.contains(name) {
                announced.append(name.clone(), value.clone());
            }
        }
        announced
    }
}
