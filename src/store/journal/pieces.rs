//! One segment of a journal file, read in pieces: a start costs the memory of a piece, not of a
//! segment. Invariant: what lies behind the end of the file reads as zeros.

use super::Shape;
use super::frame::{self, HEADER, Header};
use crate::base::limits::RECORD_BYTES;
use crate::store::fault::Fault;
use crate::store::storage::Storage;

/// A piece holds the longest frame and room to go on, so that most frames cost no read.
const PIECE: usize = 4 * RECORD_BYTES;

#[derive(Debug)]
pub struct Pieces<'a> {
    file: &'a dyn Storage,
    base: u64,
    segment_bytes: usize,
    /// Byte of the segment that `piece` begins at.
    start: usize,
    piece: Vec<u8>,
}

impl<'a> Pieces<'a> {
    #[must_use]
    pub fn new(file: &'a dyn Storage, shape: Shape, segment: usize) -> Self {
        let segment_bytes = usize::try_from(shape.segment_bytes).unwrap_or(usize::MAX);
        Self { file, base: shape.base(segment), segment_bytes, start: 0, piece: Vec::new() }
    }

    #[must_use]
    pub fn segment_bytes(&self) -> usize {
        self.segment_bytes
    }

    /// The bytes from `at` on: `want` of them, fewer at the end of the segment.
    ///
    /// # Errors
    /// The disk does not read.
    pub fn from(&mut self, at: usize, want: usize) -> Result<&[u8], Fault> {
        let at = at.min(self.segment_bytes);
        let end = at.saturating_add(want).min(self.segment_bytes);
        if at < self.start || end > self.start + self.piece.len() {
            let length = PIECE.max(end - at).min(self.segment_bytes - at);
            self.piece.resize(length, 0);
            self.piece.fill(0);
            read(self.file, &mut self.piece, self.base + at as u64)?;
            self.start = at;
        }
        Ok(&self.piece[at - self.start..end - self.start])
    }

    /// The header that stands at `at`, if it is a possible one.
    ///
    /// # Errors
    /// The disk does not read.
    pub fn header(&mut self, at: usize) -> Result<Option<Header>, Fault> {
        Ok(Header::read(self.from(at, HEADER)?))
    }

    /// The whole frame that stands at `at`: its header and all its bytes.
    ///
    /// # Errors
    /// The disk does not read.
    pub fn frame(&mut self, at: usize) -> Result<Option<(Header, &[u8])>, Fault> {
        let Some(header) = self.header(at)? else { return Ok(None) };
        let end = HEADER + header.length as usize;
        let bytes = self.from(at, end)?;
        Ok(frame::check(bytes).map(|header| (header, &bytes[..end])))
    }
}

/// Fills `out`; what lies behind the end of the file reads as zeros, as if it had been allocated.
///
/// # Errors
/// The disk does not read.
pub fn read(file: &dyn Storage, out: &mut [u8], offset: u64) -> Result<(), Fault> {
    let length = file.length().map_err(Fault::disk("journal"))?;
    let there = usize::try_from(length.saturating_sub(offset)).unwrap_or(usize::MAX);
    let there = there.min(out.len());
    file.read_at(&mut out[..there], offset).map_err(Fault::disk("journal"))
}
