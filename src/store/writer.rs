//! Where entries get their order, sans I/O: positions and feed indices in batch order, records for
//! the journal. Invariant: positions and indices have no hole; a batch that failed leaves no trace.

use std::collections::HashMap;
use std::sync::Arc;

use super::body_keys::SlotKey;
use super::envelope::{EntryRecord, Sealing, write_fact};
use super::fault::Fault;
use super::grants::Grants;
use super::journal::Journal;
use super::tables::put_varint;
use super::words::{BlobRow, Fact, Item, NewEntry, Places, Proposal, Written, WrittenItems};
use crate::base::code;
use crate::base::limits::{FEED_HEADS, READ_ONLY_RETRY_MS, RECORD_BYTES};
use crate::base::{ConversationId, Feed, Index, Position};
use crate::desk::Refusal;

/// Looks up what the writer does not remember because nothing was written to it lately.
pub trait Cold {
    /// The head of a feed.
    ///
    /// # Errors
    /// The database cannot be read.
    fn head(&self, feed: Feed) -> Result<Index, Fault>;

    /// Where the key of a conversation is; `None` when it has none yet.
    ///
    /// # Errors
    /// As `head`.
    fn slot(&self, conversation: ConversationId) -> Result<Option<u64>, Fault>;

    /// Whether the conversation was erased.
    ///
    /// # Errors
    /// As `head`.
    fn is_erased(&self, conversation: ConversationId) -> Result<bool, Fault>;
}

#[derive(Debug)]
pub struct Core {
    next: Position,
    heads: HashMap<Feed, Head>,
    grants: Grants,
    /// Erased by items that the database may not have.
    erased: HashMap<ConversationId, Position>,
    /// What the batch changed, to take it back when it fails.
    undo: Vec<(Feed, Option<Head>)>,
    batch_first: Position,
    body: Vec<u8>,
    record: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Head {
    index: Index,
    /// Last position in the feed.
    position: Position,
}

impl Core {
    /// Goes on after this position.
    #[must_use]
    pub fn new(last: Position, grants: Grants) -> Self {
        Self {
            next: last.next(),
            heads: HashMap::new(),
            grants,
            erased: HashMap::new(),
            undo: Vec::new(),
            batch_first: last.next(),
            body: Vec::new(),
            record: Vec::new(),
        }
    }

    /// Takes in what the journal held at the start.
    pub fn recover(&mut self, written: &Written) {
        for (feed, index) in &written.places {
            self.heads.insert(*feed, Head { index: *index, position: written.position });
        }
        if let (Some(slot), Some(conversation)) = (written.slot, written.conversation()) {
            self.grants.recover(conversation, slot, written.position);
        }
        if let Some(conversation) = written.erases() {
            self.erased.insert(conversation, written.position);
        }
    }

    /// Draws keys for the conversations to come; nothing may be written before.
    ///
    /// # Errors
    /// The disk takes no writes, or the file of keys lost its end.
    pub fn draw(&mut self) -> Result<(), Fault> {
        self.grants.draw()
    }

    /// Gives the items their places and stages them as one frame's part; all or none.
    ///
    /// # Errors
    /// `FRAME_TOO_LONG`; `ERASED`; `BODY_KEY_DAMAGED`; `READ_ONLY` when what is cold cannot be
    /// read.
    pub fn place(
        &mut self,
        proposal: Proposal,
        journal: &mut Journal,
        cold: &dyn Cold,
    ) -> Result<WrittenItems, Refusal> {
        let from = (self.next, self.undo.len(), self.grants.mark());
        self.body.clear();
        let mut written = WrittenItems::new();
        for item in proposal.items {
            match self.place_item(item, cold) {
                Ok(Some(item)) => written.push(Arc::new(item)),
                Ok(None) => {
                    self.take_back(from);
                    return Err(Refusal::new(code::ERASED));
                }
                Err(fault) => {
                    self.take_back(from);
                    let damaged = matches!(fault, Fault::BodyKey { .. });
                    return Err(if damaged { Refusal::new(fault.code()) } else { read_only() });
                }
            }
        }
        if self.body.len() > RECORD_BYTES {
            self.take_back(from);
            return Err(Refusal::new(code::FRAME_TOO_LONG));
        }
        let items = u32::try_from(written.len()).unwrap_or(u32::MAX);
        if items > 0 {
            journal.stage(from.0, items, &self.body);
        }
        Ok(written)
    }

