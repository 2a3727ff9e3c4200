//! What goes into the store and what comes out of it.

use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::base::{AgentId, ConversationId, Feed, Index, MessageKey, Position, TeamId, Wall};
use crate::desk::{Body, Entry, Feeds, Refusal, State, Who};
pub use crate::wire::{
    AuditNote, BlobRow, Fact, FileKey, Mark, Paged, Places, ReaderCursor, Secret, SignIn,
};

/// Several items that become durable together or not at all.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// Chosen by the proposer, echoed in the outcome.
    pub ticket: u64,
    pub items: SmallVec<[Item; 2]>,
}

/// One thing to write. Every item takes one log position; only entries stand in feeds.
#[derive(Clone, Debug)]
pub enum Item {
    Entry(NewEntry),
    Fact(Fact),
}

#[derive(Clone, Debug)]
pub struct NewEntry {
    /// The encoded entry; shared by disk, sockets and readers.
    pub bytes: Bytes,
    pub entry: Arc<Entry>,
    pub feeds: Feeds,
    /// XXH3-128 of the encoded command: tells a retry from a conflict.
    pub body_hash: [u8; 16],
}

/// What became of a proposal.
#[derive(Debug)]
pub struct Outcome {
    pub ticket: u64,
    /// The items in their order, or why none of them was written.
    pub result: Result<WrittenItems, Refusal>,
}

/// The items of one proposal.
pub type WrittenItems = SmallVec<[Arc<Written>; 2]>;

/// An item with its place.
#[derive(Clone, Debug)]
pub struct Written {
    pub position: Position,
    /// Empty unless the item is an entry.
    pub places: Places,
    /// Where the key is that seals it, or that it destroys; in a sealed store.
    pub slot: Option<u64>,
    pub item: Item,
}

impl Item {
    /// The conversation whose key seals it.
    #[must_use]
    pub fn conversation(&self) -> Option<ConversationId> {
        match self {
            Self::Entry(new) => new.entry.conversation,
            Self::Fact(Fact::Blob(row)) => row.conversation,
            Self::Fact(
                Fact::Mark(_)
                | Fact::SignIn(_)
                | Fact::Secret(_)
                | Fact::ReaderCursor(_)
                | Fact::AuditNote(_),
            ) => None,
        }
    }
}

impl Written {
    /// The conversation whose key seals it.
    #[must_use]
    pub fn conversation(&self) -> Option<ConversationId> {
        self.item.conversation()
    }

    /// The conversation that this erases.
    #[must_use]
    pub fn erases(&self) -> Option<ConversationId> {
        match &self.item {
            Item::Entry(new) => new.entry.conversation.filter(|_| new.entry.body.erases()),
            Item::Fact(_) => None,
        }
    }

    /// Index in the conversation's public and full feed.
    #[must_use]
    pub fn conversation_indices(&self) -> (Option<Index>, Option<Index>) {
        conversation_indices(&self.places)
    }
}

/// Index in one feed among these places.
#[must_use]
pub fn index_in(places: &[(Feed, Index)], feed: Feed) -> Option<Index> {
    places.iter().find(|(other, _)| *other == feed).map(|(_, index)| *index)
}

/// Index in the public and in the full feed among these places.
#[must_use]
pub fn conversation_indices(places: &[(Feed, Index)]) -> (Option<Index>, Option<Index>) {
    let mut found = (None, None);
    for (feed, index) in places {
        match feed {
            Feed::Public(_) => found.0 = Some(*index),
            Feed::Full(_) => found.1 = Some(*index),
            Feed::Inbox(_) | Feed::Team(_) | Feed::Roster | Feed::Site => {}
        }
    }
    found
}

/// Entries of a feed in order, without a hole.
#[derive(Clone, Debug, Default)]
pub struct Page {
    pub entries: Vec<Paged>,
    /// The feed's head when the page was read.
    pub head: Index,
}

/// Which conversations a list shows, newest activity first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListQuery {
    pub scope: Scope,
    /// `None`: every state.
    pub state: Option<State>,
    /// Last activity before this time; `u64::MAX` for the first page.
    pub before_ms: u64,
    pub limit: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    All,
    Agent(AgentId),
    Team(TeamId),
}

/// One line of a dump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DumpRow {
    pub position: Position,
    /// `None` for entries of the site.
    pub conversation: Option<ConversationId>,
    /// Index in the conversation's full feed; of the roster for entries of the site.
    pub seq: Index,
    pub key: MessageKey,
    pub sender: Who,
    pub at: Wall,
    pub body: Body,
}

/// Figures of a running store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Last durable position, and last one in the database.
    pub durable: Position,
    pub applied: Position,
    pub commits: u64,
    pub committed_items: u64,
    pub committed_bytes: u64,
    /// Time of the last commit's write and sync.
    pub commit_us: u64,
    pub checkpoints: u64,
    pub checkpoint_ms: u64,
    pub failed_syncs: u64,
    pub free_segments: u32,
    pub tail_items: u64,
    pub tail_bytes: u64,
    pub queued: u64,
    /// True while appends are refused.
    pub read_only: bool,
}
