//! A walk over the rows of the database in slices, so that a running store can be looked over
//! without holding a snapshot for long. Entries are never taken back, so what stood at the walk's
//! beginning can be judged slice by slice, whatever is added meanwhile.

use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use redb::{ReadTransaction, ReadableTable};

use super::apply::{self, block_of};
use super::blobs::Blobs;
use super::body_keys::{BodyKeys, SlotKey};
use super::check::Checkup;
use super::envelope::read_row;
use super::fault::Fault;
use super::row::LogRow;
use super::tables::{self, BLOCK};
use super::words::Fact;
use crate::base::code;
use crate::base::limits::WALK_ROWS;
use crate::base::{Feed, Index, Position};
use crate::wire::decode_entry;

/// How far a walk is. A clone goes on from the same place.
#[derive(Clone, Debug)]
pub struct Walk {
    /// Rows after it are newer than the walk.
    bound: Position,
    stage: Stage,
    /// Places that the entries name, and those that the feeds list.
    places: u64,
    listed: u64,
    /// Where attachments lie; `None` leaves their files alone.
    blobs: Option<Blobs>,
    keys: Option<Arc<BodyKeys>>,
    pub(super) checkup: Checkup,
}

#[derive(Clone, Debug)]
enum Stage {
    /// Entries after this position.
    Log(Position),
    /// Rows after this key, in each of the other tables.
    Feeds(Option<Vec<u8>>),
    Conversations(Option<Vec<u8>>),
    Blobs(Option<Vec<u8>>),
    Done,
}

impl Walk {
    /// A walk over what the database has up to `bound`.
    #[must_use]
    pub fn new(bound: Position, blobs: Option<Blobs>, keys: Option<Arc<BodyKeys>>) -> Self {
        let stage = Stage::Log(Position(0));
        Self { bound, stage, places: 0, listed: 0, blobs, keys, checkup: Checkup::default() }
    }

    /// Looks over one slice of rows; true when there are more.
    ///
    /// # Errors
    /// The disk does not read, or a table cannot be followed.
    pub fn step(&mut self, txn: &ReadTransaction) -> Result<bool, Fault> {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Log(after) => match self.log(txn, after)? {
                Some(last) => Stage::Log(last),
                None => Stage::Feeds(None),
            },
            Stage::Feeds(after) => match self.feeds(txn, after)? {
                Some(last) => Stage::Feeds(Some(last)),
                None => Stage::Conversations(None),
            },
            Stage::Conversations(after) => match self.conversations(txn, after)? {
                Some(last) => Stage::Conversations(Some(last)),
                None => Stage::Blobs(None),
            },
            Stage::Blobs(after) => match self.blobs(txn, after)? {
                Some(last) => Stage::Blobs(Some(last)),
                None => Stage::Done,
            },
            Stage::Done => Stage::Done,
        };
        Ok(!matches!(self.stage, Stage::Done))
    }

    /// The last position looked at; `None` when all were.
    fn log(&mut self, txn: &ReadTransaction, after: Position) -> Result<Option<Position>, Fault> {
        let (feeds, keys) = (txn.open_table(tables::FEEDS)?, txn.open_table(tables::KEYS)?);
        let log = txn.open_table(tables::LOG)?;
        let mut last = None;
        if after >= self.bound {
            return Ok(None);
        }
        for row in log.range(after.0 + 1..=self.bound.0)?.take(WALK_ROWS) {
            let (position, row) = row?;
            let position = Position(position.value());
            last = Some(position);
            self.checkup.entries += 1;
            let Ok(row) = LogRow::read(position, row.value(), self.keys.as_deref()) else {
                self.checkup.find(code::ROW_DAMAGED, format!("position {}", position.0));
                continue;
            };
            self.places += row.places.len() as u64;
            for (feed, index) in &row.places {
                if feed_position(&feeds, *feed, *index)? != Some(position) {
                    self.checkup.find(code::FEED_HOLE, format!("{feed:?} at {}", index.0));
                }
            }
            if !key_stands(&keys, &row.bytes, position)? {
                self.checkup.find(code::ROW_DAMAGED, format!("key of position {}", position.0));
            }
        }
        Ok(last)
    }

    fn feeds(
        &mut self,
        txn: &ReadTransaction,
        after: Option<Vec<u8>>,
    ) -> Result<Option<Vec<u8>>, Fault> {
        let mut last = None;
        for block in txn.open_table(tables::FEEDS)?.range::<&[u8]>(behind(&after))?.take(WALK_ROWS)
        {
            let (key, block) = block?;
            last = Some(key.value().to_vec());
            let positions = tables::read_block(block.value());
            let old = positions.iter().filter(|position| **position <= self.bound);
            self.listed += old.count() as u64;
        }
        let (listed, places) = (self.listed, self.places);
        if last.is_none() && listed != places && self.checkup.findings.is_empty() {
            self.checkup.find(code::FEED_HOLE, format!("{listed} listed of {places} places"));
        }
        Ok(last)
    }

    fn conversations(
        &mut self,
        txn: &ReadTransaction,
        after: Option<Vec<u8>>,
    ) -> Result<Option<Vec<u8>>, Fault> {
        let mut last = None;
        let slots = self.keys.as_ref().map(|_| txn.open_table(tables::SLOTS)).transpose()?;
        for row in
            txn.open_table(tables::CONVERSATIONS)?.range::<&[u8]>(behind(&after))?.take(WALK_ROWS)
        {
            let (id, row) = row?;
            self.checkup.conversations += 1;
            let place = || format!("conversation {}", hex(id.value()));
            if read_row(row.value(), self.keys.as_deref()).is_err() {
                self.checkup.find(code::ROW_DAMAGED, place());
            }
            if self.key_is_damaged(slots.as_ref(), id.value())? {
                self.checkup.find(code::BODY_KEY_DAMAGED, place());
            }
            last = Some(id.value().to_vec());
        }
        Ok(last)
    }

    fn blobs(
        &mut self,
        txn: &ReadTransaction,
        after: Option<Vec<u8>>,
    ) -> Result<Option<Vec<u8>>, Fault> {
        let mut last = None;
        for row in txn.open_table(tables::BLOBS)?.range::<&[u8]>(behind(&after))?.take(WALK_ROWS) {
            let (id, row) = row?;
            self.checkup.attachments += 1;
            last = Some(id.value().to_vec());
            let Ok(Fact::Blob(blob)) = apply::read_fact(row.value(), self.keys.as_deref()) else {
                let place = format!("attachment {}", hex(id.value()));
                self.checkup.find(code::ROW_DAMAGED, place);
                continue;
            };
            let Some(blobs) = &self.blobs else { continue };
            // A row that its key does not open is told of with its conversation.
            let opened = blob.hash != [0; 32];
            if opened && blobs.size(&blob) != Some(blob.attachment.size) {
                self.checkup.find(code::BLOB_MISSING, format!("attachment {}", blob.id));
            }
        }
        Ok(last)
    }
}

