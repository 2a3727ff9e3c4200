//! The socket that a connection's own task owns: polled for messages, fed with frames, no channel
//! and no split halves. Every method is cancel-safe: all state stands in the value.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::WsError;
use super::decode::{Decoder, Event, LEFTOVER_BYTES};
use crate::net::Stream;

/// One read of a busy socket; shared by all connections of a thread.
const SCRATCH_BYTES: usize = 64 * 1024;
/// Frames are gathered into one write up to about this size: a TLS record.
const GATHER_BYTES: usize = 16 * 1024;
/// With more than this unsent, a peer that only pings is not read any more.
const UNSENT_BYTES: usize = 4 * 1024;
/// A close reason fits a control frame beside its code (RFC 6455 section 5.5).
const REASON_BYTES: usize = 123;

thread_local! {
    static READ: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    static WRITE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// What a peer said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// UTF-8, checked.
    Text(Bytes),
    Binary(Bytes),
    /// A ping (already answered) or a pong: the peer lives.
    Alive,
    /// The peer closes (already answered); nothing follows. `None`: it gave no code.
    Close(Option<u16>),
}

/// What is said to a peer. The bytes are shared, never copied until they are on their way.
#[derive(Clone, Debug)]
pub enum Outgoing {
    /// Must be UTF-8.
    Text(Bytes),
    Binary(Bytes),
}

/// A server's end of a WebSocket.
pub struct WebSocket<S = Stream> {
    stream: S,
    decoder: Decoder,
    /// Read but not decoded: frames that arrived together, or the beginning of one.
    rest: BytesMut,
    /// Encoded and not yet taken by the socket; goes first.
    unsent: BytesMut,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// Our close frame is queued or sent; the peer's has not come.
    Closing,
    /// Nothing more will be read.
    Ended,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// `early` is what the peer sent behind its upgrade request; `message_bytes` the longest
    /// message it may send.
    pub fn new(stream: S, early: &[u8], message_bytes: usize) -> Self {
        Self {
            stream,
            decoder: Decoder::new(message_bytes),
            rest: BytesMut::from(early),
            unsent: BytesMut::new(),
            state: State::Open,
        }
    }

