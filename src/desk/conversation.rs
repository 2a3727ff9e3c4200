//! A conversation as the entries of its log made it. `apply` is total: the same entries make the
//! same conversation on every machine, so a row plus the entries after it equals a fresh row.

use super::command::Placed;
use super::entry::{Body, Content, Entry, Profile, QueueReason, Target, Who};
use crate::base::{
    AgentId, ConversationId, InboxId, Index, MessageKey, Position, Private, TeamId, VisitorId,
    limits,
};

/// Where a conversation stands in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Never opened: nothing of it is in the log.
    #[default]
    Absent,
    Queued,
    Assigned,
    Resolved,
    /// Nothing but its places in the log is left.
    Erased,
}

/// One conversation; the fields are those of `ConversationRow` in the schema.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conversation {
    pub id: ConversationId,
    pub inbox: InboxId,
    pub team: TeamId,
    pub visitor: VisitorId,
    pub profile: Profile,
    pub state: State,
    /// Owner.
    pub agent: Option<AgentId>,
    /// The owner before the last one left.
    pub last_agent: Option<AgentId>,
    pub opened_ms: u64,
    /// Time of the last message.
    pub last_ms: u64,
    /// Start of the last message.
    pub preview: Private,
    /// Index in the full feed of the message the preview was taken from.
    pub preview_index: Index,
    /// The last message is the visitor's.
    pub awaits_agent: bool,
    pub public_index: Index,
    pub full_index: Index,
    /// Highest key accepted; a higher one is new without a look-up.
    pub max_key: MessageKey,
    /// Last entry applied.
    pub position: Position,
    /// 1 to 5; 0 = not rated.
    pub rating: u8,
    pub queued_ms: u64,
    pub queue_reason: Option<QueueReason>,
    /// When the owner was given it unanswered, or the first unanswered message came; 0 = answered.
    pub waiting_since_ms: u64,
}

impl Conversation {
    /// A conversation that was never opened.
    #[must_use]
    pub fn absent(id: ConversationId) -> Self {
        Self { id, ..Self::default() }
    }

    #[must_use]
    pub fn exists(&self) -> bool {
        self.state != State::Absent
    }

    /// True when a command with this key may have been accepted before: ask the store.
    #[must_use]
    pub fn may_know(&self, key: MessageKey) -> bool {
        key <= self.max_key
    }

    /// Takes in the next entry of the log.
    pub fn apply(&mut self, placed: &Placed<'_>) {
        let entry = placed.entry;
        assert_eq!(entry.conversation, Some(self.id), "an entry of another conversation");
        assert!(placed.position > self.position, "the log is applied in order, once");
        self.position = placed.position;
        advance(&mut self.full_index, placed.full);
        advance(&mut self.public_index, placed.public);
        self.max_key = self.max_key.max(entry.key);
        self.take(entry, placed.public.is_some());
    }

    fn take(&mut self, entry: &Entry, is_public: bool) {
        let at_ms = entry.at.ms;
        match &entry.body {
            Body::Opened { inbox, team, visitor, profile } => {
                self.state = State::Queued;
                (self.inbox, self.team, self.visitor) = (*inbox, *team, *visitor);
                self.profile = profile.clone();
                (self.opened_ms, self.last_ms, self.queued_ms) = (at_ms, at_ms, at_ms);
                self.queue_reason = Some(QueueReason::New);
            }
            Body::Message(content) => {
                self.message(entry.author.who, preview(content), at_ms);
            }
            // A message whose body is gone was said all the same; a note was not said to the
            // visitor.
            Body::Tombstone(_) if is_public => {
                self.message(entry.author.who, Private::default(), at_ms);
            }
            Body::Queued { team, reason } => {
                self.release();
                self.state = State::Queued;
                self.team = *team;
                self.queued_ms = at_ms;
                self.queue_reason = Some(*reason);
            }
            Body::Assigned { agent, team, .. } => {
                self.release();
                self.state = State::Assigned;
                self.agent = Some(*agent);
                self.team = *team;
                if self.awaits_agent {
                    self.waiting_since_ms = at_ms;
                }
            }
            Body::Transferred { to, .. } => {
                if let Target::Team(team) = to {
                    self.team = *team;
                }
            }
            Body::Resolved => {
                self.release();
                self.state = State::Resolved;
                self.awaits_agent = false;
                self.waiting_since_ms = 0;
            }
            Body::Reopened => {
                self.state = State::Queued;
                self.queued_ms = at_ms;
                self.queue_reason = Some(QueueReason::Reopened);
            }
            Body::Rated { score, .. } => self.rating = *score,
            Body::Recalled { full, .. } => {
                if *full == self.preview_index {
                    self.preview = Private::default();
                }
            }
            Body::Profile(profile) => self.profile = profile.clone(),
            Body::Erased { inbox, team, visitor } => {
                self.erase((*inbox, *team, *visitor), at_ms);
            }
            Body::Note(_) | Body::Tombstone(_) => {}
            Body::Agent(_) | Body::Team(_) | Body::Inbox(_) | Body::Site(_) => {}
        }
    }

    /// What came before may be unreadable already, so nothing of it may be seen in the result.
    fn erase(&mut self, (inbox, team, visitor): (InboxId, TeamId, VisitorId), at_ms: u64) {
        *self = Self {
            id: self.id,
            inbox,
            team,
            visitor,
            state: State::Erased,
            last_ms: at_ms,
            public_index: self.public_index,
            full_index: self.full_index,
            max_key: self.max_key,
            position: self.position,
            ..Self::default()
        };
    }

    fn message(&mut self, who: Who, preview: Private, at_ms: u64) {
        self.last_ms = at_ms;
        self.preview = preview;
        self.preview_index = self.full_index;
        match who {
            Who::Visitor(_) => {
                if self.waiting_since_ms == 0 {
                    self.waiting_since_ms = at_ms;
                }
                self.awaits_agent = true;
            }
            Who::Agent(_) => {
                self.awaits_agent = false;
                self.waiting_since_ms = 0;
            }
            Who::System => {}
        }
    }

    fn release(&mut self) {
        if let Some(agent) = self.agent.take() {
            self.last_agent = Some(agent);
        }
    }
}

/// Moves a feed's head; the log has no hole, so the next index is the head's successor.
fn advance(head: &mut Index, next: Option<Index>) {
    if let Some(next) = next {
        assert_eq!(next, head.next(), "a feed has no hole");
        *head = next;
    }
}

fn preview(content: &Content) -> Private {
    let (text, max) = match content {
        Content::Text(text) => (text, limits::ROW_PREVIEW_BYTES),
        Content::Attachment(file) => (&file.name, limits::ROW_PREVIEW_BYTES),
    };
    Private(text[..text.floor_char_boundary(max)].to_owned())
}
