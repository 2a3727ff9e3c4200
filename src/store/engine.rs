//! One store without its threads: open and recover, commit a batch, heal. The writer's thread, the
//! power-cut tests and the simulator drive the same code.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::{Buf, Bytes};
use redb::WriteTransaction;

use super::body_keys::BodyKeys;
use super::database::Database;
use super::envelope;
use super::fault::Fault;
use super::grants::Grants;
use super::journal::frame::Header;
use super::journal::scan::{Found, scan};
use super::journal::{Journal, Shape};
use super::origin::{self, Standing};
use super::reader::Reader;
use super::row::LogRow;
use super::shared::{JOURNAL_FILE, Shared, stored_head};
use super::storage::Disk;
use super::tables;
use super::tail::Tail;
use super::words::{Fact, Item, NewEntry, Outcome, Places, Proposal, Written, index_in};
use super::writer::{Cold as _, Core, read_only};
use crate::base::limits::BUSY_RETRY_MS;
use crate::base::{Epoch, Feed, Position};
use crate::desk::Refusal;
use crate::wire::decode_entry;
use crate::wire::record::{RecordContent, read_record};

/// Format of the database; a higher one is refused. 2: conversations may have been erased, and
/// those of a sealed store have keys.
pub const FORMAT: u32 = 2;

#[derive(Debug)]
pub struct Engine {
    core: Core,
    journal: Journal,
    shared: Arc<Shared>,
    /// The last batch that was found, until it is durable for certain.
    unsure: Vec<Arc<Written>>,
    /// Slots whose keys must be destroyed before anything else is written.
    doomed: Vec<u64>,
    /// Slots that a failed batch was given: some of it may be on the disk. They are destroyed when
    /// a new segment has made it void for certain; until then it may come back with a restart.
    lost: Vec<u64>,
    /// Outcomes of a batch that is durable and erased a conversation whose key still stands: they
    /// are told, and the batch is shown, when it is destroyed.
    parked: Vec<Outcome>,
}

/// How a store is laid out, and the randomness it needs.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    pub shape: Shape,
    pub cache_bytes: usize,
    /// Epoch of a store that is made now or is found to be a copy, and seed of journal generations.
    pub chance: u128,
}

impl Engine {
    /// Opens the store, or makes it, and replays the journal into memory.
    ///
    /// # Errors
    /// The disk fails, or something that was durable cannot be read.
    pub fn open(disk: Arc<dyn Disk>, layout: Layout) -> Result<Self, Fault> {
        let first = |txn: &WriteTransaction| create(txn, Epoch(layout.chance.max(1)));
        let database = Database::open(Arc::clone(&disk), layout.cache_bytes, first)?;
        let standing = database.read(Standing::read)?;
        let (applied, shape) = (standing.applied, layout.shape);
        let file = disk.open(JOURNAL_FILE, true).map_err(Fault::disk("journal"))?;
        let keys = disk.records();
        let found = scan(file.as_ref(), shape, &standing.epochs(), applied, keys.as_deref())?;
        if let Some(damage) = found.damage {
            return Err(damage.into());
        }
        let seed = u64::try_from(layout.chance >> 64).unwrap_or(0);
        let journal = Journal::resume(Arc::clone(&file), shape, standing.epoch, &found, seed, keys);
        let bodies = disk.bodies();
        let mut core = Core::new(found.last, Grants::new(bodies.clone(), standing.slots));
        let (mut tail, mut unsure) = (Tail::default(), Vec::new());
        let mut ended = None;
        let items = recovered(&found, applied, bodies.as_deref())?;
        let doomed = doomed(&items);
        for written in items {
            core.recover(&written);
            ended = index_in(&written.places, Feed::Site).or(ended);
            if written.position < found.last_batch_first {
                tail.push(written);
            } else {
                unsure.push(written);
            }
        }
        let Standing { mut epoch, mut former, origin: before, format, .. } = standing;
        let origin = disk.origin(&origin::FILES).map_err(Fault::disk("data folder"))?;
        // A store that never noted its files keeps its epoch: it is new, or of an older version.
        let copied = before.is_some_and(|before| before != origin);
        if copied {
            former.push((epoch, ended.map_or_else(|| stored_head(&database, Feed::Site), Ok)?));
            epoch = Epoch(layout.chance.max(1));
        }
        let shared = Arc::new(Shared::new(disk, database, shape, (epoch, former), tail));
        shared.applied.store(applied.0, Ordering::Release);
        let sure = unsure.first().map_or(found.last.0, |first| first.position.0 - 1);
        shared.durable.store(sure, Ordering::Release);
        let length = file.length().map_err(Fault::disk("journal"))?;
        let allocated = u32::try_from(shape.allocated(length)).unwrap_or(shape.segments);
        shared.allocated.store(allocated, Ordering::Release);
        let mut engine =
            Self { core, journal, shared, unsure, doomed, lost: Vec::new(), parked: Vec::new() };
        let settled = before == Some(origin) && format == FORMAT;
        let settle = |engine: &mut Self| {
            if settled { Ok(()) } else { engine.settle(origin, copied) }
        };
        // A journal that takes nothing yet is tried again by `heal`. An epoch that could not be
        // kept is told all the same: clients get snapshots now, and once more after a restart.
        let ready = engine
            .confirm()
            .and_then(|()| engine.destroy())
            .and_then(|()| engine.core.draw())
            .and_then(|()| settle(&mut engine))
            .and_then(|()| engine.make_room());
        match ready {
            Err(fault) if !fault.passing() => return Err(fault),
            Err(_) => engine.shared.read_only.store(true, Ordering::Release),
            Ok(()) => {}
        }
        let free = engine.journal.free(engine.shared.room());
        engine.shared.free_segments.store(free, Ordering::Relaxed);
        Ok(engine)
    }

