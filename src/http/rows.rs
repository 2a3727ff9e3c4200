//! The desk's rows as JSON: names and values of the schema, ids of conversations as 32 hexadecimal
//! digits, enums as lower-case words.

use serde::{Deserialize, Serialize};

use crate::desk::{
    AgentRow, Attachment, Conversation, InboxRow, Profile, QueueReason, Role, SiteRow, State,
    TeamRow,
};

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoleWord {
    Agent,
    Supervisor,
    Owner,
    SystemAdministrator,
    SecurityAdministrator,
    AuditAdministrator,
}

impl From<RoleWord> for Role {
    fn from(word: RoleWord) -> Self {
        match word {
            RoleWord::Agent => Self::Agent,
            RoleWord::Supervisor => Self::Supervisor,
            RoleWord::Owner => Self::Owner,
            RoleWord::SystemAdministrator => Self::SystemAdministrator,
            RoleWord::SecurityAdministrator => Self::SecurityAdministrator,
            RoleWord::AuditAdministrator => Self::AuditAdministrator,
        }
    }
}

#[derive(Debug, Serialize)]
pub struct Agent<'a> {
    id: u32,
    login: &'a str,
    name: &'a str,
    avatar: String,
    role: &'static str,
    capacity: u32,
    teams: Vec<u32>,
    disabled: bool,
}

impl<'a> From<&'a AgentRow> for Agent<'a> {
    fn from(row: &'a AgentRow) -> Self {
        Self {
            id: row.id.0,
            login: &row.login,
            name: &row.name,
            avatar: row.avatar(),
            role: row.role.word(),
            capacity: row.capacity,
            teams: row.teams.iter().map(|team| team.0).collect(),
            disabled: row.disabled,
        }
    }
}

#[derive(Debug, Serialize)]
pub struct Team<'a> {
    id: u32,
    name: &'a str,
    disabled: bool,
}

impl<'a> From<&'a TeamRow> for Team<'a> {
    fn from(row: &'a TeamRow) -> Self {
        Self { id: row.id.0, name: &row.name, disabled: row.disabled }
    }
}

#[derive(Debug, Serialize)]
pub struct Inbox<'a> {
    id: u32,
    key: &'a str,
    name: &'a str,
    team: u32,
    origins: &'a [String],
    greeting: &'a str,
    offline_greeting: &'a str,
    color: &'a str,
    disabled: bool,
}

impl<'a> From<&'a InboxRow> for Inbox<'a> {
    fn from(row: &'a InboxRow) -> Self {
        Self {
            id: row.id.0,
            key: &row.key,
            name: &row.name,
            team: row.team.0,
            origins: &row.origins,
            greeting: &row.greeting,
            offline_greeting: &row.offline_greeting,
            color: &row.color,
            disabled: row.disabled,
        }
    }
}

#[derive(Debug, Serialize)]
pub struct Site<'a> {
    name: &'a str,
    language: &'a str,
    claimed: bool,
    answer_timeout_ms: u32,
    separate_duties: bool,
}

impl<'a> From<&'a SiteRow> for Site<'a> {
    fn from(row: &'a SiteRow) -> Self {
        Self {
            name: &row.name,
            language: &row.language,
            claimed: row.claimed,
            answer_timeout_ms: row.answer_timeout_ms,
            separate_duties: row.separate_duties,
        }
    }
}

#[derive(Debug, Serialize)]
struct ProfileWords<'a> {
    name: &'a str,
    contact: &'a str,
    page: &'a str,
    page_title: &'a str,
    referrer: &'a str,
    device: &'a str,
    address: &'a str,
    language: &'a str,
}

impl<'a> From<&'a Profile> for ProfileWords<'a> {
    fn from(profile: &'a Profile) -> Self {
        Self {
            name: &profile.name,
            contact: &profile.contact,
            page: &profile.page,
            page_title: &profile.page_title,
            referrer: &profile.referrer,
            device: &profile.device,
            address: &profile.address,
            language: &profile.language,
        }
    }
}

#[derive(Debug, Serialize)]
pub struct ConversationWords<'a> {
    id: String,
    inbox: u32,
    team: u32,
    visitor: String,
    profile: ProfileWords<'a>,
    state: &'static str,
    agent: u32,
    last_agent: u32,
    opened_ms: u64,
    last_ms: u64,
    preview: &'a str,
    preview_index: u64,
    awaits_agent: bool,
    public_index: u64,
    full_index: u64,
    position: u64,
    rating: u8,
    queued_ms: u64,
    queue_reason: &'static str,
    waiting_since_ms: u64,
}

impl<'a> From<&'a Conversation> for ConversationWords<'a> {
    fn from(row: &'a Conversation) -> Self {
        Self {
            id: row.id.to_string(),
            inbox: row.inbox.0,
            team: row.team.0,
            visitor: row.visitor.to_string(),
            profile: (&row.profile).into(),
            state: state(row.state),
            agent: row.agent.unwrap_or_default().0,
            last_agent: row.last_agent.unwrap_or_default().0,
            opened_ms: row.opened_ms,
            last_ms: row.last_ms,
            preview: &row.preview,
            preview_index: row.preview_index.0,
            awaits_agent: row.awaits_agent,
            public_index: row.public_index.0,
            full_index: row.full_index.0,
            position: row.position.0,
            rating: row.rating,
            queued_ms: row.queued_ms,
            queue_reason: row.queue_reason.map_or("", reason),
            waiting_since_ms: row.waiting_since_ms,
        }
    }
}

fn state(state: State) -> &'static str {
    match state {
        State::Absent => "",
        State::Queued => "queued",
        State::Assigned => "assigned",
        State::Resolved => "resolved",
        State::Erased => "erased",
    }
}

fn reason(reason: QueueReason) -> &'static str {
    match reason {
        QueueReason::New => "new",
        QueueReason::Timeout => "timeout",
        QueueReason::Transfer => "transfer",
        QueueReason::AgentGone => "agent_gone",
        QueueReason::Reopened => "reopened",
    }
}

#[derive(Debug, Serialize)]
pub struct AttachmentWords<'a> {
    blob: String,
    name: &'a str,
    media_type: &'a str,
    size: u64,
    width: u32,
    height: u32,
}

impl<'a> From<&'a Attachment> for AttachmentWords<'a> {
    fn from(row: &'a Attachment) -> Self {
        Self {
            blob: row.blob.to_string(),
            name: &row.name,
            media_type: &row.media_type,
            size: row.size,
            width: row.width,
            height: row.height,
        }
    }
}