impl Walk {
    /// Whether a conversation has a key that is neither whole nor destroyed.
    fn key_is_damaged(
        &self,
        slots: Option<&impl ReadableTable<&'static [u8], u64>>,
        id: &[u8],
    ) -> Result<bool, Fault> {
        let (Some(keys), Some(slots)) = (&self.keys, slots) else { return Ok(false) };
        let slot = slots.get(id)?.map(|slot| keys.key(slot.value())).transpose()?;
        Ok(matches!(slot, Some(SlotKey::Damaged)))
    }
}

/// The keys behind the last one that was seen.
pub(super) fn behind(after: &Option<Vec<u8>>) -> (Bound<&[u8]>, Bound<&[u8]>) {
    let from = after.as_ref().map_or(Bound::Unbounded, |key| Bound::Excluded(key.as_slice()));
    (from, Bound::Unbounded)
}

fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn feed_position(
    feeds: &impl ReadableTable<&'static [u8], &'static [u8]>,
    feed: Feed,
    index: Index,
) -> Result<Option<Position>, Fault> {
    let key = tables::block_key(&tables::feed_key(feed), block_of(index));
    let block = feeds.get(key.as_slice())?.map(|block| tables::read_block(block.value()));
    let slot = usize::try_from(index.0.saturating_sub(1) % BLOCK).unwrap_or(usize::MAX);
    Ok(block.and_then(|block| block.get(slot).copied()))
}

/// True when the key of an entry, if it has one, leads to it.
fn key_stands(
    keys: &impl ReadableTable<&'static [u8], u64>,
    bytes: &Bytes,
    position: Position,
) -> Result<bool, Fault> {
    let Ok(entry) = decode_entry(bytes) else { return Ok(false) };
    let Some(conversation) = entry.conversation.filter(|_| entry.key.0 != 0) else {
        return Ok(true);
    };
    let key = tables::message_key(entry.key, conversation, entry.author.who);
    Ok(keys.get(key.as_slice())?.is_some_and(|found| found.value() == position.0))
}
