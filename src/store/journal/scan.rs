//! What a journal file holds: which frames are whole, where the tail is torn, whether it is
//! damaged.
//!
//! Only the last batch of the last generation may be torn. A frame that cannot be read although a
//! later batch was begun was durable once: that is damage, and nothing is decided here.

use bytes::Bytes;
use posthouse_crypto::seal::RecordKeys;

use super::Shape;
use super::frame::{self, ALIGN, HEADER, Header};
use super::pieces::{Pieces, read};
use super::segment::{FIRST_FRAME, SegmentHeader};
use crate::base::{Epoch, Position};
use crate::store::fault::Fault;
use crate::store::storage::Storage;

/// The journal as it was found.
#[derive(Debug, Default)]
pub struct Found {
    /// Generation and last position of each segment; 0 and 0 for one never used.
    pub segments: Vec<(u64, Position)>,
    /// Highest generation.
    pub generation: u64,
    /// Last position that is whole.
    pub last: Position,
    /// Frames with positions after `applied`, in order.
    pub frames: Vec<(Header, Bytes)>,
    /// Place and bytes of the last batch, as far as it is whole, and its first position.
    pub last_batch: Option<(u64, Bytes)>,
    pub last_batch_first: Position,
    /// Byte of the file where an unfinished batch begins.
    pub torn: Option<u64>,
    pub damage: Option<Damage>,
}

/// Frames that were durable and cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    pub offset: u64,
    pub position: Position,
}

impl From<Damage> for Fault {
    fn from(damage: Damage) -> Self {
        Self::JournalDamaged { offset: damage.offset, position: damage.position.0 }
    }
}

/// Reads the segments that hold positions after `applied`; stops at the first damage. `keys` open
/// the bodies of a sealed store.
///
/// # Errors
/// The disk does not read, the format is newer, or a segment is of none of these epochs.
pub fn scan(
    file: &dyn Storage,
    shape: Shape,
    epochs: &[Epoch],
    applied: Position,
    keys: Option<&RecordKeys>,
) -> Result<Found, Fault> {
    let headers = headers(file, shape, epochs)?;
    let mut found = Found { last: applied, ..Found::default() };
    found.segments = vec![(0, Position(0)); headers.len()];
    let mut order: Vec<(usize, SegmentHeader)> =
        headers.iter().enumerate().filter_map(|(at, header)| Some((at, (*header)?))).collect();
    order.sort_by_key(|(_, header)| header.generation);
    found.generation = order.last().map_or(0, |(_, header)| header.generation);
    for (rank, (at, header)) in order.iter().enumerate() {
        let limit = order.get(rank + 1).map(|(_, next)| next.first);
        let end = limit.map(|limit| Position(limit.0.saturating_sub(1)));
        if end.is_some_and(|end| end <= applied || end < header.first) {
            found.segments[*at] = (header.generation, end.unwrap_or_default());
            continue;
        }
        let base = shape.base(*at);
        if header.first.0 > found.last.0 + 1 {
            found.damage = Some(Damage { offset: base, position: found.last.next() });
            return Ok(found);
        }
        let mut pieces = Pieces::new(file, shape, *at);
        let reached = walk(&mut pieces, header, limit, applied, keys, &mut found)?;
        found.segments[*at] = (header.generation, found.last);
        found.last_batch = None;
        if reached.batch_at < reached.at {
            let batch = pieces.from(reached.batch_at, reached.at - reached.batch_at)?;
            let batch = Bytes::copy_from_slice(batch);
            found.last_batch = Some((base + reached.batch_at as u64, batch));
        }
        found.last_batch_first = reached.batch;
        let damaged = match end {
            _ if reached.shut => true,
            Some(end) => found.last < end,
            None => later_batch(&mut pieces, &reached, header.generation, applied)?,
        };
        let offset = base + reached.at as u64;
        if damaged {
            found.damage = Some(Damage { offset, position: reached.next });
            return Ok(found);
        }
        let rest = pieces.header(reached.at)?;
        if end.is_none() && rest.is_some_and(|rest| rest.generation == header.generation) {
            found.torn = Some(offset);
        }
    }
    lost_header(file, shape, &headers, &mut found)?;
    Ok(found)
}

fn headers(
    file: &dyn Storage,
    shape: Shape,
    epochs: &[Epoch],
) -> Result<Vec<Option<SegmentHeader>>, Fault> {
    let mut headers = Vec::new();
    for at in 0..shape.begun(file.length().map_err(Fault::disk("journal"))?) {
        let mut sector = [0; FIRST_FRAME];
        read(file, &mut sector, shape.base(at))?;
        let header = SegmentHeader::read(&sector)?;
        if header.is_some_and(|header| !epochs.contains(&header.epoch)) {
            return Err(Fault::ForeignJournal);
        }
        headers.push(header);
    }
    Ok(headers)
}

struct Reached {
    at: usize,
    /// Where the last batch begins.
    batch_at: usize,
    batch: Position,
    next: Position,
    /// The frame there has a right checksum and does not open: no torn write leaves that.
    shut: bool,
}

/// Follows the chain of whole frames; keeps those after `applied` and before `limit`.
fn walk(
    pieces: &mut Pieces<'_>,
    segment: &SegmentHeader,
    limit: Option<Position>,
    applied: Position,
    keys: Option<&RecordKeys>,
    found: &mut Found,
) -> Result<Reached, Fault> {
    let (at, next) = (FIRST_FRAME, segment.first);
    let mut reached = Reached { at, batch_at: at, batch: next, next, shut: false };
    let mut previous = segment.checksum;
    while let Some((header, frame)) = pieces.frame(reached.at)? {
        let belongs = header.generation == segment.generation
            && header.position == reached.next
            && header.previous == previous
            && limit.is_none_or(|limit| header.position < limit);
        if !belongs {
            break;
        }
        if header.last() > applied {
            let Ok(body) = frame::open(frame, keys) else {
                reached.shut = true;
                break;
            };
            found.frames.push((header, body));
            found.last = header.last();
        }
        previous = header.checksum;
        if header.batch == header.position {
            (reached.batch_at, reached.batch) = (reached.at, header.batch);
        }
        reached.at += header.span();
        reached.next = header.last().next();
    }
    Ok(reached)
}

/// True when a whole frame of a batch begun after what was reached stands behind it.
fn later_batch(
    pieces: &mut Pieces<'_>,
    reached: &Reached,
    generation: u64,
    applied: Position,
) -> Result<bool, Fault> {
    let last = pieces.segment_bytes().saturating_sub(HEADER);
    for at in (reached.at..last).step_by(ALIGN) {
        let later = pieces.header(at)?.is_some_and(|header| {
            header.generation == generation
                && header.batch > reached.next
                && header.position > applied
        });
        if later && pieces.frame(at)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A segment without a readable header that holds frames newer than everything found: its header
/// was durable before they were.
fn lost_header(
    file: &dyn Storage,
    shape: Shape,
    headers: &[Option<SegmentHeader>],
    found: &mut Found,
) -> Result<(), Fault> {
    for (at, _) in headers.iter().enumerate().filter(|(_, header)| header.is_none()) {
        let mut start = vec![0; HEADER];
        let base = shape.base(at) + FIRST_FRAME as u64;
        read(file, &mut start, base)?;
        let newer = Header::read(&start)
            .filter(|header| header.generation > found.generation && header.position > found.last);
        if let Some(header) = newer {
            let mut whole = vec![0; HEADER + header.length as usize];
            read(file, &mut whole, base)?;
            if frame::check(&whole).is_some() {
                found.damage = Some(Damage { offset: base, position: header.position });
            }
        }
    }
    Ok(())
}
