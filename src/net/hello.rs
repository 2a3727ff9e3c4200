//! The first bytes of a connection: which protocol they are of, and a TLS hello as it came.
//! Invariant: what three bytes say, no later byte changes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use posthouse_crypto::tlcp;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::sleep;

/// How long to wait before looking again at a hello of which a byte or two is there.
const NEXT_LOOK: Duration = Duration::from_millis(20);
/// The first byte of a record with a handshake message (RFC 8446 section 5.1).
const HANDSHAKE_RECORD: u8 = 22;
/// Bytes that tell one protocol from the others.
const FIRST_BYTES: usize = 3;
/// Bytes of a hello that are kept; the longest that browsers send has two kilobytes.
const KEPT_MOST: usize = 16 * 1024;

/// What the first bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum First {
    Tls,
    Tlcp,
    /// HTTP, or whatever else it is.
    Plain,
}

impl First {
    /// Three bytes are enough, and one is when it begins no handshake. `None`: too few.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [first, ..] if *first != HANDSHAKE_RECORD => Some(Self::Plain),
            [_, _, _, ..] if tlcp::begins(bytes) => Some(Self::Tlcp),
            [_, _, _, ..] => Some(Self::Tls),
            [] | [_] | [_, _] => None,
        }
    }
}

/// Looks at the first three bytes without taking them.
pub(super) async fn sniff(tcp: &TcpStream) -> io::Result<First> {
    let mut bytes = [0; FIRST_BYTES];
    loop {
        let length = tcp.peek(&mut bytes).await?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(first) = First::of(&bytes[..length]) {
            return Ok(first);
        }
        // The system says at once that there is something to read, so there is no waiting for
        // more of it.
        sleep(NEXT_LOOK).await;
    }
}

/// A stream that keeps what was read from it, if that is wanted.
pub(super) struct Kept<IO> {
    io: IO,
    read: Vec<u8>,
    wanted: bool,
}

impl<IO> Kept<IO> {
    pub(super) fn new(io: IO, wanted: bool) -> Self {
        Self { io, read: Vec::new(), wanted }
    }

    /// The stream, and what was read.
    pub(super) fn into_parts(self) -> (IO, Vec<u8>) {
        (self.io, self.read)
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Kept<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        let fresh = &buf.filled()[before..];
        if self.wanted {
            if self.read.len() + fresh.len() > KEPT_MOST {
                return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
            }
            self.read.extend_from_slice(fresh);
        }
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Kept<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
