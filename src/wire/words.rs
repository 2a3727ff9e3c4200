//! Entries and what they are made of: the schema's messages to the desk's words and back.
//! Everything that comes from outside is checked here: id lengths, enum values, presence.

use bytes::Bytes;
use prost::Message as _;

use super::proto;
use crate::base::code::{self, Code};
use crate::base::{
    AgentId, BlobId, ConversationId, Feed, InboxId, Index, MessageKey, TeamId, VisitorId, Wall,
    limits,
};
use crate::desk::{
    AgentRow, Attachment, Author, Body, Content, Entry, Gone, InboxRow, Profile, QueueReason, Role,
    SiteRow, Target, TeamRow, Who,
};

type Decoded<T> = Result<T, Code>;

pub(super) const BAD: Code = code::BAD_FRAME;

/// Encodes an entry: done once, when it is decided. Never decode and encode again to pass it on:
/// bytes of a newer version hold fields that this version would drop.
#[must_use]
pub fn encode_entry(entry: &Entry) -> Bytes {
    proto_entry(entry).encode_to_vec().into()
}

/// # Errors
/// `BAD_FRAME`: not an entry, or one of a version that this one does not know.
pub fn decode_entry(bytes: &[u8]) -> Decoded<Entry> {
    if bytes.len() > limits::RECORD_BYTES {
        return Err(code::FRAME_TOO_LONG);
    }
    entry_of(proto::Entry::decode(bytes).map_err(|_| BAD)?)
}

#[must_use]
pub fn feed_to_proto(feed: Feed) -> proto::Feed {
    let (kind, id, number) = match feed {
        Feed::Public(id) => (proto::FeedKind::Public, id.to_bytes().to_vec(), 0),
        Feed::Full(id) => (proto::FeedKind::Full, id.to_bytes().to_vec(), 0),
        Feed::Inbox(agent) => (proto::FeedKind::Inbox, Vec::new(), agent.0),
        Feed::Team(team) => (proto::FeedKind::Team, Vec::new(), team.0),
        Feed::Roster => (proto::FeedKind::Roster, Vec::new(), 0),
        Feed::Site => (proto::FeedKind::Site, Vec::new(), 0),
    };
    proto::Feed { kind: kind.into(), id, number }
}

/// # Errors
/// `BAD_FRAME`: an unknown kind, or an id of the wrong length.
pub fn feed_from_proto(feed: &proto::Feed) -> Decoded<Feed> {
    let conversation = || ConversationId::from_bytes(&feed.id).ok_or(BAD);
    let number = || if feed.number == 0 { Err(BAD) } else { Ok(feed.number) };
    match proto::FeedKind::try_from(feed.kind).map_err(|_| BAD)? {
        proto::FeedKind::Unspecified => Err(BAD),
        proto::FeedKind::Public => Ok(Feed::Public(conversation()?)),
        proto::FeedKind::Full => Ok(Feed::Full(conversation()?)),
        proto::FeedKind::Inbox => Ok(Feed::Inbox(AgentId(number()?))),
        proto::FeedKind::Team => Ok(Feed::Team(TeamId(number()?))),
        proto::FeedKind::Roster => Ok(Feed::Roster),
        proto::FeedKind::Site => Ok(Feed::Site),
    }
}

/// The sixteen bytes of an optional id; empty when it is zero.
pub(super) fn maybe(id: u128) -> Vec<u8> {
    if id == 0 { Vec::new() } else { id.to_be_bytes().to_vec() }
}

pub(super) fn key_of(bytes: &[u8]) -> Decoded<MessageKey> {
    MessageKey::from_bytes(bytes).ok_or(BAD)
}

pub(super) fn conversation_of(bytes: &[u8]) -> Decoded<ConversationId> {
    ConversationId::from_bytes(bytes).ok_or(BAD)
}

pub(super) fn optional_key(bytes: &[u8]) -> Decoded<MessageKey> {
    if bytes.is_empty() { Ok(MessageKey(0)) } else { key_of(bytes) }
}

pub(super) fn proto_author(author: &Author) -> proto::Author {
    proto::Author { who: Some(proto_who(author.who)), name: author.name.0.clone() }
}

pub(super) fn proto_who(who: Who) -> proto::author::Who {
    match who {
        Who::Visitor(id) => proto::author::Who::Visitor(id.to_bytes().to_vec()),
        Who::Agent(id) => proto::author::Who::Agent(id.0),
        Who::System => proto::author::Who::System(true),
    }
}

