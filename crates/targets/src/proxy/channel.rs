//! A connection to an instance: one request and its answer at a time, driven by whoever waits for the answer.
//!
//! HTTP/1.1 is spoken here directly and not by hyper's client, for two reasons. A hyper connection is a party of its own
//! that a request has to be handed to: that costs a third of all the time a request takes in the proxy. And it does not
//! tell how much of a request has left, on which it depends whether the request may be sent again.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use bytes::{Buf, Bytes, BytesMut};
use http_body::{Frame, SizeHint};
use nix::sys::socket::{MsgFlags, recv};
use tokio::{
    io::{AsyncReadExt, AsyncWrite},
    net::TcpStream,
    time::timeout,
};

use super::{
    chunks::{Chunks, Piece},
    told::{self, Length, Told},
    upload::{Abandoned, Upload},
};

/// How long an instance may take to accept a connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How much is read at once at first, and at most.
const READ: (usize, usize) = (8 * 1024, 64 * 1024);

/// Why an exchange came to nothing.
#[derive(Debug)]
pub(super) enum Broken {
    /// The instance closed the connection, or speaks something else.
    Instance(io::Error),
    /// The client did not send what it announced.
    Client,
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self::Instance(error)
    }
}

impl From<Abandoned> for Broken {
    fn from(_: Abandoned) -> Self {
        Self::Client
    }
}

impl From<told::Malformed> for Broken {
    fn from(malformed: told::Malformed) -> Self {
        Self::Instance(io::Error::other(malformed))
    }
}

/// A connection to an instance.
#[derive(Debug)]
pub(super) struct Channel {
    stream: TcpStream,
    /// Read, and not yet understood.
    incoming: BytesMut,
    read_size: usize,
    /// To be written, from `written` on; then `piece`.
    outgoing: Vec<u8>,
    written: usize,
    piece: Option<Bytes>,
    upload: Upload,
    /// Whether any byte of the request has left.
    begun: bool,
    /// Whether the request cannot be sent any further. The answer may still come.
    deaf: bool,
    /// What is still to come of the answer's body.
    length: Length,
    /// Whether another request may follow.
    keeps: bool,
    /// When it was last used, in milliseconds of the worker's clock.
    pub(super) used: u64,
}

impl Channel {
    /// Opens a connection.
    pub(super) async fn connect(address: SocketAddr) -> io::Result<Box<Self>> {
        let stream = timeout(CONNECT_WITHIN, TcpStream::connect(address))
            .await
            .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        stream.set_nodelay(true)?;
        Ok(Box::new(Self {
            stream,
            incoming: BytesMut::new(),
            read_size: READ.0,
            outgoing: Vec::with_capacity(1024),
            written: 0,
            piece: None,
            upload: Upload::empty(),
            begun: false,
            deaf: false,
            length: Length::Known(0),
            keeps: true,
            used: 0,
        }))
    }

    /// Takes a request: `write` writes its head. Nothing is sent yet.
    pub(super) fn begin(&mut self, write: impl FnOnce(&mut Vec<u8>), upload: Upload) {
        self.outgoing.clear();
        self.written = 0;
        write(&mut self.outgoing);
        self.upload = upload;
        self.begun = false;
    }

    /// Whether the instance may have seen something of the request.
    pub(super) fn has_begun(&self) -> bool {
        self.begun
    }