    #[must_use]
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader::new(Arc::clone(&self.shared))
    }

    /// Makes these proposals durable with one sync and shows them to readers; the outcomes are in
    /// the order of the positions. What does not fit in one batch is in the outcomes of a second
    /// one. Those of a batch that erases and cannot destroy its key yet come with `unparked`.
    pub fn commit(&mut self, proposals: impl IntoIterator<Item = Proposal>) -> Vec<Outcome> {
        let mut outcomes: Vec<Outcome> = Vec::new();
        let mut first = 0;
        for proposal in proposals {
            if !(self.parked.is_empty() && self.lost.is_empty()) {
                outcomes.push(Outcome { ticket: proposal.ticket, result: Err(read_only()) });
                continue;
            }
            if self.journal.staged() >= self.shared.shape.batch_bytes() / 2 {
                self.finish(&mut outcomes, first);
                first = outcomes.len();
            }
            let ticket = proposal.ticket;
            let result = self.core.place(proposal, &mut self.journal, self.shared.as_ref());
            outcomes.push(Outcome { ticket, result });
        }
        self.finish(&mut outcomes, first);
        outcomes
    }

    /// Tries whether the disk takes writes again, through a newly opened file.
    ///
    /// # Errors
    /// It does not yet.
    pub fn heal(&mut self) -> Result<(), Fault> {
        let shared = &self.shared;
        let file = shared.disk.open(JOURNAL_FILE, true).map_err(Fault::disk("journal"))?;
        self.journal.reopen(file);
        self.confirm()?;
        self.destroy()?;
        self.journal.probe(self.shared.room())?;
        self.doomed.append(&mut self.lost);
        self.destroy()?;
        self.core.draw()?;
        self.shared.read_only.store(false, Ordering::Release);
        Ok(())
    }

    /// Overwrites what stands in the journal's older segments, some at a time; true when there is
    /// more to do. `begin`: whatever stands in the segments now, also in the one in use.
    ///
    /// # Errors
    /// The disk takes no writes.
    pub fn wipe(&mut self, begin: bool) -> Result<bool, Fault> {
        if begin {
            self.journal.begin_wipe();
        }
        self.journal.wipe(self.shared.room())
    }

    /// Outcomes that `commit` kept back, when they may be told by now. To be asked for after every
    /// `heal`, also one that failed.
    pub fn unparked(&mut self) -> Vec<Outcome> {
        if !self.doomed.is_empty() || self.parked.is_empty() {
            return Vec::new();
        }
        let outcomes = std::mem::take(&mut self.parked);
        self.show(&outcomes);
        outcomes
    }

    /// Destroys the keys that must be gone before anything else happens.
    fn destroy(&mut self) -> Result<(), Fault> {
        if let Some(keys) = &self.shared.keys {
            keys.erase(&self.doomed)?;
        }
        self.doomed.clear();
        Ok(())
    }

    /// Notes the files that the store is in; a copy of them begins an epoch of its own.
    fn settle(&mut self, origin: u128, copied: bool) -> Result<(), Fault> {
        let shared = &self.shared;
        let renewed = shared.former.last().filter(|_| copied);
        shared.database.write(|txn| {
            if let Some((_, ended)) = renewed {
                origin::renew(txn, shared.epoch, *ended)?;
            }
            origin::settle(txn, origin)
        })?;
        if copied {
            self.journal.set_epoch(shared.epoch);
            let epoch = shared.epoch;
            tracing::info!(%epoch, "the folder is a copy: every client is given a fresh state");
        }
        Ok(())
    }

    /// Begins another epoch, for a folder that was put back in a way that nobody can see from the
    /// inside. The store has to be opened anew after it.
    ///
    /// # Errors
    /// The disk takes no writes.
    pub fn renew_epoch(self, epoch: Epoch) -> Result<Epoch, Fault> {
        let ended = self.shared.head(Feed::Site)?;
        self.shared.database.write(|txn| origin::renew(txn, epoch, ended))?;
        Ok(epoch)
    }

    /// At the start there must be a segment to write to: the journal of a process that was killed
    /// again and again is moved into the database first.
    fn make_room(&mut self) -> Result<(), Fault> {
        let shared = Arc::clone(&self.shared);
        if self.journal.free(shared.room()) == 0 && shared.grow().is_err() {
            while shared.checkpoint()? {}
        }
        if self.journal.free(shared.room()) == 0 {
            while shared.checkpoint()? {}
        }
        self.journal.probe(shared.room())
    }

    /// Shows what was found, when it is durable for certain.
    fn confirm(&mut self) -> Result<(), Fault> {
        self.journal.confirm()?;
        let shared = &self.shared;
        let mut tail = shared.tail_mut();
        self.unsure.drain(..).for_each(|written| tail.push(written));
        drop(tail);
        shared.durable.store(self.journal.durable().0, Ordering::Release);
        Ok(())
    }

    /// Makes what is staged durable: the outcomes from `first` on, which are settled here.
    fn finish(&mut self, outcomes: &mut Vec<Outcome>, first: usize) {
        let bytes = self.journal.staged() as u64;
        if bytes == 0 {
            return;
        }
        match self.journal.commit(self.shared.room()) {
            Ok(()) => {
                let counts = &self.shared.counts;
                counts.commits.fetch_add(1, Ordering::Relaxed);
                counts.bytes.fetch_add(bytes, Ordering::Relaxed);
                self.doomed.extend(outcomes[first..].iter().flat_map(doomed_by));
                if let Err(fault) = self.destroy() {
                    tracing::warn!(%fault, "the key of an erased conversation stands still");
                    self.shared.read_only.store(true, Ordering::Release);
                    self.parked.extend(outcomes.drain(first..));
                } else {
                    self.show(&outcomes[first..]);
                }
                self.core.settle(self.shared.applied());
            }
            Err(fault) => {
                let slots = self.core.revert();
                // A full ring is noticed before anything is written.
                if !matches!(fault, Fault::Full) {
                    self.lost.extend(slots);
                }
                let refusal = self.refuse(&fault);
                for outcome in outcomes[first..].iter_mut().filter(|o| o.result.is_ok()) {
                    outcome.result = Err(refusal);
                }
            }
        }
        let free = self.journal.free(self.shared.room());
        self.shared.free_segments.store(free, Ordering::Relaxed);
    }

    /// Lets readers see what is durable. What an erasure leaves goes into the database at once.
    fn show(&self, outcomes: &[Outcome]) {
        let shared = &self.shared;
        let mut items = 0;
        let mut erased = None;
        let mut tail = shared.tail_mut();
        for written in outcomes.iter().filter_map(|outcome| outcome.result.as_ref().ok()).flatten()
        {
            tail.push(Arc::clone(written));
            items += 1;
            erased = written.erases().map(|_| written.position).or(erased);
        }
        drop(tail);
        shared.durable.store(self.journal.durable().0, Ordering::Release);
        shared.counts.items.fetch_add(items, Ordering::Relaxed);
        if let Some(position) = erased {
            shared.flush_to.fetch_max(position.0, Ordering::AcqRel);
        }
    }

    /// A full ring is passing while the database takes entries; everything else fences the store.
    fn refuse(&self, fault: &Fault) -> Refusal {
        let shared = &self.shared;
        let full = matches!(fault, Fault::Full);
        if full && !shared.checkpoint_failing.load(Ordering::Acquire) {
            return Refusal::busy(BUSY_RETRY_MS);
        }
        if !full {
            shared.counts.failed_syncs.fetch_add(1, Ordering::Relaxed);
            shared.read_only.store(true, Ordering::Release);
        }
        read_only()
    }
}

