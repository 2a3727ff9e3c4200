//! Where entries get their order, sans I/O: positions and feed indices in batch order, records for
//! the journal. Invariant: positions and indices have no hole; a batch that failed leaves no trace.

use std::collections::HashMap;
use std::sync::Arc;

use super::fault::Fault;
use super::journal::Journal;
use super::tables::put_varint;
use super::words::{Item, NewEntry, Places, Proposal, Written, WrittenItems};
use crate::base::code;
use crate::base::limits::{FEED_HEADS, READ_ONLY_RETRY_MS, RECORD_BYTES};
use crate::base::{Feed, Index, Position};
use crate::desk::Refusal;
use crate::wire::record::{write_entry_record, write_fact_record};

/// Looks heads up of feeds that nothing was written to lately.
pub trait ColdHeads {
    /// # Errors
    /// The database cannot be read.
    fn head(&self, feed: Feed) -> Result<Index, Fault>;
}

#[derive(Debug)]
pub struct Core {
    next: Position,
    heads: HashMap<Feed, Head>,
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
    pub fn new(last: Position) -> Self {
        Self {
            next: last.next(),
            heads: HashMap::new(),
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
    }

    /// Gives the items their places and stages them as one frame's part; all or none.
    ///
    /// # Errors
    /// `FRAME_TOO_LONG`; `READ_ONLY` when the head of a cold feed cannot be read.
    pub fn place(
        &mut self,
        proposal: Proposal,
        journal: &mut Journal,
        cold: &dyn ColdHeads,
    ) -> Result<WrittenItems, Refusal> {
        let (first, undo) = (self.next, self.undo.len());
        self.body.clear();
        let mut written = WrittenItems::new();
        for item in proposal.items {
            match self.place_item(item, cold) {
                Ok(item) => written.push(Arc::new(item)),
                Err(_) => {
                    self.take_back(first, undo);
                    return Err(read_only());
                }
            }
        }
        if self.body.len() > RECORD_BYTES {
            self.take_back(first, undo);
            return Err(Refusal::new(code::FRAME_TOO_LONG));
        }
        let items = u32::try_from(written.len()).unwrap_or(u32::MAX);
        if items > 0 {
            journal.stage(first, items, &self.body);
        }
        Ok(written)
    }

    /// The batch is durable; heads that the database has may go.
    pub fn settle(&mut self, applied: Position) {
        self.undo.clear();
        self.batch_first = self.next;
        if self.heads.len() > FEED_HEADS {
            self.heads.retain(|_, head| head.position > applied);
        }
    }

    /// The batch failed: its places are given again.
    pub fn revert(&mut self) {
        self.take_back(self.batch_first, 0);
    }

    fn take_back(&mut self, next: Position, undo: usize) {
        self.next = next;
        for (feed, head) in self.undo.drain(undo..).rev() {
            match head {
                Some(head) => self.heads.insert(feed, head),
                None => self.heads.remove(&feed),
            };
        }
    }

    fn place_item(&mut self, item: Item, cold: &dyn ColdHeads) -> Result<Written, Fault> {
        let position = self.next;
        self.record.clear();
        let places = match &item {
            Item::Entry(new) => {
                let places = self.places(new, position, cold)?;
                let conversation = new.entry.conversation;
                let (out, bytes) = (&mut self.record, &new.bytes);
                write_entry_record(out, position, &places, bytes, &new.body_hash, conversation);
                places
            }
            Item::Fact(fact) => {
                write_fact_record(&mut self.record, position, fact);
                Places::new()
            }
        };
        put_varint(&mut self.body, self.record.len() as u64);
        self.body.extend_from_slice(&self.record);
        self.next = position.next();
        Ok(Written { position, places, item })
    }

    fn places(
        &mut self,
        new: &NewEntry,
        position: Position,
        cold: &dyn ColdHeads,
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