pub(super) fn who_of(author: &proto::Author) -> Decoded<Who> {
    match author.who.as_ref().ok_or(BAD)? {
        proto::author::Who::Visitor(id) => Ok(Who::Visitor(VisitorId::from_bytes(id).ok_or(BAD)?)),
        proto::author::Who::Agent(id) => Ok(Who::Agent(AgentId(*id))),
        proto::author::Who::System(_) => Ok(Who::System),
    }
}

pub(super) fn author_of(author: Option<proto::Author>) -> Decoded<Author> {
    let author = author.ok_or(BAD)?;
    Ok(Author { who: who_of(&author)?, name: author.name.into() })
}

pub(super) fn proto_entry(entry: &Entry) -> proto::Entry {
    proto::Entry {
        conversation: entry.conversation.map_or_else(Vec::new, |id| id.to_bytes().to_vec()),
        key: maybe(entry.key.0),
        author: Some(proto_author(&entry.author)),
        at_ms: entry.at.ms,
        clock_unset: !entry.at.trusted,
        body: Some(proto_body(&entry.body)),
    }
}

pub(super) fn entry_of(entry: proto::Entry) -> Decoded<Entry> {
    let conversation = match entry.conversation.is_empty() {
        true => None,
        false => Some(conversation_of(&entry.conversation)?),
    };
    Ok(Entry {
        conversation,
        key: optional_key(&entry.key)?,
        author: author_of(entry.author)?,
        at: Wall { ms: entry.at_ms, trusted: !entry.clock_unset },
        body: body_of(entry.body.ok_or(BAD)?)?,
    })
}

fn proto_body(body: &Body) -> proto::entry::Body {
    use proto::entry::Body as P;
    match body {
        Body::Opened { inbox, team, visitor, profile } => P::Opened(proto::Opened {
            inbox: inbox.0,
            team: team.0,
            visitor: visitor.to_bytes().to_vec(),
            profile: Some(proto_profile(profile)),
        }),
        Body::Message(content) => P::Message(proto_content(content)),
        Body::Note(text) => P::Note(proto::Note { text: text.0.clone() }),
        Body::Queued { team, reason } => {
            P::Queued(proto::Queued { team: team.0, reason: proto_reason(*reason).into() })
        }
        Body::Assigned { agent, name, avatar, team } => P::Assigned(proto::Assigned {
            agent: agent.0,
            name: name.0.clone(),
            avatar: avatar.clone(),
            team: team.0,
        }),
        Body::Transferred { from, to } => {
            let (to_agent, to_team) = match to {
                Target::Agent(agent) => (agent.0, 0),
                Target::Team(team) => (0, team.0),
            };
            let from_agent = from.map_or(0, |agent| agent.0);
            P::Transferred(proto::Transferred { from_agent, to_agent, to_team })
        }
        Body::Resolved => P::Resolved(proto::Resolved {}),
        Body::Reopened => P::Reopened(proto::Reopened {}),
        Body::Rated { score, comment } => {
            P::Rated(proto::Rated { score: u32::from(*score), comment: comment.0.clone() })
        }
        Body::Recalled { key, author, public, full } => P::Recalled(proto::Recalled {
            target_key: key.to_bytes().to_vec(),
            target_author: Some(proto_author(author)),
            public_index: public.0,
            full_index: full.0,
        }),
        Body::Profile(profile) => P::Profile(proto_profile(profile)),
        Body::Tombstone(gone) => {
            let reason = match gone {
                Gone::Recalled => proto::TombstoneReason::Recalled,
                Gone::Deleted => proto::TombstoneReason::Deleted,
            };
            P::Tombstone(proto::Tombstone { reason: reason.into() })
        }
        Body::Erased { inbox, team, visitor } => {
            P::Erased(proto::Erased { inbox: inbox.0, team: team.0, visitor: maybe(visitor.0) })
        }
        Body::Agent(row) => P::Agent(proto_agent(row)),
        Body::Team(row) => P::Team(proto_team(row)),
        Body::Inbox(row) => P::Inbox(proto_inbox(row)),
        Body::Site(row) => P::Site(proto_site(row)),
    }
}