/// The slots whose keys a proposal's items destroy.
fn doomed_by(outcome: &Outcome) -> Vec<u64> {
    outcome.result.as_deref().map(doomed).unwrap_or_default()
}

/// The slots whose keys these items destroy.
pub(super) fn doomed(items: &[Arc<Written>]) -> Vec<u64> {
    items.iter().filter(|written| written.erases().is_some()).filter_map(|w| w.slot).collect()
}

fn create(txn: &WriteTransaction, epoch: Epoch) -> Result<(), Fault> {
    tables::create(txn)?;
    let mut meta = txn.open_table(tables::META)?;
    meta.insert("format", FORMAT.to_be_bytes().as_slice())?;
    meta.insert("epoch", epoch.to_bytes().as_slice())?;
    meta.insert("applied", 0_u64.to_be_bytes().as_slice())?;
    Ok(())
}

/// The items after `applied` as they were written. Of what was erased since, tombstones are left.
pub(super) fn recovered(
    found: &Found,
    applied: Position,
    keys: Option<&BodyKeys>,
) -> Result<Vec<Arc<Written>>, Fault> {
    let mut items = Vec::new();
    for (header, body) in &found.frames {
        let mut records = body.clone();
        for at in 0..u64::from(header.items) {
            let position = Position(header.position.0 + at);
            let record = next_record(&mut records).ok_or_else(|| damaged(header))?;
            if position > applied {
                let item = read_item(record, position, keys)?.ok_or_else(|| damaged(header))?;
                items.push(Arc::new(item));
            }
        }
    }
    Ok(items)
}

