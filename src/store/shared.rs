//! What writer, checkpointer and readers of one store share: the database, the tail of the journal,
//! and how far each is. Invariant: an item leaves the tail only after the database has it.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use redb::ReadableTable;

use super::apply::{self, block_of};
use super::blobs;
use super::body_keys::BodyKeys;
use super::database::Database;
use super::engine::doomed;
use super::fault::Fault;
use super::journal::{self, Room, Shape};
use super::origin::Former;
use super::reader::stored_conversation;
use super::storage::Disk;
use super::tables::{self, BLOCK};
use super::tail::Tail;
use super::words::{Fact, Item, Stats, Written};
use super::writer::Cold;
use crate::base::limits::{CHECKPOINT_ITEMS, TAIL_SLICE};
use crate::base::{ConversationId, Epoch, Feed, Index, Position};
use crate::desk::State;

pub const JOURNAL_FILE: &str = "journal";

#[derive(Debug)]
pub struct Shared {
    pub disk: Arc<dyn Disk>,
    pub database: Database,
    /// Keys of conversations, in a sealed store.
    pub keys: Option<Arc<BodyKeys>>,
    pub shape: Shape,
    pub epoch: Epoch,
    /// Epochs that ended, oldest first.
    pub former: Vec<Former>,
    tail: RwLock<Tail>,
    pub applied: AtomicU64,
    pub durable: AtomicU64,
    /// Journal segments that are filled with zeros at least.
    pub allocated: AtomicU32,
    pub free_segments: AtomicU32,
    /// The journal takes nothing.
    pub read_only: AtomicBool,
    /// The database takes nothing.
    pub checkpoint_failing: AtomicBool,
    /// Least time between two commits; 0 = none.
    pub min_commit_interval_ms: AtomicU64,
    /// Somebody waits for everything up to here to be in the database.
    pub flush_to: AtomicU64,
    pub counts: Counts,
}

#[derive(Debug, Default)]
pub struct Counts {
    pub commits: AtomicU64,
    pub items: AtomicU64,
    pub bytes: AtomicU64,
    pub commit_us: AtomicU64,
    pub checkpoints: AtomicU64,
    pub checkpoint_ms: AtomicU64,
    pub failed_syncs: AtomicU64,
    pub queued: AtomicU64,
}

impl Shared {
    pub fn new(
        disk: Arc<dyn Disk>,
        database: Database,
        shape: Shape,
        (epoch, former): (Epoch, Vec<Former>),
        tail: Tail,
    ) -> Self {
        Self {
            keys: disk.bodies(),
            disk,
            database,
            shape,
            epoch,
            former,
            tail: RwLock::new(tail),
            applied: AtomicU64::new(0),
            durable: AtomicU64::new(0),
            allocated: AtomicU32::new(0),
            free_segments: AtomicU32::new(0),
            read_only: AtomicBool::new(false),
            checkpoint_failing: AtomicBool::new(false),
            min_commit_interval_ms: AtomicU64::new(0),
            flush_to: AtomicU64::new(0),
            counts: Counts::default(),
        }
    }

    /// Every epoch that a segment of the journal may carry.
    pub fn epochs(&self) -> Vec<Epoch> {
        self.former.iter().map(|(epoch, _)| *epoch).chain([self.epoch]).collect()
    }

    /// The epoch in which an entry of the site feed was written.
    #[must_use]
    pub fn epoch_at(&self, index: Index) -> Epoch {
        let ended = self.former.iter().find(|(_, ended)| index <= *ended);
        ended.map_or(self.epoch, |(epoch, _)| *epoch)
    }

