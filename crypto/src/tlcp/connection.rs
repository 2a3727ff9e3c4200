//! A TLCP connection without sockets and clocks: bytes in, bytes out. It ends for good at the
//! first thing that is wrong, after putting the alert that says so among the bytes out.

use std::ops::Range;
use std::sync::Arc;

use rustls_pki_types::ServerName;

use super::alert::{Alert, Fault, Level};
use super::config::{ClientConfig, ServerConfig};
use super::hello::SessionId;
use super::messages::{Joiner, Kind};
use super::record::{self, Content};
use super::session::{Agreed, Session};
use super::wire::{Told, Wire};
use super::{client, server};

/// One side of a connection.
///
/// Received bytes go to [`Connection::space`] and [`Connection::received`], or by copy to
/// [`Connection::feed`]; [`Connection::pending`] are to be sent. Content is read and written with
/// [`Connection::read`] and [`Connection::write`].
pub struct Connection {
    wire: Wire,
    phase: Phase,
    agreed: Option<Box<Agreed>>,
    /// The peer will send no more.
    over: bool,
    /// We said that we will send no more.
    closed: bool,
}

/// Where a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The handshake goes on.
    Shaking,
    /// The client's hello is there, and waits for [`Connection::proceed`].
    Held,
    /// Content may be read and written.
    Open,
    /// The peer closed; what it sent before may still be read.
    Over,
}

enum Phase {
    Server(Box<Shaking<server::Handshake>>),
    Client(Box<Shaking<client::Handshake>>),
    Open(Side),
    Failed(Fault),
}

/// A handshake and the message that is being joined.
struct Shaking<H> {
    handshake: H,
    joiner: Joiner,
    hold: bool,
}

/// What stays of the handshake.
enum Side {
    /// With the session that is forgotten when the connection ends badly.
    Server(Arc<ServerConfig>, SessionId),
    Client,
}

impl Connection {
    /// A server's side of a connection that begins at `now_s`, in seconds of Unix time.
    #[must_use]
    pub fn server(config: Arc<ServerConfig>, now_s: u64) -> Self {
        Self::serve(config, now_s, false)
    }

    /// A server's side of a connection that begins with a hello of TLS, `hello`, as it came. Its
    /// client listed suites of TLCP and goes on in TLCP when it is answered so. No standard says
    /// this; it is done by servers for some browsers. It is held, as by [`Connection::hold`].
    #[must_use]
    pub fn switched(config: Arc<ServerConfig>, now_s: u64, hello: &[u8]) -> Self {
        let mut connection = Self::serve(config, now_s, true);
        connection.hold();
        let mut records = hello.to_vec();
        record::rename_tls(&mut records);
        if connection.feed(&records).is_ok_and(|taken| taken < records.len()) {
            connection.fail(Fault::unexpected("more than a hello before its answer"));
        }
        connection
    }

    fn serve(config: Arc<ServerConfig>, now_s: u64, switched: bool) -> Self {
        let wire = Wire::new(config.random);
        let handshake = server::Handshake::new(config, now_s, switched);
        let shaking = Shaking { handshake, joiner: Joiner::default(), hold: false };
        Self::new(wire, Phase::Server(Box::new(shaking)))
    }