    /// The batch is durable; heads that the database has may go.
    pub fn settle(&mut self, applied: Position) {
        self.undo.clear();
        self.batch_first = self.next;
        self.grants.settle(applied);
        self.erased.retain(|_, position| *position > applied);
        if self.heads.len() > FEED_HEADS {
            self.heads.retain(|_, head| head.position > applied);
        }
    }

    /// The batch failed: its places are given again. The keys it was given are not.
    #[must_use]
    pub fn revert(&mut self) -> Vec<u64> {
        let slots = self.grants.revert();
        self.take_back((self.batch_first, 0, 0));
        slots
    }

    fn take_back(&mut self, (next, undo, mark): (Position, usize, usize)) {
        self.next = next;
        self.grants.take_back(mark);
        self.erased.retain(|_, position| *position < next);
        for (feed, head) in self.undo.drain(undo..).rev() {
            match head {
                Some(head) => self.heads.insert(feed, head),
                None => self.heads.remove(&feed),
            };
        }
    }

    /// `None`: the item's conversation was erased.
    fn place_item(&mut self, item: Item, cold: &dyn Cold) -> Result<Option<Written>, Fault> {
        let position = self.next;
        self.record.clear();
        let slot = self.slot(&item, position, cold)?;
        let sealed = match &item {
            Item::Entry(new) => {
                let places = self.places(new, position, cold)?;
                let record = EntryRecord {
                    position,
                    places: &places,
                    bytes: &new.bytes,
                    entry: &new.entry,
                    body_hash: &new.body_hash,
                };
                let sealing = Sealing { keys: self.grants.keys(), slot };
                record.write(&mut self.record, sealing)?.then_some(places)
            }
            Item::Fact(fact) => {
                let sealing = Sealing { keys: self.grants.keys(), slot };
                let gone = self.belongs_to_erased(fact, cold)?;
                let written = write_fact(&mut self.record, position, fact, sealing)?;
                (written && !gone).then(Places::new)
            }
        };
        let Some(places) = sealed else { return Ok(None) };
        put_varint(&mut self.body, self.record.len() as u64);
        self.body.extend_from_slice(&self.record);
        self.next = position.next();
        let written = Written { position, places, slot, item };
        if let Some(conversation) = written.erases() {
            self.erased.insert(conversation, position);
        }
        Ok(Some(written))
    }

    /// Where the key is that the item needs, or that it destroys.
    fn slot(
        &mut self,
        item: &Item,
        position: Position,
        cold: &dyn Cold,
    ) -> Result<Option<u64>, Fault> {
        match item.conversation() {
            Some(conversation) => {
                let slot = self.grants.slot(conversation, position, cold)?;
                let ends = matches!(item, Item::Entry(new) if new.entry.body.erases());
                match slot.zip(self.grants.keys()).map(|(slot, keys)| keys.key(slot)).transpose()? {
                    Some(SlotKey::Damaged) if !ends => Err(Fault::BodyKey { conversation }),
                    Some(_) | None => Ok(slot),
                }
            }
            None => Ok(None),
        }
    }

    /// Conversations refuse entries themselves; an upload may end after its conversation did.
    fn belongs_to_erased(&self, fact: &Fact, cold: &dyn Cold) -> Result<bool, Fault> {
        let Fact::Blob(BlobRow { conversation: Some(id), .. }) = fact else { return Ok(false) };
        Ok(self.erased.contains_key(id) || cold.is_erased(*id)?)
    }

    fn places(
        &mut self,
        new: &NewEntry,
        position: Position,
        cold: &dyn Cold,
    ) -> Result<Places, Fault> {
        let mut places = Places::new();
        for feed in &new.feeds {
            let before = self.heads.get(feed).copied();
            let head = match before {
                Some(head) => head.index,
                None => cold.head(*feed)?,
            };
            let index = head.next();
            self.undo.push((*feed, before));
            self.heads.insert(*feed, Head { index, position });
            places.push((*feed, index));
        }
        Ok(places)
    }
}

/// What is answered while the disk takes nothing.
#[must_use]
pub fn read_only() -> Refusal {
    Refusal { code: code::READ_ONLY, retry_after_ms: READ_ONLY_RETRY_MS }
}