    /// Sends the request, as far as it goes, until the head of the answer is there.
    pub(super) fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        without_body: bool,
    ) -> Poll<Result<Told, Broken>> {
        loop {
            self.send(cx)?;
            if ready!(self.poll_read(cx))? == 0 {
                return Poll::Ready(Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()));
            }
            if let Some(mut told) = told::take(&mut self.incoming, without_body)? {
                self.keeps = told.keeps;
                self.length = std::mem::replace(&mut told.length, Length::Known(0));
                return Poll::Ready(Ok(told));
            }
        }
    }

    /// The next piece of the answer's body. Goes on with the request, too, should that not have ended.
    pub(super) fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        loop {
            match self.take_piece() {
                Ok(Some(frame)) => return Poll::Ready(Some(Ok(frame))),
                Ok(None) if self.is_answered() => return Poll::Ready(None),
                Ok(None) => {}
                Err(malformed) => return Poll::Ready(Some(Err(malformed.into()))),
            }
            if let Err(error) = self.send(cx) {
                return Poll::Ready(Some(Err(error)));
            }
            match ready!(self.poll_read(cx)) {
                Ok(0) if self.length == Length::UntilClose => {
                    self.length = Length::Known(0);
                    self.keeps = false;
                }
                Ok(0) => {
                    let error = io::Error::from(io::ErrorKind::UnexpectedEof);
                    return Poll::Ready(Some(Err(error.into())));
                }
                Ok(_) => {}
                Err(error) => return Poll::Ready(Some(Err(error.into()))),
            }
        }
    }

    /// Whether all of the answer was handed out.
    pub(super) fn is_answered(&self) -> bool {
        matches!(self.length, Length::Known(0) | Length::Chunked(Chunks::End))
    }

    /// How much of the answer is to come.
    pub(super) fn size_hint(&self) -> SizeHint {
        match self.length {
            Length::Known(rest) => SizeHint::with_exact(rest),
            _ => SizeHint::default(),
        }
    }

    /// Whether it is done with its request, and fit for another.
    pub(super) fn is_reusable(&self) -> bool {
        self.keeps
            && !self.deaf
            && self.is_answered()
            && self.incoming.is_empty()
            && self.upload.is_over()
            && self.piece.is_none()
            && self.written == self.outgoing.len()
    }

    /// Whether the other side has not closed it, as far as the runtime has heard.
    pub(super) fn is_open(&mut self) -> bool {
        // Nobody waits for an idle connection, so nobody has to be woken.
        self.poll_read(&mut Context::from_waker(Waker::noop()))
            .is_pending()
    }

    /// Whether the other side has not closed it, as far as the kernel has heard.
    pub(super) fn is_open_now(&self) -> bool {
        let descriptor = std::os::fd::AsRawFd::as_raw_fd(&self.stream);
        let flags = MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT;
        recv(descriptor, &mut [0], flags) == Err(nix::Error::EAGAIN)
    }

    /// Gives up large buffers before a rest.
    pub(super) fn rest(&mut self) {
        if self.incoming.capacity() > 2 * READ.0 {
            self.incoming = BytesMut::new();
        }
        self.read_size = READ.0;
        if self.outgoing.capacity() > 2 * READ.0 {
            self.outgoing = Vec::new();
        }
    }

    /// The connection itself, and what was read of it ahead.
    pub(super) fn into_stream(self) -> (TcpStream, BytesMut) {
        (self.stream, self.incoming)
    }

    fn take_piece(&mut self) -> Result<Option<Frame<Bytes>>, told::Malformed> {
        if let Length::Chunked(chunks) = &mut self.length {
            return Ok(chunks.take(&mut self.incoming)?.map(|piece| match piece {
                Piece::Data(data) => Frame::data(data),
                Piece::Trailers(trailers) => Frame::trailers(trailers),
            }));
        }
        if self.incoming.is_empty() {
            return Ok(None);
        }
        let data = match &mut self.length {
            Length::Known(0) => return Ok(None),
            Length::Known(rest) if (self.incoming.len() as u64) > *rest => {
                let end = usize::try_from(*rest).expect("it is in the buffer");
                *rest = 0;
                self.incoming.split_to(end)
            }
            Length::Known(rest) => {
                *rest -= self.incoming.len() as u64;
                self.incoming.split()
            }
            _ => self.incoming.split(),
        };
        Ok(Some(Frame::data(data.freeze())))
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.incoming.capacity() - self.incoming.len() < self.read_size / 2 {
            self.incoming.reserve(self.read_size);
        }
        let room = self.incoming.capacity() - self.incoming.len();
        let read = ready!(pin!(self.stream.read_buf(&mut self.incoming)).poll(cx))?;
        if read == room {
            self.read_size = (self.read_size * 2).min(READ.1);
        }
        Poll::Ready(Ok(read))
    }

    /// Sends what there is of the request. That the instance takes no more is no error: its answer may say why.
    fn send(&mut self, cx: &mut Context<'_>) -> Result<(), Broken> {
        if self.deaf {
            return Ok(());
        }
        match self.poll_send(cx) {
            Poll::Ready(Err(Broken::Instance(error))) if self.begun => {
                tracing::trace!(%error, "the instance takes no more of the request");
                self.deaf = true;
                Ok(())
            }
            Poll::Ready(Err(error)) => Err(error),
            _ => Ok(()),
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        loop {
            let mut waits = false;
            if self.piece.is_none() {
                match self.upload.poll_next(cx, &mut self.outgoing)? {
                    Poll::Ready(piece) => self.piece = piece,
                    Poll::Pending => waits = true,
                }
            }
            while self.written < self.outgoing.len() {
                let written = ready!(write(&mut self.stream, cx, &self.outgoing[self.written..]))?;
                self.begun = true;
                self.written += written;
            }
            self.outgoing.clear();
            self.written = 0;
            let Some(piece) = &mut self.piece else {
                return match waits {
                    true => Poll::Pending,
                    false => Poll::Ready(Ok(())),
                };
            };
            while !piece.is_empty() {
                let written = ready!(write(&mut self.stream, cx, piece))?;
                piece.advance(written);
            }
            self.piece = None;
            self.upload.close_piece(&mut self.outgoing);
        }
    }
}

fn write(stream: &mut TcpStream, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
    match ready!(Pin::new(stream).poll_write(cx, bytes)) {
        Ok(0) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
        written => Poll::Ready(written),
    }
}
