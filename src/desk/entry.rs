//! What happened: the bodies of log entries, and who did it.

use crate::base::{
    AgentId, BlobId, ConversationId, InboxId, Index, MessageKey, Private, TeamId, VisitorId, Wall,
};

/// Who speaks or acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Who {
    Visitor(VisitorId),
    Agent(AgentId),
    /// The desk itself: routing and time-outs.
    System,
}

/// Who did it, with the name shown at that time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    pub who: Who,
    pub name: Private,
}

/// Something that happened; never changed afterwards except for a body's tombstone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// `None` for entries of the site.
    pub conversation: Option<ConversationId>,
    pub key: MessageKey,
    pub author: Author,
    pub at: Wall,
    pub body: Body,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    Opened {
        inbox: InboxId,
        team: TeamId,
        visitor: VisitorId,
        profile: Profile,
    },
    Message(Content),
    Note(Private),
    Queued {
        team: TeamId,
        reason: QueueReason,
    },
    Assigned {
        agent: AgentId,
        name: Private,
        avatar: String,
        team: TeamId,
    },
    Transferred {
        from: Option<AgentId>,
        to: Target,
    },
    Resolved,
    Reopened,
    Rated {
        score: u8,
        comment: Private,
    },
    Recalled {
        key: MessageKey,
        author: Author,
        public: Index,
        full: Index,
    },
    Profile(Profile),
    /// Stands in place of a body that is gone.
    Tombstone(Gone),
    /// Everything that was said is gone; nothing follows in the conversation. It names where the
    /// conversation stood and whose it was, because nothing before it can be read any more.
    Erased {
        inbox: InboxId,
        team: TeamId,
        visitor: VisitorId,
    },
    Agent(AgentRow),
    Team(TeamRow),
    Inbox(InboxRow),
    Site(SiteRow),
}

impl Body {
    /// Whether nothing of its conversation is left behind it.
    #[must_use]
    pub fn erases(&self) -> bool {
        matches!(self, Self::Erased { .. })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    Text(Private),
    Attachment(Attachment),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    pub blob: BlobId,
    pub name: Private,
    /// Found by the file's first bytes, never taken from the sender.
    pub media_type: String,
    pub size: u64,
    /// Pixels of an image; 0 otherwise.
    pub width: u32,
    pub height: u32,
}

impl Attachment {
    /// As a command names it: the rest is what the store knows of the file.
    #[must_use]
    pub fn named(blob: BlobId) -> Self {
        let name = Private::default();
        Self { blob, name, media_type: String::new(), size: 0, width: 0, height: 0 }
    }

    /// True when nobody looked the file up, or there is none.
    #[must_use]
    pub fn is_only_named(&self) -> bool {
        self.media_type.is_empty()
    }
}

/// What a visitor's page and browser said; every field may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    pub name: Private,
    pub contact: Private,
    pub page: Private,
    pub page_title: Private,
    pub referrer: Private,
    pub device: String,
    pub address: Private,
    pub language: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueReason {
    New,
    Timeout,
    Transfer,
    AgentGone,
    Reopened,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    Agent(AgentId),
    Team(TeamId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    Recalled,
    Deleted,
}

/// What somebody may do; the table is in `rights`. The last three are held only on a site whose
/// duties are separated, and the owner only on one whose duties are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Agent,
    Supervisor,
    Owner,
    SystemAdministrator,
    SecurityAdministrator,
    AuditAdministrator,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentRow {
    pub id: AgentId,
    pub login: String,
    pub name: Private,
    /// `None` = initials.
    pub picture: Option<Attachment>,
    pub role: Role,
    pub capacity: u32,
    pub teams: Vec<TeamId>,
    pub disabled: bool,
}

impl AgentRow {
    /// Path of the picture on this server, empty without one. Its id is made of its bytes, so what
    /// a path shows never changes.
    #[must_use]
    pub fn avatar(&self) -> String {
        self.picture.as_ref().map_or_else(String::new, |file| format!("/v1/avatars/{}", file.blob))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TeamRow {
    pub id: TeamId,
    pub name: String,
    pub disabled: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboxRow {
    pub id: InboxId,
    /// What stands in `data-inbox`; public.
    pub key: String,
    pub name: String,
    pub team: TeamId,
    pub origins: Vec<String>,
    pub greeting: String,
    pub offline_greeting: String,
    /// `#rrggbb`
    pub color: String,
    pub disabled: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SiteRow {
    pub name: String,
    /// BCP 47 tag.
    pub language: String,
    pub claimed: bool,
    pub answer_timeout_ms: u32,
    /// Three administrators share what an owner may do elsewhere.
    pub separate_duties: bool,
}
