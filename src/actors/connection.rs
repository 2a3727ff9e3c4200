//! One WebSocket connection: feeds a `Session` with frames, durable answers and live entries, and
//! carries its effects out.
//! Invariant: this task alone owns the socket; while the socket would block, nothing is read from
//! it and nothing is taken from the outbox, whose limit then decides; the socket or that limit
//! wakes it then, not each entry.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use smallvec::SmallVec;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::Sleep;

use super::desk::{Desk, Surroundings};
use super::front::FrontInput;
use super::shards::Reply;
use super::task::spawn;
use crate::base::code::{self, Code};
use crate::base::limits::{CLOSE_MS, FRAME_BYTES, PING_INTERVAL_MS, STALLED_WRITE_MS, TURN_INPUTS};
use crate::base::peer::PeerInfo;
use crate::base::{AgentId, ConversationId, Feed, Language, Private, TeamId, Tick, origin};
use crate::desk::Refusal;
use crate::hub::{Outbox, SessionInput, Taken};
use crate::net::ws::{self, Message, NotAnUpgrade, Outgoing, WebSocket, WsError};
use crate::session::{Effect, Hello, Input, Peer, ServerFrame, Session, Terms};
use crate::wire::{self, Submission};

/// What HTTP knows of the client that asks for a WebSocket.
#[derive(Clone, Debug)]
pub struct Credentials {
    pub peer: PeerInfo,
    /// The client's own address, behind a trusted proxy too.
    pub address: IpAddr,
    /// The agent of the cookie.
    pub agent: Option<AgentId>,
    pub origin: Option<String>,
    pub host: String,
    pub device: String,
    pub language: Language,
}

struct Connection {
    socket: WebSocket,
    session: Session<Submission>,
    outbox: Arc<Outbox>,
    inputs: VecDeque<SessionInput>,
    sends: VecDeque<Bytes>,
    desk: Desk,
    from: Box<From>,
    /// Feeds that were registered for, to be left at the end.
    followed: SmallVec<[Feed; 2]>,
    timer: Pin<Box<Sleep>>,
    /// Since when the socket takes nothing, and how much waits.
    stalled: Option<(Tick, usize)>,
    reading: bool,
    closing: Option<(Code, u32)>,
    staffed: bool,
}

/// What stays the same for the life of a connection.
struct From {
    credentials: Credentials,
    surroundings: Surroundings,
}

impl Desk {
    /// Answers a WebSocket request with 101 and runs the connection beside it.
    ///
    /// # Errors
    /// What the request lacks.
    pub fn upgrade<B>(
        &self,
        request: &mut http::Request<B>,
        credentials: Credentials,
    ) -> Result<http::Response<()>, NotAnUpgrade> {
        let (response, upgrading) = ws::upgrade(request, Some("posthouse.v1"))?;
        let desk = self.clone();
        spawn(async move {
            if let Some(socket) = upgrading.ready(FRAME_BYTES).await {
                spawn(Connection::new(socket, desk, credentials).run());
            }
        });
        Ok(response)
    }
}

impl Connection {
    fn new(socket: WebSocket, desk: Desk, credentials: Credentials) -> Self {
        let surroundings = Surroundings {
            address: credentials.address,
            device: credentials.device.clone(),
            language: credentials.language,
        };
        let outbox = Arc::new(Outbox::default());
        desk.0.hub.join(&outbox);
        let started = desk.clock().tick();
        let terms = Terms { epoch: desk.epoch(), ping_interval_ms: PING_INTERVAL_MS, started };
        Self {
            socket,
            session: Session::new(terms),
            outbox,
            inputs: VecDeque::new(),
            sends: VecDeque::new(),
            from: Box::new(From { credentials, surroundings }),
            desk,
            followed: SmallVec::new(),
            timer: Box::pin(tokio::time::sleep(Duration::ZERO)),
            stalled: None,
            reading: true,
            closing: None,
            staffed: false,
        }
    }

