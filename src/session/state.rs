//! The session: inputs in, effects out. It knows who speaks, what is in flight, and when to give
//! up; `Following` knows the feeds and `Marks` the marks.

use super::follow::{Following, TooManyFeeds};
use super::io::{ClientFrame, Cursor, Effect, Hello, Input, Peer, ServerFrame, Terms};
use super::marks::Marks;
use crate::base::code::{self, Code};
use crate::base::limits::{DRAIN_MS, HELLO_MS, IDLE_TENTHS, SUBMITS_IN_FLIGHT, TYPING_INTERVAL_MS};
use crate::base::{ConversationId, Feed, Language, MessageKey, Tick};
use crate::desk::Refusal;

/// One connection's protocol. `S` is a submit as the shell wants it back.
#[derive(Debug)]
pub struct Session<S> {
    terms: Terms,
    stage: Stage<S>,
    language: Language,
    /// When the peer was heard last.
    heard: Tick,
    typed: Tick,
    in_flight: usize,
    /// The shell was told to stop reading the socket.
    paused: bool,
    following: Following,
    marks: Marks,
}

#[derive(Debug)]
enum Stage<S> {
    AwaitsHello,
    /// The shell looks the credentials up; what the peer sent behind its Hello waits.
    Authenticating {
        cursors: Vec<Cursor>,
        held: Vec<ClientFrame<S>>,
    },
    Open(Peer),
    /// Going away: closed when every submit is answered, or at this time.
    Draining {
        peer: Peer,
        until: Tick,
        retry_after_ms: u32,
    },
    Closed,
}

impl<S> Session<S> {
    #[must_use]
    pub fn new(terms: Terms) -> Self {
        Self {
            heard: terms.started,
            typed: Tick(0),
            terms,
            stage: Stage::AwaitsHello,
            language: Language::default(),
            in_flight: 0,
            paused: false,
            following: Following::default(),
            marks: Marks::default(),
        }
    }

    /// Takes one input and adds what follows from it to `effects`. After `Effect::Close` inputs are
    /// let go.
    pub fn step(&mut self, now: Tick, input: Input<S>, effects: &mut Vec<Effect<S>>) {
        if matches!(self.stage, Stage::Closed) {
            return;
        }
        match input {
            Input::Frame(frame) => {
                self.heard = now;
                self.frame(now, frame, effects);
            }
            Input::Bad(code) => self.fail(now, code, effects),
            Input::Authenticated(result) => self.authenticated(now, result, effects),
            Input::Entry { feed, index, frame } => {
                self.following.entry(feed, index, frame, effects);
            }
            Input::Page { feed, entries, head } => {
                self.following.page(feed, entries, head, effects);
            }
            Input::Snapshot { feed, index, frame } => {
                self.following.snapshot(feed, index, frame, effects);
            }
            Input::ReadRefused { feed, refusal } => self.read_refused(now, feed, refusal, effects),
            Input::FeedClosed { feed, refusal } => {
                if self.following.unfollow(feed) {
                    effects.push(Effect::Unfollow { feed });
                    refuse(conversation_of(feed), None, refusal, effects);
                }
            }
            Input::Durable { conversation, key, index, at } => {
                effects.push(Effect::Send(ServerFrame::Ack { conversation, key, index, at }));
                self.answered(now, effects);
            }
            Input::Refused { conversation, key, refusal } => {
                refuse(Some(conversation), Some(key), refusal, effects);
                self.answered(now, effects);
            }
            Input::Hint(frame) => {
                if self.peer().is_some() {
                    effects.push(Effect::SendBytes(frame));
                }
            }
            Input::GoingAway { retry_after_ms } => self.go_away(now, retry_after_ms, effects),
            Input::Rights(agent) => {
                if self.peer() == Some(Peer::Agent(agent)) {
                    self.close(now, code::GOING_AWAY, 0, effects);
                }
            }
            Input::Time => self.time(now, effects),
            Input::Gone => {
                self.marks.tell_all(now, effects);
                self.stage = Stage::Closed;
            }
        }
        if self.peer().is_some() {
            self.following.read(now, effects);
        }
    }

    /// When `Input::Time` is wanted next.
    #[must_use]
    pub fn deadline(&self) -> Tick {
        let own = match &self.stage {
            Stage::AwaitsHello | Stage::Authenticating { .. } => self.terms.started.after(HELLO_MS),
            Stage::Open(_) => self.idle_at(),
            Stage::Draining { until, .. } => *until,
            Stage::Closed => return Tick::NEVER,
        };
        own.min(self.marks.deadline()).min(self.following.deadline())
    }

    /// Of the sentences in refusals, as Hello said.
    #[must_use]
    pub fn language(&self) -> Language {
        self.language
    }