    /// A client's side, which speaks first. `resume` is what an earlier connection to the same
    /// server agreed on.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn client(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        resume: Option<Arc<Session>>,
        now_s: u64,
    ) -> Result<Self, Fault> {
        let mut wire = Wire::new(config.random);
        let handshake = client::Handshake::new(config, name, resume, now_s, &mut wire)?;
        let shaking = Shaking { handshake, joiner: Joiner::default(), hold: false };
        Ok(Self::new(wire, Phase::Client(Box::new(shaking))))
    }

    fn new(wire: Wire, phase: Phase) -> Self {
        Self { wire, phase, agreed: None, over: false, closed: false }
    }

    /// Stop once the client's hello is there, before anything is computed: the caller may want to
    /// wait for its turn.
    pub fn hold(&mut self) {
        if let Phase::Server(shaking) = &mut self.phase {
            shaking.hold = true;
        }
    }

    /// Go on after [`State::Held`].
    ///
    /// # Errors
    /// The hello, or what followed it, is refused.
    pub fn proceed(&mut self) -> Result<(), Fault> {
        if let Phase::Server(shaking) = &mut self.phase {
            shaking.hold = false;
        }
        self.guarded(|connection| {
            connection.messages()?;
            connection.process()
        })
    }

    #[must_use]
    pub fn state(&self) -> State {
        match &self.phase {
            _ if self.over => State::Over,
            Phase::Server(shaking) if shaking.is_held() => State::Held,
            Phase::Server(_) | Phase::Client(_) => State::Shaking,
            Phase::Open(_) => State::Open,
            Phase::Failed(_) => State::Over,
        }
    }

    /// What was agreed on, once the handshake is over.
    #[must_use]
    pub fn agreed(&self) -> Option<&Agreed> {
        self.agreed.as_deref()
    }

    /// Room for received bytes; empty while content that fills it waits to be read.
    pub fn space(&mut self) -> &mut [u8] {
        self.wire.inbound.space()
    }

    /// `length` bytes were received into [`Connection::space`].
    ///
    /// # Errors
    /// They are wrong, and the connection has ended.
    pub fn received(&mut self, length: usize) -> Result<(), Fault> {
        self.wire.inbound.received(length);
        self.guarded(Self::process)
    }

    /// Takes received bytes; answers how many, which is not all only while content waits to be
    /// read or the connection is over.
    ///
    /// # Errors
    /// They are wrong, and the connection has ended.
    pub fn feed(&mut self, wire: &[u8]) -> Result<usize, Fault> {
        let mut taken = 0;
        while taken < wire.len() && !self.over {
            let space = self.space();
            let length = space.len().min(wire.len() - taken);
            if length == 0 {
                break;
            }
            space[..length].copy_from_slice(&wire[taken..taken + length]);
            taken += length;
            self.received(length)?;
        }
        Ok(taken)
    }

    /// Content that the peer sent; nothing when there is none yet.
    ///
    /// # Errors
    /// What followed the content that was read before is wrong, and the connection has ended.
    pub fn read(&mut self, out: &mut [u8]) -> Result<usize, Fault> {
        let mut length = 0;
        while length < out.len() {
            let plain = match self.peek() {
                Ok(plain) => plain,
                Err(fault) if length == 0 => return Err(fault),
                // What is right goes first; the fault comes with the next call.
                Err(_) => break,
            };
            if plain.is_empty() {
                break;
            }
            let now = plain.len().min(out.len() - length);
            out[length..length + now].copy_from_slice(&plain[..now]);
            self.consume(now);
            length += now;
        }
        Ok(length)
    }

    /// Content of one record, where it was opened; nothing when there is none yet.
    ///
    /// # Errors
    /// As [`Connection::read`].
    pub fn peek(&mut self) -> Result<&[u8], Fault> {
        if self.wire.inbound.plain().is_empty() {
            self.guarded(Self::process)?;
        }
        Ok(self.wire.inbound.plain())
    }

    /// `length` bytes of [`Connection::peek`] were used.
    pub fn consume(&mut self, length: usize) {
        self.wire.inbound.consume(length);
    }

    /// Content to send; answers how many bytes were taken, none while the handshake goes on or
    /// too much waits to be sent.
    ///
    /// # Errors
    /// The connection has ended.
    pub fn write(&mut self, plain: &[u8]) -> Result<usize, Fault> {
        self.write_parts(&[plain])
    }

    /// As [`Connection::write`], with what lies in several places.
    ///
    /// # Errors
    /// The connection has ended.
    pub fn write_parts(&mut self, parts: &[&[u8]]) -> Result<usize, Fault> {
        match self.phase {
            Phase::Server(_) | Phase::Client(_) => Ok(0),
            Phase::Failed(fault) => Err(fault),
            Phase::Open(_) if self.closed => Ok(0),
            Phase::Open(_) => self.guarded_with(|connection| connection.wire.write(parts)),
        }
    }

    /// Whether [`Connection::close`] was called.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Tells the peer that no more will come.
    ///
    /// # Errors
    /// The connection has ended already.
    pub fn close(&mut self) -> Result<(), Fault> {
        if std::mem::replace(&mut self.closed, true) {
            return Ok(());
        }
        self.guarded(|connection| connection.wire.alert(Level::Warning, Alert::CloseNotify))
    }

    /// Bytes to send to the peer.
    #[must_use]
    pub fn pending(&self) -> &[u8] {
        self.wire.pending()
    }

    /// `length` bytes of [`Connection::pending`] were sent.
    pub fn sent(&mut self, length: usize) {
        self.wire.sent(length);
    }

    /// Moves the bytes to send to `wire`.
    pub fn drain(&mut self, wire: &mut Vec<u8>) {
        let pending = self.wire.pending();
        let length = pending.len();
        wire.extend_from_slice(pending);
        self.wire.sent(length);
    }

    /// Gives back the memory that is not needed while the peer is silent.
    pub fn rest(&mut self) {
        self.wire.inbound.rest();
    }

    /// Bytes of buffers on the heap.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.wire.held()
    }

    fn guarded(&mut self, step: impl FnOnce(&mut Self) -> Result<(), Fault>) -> Result<(), Fault> {
        self.guarded_with(step)
    }

    /// Runs a step; its fault is the connection's end.
    fn guarded_with<T>(
        &mut self,
        step: impl FnOnce(&mut Self) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        if let Phase::Failed(fault) = self.phase {
            return Err(fault);
        }
        let done = step(self);
        if let Err(fault) = done {
            self.fail(fault);
        }
        done
    }

    fn fail(&mut self, fault: Fault) {
        if let Some(alert) = fault.alert() {
            // That too may fail, and then the peer is told nothing.
            let _ = self.wire.alert(Level::Fatal, alert);
        }
        // A session of a connection that ended badly is not taken up again (6.4.3).
        if let Phase::Open(Side::Server(config, session)) = &self.phase
            && let Some(sessions) = &config.sessions
        {
            sessions.forget(session);
        }
        self.phase = Phase::Failed(fault);
        self.over = true;
    }

    /// Opens records until there is content to read, or no whole record.
    fn process(&mut self) -> Result<(), Fault> {
        while !self.over && self.state() != State::Held && self.wire.inbound.plain().is_empty() {
            let Some((content, range)) = self.wire.next()? else { return Ok(()) };
            match content {
                Content::Handshake => self.join(range)?,
                Content::ChangeCipherSpec => self.change(range)?,
                Content::Alert => self.told(range)?,
                Content::Data if matches!(self.phase, Phase::Open(_)) => {
                    self.wire.inbound.keep(range);
                }
                Content::Data => return Err(Fault::unexpected("content before the handshake")),
            }
        }
        Ok(())
    }

    fn join(&mut self, range: Range<usize>) -> Result<(), Fault> {
        let fragment = self.wire.inbound.bytes(range);
        let Some(&first) = fragment.first() else {
            return Err(Fault::unexpected("a handshake record with nothing in it"));
        };
        match &mut self.phase {
            Phase::Server(shaking) => shaking.joiner.push(fragment),
            Phase::Client(shaking) => shaking.joiner.push(fragment),
            Phase::Open(side) => {
                let again = match side {
                    Side::Server(..) => Kind::ClientHello,
                    Side::Client => Kind::HelloRequest,
                };
                return Err(if first == again as u8 {
                    Fault::new(Alert::NoRenegotiation, "a handshake to begin anew")
                } else {
                    Fault::unexpected("a handshake message after the handshake")
                });
            }
            Phase::Failed(_) => {}
        }
        self.messages()
    }

    /// Takes all messages that are there whole.
    fn messages(&mut self) -> Result<(), Fault> {
        let wire = &mut self.wire;
        let (agreed, side) = match &mut self.phase {
            Phase::Server(shaking) => {
                let agreed = shaking.take(|handshake, message| handshake.take(message, wire))?;
                let id = agreed.as_ref().and_then(|agreed| agreed.session.as_ref());
                let id = id.map(|session| session.id).unwrap_or_default();
                (agreed, Side::Server(shaking.handshake.config(), id))
            }
            Phase::Client(shaking) => {
                let agreed = shaking.take(|handshake, message| handshake.take(message, wire))?;
                (agreed, Side::Client)
            }
            Phase::Open(_) | Phase::Failed(_) => return Ok(()),
        };
        if let Some(mut agreed) = agreed {
            if let Side::Server(..) = side {
                agreed.session = None;
            }
            self.agreed = Some(Box::new(agreed));
            self.phase = Phase::Open(side);
        }
        Ok(())
    }

    fn change(&mut self, range: Range<usize>) -> Result<(), Fault> {
        if self.wire.inbound.bytes(range) != [1] {
            return Err(Fault::illegal("a change of keys that cannot be read"));
        }
        let split = Fault::unexpected("a change of keys in the middle of a message");
        match &mut self.phase {
            Phase::Server(shaking) if shaking.joiner.is_empty() => {
                shaking.handshake.change(&mut self.wire)
            }
            Phase::Client(shaking) if shaking.joiner.is_empty() => {
                shaking.handshake.change(&mut self.wire)
            }
            Phase::Server(_) | Phase::Client(_) => Err(split),
            Phase::Open(_) | Phase::Failed(_) => {
                Err(Fault::unexpected("a change of keys after the handshake"))
            }
        }
    }

    fn told(&mut self, range: Range<usize>) -> Result<(), Fault> {
        match self.wire.told(range)? {
            Told::Nothing => Ok(()),
            Told::Closed if matches!(self.phase, Phase::Open(_)) => {
                self.over = true;
                Ok(())
            }
            Told::Closed => Err(Fault::Told(Alert::CloseNotify.code())),
        }
    }

    #[cfg(test)]
    pub(super) fn wire(&mut self) -> &mut Wire {
        &mut self.wire
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Connection {{ {:?}, {:?} }}", self.state(), self.agreed)
    }
}

impl Shaking<server::Handshake> {
    fn is_held(&self) -> bool {
        self.hold && matches!(self.joiner.front(), Ok(Some(_)))
    }
}

impl<H> Shaking<H> {
    fn take(
        &mut self,
        mut take: impl FnMut(&mut H, super::messages::Message<'_>) -> Result<Option<Agreed>, Fault>,
    ) -> Result<Option<Agreed>, Fault> {
        while let Some(message) = self.joiner.front()? {
            if self.hold {
                return Ok(None);
            }
            let length = message.whole.len();
            let agreed = take(&mut self.handshake, message)?;
            self.joiner.consume(length);
            if agreed.is_some() {
                let more = Fault::unexpected("more after the end of the handshake");
                return if self.joiner.is_empty() { Ok(agreed) } else { Err(more) };
            }
        }
        Ok(None)
    }
}
