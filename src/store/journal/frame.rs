//! One frame of the journal: a header and a body that become durable together.
//!
//! `length u32 | items u32 | generation u64 | position u64 | batch u64 | previous u64 | checksum
//! u64`, little-endian, then the body and zeros up to the next multiple of 16. The checksum (XXH3,
//! 64 bits) covers the header before it, the previous frame's checksum among it, and the body. In a
//! sealed store the body is sealed with the header before the checksum as its place.

use bytes::Bytes;
use posthouse_crypto::seal::{BadSeal, RECORD_EXTRA, RecordKeys};
use posthouse_crypto::token::NoRandomness;
use xxhash_rust::xxh3::Xxh3Default;

use crate::base::Position;
use crate::base::limits::RECORD_BYTES;

pub const HEADER: usize = 48;
pub const ALIGN: usize = 16;
const SUM_AT: usize = 40;

/// A frame's header, checked or about to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes of the body.
    pub length: u32,
    /// Items in the body; they have the positions from `position` on.
    pub items: u32,
    pub generation: u64,
    pub position: Position,
    /// First position of the batch that one sync made durable.
    pub batch: Position,
    /// Checksum of the frame before, or of the segment's header.
    pub previous: u64,
    pub checksum: u64,
}

impl Header {
    /// Reads a header whose length, items and position are possible; the checksum is not checked.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..HEADER)?;
        let header = Self {
            length: u32_at(bytes, 0)?,
            items: u32_at(bytes, 4)?,
            generation: u64_at(bytes, 8)?,
            position: Position(u64_at(bytes, 16)?),
            batch: Position(u64_at(bytes, 24)?),
            previous: u64_at(bytes, 32)?,
            checksum: u64_at(bytes, SUM_AT)?,
        };
        let possible = (1..=RECORD_BYTES + RECORD_EXTRA).contains(&(header.length as usize))
            && (1..=header.length).contains(&header.items)
            && (1..=header.position.0).contains(&header.batch.0)
            && header.position.0 < u64::MAX / 2;
        possible.then_some(header)
    }

    /// Bytes from this frame's start to the next one's.
    #[must_use]
    pub fn span(&self) -> usize {
        span(self.length as usize)
    }

    /// Last position in the frame.
    #[must_use]
    pub fn last(&self) -> Position {
        Position(self.position.0 + u64::from(self.items) - 1)
    }
}

/// Bytes of a frame with a body of this length.
#[must_use]
pub fn span(length: usize) -> usize {
    (HEADER + length).next_multiple_of(ALIGN)
}

/// The frame that begins at `bytes[0]`, when its checksum is right.
#[must_use]
pub fn check(bytes: &[u8]) -> Option<Header> {
    let header = Header::read(bytes)?;
    let body = bytes.get(HEADER..HEADER + header.length as usize)?;
    (sum(&bytes[..SUM_AT], body) == header.checksum).then_some(header)
}

/// Fills in the header of a frame whose body stands behind it, and seals the body when there are
/// `keys`: its last bytes are room for that. Returns the checksum.
///
/// # Errors
/// No randomness to seal with.
pub fn finish(
    frame: &mut [u8],
    header: &Header,
    keys: Option<&RecordKeys>,
) -> Result<u64, NoRandomness> {
    let end = HEADER + header.length as usize;
    frame[0..4].copy_from_slice(&header.length.to_le_bytes());
    frame[4..8].copy_from_slice(&header.items.to_le_bytes());
    frame[8..16].copy_from_slice(&header.generation.to_le_bytes());
    frame[16..24].copy_from_slice(&header.position.0.to_le_bytes());
    frame[24..32].copy_from_slice(&header.batch.0.to_le_bytes());
    frame[32..40].copy_from_slice(&header.previous.to_le_bytes());
    if let Some(keys) = keys {
        let (head, body) = frame.split_at_mut(HEADER);
        keys.seal_within(&head[..SUM_AT], &mut body[..header.length as usize])?;
    }
    let checksum = sum(&frame[..SUM_AT], &frame[HEADER..end]);
    frame[SUM_AT..HEADER].copy_from_slice(&checksum.to_le_bytes());
    Ok(checksum)
}

/// The body of a whole frame in the clear.
///
/// # Errors
/// It was changed by somebody who knows to make a checksum, or sealed with another key.
pub fn open(frame: &[u8], keys: Option<&RecordKeys>) -> Result<Bytes, BadSeal> {
    let (head, body) = frame.split_at_checked(HEADER).ok_or(BadSeal)?;
    let Some(keys) = keys else { return Ok(Bytes::copy_from_slice(body)) };
    let mut body = body.to_vec();
    let length = keys.open(&head[..SUM_AT], &mut body)?.len();
    body.truncate(length);
    Ok(body.into())
}

fn sum(header: &[u8], body: &[u8]) -> u64 {
    let mut hasher = Xxh3Default::new();
    hasher.update(header);
    hasher.update(body);
    hasher.digest()
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}