fn body_of(body: proto::entry::Body) -> Decoded<Body> {
    use proto::entry::Body as P;
    Ok(match body {
        P::Opened(b) => Body::Opened {
            inbox: InboxId(b.inbox),
            team: TeamId(b.team),
            visitor: VisitorId::from_bytes(&b.visitor).ok_or(BAD)?,
            profile: profile_of(b.profile.unwrap_or_default()),
        },
        P::Message(message) => Body::Message(content_of(message)?),
        P::Note(note) => Body::Note(note.text.into()),
        P::Queued(b) => {
            Body::Queued { team: TeamId(b.team), reason: reason_of(b.reason)?.ok_or(BAD)? }
        }
        P::Assigned(b) => Body::Assigned {
            agent: AgentId(b.agent),
            name: b.name.into(),
            avatar: b.avatar,
            team: TeamId(b.team),
        },
        P::Transferred(b) => Body::Transferred {
            from: agent_or_none(b.from_agent),
            to: match (b.to_agent, b.to_team) {
                (agent, 0) if agent != 0 => Target::Agent(AgentId(agent)),
                (0, team) if team != 0 => Target::Team(TeamId(team)),
                _ => return Err(BAD),
            },
        },
        P::Resolved(_) => Body::Resolved,
        P::Reopened(_) => Body::Reopened,
        P::Rated(b) => Body::Rated {
            score: u8::try_from(b.score).map_err(|_| BAD)?,
            comment: b.comment.into(),
        },
        P::Recalled(b) => Body::Recalled {
            key: key_of(&b.target_key)?,
            author: author_of(b.target_author)?,
            public: Index(b.public_index),
            full: Index(b.full_index),
        },
        P::Profile(profile) => Body::Profile(profile_of(profile)),
        P::Tombstone(b) => Body::Tombstone(match proto::TombstoneReason::try_from(b.reason) {
            Ok(proto::TombstoneReason::Recalled) => Gone::Recalled,
            Ok(proto::TombstoneReason::Deleted) => Gone::Deleted,
            Ok(proto::TombstoneReason::Unspecified) | Err(_) => return Err(BAD),
        }),
        P::Erased(b) => Body::Erased {
            inbox: InboxId(b.inbox),
            team: TeamId(b.team),
            // Nobody knows whose a conversation was whose key was damaged.
            visitor: VisitorId::from_bytes(&b.visitor).unwrap_or(VisitorId(0)),
        },
        P::Agent(row) => Body::Agent(agent_of(row)?),
        P::Team(row) => Body::Team(team_of(row)),
        P::Inbox(row) => Body::Inbox(inbox_of(row)),
        P::Site(row) => Body::Site(site_of(row)),
    })
}

pub(super) fn agent_or_none(number: u32) -> Option<AgentId> {
    (number != 0).then_some(AgentId(number))
}

pub(super) fn proto_content(content: &Content) -> proto::Message {
    use proto::message::Content as P;
    let content = match content {
        Content::Text(text) => P::Text(text.0.clone()),
        Content::Attachment(file) => P::Attachment(proto_attachment(file)),
    };
    proto::Message { content: Some(content) }
}

fn content_of(message: proto::Message) -> Decoded<Content> {
    use proto::message::Content as P;
    match message.content.ok_or(BAD)? {
        P::Text(text) => Ok(Content::Text(text.into())),
        P::Attachment(file) => Ok(Content::Attachment(attachment_of(file)?)),
    }
}

pub(super) fn proto_attachment(file: &Attachment) -> proto::Attachment {
    proto::Attachment {
        blob: file.blob.to_bytes().to_vec(),
        name: file.name.0.clone(),
        media_type: file.media_type.clone(),
        size: file.size,
        width: file.width,
        height: file.height,
    }
}

pub(super) fn attachment_of(file: proto::Attachment) -> Decoded<Attachment> {
    Ok(Attachment {
        blob: BlobId::from_bytes(&file.blob).ok_or(BAD)?,
        name: file.name.into(),
        media_type: file.media_type,
        size: file.size,
        width: file.width,
        height: file.height,
    })
}

pub(super) fn proto_profile(profile: &Profile) -> proto::Profile {
    proto::Profile {
        name: profile.name.0.clone(),
        contact: profile.contact.0.clone(),
        page: profile.page.0.clone(),
        page_title: profile.page_title.0.clone(),
        referrer: profile.referrer.0.clone(),
        device: profile.device.clone(),
        address: profile.address.0.clone(),
        language: profile.language.clone(),
    }
}

pub(super) fn profile_of(profile: proto::Profile) -> Profile {
    Profile {
        name: profile.name.into(),
        contact: profile.contact.into(),
        page: profile.page.into(),
        page_title: profile.page_title.into(),
        referrer: profile.referrer.into(),
        device: profile.device,
        address: profile.address.into(),
        language: profile.language,
    }
}

