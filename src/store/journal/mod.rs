//! The durable edge: a ring of preallocated, recycled segments in one file.
//!
//! One write and one sync make a batch durable. After a failed sync the segment is fenced: nothing
//! of it is trusted or synced again, and a new one begins with a higher generation behind the last
//! durable position. A segment is recycled only when everything durable in it is in the database.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use posthouse_crypto::seal::{RECORD_EXTRA, RecordKeys};

use self::frame::{HEADER, Header};
use self::scan::Found;
use self::segment::{FIRST_FRAME, SegmentHeader};
use super::fault::Fault;
use super::storage::Storage;
use crate::base::chance::{Chance, Seeded};
use crate::base::limits::RECORD_BYTES;
use crate::base::{Epoch, Position};

pub mod frame;
mod pieces;
pub mod scan;
pub mod segment;
#[cfg(test)]
mod tests;

/// What a segment is filled with, some at a time.
static ZEROS: [u8; 256 * 1024] = [0; 256 * 1024];

/// Size of the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub segments: u32,
    pub segment_bytes: u64,
}

impl Shape {
    pub(super) fn base(self, segment: usize) -> u64 {
        segment as u64 * self.segment_bytes
    }

    /// Whole segments in a file of this length, which may be written to.
    pub(super) fn allocated(self, len: u64) -> usize {
        usize::try_from((len / self.segment_bytes).min(u64::from(self.segments))).unwrap_or(0)
    }

    /// Segments that a file of this length begins, which may hold frames: after a failed sync the
    /// file can be shorter on the disk than it was in memory.
    pub(super) fn begun(self, len: u64) -> usize {
        let begun = len.div_ceil(self.segment_bytes).min(u64::from(self.segments));
        usize::try_from(begun).unwrap_or(0)
    }

    /// Longest batch: two fit in a segment, whatever its size.
    #[must_use]
    pub fn batch_bytes(self) -> usize {
        let half = (self.segment_bytes - FIRST_FRAME as u64) / 2;
        usize::try_from(half).unwrap_or(usize::MAX).min(crate::base::limits::BATCH_BYTES)
    }
}

/// What may be written over: segments whose items are all at or before `applied`, among the first
/// `allocated` ones.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    pub applied: Position,
    pub allocated: u32,
}

#[derive(Debug)]
pub struct Journal {
    file: Arc<dyn Storage>,
    shape: Shape,
    epoch: Epoch,
    /// Seal the bodies of frames.
    keys: Option<Arc<RecordKeys>>,
    /// Generation and last durable position of each segment.
    segments: Vec<(u64, Position)>,
    active: Option<Active>,
    generation: u64,
    chance: Seeded,
    durable: Position,
    /// Place and bytes of the last batch as it was found: it may stand in the page cache only, even
    /// after a sync that failed.
    unsure: Option<(u64, Bytes)>,
    batch: Vec<u8>,
    frames: Vec<(usize, Header)>,
    /// Segments that may hold frames from before `begin_wipe`.
    stale: Vec<bool>,
    /// The segment that is filled with zeros, and how far.
    wiping: Option<(usize, u64)>,
}

#[derive(Clone, Copy, Debug)]
struct Active {
    segment: usize,
    at: u64,
    /// Checksum of the last frame, or of the segment's header.
    chain: u64,
}

impl Journal {
    /// Takes over a journal as `scan` found it. Writes nothing: `probe` or the first commit begins
    /// a segment. Half of a generation comes from `seed`, so that nobody can put a frame into a
    /// message.
    #[must_use]
    pub fn resume(
        file: Arc<dyn Storage>,
        shape: Shape,
        epoch: Epoch,
        found: &Found,
        seed: u64,
        keys: Option<Arc<RecordKeys>>,
    ) -> Self {
        let mut segments = found.segments.clone();
        segments.resize(shape.segments as usize, (0, Position(0)));
        Self {
            file,
            shape,
            epoch,
            keys,
            segments,
            active: None,
            generation: found.generation,
            chance: Seeded::new(seed),
            durable: found.last,
            unsure: found.last_batch.clone(),
            batch: Vec::new(),
            frames: Vec::new(),
            stale: vec![false; shape.segments as usize],
            wiping: None,
        }
    }

    /// Segments that are begun from now on carry this epoch.
    pub fn set_epoch(&mut self, epoch: Epoch) {
        self.epoch = epoch;
    }