    /// Who speaks, once that is known.
    #[must_use]
    pub fn peer(&self) -> Option<Peer> {
        match &self.stage {
            Stage::Open(peer) | Stage::Draining { peer, .. } => Some(*peer),
            Stage::AwaitsHello | Stage::Authenticating { .. } | Stage::Closed => None,
        }
    }

    fn frame(&mut self, now: Tick, frame: ClientFrame<S>, effects: &mut Vec<Effect<S>>) {
        match (&mut self.stage, frame) {
            (Stage::AwaitsHello, ClientFrame::Hello(hello)) => self.hello(hello, effects),
            (Stage::AwaitsHello, _) => self.fail(now, code::HELLO_FIRST, effects),
            (Stage::Authenticating { held, .. }, frame) => {
                if held.len() < SUBMITS_IN_FLIGHT {
                    held.push(frame);
                } else {
                    self.fail(now, code::BUSY, effects);
                }
            }
            (Stage::Open(peer) | Stage::Draining { peer, .. }, frame) => {
                let peer = *peer;
                self.peers_frame(now, peer, frame, effects);
            }
            (Stage::Closed, _) => {}
        }
    }

    fn hello(&mut self, mut hello: Hello, effects: &mut Vec<Effect<S>>) {
        self.language = Language::from_tag(&hello.language);
        let cursors = std::mem::take(&mut hello.cursors);
        self.stage = Stage::Authenticating { cursors, held: Vec::new() };
        effects.push(Effect::Authenticate(hello));
        self.pace(effects);
    }

    fn authenticated(
        &mut self,
        now: Tick,
        result: Result<Peer, Code>,
        effects: &mut Vec<Effect<S>>,
    ) {
        let Stage::Authenticating { cursors, held } = &mut self.stage else { return };
        let (cursors, held) = (std::mem::take(cursors), std::mem::take(held));
        let peer = match result {
            Ok(peer) => peer,
            Err(code) => return self.fail(now, code, effects),
        };
        self.stage = Stage::Open(peer);
        effects.push(Effect::Send(ServerFrame::Welcome { peer }));
        self.follow(peer, cursors, effects);
        for frame in held {
            self.frame(now, frame, effects);
        }
        self.pace(effects);
    }

    fn peers_frame(
        &mut self,
        now: Tick,
        peer: Peer,
        frame: ClientFrame<S>,
        effects: &mut Vec<Effect<S>>,
    ) {
        match frame {
            ClientFrame::Hello(_) => self.fail(now, code::BAD_FRAME, effects),
            ClientFrame::Submit { conversation, key, submit } => {
                self.submit(conversation, key, submit, effects);
            }
            ClientFrame::Follow(cursors) => self.follow(peer, cursors, effects),
            ClientFrame::Unfollow(feeds) => {
                for feed in feeds {
                    if self.following.unfollow(feed) {
                        effects.push(Effect::Unfollow { feed });
                    }
                }
            }
            ClientFrame::Mark { conversation, delivered, read } => {
                self.marks.mark(now, conversation, delivered, read, effects);
            }
            ClientFrame::Typing { conversation, preview, active } => {
                if !active || now.since(self.typed) >= TYPING_INTERVAL_MS {
                    self.typed = now;
                    effects.push(Effect::Typing { conversation, preview, active });
                }
            }
            ClientFrame::Ping(cursors) => {
                effects.push(Effect::Send(ServerFrame::Pong(self.following.heads(&cursors))));
            }
            ClientFrame::Status(status) => match peer {
                Peer::Agent(_) => effects.push(Effect::Status(status)),
                Peer::Visitor(_) => refuse(None, None, Refusal::new(code::DENIED), effects),
            },
        }
    }

    fn submit(
        &mut self,
        conversation: ConversationId,
        key: MessageKey,
        submit: S,
        effects: &mut Vec<Effect<S>>,
    ) {
        let refusal = if let Stage::Draining { retry_after_ms, .. } = self.stage {
            Some(Refusal { code: code::GOING_AWAY, retry_after_ms })
        } else if self.in_flight >= SUBMITS_IN_FLIGHT {
            Some(Refusal::busy(1_000))
        } else {
            None
        };
        if let Some(refusal) = refusal {
            return refuse(Some(conversation), Some(key), refusal, effects);
        }
        self.in_flight += 1;
        effects.push(Effect::Submit { conversation, key, submit });
        self.pace(effects);
    }