pub(super) fn proto_reason(reason: QueueReason) -> proto::QueueReason {
    match reason {
        QueueReason::New => proto::QueueReason::New,
        QueueReason::Timeout => proto::QueueReason::Timeout,
        QueueReason::Transfer => proto::QueueReason::Transfer,
        QueueReason::AgentGone => proto::QueueReason::AgentGone,
        QueueReason::Reopened => proto::QueueReason::Reopened,
    }
}

pub(super) fn reason_of(reason: i32) -> Decoded<Option<QueueReason>> {
    Ok(match proto::QueueReason::try_from(reason).map_err(|_| BAD)? {
        proto::QueueReason::Unspecified => None,
        proto::QueueReason::New => Some(QueueReason::New),
        proto::QueueReason::Timeout => Some(QueueReason::Timeout),
        proto::QueueReason::Transfer => Some(QueueReason::Transfer),
        proto::QueueReason::AgentGone => Some(QueueReason::AgentGone),
        proto::QueueReason::Reopened => Some(QueueReason::Reopened),
    })
}

pub(super) fn proto_agent(row: &AgentRow) -> proto::AgentRow {
    let role = match row.role {
        Role::Agent => proto::Role::Agent,
        Role::Supervisor => proto::Role::Supervisor,
        Role::Owner => proto::Role::Owner,
        Role::SystemAdministrator => proto::Role::SystemAdministrator,
        Role::SecurityAdministrator => proto::Role::SecurityAdministrator,
        Role::AuditAdministrator => proto::Role::AuditAdministrator,
    };
    proto::AgentRow {
        id: row.id.0,
        login: row.login.clone(),
        name: row.name.0.clone(),
        avatar: row.avatar(),
        role: role.into(),
        capacity: row.capacity,
        teams: row.teams.iter().map(|team| team.0).collect(),
        disabled: row.disabled,
        picture: row.picture.as_ref().map(proto_attachment),
    }
}

fn agent_of(row: proto::AgentRow) -> Decoded<AgentRow> {
    let role = match proto::Role::try_from(row.role) {
        Ok(proto::Role::Agent) => Role::Agent,
        Ok(proto::Role::Supervisor) => Role::Supervisor,
        Ok(proto::Role::Owner) => Role::Owner,
        Ok(proto::Role::SystemAdministrator) => Role::SystemAdministrator,
        Ok(proto::Role::SecurityAdministrator) => Role::SecurityAdministrator,
        Ok(proto::Role::AuditAdministrator) => Role::AuditAdministrator,
        Ok(proto::Role::Unspecified) | Err(_) => return Err(BAD),
    };
    Ok(AgentRow {
        id: AgentId(row.id),
        login: row.login,
        name: row.name.into(),
        picture: row.picture.map(attachment_of).transpose()?,
        role,
        capacity: row.capacity,
        teams: row.teams.into_iter().map(TeamId).collect(),
        disabled: row.disabled,
    })
}

pub(super) fn proto_team(row: &TeamRow) -> proto::TeamRow {
    proto::TeamRow { id: row.id.0, name: row.name.clone(), disabled: row.disabled }
}

fn team_of(row: proto::TeamRow) -> TeamRow {
    TeamRow { id: TeamId(row.id), name: row.name, disabled: row.disabled }
}

pub(super) fn proto_inbox(row: &InboxRow) -> proto::InboxRow {
    proto::InboxRow {
        id: row.id.0,
        key: row.key.clone(),
        name: row.name.clone(),
        team: row.team.0,
        origins: row.origins.clone(),
        greeting: row.greeting.clone(),
        offline_greeting: row.offline_greeting.clone(),
        color: row.color.clone(),
        disabled: row.disabled,
    }
}

fn inbox_of(row: proto::InboxRow) -> InboxRow {
    InboxRow {
        id: InboxId(row.id),
        key: row.key,
        name: row.name,
        team: TeamId(row.team),
        origins: row.origins,
        greeting: row.greeting,
        offline_greeting: row.offline_greeting,
        color: row.color,
        disabled: row.disabled,
    }
}

pub(super) fn proto_site(row: &SiteRow) -> proto::SiteRow {
    proto::SiteRow {
        name: row.name.clone(),
        language: row.language.clone(),
        claimed: row.claimed,
        answer_timeout_ms: row.answer_timeout_ms,
        separate_duties: row.separate_duties,
    }
}

fn site_of(row: proto::SiteRow) -> SiteRow {
    SiteRow {
        name: row.name,
        language: row.language,
        claimed: row.claimed,
        answer_timeout_ms: row.answer_timeout_ms,
        separate_duties: row.separate_duties,
    }
}
