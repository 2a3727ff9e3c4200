//! What is durable in the journal and not in the database yet, in memory, found as readers look for
//! it. Bounded by the journal's ring: every item stands in a segment that is not recycled.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

use super::row::{self, LogRow};
use super::words::{Fact, Item, NewEntry, Written};
use crate::base::{AgentId, BlobId, ConversationId, Feed, Index, MessageKey, Position};
use crate::desk::{Body, Gone, Who};
use crate::wire::encode_entry;

#[derive(Debug, Default)]
pub struct Tail {
    items: VecDeque<TailItem>,
    feeds: HashMap<Feed, FeedTail>,
    keys: HashMap<(MessageKey, ConversationId, Who), Position>,
    facts: BTreeMap<FactName, Position>,
    gone: Buried,
    bytes: u64,
}

/// What entries of this tail took away, here or in the database.
#[derive(Clone, Debug, Default)]
pub struct Buried {
    /// Places in full feeds.
    recalled: HashSet<(ConversationId, Index)>,
    /// Conversations.
    erased: HashSet<ConversationId>,
}

impl Buried {
    /// Why the body of an entry at these places is gone.
    #[must_use]
    pub fn why(&self, places: &[(Feed, Index)]) -> Option<Gone> {
        places.iter().find_map(|(feed, index)| match feed {
            Feed::Full(id) if self.erased.contains(id) => Some(Gone::Deleted),
            Feed::Full(id) => self.recalled.contains(&(*id, *index)).then_some(Gone::Recalled),
            Feed::Public(_) | Feed::Inbox(_) | Feed::Team(_) | Feed::Roster | Feed::Site => None,
        })
    }

    fn is_empty(&self) -> bool {
        self.recalled.is_empty() && self.erased.is_empty()
    }
}

/// An item, and the tombstone that stands in its place.
#[derive(Clone, Debug)]
pub struct TailItem {
    pub written: Arc<Written>,
    pub gone: Option<(Gone, Bytes)>,
}

#[derive(Debug)]
struct FeedTail {
    first: Index,
    positions: VecDeque<Position>,
}

/// What a fact is about; a later one of the same name replaces it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FactName {
    Mark(ConversationId, Who),
    SignIn([u8; 32]),
    Secret(AgentId),
    Cursor(String),
    Blob(BlobId),
    AuditNote(u64),
}

impl FactName {
    fn of(fact: &Fact) -> Self {
        match fact {
            Fact::Mark(mark) => Self::Mark(mark.conversation, mark.reader),
            Fact::SignIn(row) => Self::SignIn(row.token_hash),
            Fact::Secret(row) => Self::Secret(row.agent),
            Fact::ReaderCursor(row) => Self::Cursor(row.name.clone()),
            Fact::Blob(row) => Self::Blob(row.id),
            Fact::AuditNote(row) => Self::AuditNote(row.act),
        }
    }
}

impl TailItem {
    /// The encoded entry as readers may see it.
    #[must_use]
    pub fn shown(&self) -> Option<Bytes> {
        match &self.written.item {
            Item::Entry(new) => {
                let gone = self.gone.as_ref().map(|(_, bytes)| bytes);
                Some(gone.unwrap_or(&new.bytes).clone())
            }
            Item::Fact(_) => None,
        }
    }

    fn body_hash(&self, new: &NewEntry) -> Option<[u8; 16]> {
        let erased = matches!(self.gone, Some((Gone::Deleted, _)))
            || matches!(new.entry.body, Body::Tombstone(Gone::Deleted));
        (!erased).then_some(new.body_hash)
    }

    /// The row that the log will have, as readers may see it.
    #[must_use]
    pub fn row(&self) -> Option<LogRow> {
        let Item::Entry(new) = &self.written.item else { return None };
        Some(LogRow {
            position: self.written.position,
            places: self.written.places.clone(),
            body_hash: self.body_hash(new),
            bytes: self.shown()?,
            slot: self.written.slot,
        })
    }
}

/// Bytes an item holds in memory, about: its encoded entry and what stands around it.
fn weight(written: &Written) -> u64 {
    match &written.item {
        Item::Entry(new) => new.bytes.len() as u64 + 128,
        Item::Fact(_) => 128,
    }
}

impl Tail {
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// About what the items take in the journal.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds the item of the next position.
    pub fn push(&mut self, written: Arc<Written>) {
        let position = written.position;
        self.bytes += weight(&written);
        self.items.push_back(TailItem { written: Arc::clone(&written), gone: None });
        match &written.item {
            Item::Entry(new) => {
                for (feed, index) in &written.places {
                    let tail = self
                        .feeds
                        .entry(*feed)
                        .or_insert_with(|| FeedTail { first: *index, positions: VecDeque::new() });
                    tail.positions.push_back(position);
                }
                let Some(conversation) = new.entry.conversation else { return };
                if new.entry.key.0 != 0 {
                    let key = (new.entry.key, conversation, new.entry.author.who);
                    self.keys.insert(key, position);
                }
                if let Body::Recalled { full, .. } = &new.entry.body {
                    self.recall(conversation, *full);
                }
                if written.erases().is_some() {
                    self.erase(conversation);
                }
            }
            Item::Fact(fact) => {
                self.facts.insert(FactName::of(fact), position);
            }
        }
    }