    fn answered(&mut self, now: Tick, effects: &mut Vec<Effect<S>>) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if self.paused {
            self.heard = now;
        }
        self.pace(effects);
        self.close_when_drained(now, effects);
    }

    fn follow(&mut self, peer: Peer, cursors: Vec<Cursor>, effects: &mut Vec<Effect<S>>) {
        for cursor in cursors {
            let visible = match (peer, cursor.feed) {
                (Peer::Agent(_), _) | (Peer::Visitor(_), Feed::Public(_)) => true,
                (Peer::Visitor(_), _) => false,
            };
            let refused = if visible {
                let followed = self.following.follow(self.terms.epoch, cursor);
                followed.err().map(|TooManyFeeds| code::TOO_MANY_FEEDS)
            } else {
                Some(code::DENIED)
            };
            if let Some(code) = refused {
                refuse(conversation_of(cursor.feed), None, Refusal::new(code), effects);
            }
        }
    }

    fn read_refused(
        &mut self,
        now: Tick,
        feed: Feed,
        refusal: Refusal,
        effects: &mut Vec<Effect<S>>,
    ) {
        if refusal.retry_after_ms != 0 {
            self.following.postpone(feed, now.after(refusal.retry_after_ms.into()));
        } else if self.following.refused(feed) {
            effects.push(Effect::Unfollow { feed });
            refuse(conversation_of(feed), None, refusal, effects);
        }
    }

    /// Tells the shell to stop or go on reading the socket, when that changed.
    fn pace(&mut self, effects: &mut Vec<Effect<S>>) {
        let authenticating = matches!(self.stage, Stage::Authenticating { .. });
        let paused = authenticating || self.in_flight >= SUBMITS_IN_FLIGHT;
        if paused != self.paused {
            self.paused = paused;
            effects.push(Effect::Reading(!paused));
        }
    }

    fn go_away(&mut self, now: Tick, retry_after_ms: u32, effects: &mut Vec<Effect<S>>) {
        match self.stage {
            Stage::Open(peer) => {
                effects.push(Effect::Send(ServerFrame::GoingAway { retry_after_ms }));
                let until = now.after(DRAIN_MS);
                self.stage = Stage::Draining { peer, until, retry_after_ms };
                self.close_when_drained(now, effects);
            }
            Stage::AwaitsHello | Stage::Authenticating { .. } => {
                effects.push(Effect::Send(ServerFrame::GoingAway { retry_after_ms }));
                self.close(now, code::GOING_AWAY, retry_after_ms, effects);
            }
            Stage::Draining { .. } | Stage::Closed => {}
        }
    }

    fn close_when_drained(&mut self, now: Tick, effects: &mut Vec<Effect<S>>) {
        if let Stage::Draining { until, retry_after_ms, .. } = self.stage
            && (self.in_flight == 0 || now >= until)
        {
            self.close(now, code::GOING_AWAY, retry_after_ms, effects);
        }
    }

    fn time(&mut self, now: Tick, effects: &mut Vec<Effect<S>>) {
        self.marks.tell_due(now, effects);
        match &self.stage {
            Stage::AwaitsHello | Stage::Authenticating { .. } => {
                if now >= self.terms.started.after(HELLO_MS) {
                    self.close(now, code::IDLE, 0, effects);
                }
            }
            // A peer whose socket is not read cannot be heard.
            Stage::Open(_) if self.paused => self.heard = now,
            Stage::Open(_) => {
                if now >= self.idle_at() {
                    self.close(now, code::IDLE, 0, effects);
                }
            }
            Stage::Draining { .. } => self.close_when_drained(now, effects),
            Stage::Closed => {}
        }
    }

    fn idle_at(&self) -> Tick {
        self.heard.after(u64::from(self.terms.ping_interval_ms) * IDLE_TENTHS / 10)
    }

    /// Refuses the connection itself and closes it.
    fn fail(&mut self, now: Tick, code: Code, effects: &mut Vec<Effect<S>>) {
        refuse(None, None, Refusal::new(code), effects);
        self.close(now, code, 0, effects);
    }

    fn close(&mut self, now: Tick, code: Code, retry_after_ms: u32, effects: &mut Vec<Effect<S>>) {
        self.marks.tell_all(now, effects);
        effects.push(Effect::Close { code, retry_after_ms });
        self.stage = Stage::Closed;
    }
}

fn refuse<S>(
    conversation: Option<ConversationId>,
    key: Option<MessageKey>,
    refusal: Refusal,
    effects: &mut Vec<Effect<S>>,
) {
    effects.push(Effect::Send(ServerFrame::Refused { conversation, key, refusal }));
}

fn conversation_of(feed: Feed) -> Option<ConversationId> {
    match feed {
        Feed::Public(id) | Feed::Full(id) => Some(id),
        Feed::Inbox(_) | Feed::Team(_) | Feed::Roster | Feed::Site => None,
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