    /// The next message; `None` once the peer is gone. After `Close`, an error or `None` nothing
    /// follows but [`WebSocket::finish`].
    pub async fn next(&mut self) -> Option<Result<Message, WsError>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// As [`WebSocket::next`]. Also sends the answers to pings, as far as the socket takes them.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message, WsError>>> {
        if self.state == State::Ended {
            return Poll::Ready(None);
        }
        if !self.unsent.is_empty() {
            let flushed = self.poll_unsent(cx);
            if let Poll::Ready(Err(fault)) = flushed {
                return self.end(Err(WsError::Io(fault)));
            }
            if self.unsent.len() > UNSENT_BYTES {
                return Poll::Pending;
            }
        }
        let event = match ready!(self.poll_event(cx)) {
            Ok(Some(event)) => event,
            Ok(None) => {
                self.state = State::Ended;
                return Poll::Ready(None);
            }
            Err(WsError::Violation(violation)) => {
                self.close(violation.close_code(), "");
                return self.end(Err(WsError::Violation(violation)));
            }
            Err(fault) => return self.end(Err(fault)),
        };
        match event {
            Event::Text(text) => Poll::Ready(Some(Ok(Message::Text(text)))),
            Event::Binary(bytes) => Poll::Ready(Some(Ok(Message::Binary(bytes)))),
            Event::Pong => Poll::Ready(Some(Ok(Message::Alive))),
            Event::Ping(payload) => {
                if self.state == State::Open {
                    encode(OpCode::Control(Control::Pong), &payload, &mut self.unsent);
                    if let Poll::Ready(Err(fault)) = self.poll_unsent(cx) {
                        return self.end(Err(WsError::Io(fault)));
                    }
                }
                Poll::Ready(Some(Ok(Message::Alive)))
            }
            Event::Close(code) => {
                self.close(code.unwrap_or(1000), "");
                self.end(Ok(Message::Close(code)))
            }
        }
    }

    /// Sends what is unsent, then whatever `next` hands out, until it has no more and the socket
    /// has taken everything. `Pending` means that the socket would block; what it did not take is
    /// kept. After [`WebSocket::close`] nothing more is asked of `next`.
    pub fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        next: &mut dyn FnMut() -> Option<Outgoing>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_unsent(cx))?;
            if self.state != State::Open {
                return self.poll_flush(cx);
            }
            let mut gathered = WRITE.take();
            gathered.clear();
            while gathered.len() < GATHER_BYTES
                && let Some(outgoing) = next()
            {
                match outgoing {
                    Outgoing::Text(text) => encode(OpCode::Data(Data::Text), &text, &mut gathered),
                    Outgoing::Binary(bytes) => {
                        encode(OpCode::Data(Data::Binary), &bytes, &mut gathered);
                    }
                }
            }
            let written = self.poll_write_all(cx, &gathered);
            let empty = gathered.is_empty();
            WRITE.set(gathered);
            ready!(written)?;
            if empty {
                return self.poll_flush(cx);
            }
        }
    }

    /// Sends one message and waits until the socket has taken it.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn send(&mut self, outgoing: Outgoing) -> io::Result<()> {
        let mut once = Some(outgoing);
        poll_fn(|cx| self.poll_send(cx, &mut || once.take())).await
    }

    /// Bytes that the socket has not taken yet: whether a slow peer makes progress.
    #[must_use]
    pub fn unsent_bytes(&self) -> usize {
        self.unsent.len()
    }

    /// Queues a close frame, once; the reason is cut to 123 bytes. Then call [`WebSocket::finish`].
    pub fn close(&mut self, code: u16, reason: &str) {
        if self.state != State::Open {
            return;
        }
        let mut end = reason.len().min(REASON_BYTES);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        let mut payload = [0; 2 + REASON_BYTES];
        payload[..2].copy_from_slice(&code.to_be_bytes());
        payload[2..2 + end].copy_from_slice(&reason.as_bytes()[..end]);
        encode(OpCode::Control(Control::Close), &payload[..2 + end], &mut self.unsent);
        self.state = State::Closing;
    }

    /// Ends it well: sends what is unsent, waits for the peer's close frame if ours went first, and
    /// closes the socket; within `deadline`, whatever the peer does.
    pub async fn finish(mut self, deadline: Duration) {
        let close = async {
            poll_fn(|cx| self.poll_send(cx, &mut || None)).await?;
            while self.state == State::Closing {
                let _ = self.next().await;
            }
            poll_fn(|cx| Pin::new(&mut self.stream).poll_shutdown(cx)).await?;
            // Closing with unread bytes would reset the connection and lose the close frame.
            while poll_fn(|cx| self.poll_discard(cx)).await? > 0 {}
            io::Result::Ok(())
        };
        let _ = tokio::time::timeout(deadline, close).await;
    }

    fn end(&mut self, last: Result<Message, WsError>) -> Poll<Option<Result<Message, WsError>>> {
        self.state = State::Ended;
        self.rest = BytesMut::new();
        Poll::Ready(Some(last))
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Event>, WsError>> {
        loop {
            if !self.rest.is_empty() {
                let (used, event) = self.decoder.step(&mut self.rest)?;
                self.rest.advance(used);
                if self.rest.is_empty() {
                    self.rest = BytesMut::new();
                }
                if event.is_some() {
                    return Poll::Ready(Ok(event));
                }
            }
            let mut scratch = READ.take();
            scratch.resize(SCRATCH_BYTES, 0);
            let read = self.poll_read(cx, &mut scratch);
            let decoded = read.map(|read| match read {
                Ok(Some(total)) => self.decode(&mut scratch[..total]),
                Ok(None) => Ok(Decoded::EndOfStream),
                Err(fault) => Err(WsError::Io(fault)),
            });
            READ.set(scratch);
            match ready!(decoded)? {
                Decoded::Event(event) => return Poll::Ready(Ok(Some(event))),
                Decoded::More => {}
                Decoded::EndOfStream => return Poll::Ready(Ok(None)),
            }
        }
    }

    /// Reads behind what `rest` holds; answers how much of `scratch` is filled, `None` at the end.
    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &mut [u8],
    ) -> Poll<io::Result<Option<usize>>> {
        let kept = self.rest.len();
        assert!(kept <= LEFTOVER_BYTES, "what can be decoded is decoded before the next read");
        scratch[..kept].copy_from_slice(&self.rest);
        let mut space = ReadBuf::new(&mut scratch[kept..]);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut space))?;
        let read = space.filled().len();
        Poll::Ready(Ok((read > 0).then_some(kept + read)))
    }

    fn decode(&mut self, bytes: &mut [u8]) -> Result<Decoded, WsError> {
        let (used, event) = self.decoder.step(bytes)?;
        let left = &bytes[used..];
        self.rest = if left.is_empty() { BytesMut::new() } else { BytesMut::from(left) };
        Ok(event.map_or(Decoded::More, Decoded::Event))
    }

    fn poll_unsent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.unsent.is_empty() {
            return Poll::Ready(Ok(()));
        }
        while !self.unsent.is_empty() {
            let taken = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.unsent))?;
            if taken == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unsent.advance(taken);
        }
        self.unsent = BytesMut::new();
        self.poll_flush(cx)
    }

    fn poll_write_all(&mut self, cx: &mut Context<'_>, mut bytes: &[u8]) -> Poll<io::Result<()>> {
        while !bytes.is_empty() {
            match Pin::new(&mut self.stream).poll_write(cx, bytes) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(taken)) => bytes = &bytes[taken..],
                Poll::Ready(Err(fault)) => return Poll::Ready(Err(fault)),
                Poll::Pending => {
                    self.unsent = BytesMut::from(bytes);
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut space = [0; 1024];
        let mut space = ReadBuf::new(&mut space);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut space))?;
        Poll::Ready(Ok(space.filled().len()))
    }
}

enum Decoded {
    Event(Event),
    More,
    EndOfStream,
}

/// Appends an unmasked, unfragmented frame.
fn encode(opcode: OpCode, payload: &[u8], out: &mut impl BufMut) {
    let header = FrameHeader { opcode, ..FrameHeader::default() };
    let mut head = [0; 10];
    let mut space = &mut head[..];
    // Ten bytes hold every header without a mask.
    let formatted = header.format(payload.len() as u64, &mut space);
    assert!(formatted.is_ok(), "a header fits ten bytes");
    let left = space.len();
    out.put_slice(&head[..10 - left]);
    out.put_slice(payload);
}
