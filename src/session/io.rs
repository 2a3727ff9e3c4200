//! What goes into a session and what comes out of it.

use bytes::Bytes;

use crate::base::code::Code;
use crate::base::{
    AgentId, ConversationId, Epoch, Feed, Index, MessageKey, Private, Tick, VisitorId, Wall,
};
use crate::desk::Refusal;

/// Who the peer turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    Visitor(VisitorId),
    Agent(AgentId),
}

/// A reader's place in a feed. `epoch: None` = the reader has nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub feed: Feed,
    pub epoch: Option<Epoch>,
    pub index: Index,
}

/// A frame from the peer, decoded. `S` is the submit as the shell wants it back, opaque here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientFrame<S> {
    Hello(Hello),
    Submit { conversation: ConversationId, key: MessageKey, submit: S },
    Follow(Vec<Cursor>),
    Unfollow(Vec<Feed>),
    Mark { conversation: ConversationId, delivered: Index, read: Index },
    Typing { conversation: ConversationId, preview: Private, active: bool },
    Ping(Vec<Cursor>),
    Status(Status),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    pub client: String,
    pub visitor_token: Option<[u8; 32]>,
    pub inbox_key: String,
    pub cursors: Vec<Cursor>,
    pub language: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    #[default]
    Offline,
    Away,
    Online,
}

/// Everything that can happen to a session.
#[derive(Clone, Debug)]
pub enum Input<S> {
    /// A frame arrived.
    Frame(ClientFrame<S>),
    /// A frame arrived that could not be decoded.
    Bad(Code),
    /// The shell looked the credentials of Hello up.
    Authenticated(Result<Peer, Code>),
    /// A live entry of a followed feed; `frame` is the encoded `ServerFrame::Delivery`.
    Entry { feed: Feed, index: Index, frame: Bytes },
    /// An answer to `Effect::Read`: a page in order, and the feed's head at the time of reading.
    /// Its frames are encoded `ServerFrame::Delivery`.
    Page { feed: Feed, entries: Vec<(Index, Bytes)>, head: Index },
    /// An answer to `Effect::Snapshot`: the encoded `ServerFrame::Snapshot` and the index it is at.
    Snapshot { feed: Feed, index: Index, frame: Bytes },
    /// A read failed (with a time to try again), or the feed is not the peer's, or not any more.
    ReadRefused { feed: Feed, refusal: Refusal },
    /// Nobody may read the feed any more. It answers no read: one that is under way has its own
    /// answer still to come.
    FeedClosed { feed: Feed, refusal: Refusal },
    /// The command is on disk.
    Durable { conversation: ConversationId, key: MessageKey, index: Index, at: Wall },
    /// The command was refused.
    Refused { conversation: ConversationId, key: MessageKey, refusal: Refusal },
    /// A lossy frame for the peer (typing, presence, marks, queue place), encoded.
    Hint(Bytes),
    /// The server is about to stop.
    GoingAway { retry_after_ms: u32 },
    /// This agent may see less than before: what they follow must be asked for again.
    Rights(AgentId),
    /// Time has passed; call when `deadline` is reached.
    Time,
    /// The socket is gone: what was coalesced is let out.
    Gone,
}

/// What the shell must do.
#[derive(Clone, Debug)]
pub enum Effect<S> {
    /// Send this frame; encode it first.
    Send(ServerFrame),
    /// Send these bytes, a `ServerFrame` encoded already.
    SendBytes(Bytes),
    /// Look the credentials up and answer with `Input::Authenticated`.
    Authenticate(Hello),
    /// Stop live entries and hints of the feed.
    Unfollow {
        feed: Feed,
    },
    /// Read a page after this index and answer with `Input::Page` when the outbox has room for it:
    /// that is the back-pressure of catching up. One read or snapshot of a session is under way at
    /// a time. `register`: first check the peer's right and register for the feed's live entries
    /// and hints, if that is not done yet.
    Read {
        feed: Feed,
        after: Index,
        register: bool,
    },
    /// Make a snapshot and answer with `Input::Snapshot`; else as `Read`.
    Snapshot {
        feed: Feed,
        too_long: bool,
        register: bool,
    },
    /// Hand the command to the conversation's shard.
    Submit {
        conversation: ConversationId,
        key: MessageKey,
        submit: S,
    },
    Mark {
        conversation: ConversationId,
        delivered: Index,
        read: Index,
    },
    Typing {
        conversation: ConversationId,
        preview: Private,
        active: bool,
    },
    Status(Status),
    /// Stop (or go on) reading the socket: too many submits are not answered yet.
    Reading(bool),
    /// Close with this code after what was sent; nothing follows.
    Close {
        code: Code,
        retry_after_ms: u32,
    },
}

/// Frames a session makes itself; the others reach it encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerFrame {
    Welcome { peer: Peer },
    CaughtUp { feed: Feed, index: Index },
    Ack { conversation: ConversationId, key: MessageKey, index: Index, at: Wall },
    Refused { conversation: Option<ConversationId>, key: Option<MessageKey>, refusal: Refusal },
    Pong(Vec<(Feed, Index)>),
    GoingAway { retry_after_ms: u32 },
}

/// What a session must be told at its start.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    pub epoch: Epoch,
    pub ping_interval_ms: u32,
    pub started: Tick,
}