    /// Last position that a sync made durable.
    #[must_use]
    pub fn durable(&self) -> Position {
        self.durable
    }

    /// Bytes staged for the next commit.
    #[must_use]
    pub fn staged(&self) -> usize {
        self.batch.len()
    }

    /// Segments that could be begun now.
    #[must_use]
    pub fn free(&self, room: Room) -> u32 {
        u32::try_from((0..self.segments.len()).filter(|at| self.is_free(*at, room)).count())
            .unwrap_or(u32::MAX)
    }

    /// Adds a body of `items` items to the batch; it is never split between two frames.
    ///
    /// # Panics
    /// A body longer than `RECORD_BYTES`: callers refuse it before.
    pub fn stage(&mut self, first: Position, items: u32, body: &[u8]) {
        assert!(body.len() <= RECORD_BYTES && items > 0, "callers refuse longer bodies");
        let open = self.frames.last().is_some_and(|(start, _)| {
            self.batch.len() - start - HEADER + body.len() <= RECORD_BYTES
        });
        if !open {
            self.close_frame();
            self.frames.push((self.batch.len(), self.new_header(first)));
            self.batch.resize(self.batch.len() + HEADER, 0);
        }
        self.batch.extend_from_slice(body);
        if let Some((_, header)) = self.frames.last_mut() {
            header.items += items;
        }
    }

    /// Forgets the staged batch.
    pub fn discard(&mut self) {
        self.batch.clear();
        self.frames.clear();
    }

    /// Writes and syncs the staged batch. When it fails nothing of the batch is durable, the
    /// segment is fenced and the batch forgotten.
    ///
    /// # Errors
    /// `Full`: no segment is free. `Disk`: a write or sync failed.
    pub fn commit(&mut self, room: Room) -> Result<(), Fault> {
        self.close_frame();
        let done = self.write_batch(room);
        self.discard();
        done
    }

    /// Writes the last batch that was found again, so that it is durable for certain.
    ///
    /// # Errors
    /// `Disk`: a write or sync failed.
    pub fn confirm(&mut self) -> Result<(), Fault> {
        if let Some((offset, found)) = &self.unsure {
            self.file.write_at(found, *offset).map_err(Fault::disk("journal"))?;
            self.file.sync().map_err(Fault::disk("journal"))?;
            self.unsure = None;
        }
        Ok(())
    }

    /// Begins a segment when none is being written: tells whether the disk takes writes again.
    ///
    /// # Errors
    /// As `commit`.
    pub fn probe(&mut self, room: Room) -> Result<(), Fault> {
        if self.active.is_none() { self.begin(room) } else { Ok(()) }
    }

    /// Goes on with a newly opened file; the segment in use is fenced.
    pub fn reopen(&mut self, file: Arc<dyn Storage>) {
        self.file = file;
        self.active = None;
    }

    /// Whatever stands in the segments now is to be overwritten, by `wipe`.
    pub fn begin_wipe(&mut self) {
        self.active = None;
        self.wiping = None;
        self.stale.fill(true);
    }

    /// Fills some of a stale segment with zeros, its header first; true when there is more to do,
    /// perhaps after the database took more. Leaves a free segment to those who write.
    ///
    /// # Errors
    /// As `commit`.
    pub fn wipe(&mut self, room: Room) -> Result<bool, Fault> {
        if let Some((segment, at)) = self.wiping {
            let step = (self.shape.segment_bytes - at).min(ZEROS.len() as u64);
            self.zero(segment, at, usize::try_from(step).unwrap_or(0))?;
            let end = at + step;
            self.wiping = (end < self.shape.segment_bytes).then_some((segment, end));
            self.stale[segment] = self.wiping.is_some();
            return Ok(self.stale.contains(&true));
        }
        self.probe(room)?;
        let active = self.active.map(|active| active.segment);
        // A fresh segment has nothing behind its end when it was zeros; else it is left again.
        let others = (0..self.stale.len()).filter(|at| self.stale[*at] && Some(*at) != active);
        if others.count() == 0 && active.is_some_and(|active| self.stale[active]) {
            self.active = None;
            self.probe(room)?;
            return Ok(true);
        }
        let next = (0..self.stale.len()).find(|at| self.stale[*at] && self.is_free(*at, room));
        if let Some(segment) = next.filter(|_| self.free(room) > 1) {
            self.wiping = Some((segment, FIRST_FRAME as u64));
            self.segments[segment] = (0, Position(0));
            self.zero(segment, 0, FIRST_FRAME)?;
        }
        Ok(self.stale.contains(&true))
    }

