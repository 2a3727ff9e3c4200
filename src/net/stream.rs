//! A connection's bytes, with or without TLS, and the place it holds.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use posthouse_crypto::tlcp::tokio::TlcpStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::gate::Place;

/// An accepted connection. Dropped, it gives its place back.
pub struct Stream {
    link: Link,
    _place: Place,
}

/// The TLS state is boxed: a plain connection must not pay for its size.
pub(super) enum Link {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Tlcp(Box<TlcpStream<TcpStream>>),
}

impl Stream {
    pub(super) fn new(link: Link, place: Place) -> Self {
        Self { link, _place: place }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.link {
            Link::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Link::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
            Link::Tlcp(tls) => Pin::new(tls).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.link {
            Link::Plain(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Link::Tls(tls) => Pin::new(tls).poll_write(cx, bytes),
            Link::Tlcp(tls) => Pin::new(tls).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.link {
            Link::Plain(tcp) => Pin::new(tcp).poll_write_vectored(cx, slices),
            Link::Tls(tls) => Pin::new(tls).poll_write_vectored(cx, slices),
            Link::Tlcp(tls) => Pin::new(tls).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.link {
            Link::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Link::Tls(tls) => Pin::new(tls).poll_flush(cx),
            Link::Tlcp(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.link {
            Link::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Link::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
            Link::Tlcp(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
