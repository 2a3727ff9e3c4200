//! A conversation's row: what lists show, and what the store keeps.

use prost::Message as _;

use super::proto;
use super::words::{
    BAD, agent_or_none, conversation_of, maybe, optional_key, profile_of, proto_profile,
    proto_reason, reason_of,
};
use crate::base::code::{self, Code};
use crate::base::{InboxId, Index, MessageKey, Position, TeamId, VisitorId, limits};
use crate::desk::{Conversation, State};

/// The row with everything; for the store and for agents.
#[must_use]
pub fn conversation_row(conversation: &Conversation) -> proto::ConversationRow {
    let c = conversation;
    let state = match c.state {
        State::Absent => proto::State::Unspecified,
        State::Queued => proto::State::Queued,
        State::Assigned => proto::State::Assigned,
        State::Resolved => proto::State::Resolved,
        State::Erased => proto::State::Erased,
    };
    proto::ConversationRow {
        id: c.id.to_bytes().to_vec(),
        inbox: c.inbox.0,
        team: c.team.0,
        visitor: maybe(c.visitor.0),
        profile: Some(proto_profile(&c.profile)),
        state: state.into(),
        agent: c.agent.map_or(0, |agent| agent.0),
        last_agent: c.last_agent.map_or(0, |agent| agent.0),
        opened_ms: c.opened_ms,
        last_ms: c.last_ms,
        preview: c.preview.0.clone(),
        awaits_agent: c.awaits_agent,
        public_index: c.public_index.0,
        full_index: c.full_index.0,
        max_key: maybe(c.max_key.0),
        position: c.position.0,
        rating: u32::from(c.rating),
        queued_ms: c.queued_ms,
        waiting_since_ms: c.waiting_since_ms,
        preview_index: c.preview_index.0,
        queue_reason: c.queue_reason.map_or(0, |reason| proto_reason(reason).into()),
    }
}

/// The row as its visitor may see it: nothing that tells of notes or of other senders' keys.
#[must_use]
pub fn visitor_row(conversation: &Conversation) -> proto::ConversationRow {
    let shown = Conversation {
        full_index: Index(0),
        preview_index: Index(0),
        max_key: MessageKey(0),
        position: Position(0),
        ..conversation.clone()
    };
    conversation_row(&shown)
}

/// # Errors
/// `BAD_FRAME`: an id of the wrong length or an unknown value.
pub fn conversation_from_row(row: proto::ConversationRow) -> Result<Conversation, Code> {
    let state = match proto::State::try_from(row.state).map_err(|_| BAD)? {
        proto::State::Unspecified => State::Absent,
        proto::State::Queued => State::Queued,
        proto::State::Assigned => State::Assigned,
        proto::State::Resolved => State::Resolved,
        proto::State::Erased => State::Erased,
    };
    let visitor = match row.visitor.is_empty() {
        true => VisitorId(0),
        false => VisitorId::from_bytes(&row.visitor).ok_or(BAD)?,
    };
    Ok(Conversation {
        id: conversation_of(&row.id)?,
        inbox: InboxId(row.inbox),
        team: TeamId(row.team),
        visitor,
        profile: profile_of(row.profile.unwrap_or_default()),
        state,
        agent: agent_or_none(row.agent),
        last_agent: agent_or_none(row.last_agent),
        opened_ms: row.opened_ms,
        last_ms: row.last_ms,
        preview: row.preview.into(),
        preview_index: Index(row.preview_index),
        awaits_agent: row.awaits_agent,
        public_index: Index(row.public_index),
        full_index: Index(row.full_index),
        max_key: optional_key(&row.max_key)?,
        position: Position(row.position),
        rating: u8::try_from(row.rating).map_err(|_| BAD)?,
        queued_ms: row.queued_ms,
        queue_reason: reason_of(row.queue_reason)?,
        waiting_since_ms: row.waiting_since_ms,
    })
}

#[must_use]
pub fn encode_conversation(conversation: &Conversation) -> Vec<u8> {
    conversation_row(conversation).encode_to_vec()
}

/// # Errors
/// `BAD_FRAME`: not a conversation's row.
pub fn decode_conversation(bytes: &[u8]) -> Result<Conversation, Code> {
    if bytes.len() > limits::RECORD_BYTES {
        return Err(code::FRAME_TOO_LONG);
    }
    conversation_from_row(proto::ConversationRow::decode(bytes).map_err(|_| BAD)?)
}
