//! A TCP connection as hyper writes to it: small messages leave in one plain `send`, which the kernel does quicker than
//! gathering them from several places.

use std::{
    cell::RefCell,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Up to this size copying costs less than gathering.
const SMALL: usize = 4096;

thread_local! {
    static TOGETHER: RefCell<Vec<u8>> = RefCell::new(Vec::with_capacity(SMALL));
}

/// A TCP connection.
#[derive(Debug)]
pub(super) struct Wire(TokioIo<TcpStream>);

impl Wire {
    /// A connection that is open.
    pub(super) fn new(stream: TcpStream) -> Self {
        Self(TokioIo::new(stream))
    }
}

impl Read for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl Write for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let inner = Pin::new(&mut self.0);
        if let [piece] = pieces {
            return inner.poll_write(cx, piece);
        }
        if pieces.iter().map(|piece| piece.len()).sum::<usize>() > SMALL {
            return inner.poll_write_vectored(cx, pieces);
        }
        TOGETHER.with_borrow_mut(|together| {
            together.clear();
            for piece in pieces {
                together.extend_from_slice(piece);
            }
            inner.poll_write(cx, together)
        })
    }
}
