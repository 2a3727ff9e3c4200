//! What the server sends: frames of the session, deliveries, snapshots, and hints that never touch
//! the disk. Entries go in as the bytes they were encoded to.

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message as _;

use super::proto;
use super::proto::server_frame::Frame as P;
use super::record::{Mark, proto_mark};
use super::row::{conversation_row, visitor_row};
use super::words::{feed_to_proto, proto_agent, proto_author, proto_inbox, proto_site, proto_team};
use crate::base::code::Code;
use crate::base::{AgentId, ConversationId, Epoch, Feed, Index, Language, Wall};
use crate::desk::{AgentRow, Author, Conversation, InboxRow, SiteRow, TeamRow};
use crate::session::{Peer, ServerFrame, Status};

/// What the frames of one connection share.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    pub epoch: Epoch,
    pub now: Wall,
    pub ping_interval_ms: u32,
    /// Base URLs for clients to try, best first.
    pub endpoints: &'a [String],
    /// Whether somebody could answer now.
    pub staffed: bool,
    /// Of the sentences in refusals.
    pub language: Language,
}

#[must_use]
pub fn encode_server(frame: &ServerFrame, around: &Surroundings<'_>) -> Bytes {
    encode(match frame {
        ServerFrame::Welcome { peer } => P::Welcome(welcome(*peer, around)),
        ServerFrame::CaughtUp { feed, index } => P::CaughtUp(proto::CaughtUp {
            feed: Some(feed_to_proto(*feed)),
            epoch: around.epoch.to_bytes().to_vec(),
            index: index.0,
        }),
        ServerFrame::Ack { conversation, key, index, at } => P::Ack(proto::Ack {
            conversation: conversation.to_bytes().to_vec(),
            key: key.to_bytes().to_vec(),
            index: index.0,
            at_ms: at.ms,
        }),
        ServerFrame::Refused { conversation, key, refusal } => P::Refused(proto::Refused {
            conversation: conversation.map_or_else(Vec::new, |id| id.to_bytes().to_vec()),
            key: key.map_or_else(Vec::new, |key| key.to_bytes().to_vec()),
            code: u32::from(refusal.code.0),
            name: refusal.code.name().to_owned(),
            retry_after_ms: refusal.retry_after_ms,
            sentence: sentence(refusal.code, around.language),
        }),
        ServerFrame::Pong(heads) => {
            let head = |(feed, index): &(Feed, Index)| proto::Cursor {
                feed: Some(feed_to_proto(*feed)),
                epoch: around.epoch.to_bytes().to_vec(),
                index: index.0,
            };
            P::Pong(proto::Pong { heads: heads.iter().map(head).collect() })
        }
        ServerFrame::GoingAway { retry_after_ms } => {
            P::GoingAway(proto::GoingAway { retry_after_ms: *retry_after_ms })
        }
    })
}

fn welcome(peer: Peer, around: &Surroundings<'_>) -> proto::Welcome {
    let (agent, visitor) = match peer {
        Peer::Agent(agent) => (agent.0, Vec::new()),
        Peer::Visitor(visitor) => (0, visitor.to_bytes().to_vec()),
    };
    proto::Welcome {
        epoch: around.epoch.to_bytes().to_vec(),
        server_ms: around.now.ms,
        ping_interval_ms: around.ping_interval_ms,
        endpoints: around.endpoints.to_vec(),
        agent,
        visitor,
        staffed: around.staffed,
    }
}

/// What happened, then what to do about it.
fn sentence(code: Code, language: Language) -> String {
    let Some(row) = code.row() else { return String::new() };
    let between = if language == Language::Zh { "" } else { " " };
    [row.what.get(language), row.remedy.get(language)].join(between)
}

fn encode(frame: P) -> Bytes {
    proto::ServerFrame { frame: Some(frame) }.encode_to_vec().into()
}

/// One entry of a feed as a whole frame. `public` is the entry's index in the public feed, for full
/// feeds.
#[must_use]
pub fn delivery(feed: Feed, index: Index, public: Option<Index>, entry: &Bytes) -> Bytes {
    encode(P::Delivery(proto_delivery(feed, &Paged { index, public, bytes: entry.clone() })))
}

/// An encoded entry with its place in the feed that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paged {
    pub index: Index,
    /// Of an entry of a full feed: its index in the public feed; `None` when the visitor does not
    /// see it.
    pub public: Option<Index>,
    pub bytes: Bytes,
}

fn proto_delivery(feed: Feed, entry: &Paged) -> proto::Delivery {
    proto::Delivery {
        feed: Some(feed_to_proto(feed)),
        index: entry.index.0,
        entry: entry.bytes.clone(),
        public_index: entry.public.map_or(0, |index| index.0),
    }
}

