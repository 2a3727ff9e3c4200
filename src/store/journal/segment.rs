//! The header of one journal segment, alone in its first sector. It is synced before any frame of
//! its generation is written, so a generation names one run of frames for ever.

use xxhash_rust::xxh3::xxh3_64;

use super::frame::{u32_at, u64_at};
use crate::base::{Epoch, Position};
use crate::store::fault::Fault;

/// Frames begin here: the header's sector is not written again with them.
pub const FIRST_FRAME: usize = 512;
pub const FORMAT: u32 = 1;
const MAGIC: &[u8; 8] = b"phjournl";
const SUM_AT: usize = 48;
const LENGTH: usize = 56;

/// `magic | format u32 | zero u32 | epoch 16 bytes | generation u64 | first u64 | checksum u64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    pub epoch: Epoch,
    pub generation: u64,
    /// Position of the first item. What older generations hold from here on was never durable.
    pub first: Position,
    pub checksum: u64,
}

impl SegmentHeader {
    /// The bytes on disk; `self.checksum` is set to match.
    pub fn write(&mut self) -> [u8; LENGTH] {
        let mut out = [0; LENGTH];
        out[..8].copy_from_slice(MAGIC);
        out[8..12].copy_from_slice(&FORMAT.to_le_bytes());
        out[16..32].copy_from_slice(&self.epoch.to_bytes());
        out[32..40].copy_from_slice(&self.generation.to_le_bytes());
        out[40..48].copy_from_slice(&self.first.0.to_le_bytes());
        self.checksum = xxh3_64(&out[..SUM_AT]);
        out[SUM_AT..].copy_from_slice(&self.checksum.to_le_bytes());
        out
    }

    /// `Ok(None)` when the segment was never used or its header is not readable.
    ///
    /// # Errors
    /// A newer format.
    pub fn read(bytes: &[u8]) -> Result<Option<Self>, Fault> {
        let sum = bytes.get(..SUM_AT).map(xxh3_64);
        if bytes.get(..8) != Some(MAGIC) || sum.is_none() || sum != u64_at(bytes, SUM_AT) {
            return Ok(None);
        }
        let format = u32_at(bytes, 8).unwrap_or(u32::MAX);
        if format > FORMAT {
            return Err(Fault::NewerFormat { found: format, known: FORMAT });
        }
        let fields = (Epoch::from_bytes(&bytes[16..32]), u64_at(bytes, 32), u64_at(bytes, 40), sum);
        let (Some(epoch), Some(generation), Some(first), Some(checksum)) = fields else {
            return Ok(None);
        };
        Ok(Some(Self { epoch, generation, first: Position(first), checksum }))
    }
}