    fn zero(&self, segment: usize, at: u64, count: usize) -> Result<(), Fault> {
        let offset = self.shape.base(segment) + at;
        self.file.write_at(&ZEROS[..count], offset).map_err(Fault::disk("journal"))?;
        self.file.sync().map_err(Fault::disk("journal"))
    }

    fn new_header(&self, position: Position) -> Header {
        let batch = self.frames.first().map_or(position, |(_, first)| first.position);
        Header { length: 0, items: 0, generation: 0, position, batch, previous: 0, checksum: 0 }
    }

    fn close_frame(&mut self) {
        if let Some((start, header)) = self.frames.last_mut() {
            let room = self.keys.as_ref().map_or(0, |_| RECORD_EXTRA);
            let length = self.batch.len() - *start - HEADER + room;
            header.length = u32::try_from(length).unwrap_or(u32::MAX);
            self.batch.resize(*start + header.span(), 0);
        }
    }

    fn write_batch(&mut self, room: Room) -> Result<(), Fault> {
        let Some((_, last)) = self.frames.last() else { return Ok(()) };
        let last = last.last();
        let fits =
            self.active.is_some_and(|a| a.at + self.batch.len() as u64 <= self.shape.segment_bytes);
        if !fits {
            self.begin(room)?;
        }
        let Some(mut active) = self.active.take() else { return Err(Fault::Full) };
        assert!(active.at + self.batch.len() as u64 <= self.shape.segment_bytes, "a batch fits");
        for (start, header) in &mut self.frames {
            header.generation = self.generation;
            header.previous = active.chain;
            active.chain = frame::finish(&mut self.batch[*start..], header, self.keys.as_deref())
                .map_err(|fault| Fault::disk("random")(io::Error::other(fault)))?;
        }
        let offset = self.shape.base(active.segment) + active.at;
        self.file.write_at(&self.batch, offset).map_err(Fault::disk("journal"))?;
        self.file.sync().map_err(Fault::disk("journal"))?;
        active.at += self.batch.len() as u64;
        self.segments[active.segment].1 = last;
        self.durable = last;
        self.active = Some(active);
        Ok(())
    }

    fn is_free(&self, at: usize, room: Room) -> bool {
        at < room.allocated as usize
            && self.wiping.is_none_or(|(segment, _)| segment != at)
            && self.active.is_none_or(|active| active.segment != at)
            && self.segments[at].1 <= room.applied
    }

    /// Begins the free segment that was used longest ago; its header is durable before a frame is.
    fn begin(&mut self, room: Room) -> Result<(), Fault> {
        let free = (0..self.segments.len()).filter(|at| self.is_free(*at, room));
        let segment = free.min_by_key(|at| self.segments[*at].0).ok_or(Fault::Full)?;
        self.active = None;
        let random = self.chance.bits() >> 32;
        self.generation = ((self.generation >> 32) + 1) << 32 | random;
        let first = self.durable.next();
        let mut header =
            SegmentHeader { epoch: self.epoch, generation: self.generation, first, checksum: 0 };
        let bytes = header.write();
        self.segments[segment] = (self.generation, Position(0));
        self.file.write_at(&bytes, self.shape.base(segment)).map_err(Fault::disk("journal"))?;
        self.file.sync().map_err(Fault::disk("journal"))?;
        self.active = Some(Active { segment, at: FIRST_FRAME as u64, chain: header.checksum });
        Ok(())
    }
}

/// Fills the next segment of the file with zeros, so that a commit changes no metadata; returns how
/// many segments there are then.
///
/// # Errors
/// The disk is full or failing.
pub fn grow(file: &dyn Storage, shape: Shape) -> Result<u32, Fault> {
    let disk = || Fault::disk("journal");
    let length = file.length().map_err(disk())?;
    let allocated = shape.allocated(length);
    if allocated == shape.segments as usize {
        return Ok(shape.segments);
    }
    // What the file has of the segment already may be frames.
    let (mut at, end) = (shape.base(allocated).max(length), shape.base(allocated + 1));
    while at < end {
        let step = usize::try_from(end - at).unwrap_or(usize::MAX).min(ZEROS.len());
        file.write_at(&ZEROS[..step], at).map_err(disk())?;
        at += step as u64;
    }
    file.sync().map_err(disk())?;
    Ok(u32::try_from(allocated + 1).unwrap_or(shape.segments))
}