    /// Puts a tombstone in place of a body, here or (by `buried`) in what readers find below.
    fn recall(&mut self, conversation: ConversationId, full: Index) {
        self.gone.recalled.insert((conversation, full));
        let found = self.at(Feed::Full(conversation), full).map(|item| item.written.position);
        if let Some(position) = found {
            self.bury(position, Gone::Recalled);
        }
    }

    /// The same for everything in a conversation.
    fn erase(&mut self, conversation: ConversationId) {
        self.gone.erased.insert(conversation);
        let here = self.feeds.get(&Feed::Full(conversation));
        let here: Vec<Position> =
            here.into_iter().flat_map(|feed| &feed.positions).copied().collect();
        for position in here {
            self.bury(position, Gone::Deleted);
        }
    }

    fn bury(&mut self, position: Position, gone: Gone) {
        let Some(item) = self.slot(position).and_then(|at| self.items.get_mut(at)) else { return };
        if let Item::Entry(new) = &item.written.item
            && let Some(left) = row::tombstone(&new.entry, gone)
        {
            item.gone = Some((gone, encode_entry(&left)));
        }
    }

    #[must_use]
    pub fn buried(&self) -> Option<Buried> {
        (!self.gone.is_empty()).then(|| self.gone.clone())
    }

    #[must_use]
    pub fn erased(&self, conversation: ConversationId) -> bool {
        self.gone.erased.contains(&conversation)
    }

    #[must_use]
    pub fn item(&self, position: Position) -> Option<&TailItem> {
        self.items.get(self.slot(position)?)
    }

    /// The items from the oldest on.
    pub fn iter(&self) -> impl Iterator<Item = &TailItem> {
        self.items.iter()
    }

    #[must_use]
    pub fn key(&self, key: MessageKey, conversation: ConversationId, who: Who) -> Option<Position> {
        self.keys.get(&(key, conversation, who)).copied()
    }

    #[must_use]
    pub fn fact(&self, name: &FactName) -> Option<&Fact> {
        self.fact_at(*self.facts.get(name)?)
    }

    /// The latest facts with names in this range.
    pub fn facts(&self, names: std::ops::RangeInclusive<FactName>) -> impl Iterator<Item = &Fact> {
        self.facts.range(names).filter_map(|(_, position)| self.fact_at(*position))
    }

    fn fact_at(&self, position: Position) -> Option<&Fact> {
        match &self.item(position)?.written.item {
            Item::Fact(fact) => Some(fact),
            Item::Entry(_) => None,
        }
    }

    /// First index of the feed that is here, and its head.
    #[must_use]
    pub fn span(&self, feed: Feed) -> Option<(Index, Index)> {
        let tail = self.feeds.get(&feed)?;
        Some((tail.first, Index(tail.first.0 + tail.positions.len() as u64 - 1)))
    }

    #[must_use]
    pub fn at(&self, feed: Feed, index: Index) -> Option<&TailItem> {
        let tail = self.feeds.get(&feed)?;
        let slot = usize::try_from(index.0.checked_sub(tail.first.0)?).ok()?;
        self.item(*tail.positions.get(slot)?)
    }

    /// Feeds with entries here.
    pub fn conversations(&self) -> impl Iterator<Item = ConversationId> {
        self.feeds.keys().filter_map(|feed| match feed {
            Feed::Full(id) => Some(*id),
            Feed::Public(_) | Feed::Inbox(_) | Feed::Team(_) | Feed::Roster | Feed::Site => None,
        })
    }

    /// Lets up to `most` items go that the database has; true when there are more of them.
    pub fn forget(&mut self, applied: Position, most: usize) -> bool {
        for _ in 0..most {
            let Some(item) = self.items.pop_front_if(|item| item.written.position <= applied)
            else {
                return false;
            };
            self.forget_item(&item.written);
        }
        true
    }

    fn forget_item(&mut self, written: &Written) {
        self.bytes -= weight(written);
        match &written.item {
            Item::Entry(new) => {
                for (feed, _) in &written.places {
                    if let Some(tail) = self.feeds.get_mut(feed) {
                        tail.positions.pop_front();
                        tail.first = tail.first.next();
                        if tail.positions.is_empty() {
                            self.feeds.remove(feed);
                        }
                    }
                }
                let Some(conversation) = new.entry.conversation else { return };
                if new.entry.key.0 != 0 {
                    self.keys.remove(&(new.entry.key, conversation, new.entry.author.who));
                }
                if let Body::Recalled { full, .. } = &new.entry.body {
                    self.gone.recalled.remove(&(conversation, *full));
                }
                if written.erases().is_some() {
                    self.gone.erased.remove(&conversation);
                }
            }
            Item::Fact(fact) => {
                let name = FactName::of(fact);
                if self.facts.get(&name) == Some(&written.position) {
                    self.facts.remove(&name);
                }
            }
        }
    }

    fn slot(&self, position: Position) -> Option<usize> {
        let first = self.items.front()?.written.position;
        usize::try_from(position.0.checked_sub(first.0)?).ok().filter(|at| *at < self.items.len())
    }
}