fn damaged(header: &Header) -> Fault {
    Fault::JournalDamaged { offset: 0, position: header.position.0 }
}

fn next_record(body: &mut Bytes) -> Option<Bytes> {
    let mut rest = body.as_ref();
    let length = usize::try_from(tables::take_varint(&mut rest)?).ok()?;
    let skip = body.len() - rest.len();
    body.advance(skip);
    (length <= body.len()).then(|| body.split_to(length))
}

/// `None`: these bytes are no record of this position.
fn read_item(
    record: Bytes,
    position: Position,
    keys: Option<&BodyKeys>,
) -> Result<Option<Written>, Fault> {
    let Some(record) = read_record(record).ok().filter(|record| record.position == position) else {
        return Ok(None);
    };
    let fact =
        |fact, slot| Written { position, places: Places::new(), slot, item: Item::Fact(fact) };
    match record.content {
        RecordContent::Fact(found) => Ok(Some(fact(found, None))),
        RecordContent::SealedBlob { row, sealed } => {
            let row = envelope::open_blob(row, &sealed, keys)?;
            Ok(Some(fact(Fact::Blob(row), Some(sealed.slot))))
        }
        RecordContent::Entry { .. } | RecordContent::SealedEntry { .. } => {
            let Some(row) = LogRow::of(record, keys)? else { return Ok(None) };
            let LogRow { places, bytes, body_hash, slot, .. } = row;
            let Ok(entry) = decode_entry(&bytes).map(Arc::new) else { return Ok(None) };
            let feeds = places.iter().map(|(feed, _)| *feed).collect();
            let body_hash = body_hash.unwrap_or_default();
            let item = Item::Entry(NewEntry { bytes, entry, feeds, body_hash });
            Ok(Some(Written { position, places, slot, item }))
        }
    }
}