    pub fn tail(&self) -> RwLockReadGuard<'_, Tail> {
        self.tail.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn tail_mut(&self) -> RwLockWriteGuard<'_, Tail> {
        self.tail.write().unwrap_or_else(PoisonError::into_inner)
    }

    #[must_use]
    pub fn applied(&self) -> Position {
        Position(self.applied.load(Ordering::Acquire))
    }

    #[must_use]
    pub fn durable(&self) -> Position {
        Position(self.durable.load(Ordering::Acquire))
    }

    #[must_use]
    pub fn room(&self) -> Room {
        Room { applied: self.applied(), allocated: self.allocated.load(Ordering::Acquire) }
    }

    /// True when the tail fills half a segment.
    #[must_use]
    pub fn due(&self) -> bool {
        self.tail().bytes() >= self.shape.segment_bytes / 2
    }

    /// True while somebody waits for the database to have what is only in the journal.
    #[must_use]
    pub fn flush_wanted(&self) -> bool {
        self.applied().0 < self.flush_to.load(Ordering::Acquire)
    }

    /// Moves the oldest items of the tail into the database, in one transaction; true when there
    /// are more. After a failure the database is opened anew.
    ///
    /// # Errors
    /// The disk fails or is full, or the database is damaged.
    pub fn checkpoint(&self) -> Result<bool, Fault> {
        let items: Vec<Arc<Written>> = {
            let tail = self.tail();
            tail.iter().take(CHECKPOINT_ITEMS).map(|item| Arc::clone(&item.written)).collect()
        };
        let Some(last) = items.last().map(|item| item.position) else { return Ok(false) };
        if !self.database.writable() {
            self.database.reopen()?;
        }
        let keys = self.keys.as_deref();
        let applied = self
            .destroy(&items)
            .and_then(|()| self.database.write(|txn| apply::apply(txn, &items, keys)));
        if let Err(fault) = applied {
            self.checkpoint_failing.store(true, Ordering::Release);
            self.database.reopen()?;
            return Err(fault);
        }
        self.checkpoint_failing.store(false, Ordering::Release);
        self.applied.store(last.0, Ordering::Release);
        self.counts.checkpoints.fetch_add(1, Ordering::Relaxed);
        while self.tail_mut().forget(last, TAIL_SLICE) {}
        Ok(!self.tail().is_empty())
    }

    /// Destroys the keys of conversations that these items erase, and their attachments, before
    /// the database has the items: a power cut in between does it once more.
    fn destroy(&self, items: &[Arc<Written>]) -> Result<(), Fault> {
        if let Some(keys) = &self.keys {
            // Done before anybody saw the items, unless the disk took no writes then.
            keys.erase(&doomed(items))?;
        }
        for conversation in items.iter().filter_map(|written| written.erases()) {
            let stored = self
                .database
                .read(|txn| apply::blobs_of(&txn.open_table(tables::BLOBS)?, conversation))?;
            let newer = items.iter().filter_map(|written| match &written.item {
                Item::Fact(Fact::Blob(row)) => Some(row),
                Item::Entry(_) | Item::Fact(_) => None,
            });
            let newer = newer.filter(|row| row.conversation == Some(conversation));
            for blob in stored.into_iter().chain(newer.map(|row| row.id)) {
                self.disk.remove(&blobs::name(blob)).map_err(Fault::disk("attachment"))?;
            }
        }
        Ok(())
    }

    /// Allocates the next segment of the journal; true when there are more to come. Through a
    /// descriptor of its own: an error of this sync must not hide one of the writer's.
    ///
    /// # Errors
    /// The disk is full or failing.
    pub fn grow(&self) -> Result<bool, Fault> {
        if self.allocated.load(Ordering::Acquire) >= self.shape.segments {
            return Ok(false);
        }
        let file = self.disk.open(JOURNAL_FILE, true).map_err(Fault::disk("journal"))?;
        let allocated = journal::grow(file.as_ref(), self.shape)?;
        self.allocated.store(allocated, Ordering::Release);
        Ok(allocated < self.shape.segments)
    }

    #[must_use]
    pub fn stats(&self) -> Stats {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (tail_items, tail_bytes) = {
            let tail = self.tail();
            (tail.len() as u64, tail.bytes())
        };
        Stats {
            durable: self.durable(),
            applied: self.applied(),
            commits: get(&self.counts.commits),
            committed_items: get(&self.counts.items),
            committed_bytes: get(&self.counts.bytes),
            commit_us: get(&self.counts.commit_us),
            checkpoints: get(&self.counts.checkpoints),
            checkpoint_ms: get(&self.counts.checkpoint_ms),
            failed_syncs: get(&self.counts.failed_syncs),
            free_segments: self.free_segments.load(Ordering::Relaxed),
            tail_items,
            tail_bytes,
            queued: get(&self.counts.queued),
            read_only: self.read_only.load(Ordering::Acquire),
        }
    }
}

impl Cold for Shared {
    fn head(&self, feed: Feed) -> Result<Index, Fault> {
        if let Some((_, head)) = self.tail().span(feed) {
            return Ok(head);
        }
        stored_head(&self.database, feed)
    }

    fn slot(&self, conversation: ConversationId) -> Result<Option<u64>, Fault> {
        self.database.read(|txn| {
            let slots = txn.open_table(tables::SLOTS)?;
            Ok(slots.get(conversation.to_bytes().as_slice())?.map(|slot| slot.value()))
        })
    }

    fn is_erased(&self, conversation: ConversationId) -> Result<bool, Fault> {
        if self.tail().erased(conversation) {
            return Ok(true);
        }
        let keys = self.keys.as_deref();
        let row = self.database.read(|txn| stored_conversation(txn, conversation, keys))?;
        Ok(row.is_some_and(|row| row.state == State::Erased))
    }
}

/// The head of a feed as the database has it.
///
/// # Errors
/// The disk fails.
pub fn stored_head(database: &Database, feed: Feed) -> Result<Index, Fault> {
    database.read(|txn| {
        let feeds = txn.open_table(tables::FEEDS)?;
        let key = tables::feed_key(feed);
        let (low, high) = (tables::block_key(&key, 0), tables::block_key(&key, u64::MAX));
        let last = feeds.range(low.as_slice()..=high.as_slice())?.next_back().transpose()?;
        let Some((key, block)) = last else { return Ok(Index(0)) };
        let number = key.value().last_chunk::<8>().map_or(0, |n| u64::from_be_bytes(*n));
        let count = tables::read_block(block.value()).len() as u64;
        Ok(Index(number * BLOCK + count))
    })
}

/// The block of a feed that holds an index, as positions.
///
/// # Errors
/// The disk fails.
pub fn block(
    feeds: &impl ReadableTable<&'static [u8], &'static [u8]>,
    feed: &[u8],
    index: Index,
) -> Result<Vec<Position>, Fault> {
    let block = feeds.get(tables::block_key(feed, block_of(index)).as_slice())?;
    Ok(block.map(|block| tables::read_block(block.value())).unwrap_or_default())
}