    async fn run(mut self) {
        let (code, retry_after_ms) = poll_fn(|cx| self.poll(cx)).await;
        self.leave();
        if let Some(code) = code {
            self.desk.0.counters.refused(code);
            let reason = format!("{{\"code\":{},\"retry_after_ms\":{retry_after_ms}}}", code.0);
            self.socket.close(close_code(code), &reason);
        }
        // What is left of the connection is small and short: boxed, so that the long-lived part
        // does not carry it.
        Box::pin(self.socket.finish(Duration::from_millis(CLOSE_MS))).await;
    }

    /// Runs until the connection ends: with the code to close it with, if it is still there.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<(Option<Code>, u32)> {
        self.outbox.register(cx.waker());
        for _ in 0..TURN_INPUTS {
            let now = self.desk.clock().tick();
            let blocked = match self.flush(cx) {
                Poll::Ready(Ok(())) => false,
                Poll::Ready(Err(_)) => return Poll::Ready((None, 0)),
                Poll::Pending => true,
            };
            if blocked && self.is_stalled(now) {
                return Poll::Ready((Some(code::SLOW_READER), 0));
            }
            if !blocked {
                self.stalled = None;
                if let Some((code, retry_after_ms)) = self.closing {
                    return Poll::Ready((Some(code), retry_after_ms));
                }
            }
            let mut progress = match self.turn(now, blocked, cx) {
                Ok(progress) => progress,
                Err(end) => return Poll::Ready((end, 0)),
            };
            if now >= self.session.deadline() {
                self.step(now, Input::Time);
                progress = true;
            }
            if !progress && self.sleep(now, cx).is_pending() {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Takes what waits in the outbox, then one message of the socket. True when there was
    /// something.
    fn turn(
        &mut self,
        now: Tick,
        blocked: bool,
        cx: &mut Context<'_>,
    ) -> Result<bool, Option<Code>> {
        if blocked {
            return if self.outbox.pause() { Err(Some(code::SLOW_READER)) } else { Ok(false) };
        }
        let mut progress = match self.outbox.take(&mut self.inputs) {
            Taken::Overflow => return Err(Some(code::SLOW_READER)),
            Taken::Some => true,
            Taken::Nothing => false,
        };
        while let Some(input) = self.inputs.pop_front() {
            self.step(now, input);
        }
        if self.inputs.capacity() > 64 {
            self.inputs.shrink_to(4);
        }
        if self.reading && self.closing.is_none() {
            match self.socket.poll_next(cx) {
                Poll::Pending => {}
                Poll::Ready(Some(Ok(message))) => {
                    self.message(now, message)?;
                    progress = true;
                }
                Poll::Ready(Some(Err(WsError::Violation(_) | WsError::Io(_))) | None) => {
                    return Err(None);
                }
            }
        }
        Ok(progress || !self.sends.is_empty() || !self.inputs.is_empty())
    }

    fn message(&mut self, now: Tick, message: Message) -> Result<(), Option<Code>> {
        match message {
            Message::Binary(bytes) => {
                self.desk.0.counters.frames_in.one();
                let input = match wire::decode_client(&bytes) {
                    Ok(frame) => Input::Frame(frame),
                    Err(code) => Input::Bad(code),
                };
                self.step(now, input);
                Ok(())
            }
            Message::Text(_) => {
                self.step(now, Input::Bad(code::BAD_FRAME));
                Ok(())
            }
            Message::Alive => Ok(()),
            Message::Close(_) => Err(None),
        }
    }

    fn flush(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let Self { socket, sends, desk, .. } = self;
        let counters = &desk.0.counters;
        let flushed = socket.poll_send(cx, &mut || {
            let frame = sends.pop_front()?;
            counters.frames_out.one();
            Some(Outgoing::Binary(frame))
        });
        if sends.is_empty() && sends.capacity() > 64 {
            sends.shrink_to(4);
        }
        flushed
    }

    /// Whether the socket has taken nothing for too long.
    fn is_stalled(&mut self, now: Tick) -> bool {
        let waiting = self.socket.unsent_bytes() + self.sends.len();
        match self.stalled {
            Some((since, known)) if known == waiting => now.since(since) >= STALLED_WRITE_MS,
            Some(_) | None => {
                self.stalled = Some((now, waiting));
                false
            }
        }
    }

    /// Ready when the next deadline has come already.
    fn sleep(&mut self, now: Tick, cx: &mut Context<'_>) -> Poll<()> {
        let stalled = self.stalled.map(|(since, _)| since.after(STALLED_WRITE_MS));
        let due = self.session.deadline().min(stalled.unwrap_or(Tick::NEVER));
        let wait = Duration::from_millis(due.since(now).min(3_600_000));
        let at = tokio::time::Instant::now() + wait;
        // The timer is moved only when it would be late or much too early: a busy connection would
        // else rewrite it with every message.
        let set = self.timer.deadline();
        if set > at || set + Duration::from_secs(5) < at || self.timer.is_elapsed() {
            self.timer.as_mut().reset(at);
        }
        self.timer.as_mut().poll(cx)
    }

    fn step(&mut self, now: Tick, input: SessionInput) {
        let mut effects = Vec::new();
        self.session.step(now, input, &mut effects);
        for effect in effects {
            self.perform(effect);
        }
    }

    /// Carries an effect out. What is known at once becomes the next input, after all effects.
    fn perform(&mut self, effect: Effect<Submission>) {
        match effect {
            Effect::Send(frame) => self.send(&frame),
            Effect::SendBytes(frame) => self.sends.push_back(frame),
            Effect::Authenticate(hello) => {
                let result = self.authenticate(&hello);
                if let Ok(peer) = result {
                    self.arrive(peer);
                }
                self.inputs.push_back(Input::Authenticated(result));
            }
            Effect::Read { feed, after, register } => {
                self.register(feed, register);
                if let Some(peer) = self.session.peer() {
                    let (desk, outbox) = (self.desk.clone(), Arc::clone(&self.outbox));
                    spawn(async move { desk.read_for(peer, &outbox, feed, after, register).await });
                }
            }
            Effect::Snapshot { feed, too_long, register } => {
                self.register(feed, register);
                if let Some(peer) = self.session.peer() {
                    let (desk, outbox) = (self.desk.clone(), Arc::clone(&self.outbox));
                    let work = async move {
                        desk.snapshot_for(peer, &outbox, feed, too_long, register).await;
                    };
                    spawn(work);
                }
            }
            Effect::Unfollow { feed } => self.unfollow(feed),
            Effect::Submit { conversation, key, submit } => {
                let Some(peer) = self.session.peer() else { return };
                let reply = Reply::Session(Arc::clone(&self.outbox));
                let command = (conversation, key, submit);
                let sent = self.desk.send(peer, &self.from.surroundings, command, reply);
                if let Err(refusal) = sent {
                    self.inputs.push_back(Input::Refused { conversation, key, refusal });
                }
            }
            Effect::Mark { conversation, delivered, read } => {
                if let Some(peer) = self.session.peer() {
                    self.desk.mark(peer, conversation, delivered, read);
                }
            }
            Effect::Typing { conversation, preview, active } => {
                self.typing(conversation, &preview, active);
            }
            Effect::Status(status) => {
                if let Some(Peer::Agent(agent)) = self.session.peer() {
                    self.desk.status(agent, status);
                }
            }
            Effect::Reading(reading) => self.reading = reading,
            Effect::Close { code, retry_after_ms } => {
                self.closing = Some((code, retry_after_ms));
            }
        }
    }

    fn send(&mut self, frame: &ServerFrame) {
        if let ServerFrame::Refused { refusal, .. } = frame {
            self.desk.0.counters.refused(refusal.code);
        }
        let around = wire::Surroundings {
            epoch: self.desk.epoch(),
            now: self.desk.clock().wall(),
            ping_interval_ms: PING_INTERVAL_MS,
            endpoints: &self.desk.endpoints(),
            staffed: self.staffed,
            language: self.session.language(),
        };
        self.sends.push_back(wire::encode_server(frame, &around));
    }

    /// A visitor proves themselves by their token, on a page that the inbox allows; an agent was
    /// known by the cookie.
    fn authenticate(&mut self, hello: &Hello) -> Result<Peer, Code> {
        let Some(token) = &hello.visitor_token else {
            return self.from.credentials.agent.map(Peer::Agent).ok_or(code::BAD_TOKEN);
        };
        let site = self.desk.site();
        let inbox = site.inbox_by_key(&hello.inbox_key);
        let own: &[String] = inbox.map_or(&[], |inbox| &inbox.origins);
        let Credentials { origin: page, host, .. } = &self.from.credentials;
        if !origin::allowed(own, page.as_deref(), host) {
            return Err(code::ORIGIN);
        }
        if inbox.is_none() && !hello.inbox_key.is_empty() {
            return Err(code::NO_INBOX);
        }
        let team = inbox.map_or(TeamId(0), |inbox| inbox.team);
        self.staffed = self.desk.staffed(team);
        Ok(Peer::Visitor(Desk::visitor_of(token)))
    }

    fn arrive(&self, peer: Peer) {
        match peer {
            Peer::Visitor(_) => self.desk.0.counters.visitor_connections.up(),
            Peer::Agent(agent) => {
                self.desk.0.counters.agent_connections.up();
                self.desk.tell_front(FrontInput::Console { agent, connected: true });
            }
        }
    }

    fn leave(&mut self) {
        let now = self.desk.clock().tick();
        self.step(now, Input::Gone);
        self.outbox.close();
        while let Some(feed) = self.followed.pop() {
            self.drop_feed(feed);
        }
        self.desk.0.hub.leave(&self.outbox);
        match self.session.peer() {
            Some(Peer::Visitor(_)) => self.desk.0.counters.visitor_connections.down(),
            Some(Peer::Agent(agent)) => {
                self.desk.0.counters.agent_connections.down();
                self.desk.tell_front(FrontInput::Console { agent, connected: false });
            }
            None => {}
        }
    }

    fn register(&mut self, feed: Feed, register: bool) {
        if register && !self.followed.contains(&feed) {
            self.followed.push(feed);
        }
    }

    fn unfollow(&mut self, feed: Feed) {
        self.followed.retain(|followed| *followed != feed);
        self.drop_feed(feed);
    }

    fn drop_feed(&self, feed: Feed) {
        let hub = &self.desk.0.hub;
        hub.unfollow(feed, &self.outbox);
        if let Feed::Public(id) = feed
            && !hub.is_followed(feed)
        {
            hub.hint(Feed::Full(id), || wire::presence_visitor(id, false));
        }
    }

    /// Typing is told only by those who follow the conversation, whose right was checked then.
    fn typing(&self, conversation: ConversationId, preview: &Private, active: bool) {
        let Some(peer) = self.session.peer() else { return };
        let feed = match peer {
            Peer::Visitor(_) => Feed::Public(conversation),
            Peer::Agent(_) => Feed::Full(conversation),
        };
        if self.followed.contains(&feed) {
            self.desk.tell_typing(peer, conversation, preview, active);
        }
    }
}

/// 4000–4499 tell a client to come back, 4500–4999 not to; the last two digits are the code's own.
fn close_code(code: Code) -> u16 {
    let own = if (1100..1199).contains(&code.0) { code.0 - 1100 } else { 99 };
    match code {
        code::SLOW_READER | code::IDLE | code::GOING_AWAY | code::READ_ONLY | code::BUSY => {
            4000 + own
        }
        _ => 4500 + own,
    }
}

impl Desk {
    /// Reads a page for a session, registering it first when asked; what else a returning reader
    /// must know follows as hints.
    async fn read_for(
        &self,
        peer: Peer,
        outbox: &Arc<Outbox>,
        feed: Feed,
        after: crate::base::Index,
        register: bool,
    ) {
        if let Err(refusal) = self.register_for(peer, outbox, feed, register).await {
            outbox.push(Input::ReadRefused { feed, refusal });
            return;
        }
        match self.page(peer, feed, after).await {
            Ok(page) => {
                outbox.push(Input::Page { feed, entries: page.entries, head: page.head });
                if register {
                    self.push_hints(outbox, feed).await;
                }
            }
            Err(refusal) => outbox.push(Input::ReadRefused { feed, refusal }),
        }
    }

    async fn snapshot_for(
        &self,
        peer: Peer,
        outbox: &Arc<Outbox>,
        feed: Feed,
        too_long: bool,
        register: bool,
    ) {
        if let Err(refusal) = self.register_for(peer, outbox, feed, register).await {
            outbox.push(Input::ReadRefused { feed, refusal });
            return;
        }
        match self.snapshot(peer, feed, too_long).await {
            Ok((index, frame)) => outbox.push(Input::Snapshot { feed, index, frame }),
            Err(refusal) => outbox.push(Input::ReadRefused { feed, refusal }),
        }
        if let (true, Feed::Public(id)) = (register, feed) {
            self.tell_front(FrontInput::Watched(id));
        }
    }

    /// Follows before anything is read, so that nothing falls between the two.
    async fn register_for(
        &self,
        peer: Peer,
        outbox: &Arc<Outbox>,
        feed: Feed,
        register: bool,
    ) -> Result<(), Refusal> {
        if !register {
            return Ok(());
        }
        self.admit(peer, feed).await?;
        self.0.hub.follow(feed, outbox);
        if outbox.is_closed() {
            self.0.hub.unfollow(feed, outbox);
        }
        if let (Feed::Public(id), Peer::Visitor(_)) = (feed, peer) {
            self.0.hub.hint(Feed::Full(id), || wire::presence_visitor(id, true));
        }
        Ok(())
    }

    async fn push_hints(&self, outbox: &Arc<Outbox>, feed: Feed) {
        if feed == Feed::Roster {
            let staff = self.0.staff.borrow().clone();
            // All of them: a reader that resumes may remember somebody who has left since.
            for agent in self.site().agents.keys() {
                outbox.push(Input::Hint(wire::presence_agent(*agent, staff.status(*agent))));
            }
        }
        let (Feed::Public(id) | Feed::Full(id)) = feed else { return };
        // Marks are hints: a reader that fails here gets them with the next change.
        for mark in self.0.reads.run(move |reader| reader.marks(id)).await.unwrap_or_default() {
            outbox.push(Input::Hint(wire::mark_frame(&mark)));
        }
        if matches!(feed, Feed::Full(_)) {
            let online = self.0.hub.is_followed(Feed::Public(id));
            outbox.push(Input::Hint(wire::presence_visitor(id, online)));
        } else {
            self.tell_front(FrontInput::Watched(id));
        }
    }

    pub(super) fn tell_front(&self, input: FrontInput) {
        // In order, unless more waits than the front has room for.
        let Err(TrySendError::Full(input)) = self.0.front.try_send(input) else {
            return;
        };
        let front = self.0.front.clone();
        spawn(async move {
            // A front that is gone needs no news.
            let _ = front.send(input).await;
        });
    }

    /// Agents see what is typed, a visitor only that somebody types.
    pub(super) fn tell_typing(
        &self,
        peer: Peer,
        conversation: ConversationId,
        preview: &Private,
        active: bool,
    ) {
        let author = self.author(peer);
        let hub = &self.0.hub;
        hub.hint(Feed::Full(conversation), || {
            wire::typing_frame(conversation, &author, preview, active)
        });
        if let Peer::Agent(_) = peer {
            hub.hint(Feed::Public(conversation), || {
                wire::typing_frame(conversation, &author, "", active)
            });
        }
    }

    /// The same for a caller that is not connected, whose right is checked now.
    pub fn typing(&self, peer: Peer, conversation: ConversationId, preview: Private, active: bool) {
        let desk = self.clone();
        spawn(async move {
            let feed = match peer {
                Peer::Visitor(_) => Feed::Public(conversation),
                Peer::Agent(_) => Feed::Full(conversation),
            };
            if desk.admit(peer, feed).await.is_ok() {
                desk.tell_typing(peer, conversation, &preview, active);
            }
        });
    }
}