/// State of a feed at an index, for a reader without a usable place. Lists that the feed does not
/// have stay empty.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub feed: Feed,
    pub epoch: Epoch,
    pub index: Index,
    pub too_long: bool,
    pub conversations: Vec<Conversation>,
    pub agents: Vec<AgentRow>,
    pub teams: Vec<TeamRow>,
    pub inboxes: Vec<InboxRow>,
    pub site: Option<SiteRow>,
    pub marks: Vec<Mark>,
    pub presence: Vec<Presence>,
    pub entries: Vec<Paged>,
}

impl Snapshot {
    /// The snapshot of an empty feed, to be filled in.
    #[must_use]
    pub fn of(feed: Feed, index: Index) -> Self {
        Self {
            feed,
            epoch: Epoch::default(),
            index,
            too_long: false,
            conversations: Vec::new(),
            agents: Vec::new(),
            teams: Vec::new(),
            inboxes: Vec::new(),
            site: None,
            marks: Vec::new(),
            presence: Vec::new(),
            entries: Vec::new(),
        }
    }
}

#[must_use]
pub fn encode_snapshot(snapshot: &Snapshot) -> Bytes {
    let feed = snapshot.feed;
    let row = match feed {
        Feed::Public(_) => visitor_row,
        Feed::Full(_) | Feed::Inbox(_) | Feed::Team(_) | Feed::Roster | Feed::Site => {
            conversation_row
        }
    };
    encode(P::Snapshot(proto::Snapshot {
        feed: Some(feed_to_proto(feed)),
        epoch: snapshot.epoch.to_bytes().to_vec(),
        index: snapshot.index.0,
        too_long: snapshot.too_long,
        conversations: snapshot.conversations.iter().map(row).collect(),
        agents: snapshot.agents.iter().map(proto_agent).collect(),
        teams: snapshot.teams.iter().map(proto_team).collect(),
        inboxes: snapshot.inboxes.iter().map(proto_inbox).collect(),
        site: snapshot.site.as_ref().map(proto_site),
        marks: snapshot.marks.iter().map(proto_mark).collect(),
        presence: snapshot.presence.iter().map(proto_presence).collect(),
        entries: snapshot.entries.iter().map(|entry| proto_delivery(feed, entry)).collect(),
    }))
}

/// Who is there; never stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    Agent {
        agent: AgentId,
        status: Status,
    },
    Visitor {
        conversation: ConversationId,
        online: bool,
    },
    /// Whether somebody could answer the reader now.
    Staffed(bool),
}

fn proto_presence(presence: &Presence) -> proto::Presence {
    let empty = proto::Presence::default();
    match presence {
        Presence::Agent { agent, status } => {
            let status = match status {
                Status::Offline => proto::Status::Offline,
                Status::Away => proto::Status::Away,
                Status::Online => proto::Status::Online,
            };
            proto::Presence { agent: agent.0, status: status.into(), ..empty }
        }
        Presence::Visitor { conversation, online } => {
            let conversation = conversation.to_bytes().to_vec();
            proto::Presence { conversation, visitor_online: *online, ..empty }
        }
        Presence::Staffed(staffed) => proto::Presence { staffed: *staffed, ..empty },
    }
}

/// A hint for the roster: an agent's status.
#[must_use]
pub fn presence_agent(agent: AgentId, status: Status) -> Bytes {
    encode(P::Presence(proto_presence(&Presence::Agent { agent, status })))
}

/// A hint for agents: whether the visitor's page is open.
#[must_use]
pub fn presence_visitor(conversation: ConversationId, online: bool) -> Bytes {
    encode(P::Presence(proto_presence(&Presence::Visitor { conversation, online })))
}

/// A hint for visitors: whether somebody could answer now.
#[must_use]
pub fn staffed(staffed: bool) -> Bytes {
    encode(P::Presence(proto_presence(&Presence::Staffed(staffed))))
}

/// A hint; `preview` is empty unless agents read it.
#[must_use]
pub fn typing_frame(
    conversation: ConversationId,
    author: &Author,
    preview: &str,
    active: bool,
) -> Bytes {
    encode(P::Typing(proto::Typing {
        conversation: conversation.to_bytes().to_vec(),
        preview: preview.to_owned(),
        active,
        author: Some(proto_author(author)),
    }))
}

/// A hint; marks are in snapshots too.
#[must_use]
pub fn mark_frame(mark: &Mark) -> Bytes {
    encode(P::Mark(proto_mark(mark)))
}

/// A hint: 1 = next, 0 = not queued.
#[must_use]
pub fn queue_place(conversation: ConversationId, place: u32) -> Bytes {
    let conversation = conversation.to_bytes().to_vec();
    encode(P::QueuePlace(proto::QueuePlace { conversation, place }))
}

/// Encoded server frames as one `FrameList`, for HTTP.
#[must_use]
pub fn frame_list(frames: &[Bytes]) -> Bytes {
    let total = frames.iter().map(|frame| frame.len() + 6).sum();
    let mut out = BytesMut::with_capacity(total);
    for frame in frames {
        out.put_u8(0x12);
        prost::encoding::encode_varint(frame.len() as u64, &mut out);
        out.put_slice(frame);
    }
    out.freeze()
}
