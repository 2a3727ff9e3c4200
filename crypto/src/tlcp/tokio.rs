//! TLCP over a stream of Tokio's. The memory of a connection at rest is its keys: no buffer is
//! held while neither side speaks.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use ::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use rustls_pki_types::ServerName;

use super::{Agreed, ClientConfig, Connection, Fault, ServerConfig, Session, State, Suite};

/// Slices of one vectored write that go into one record.
const SLICES: usize = 16;

/// A connection whose handshake is over.
#[derive(Debug)]
pub struct TlcpStream<IO> {
    io: IO,
    connection: Connection,
}

/// A connection whose client said hello, before anything costly was done for it.
#[derive(Debug)]
pub struct Hello<IO>(TlcpStream<IO>);

impl<IO: AsyncRead + AsyncWrite + Unpin> TlcpStream<IO> {
    /// Shakes hands with a client. `now_s` is Unix time in seconds.
    ///
    /// # Errors
    /// The stream's own, or the [`Fault`] of the handshake inside.
    pub async fn accept(config: Arc<ServerConfig>, io: IO, now_s: u64) -> io::Result<Self> {
        Self::hello(config, io, now_s).await?.accept().await
    }

    /// Reads a client's hello and no further.
    ///
    /// # Errors
    /// As [`TlcpStream::accept`].
    pub async fn hello(config: Arc<ServerConfig>, io: IO, now_s: u64) -> io::Result<Hello<IO>> {
        let mut connection = Connection::server(config, now_s);
        connection.hold();
        Self::held(Self { io, connection }).await
    }

    /// As [`TlcpStream::hello`], for a hello of TLS that was read from `io`: see
    /// [`Connection::switched`].
    ///
    /// # Errors
    /// As [`TlcpStream::accept`].
    pub async fn switched(
        config: Arc<ServerConfig>,
        io: IO,
        now_s: u64,
        hello: &[u8],
    ) -> io::Result<Hello<IO>> {
        let connection = Connection::switched(config, now_s, hello);
        Self::held(Self { io, connection }).await
    }

    async fn held(mut stream: Self) -> io::Result<Hello<IO>> {
        poll_fn(|cx| stream.poll_shake(cx)).await?;
        Ok(Hello(stream))
    }

    /// Shakes hands with the server that `name` names; `resume` is what an earlier connection to
    /// it agreed on.
    ///
    /// # Errors
    /// As [`TlcpStream::accept`].
    pub async fn connect(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        resume: Option<Arc<Session>>,
        io: IO,
        now_s: u64,
    ) -> io::Result<Self> {
        let connection = Connection::client(config, name, resume, now_s).map_err(failed)?;
        let mut stream = Self { io, connection };
        poll_fn(|cx| stream.poll_shake(cx)).await?;
        Ok(stream)
    }

    /// Drives the handshake until it is over or held.
    fn poll_shake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_send(cx))?;
            match self.connection.state() {
                State::Open | State::Held => {
                    self.connection.rest();
                    return Pin::new(&mut self.io).poll_flush(cx);
                }
                State::Over => return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
                State::Shaking => {}
            }
            if !ready!(self.poll_receive(cx))? {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    /// Receives once; `false` at the stream's end.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut space = ReadBuf::new(self.connection.space());
        let Poll::Ready(received) = Pin::new(&mut self.io).poll_read(cx, &mut space) else {
            self.connection.rest();
            return Poll::Pending;
        };
        let length = space.filled().len();
        if received.is_err() || length == 0 {
            self.connection.rest();
            return Poll::Ready(received.map(|()| false));
        }
        let taken = self.connection.received(length);
        Poll::Ready(taken.map(|()| true).map_err(|fault| self.refuse(fault, cx)))
    }

    /// Sends what is to be sent.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.connection.pending().is_empty() {
            let pending = self.connection.pending();
            match ready!(Pin::new(&mut self.io).poll_write(cx, pending))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                sent => self.connection.sent(sent),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Sends the alert, as far as the stream takes it at once: nobody waits for a peer that broke
    /// the protocol.
    fn refuse(&mut self, fault: Fault, cx: &mut Context<'_>) -> io::Error {
        if self.poll_send(cx).is_ready() {
            let _ = Pin::new(&mut self.io).poll_flush(cx);
        }
        failed(fault)
    }

    /// Seals `parts` as far as one record holds them, and sends what the stream takes.
    fn poll_write_parts(
        &mut self,
        cx: &mut Context<'_>,
        parts: &[&[u8]],
    ) -> Poll<io::Result<usize>> {
        if self.connection.is_closed() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let nothing = parts.iter().all(|part| part.is_empty());
        loop {
            let length = self.connection.write_parts(parts).map_err(failed)?;
            let sent = self.poll_send(cx)?;
            if length > 0 || nothing {
                return Poll::Ready(Ok(length));
            }
            ready!(sent);
        }
    }
}

impl<IO> TlcpStream<IO> {
    #[must_use]
    pub fn get_ref(&self) -> (&IO, &Connection) {
        (&self.io, &self.connection)
    }

    /// What the handshake agreed on; always there.
    #[must_use]
    pub fn agreed(&self) -> Option<&Agreed> {
        self.connection.agreed()
    }

    #[must_use]
    pub fn suite(&self) -> Option<Suite> {
        self.agreed().map(|agreed| agreed.suite)
    }

    /// Whether a session of an earlier connection was taken up.
    #[must_use]
    pub fn resumed(&self) -> bool {
        self.agreed().is_some_and(|agreed| agreed.resumed)
    }

    /// The protocol that ALPN chose.
    #[must_use]
    pub fn alpn(&self) -> Option<&[u8]> {
        self.agreed()?.alpn.as_deref()
    }

    /// What the peer showed in DER: signing, encryption, the rest of the chain; or nothing.
    #[must_use]
    pub fn peer_certificates(&self) -> &[Vec<u8>] {
        self.agreed().map_or(&[], |agreed| &agreed.peer)
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Hello<IO> {
    /// Does the rest of the handshake.
    ///
    /// # Errors
    /// As [`TlcpStream::accept`].
    pub async fn accept(self) -> io::Result<TlcpStream<IO>> {
        let Self(mut stream) = self;
        let proceeded = stream.connection.proceed();
        poll_fn(|cx| match proceeded {
            Ok(()) => stream.poll_shake(cx),
            Err(fault) => Poll::Ready(Err(stream.refuse(fault, cx))),
        })
        .await?;
        Ok(stream)
    }
}

fn failed(fault: Fault) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, fault)
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlcpStream<IO> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        loop {
            while buf.remaining() > 0 {
                let plain = match this.connection.peek() {
                    Ok([]) => break,
                    Ok(plain) => plain,
                    // What is right goes first; the fault comes with the next call.
                    Err(_) if buf.filled().len() > before => break,
                    Err(fault) => return Poll::Ready(Err(this.refuse(fault, cx))),
                };
                let length = plain.len().min(buf.remaining());
                buf.put_slice(&plain[..length]);
                this.connection.consume(length);
            }
            let some = buf.filled().len() > before || buf.remaining() == 0;
            if some || this.connection.state() == State::Over {
                return Poll::Ready(Ok(()));
            }
            if !ready!(this.poll_receive(cx))? {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlcpStream<IO> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_write_parts(cx, &[bytes])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut parts: [&[u8]; SLICES] = [&[]; SLICES];
        parts.iter_mut().zip(slices).for_each(|(part, slice)| *part = slice);
        self.get_mut().poll_write_parts(cx, &parts)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_send(cx))?;
        Pin::new(&mut this.io).poll_flush(cx)
    }

    /// Tells the peer that no more will come, and closes the stream for writing.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // A connection that failed has said so already.
        let _ = this.connection.close();
        ready!(this.poll_send(cx))?;
        Pin::new(&mut this.io).poll_shutdown(cx)
    }
}
