//! A row of the log table: a checksum, because the database does not verify on reads, and a record.

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64;

use super::body_keys::BodyKeys;
use super::envelope::{self, EntryRecord, Sealing};
use super::fault::Fault;
use super::words::{Places, index_in};
use crate::base::{Feed, Index, Position};
use crate::desk::{Body, Entry, Gone};
use crate::wire::record::{Record, RecordContent, read_record};
use crate::wire::{encode_entry, skeleton};

const SUM: usize = 8;

/// An entry as readers may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRow {
    pub position: Position,
    pub places: Places,
    /// `None`: the conversation was erased.
    pub body_hash: Option<[u8; 16]>,
    pub bytes: Bytes,
    /// Where the key is that seals it, or that it destroys.
    pub slot: Option<u64>,
}

impl LogRow {
    /// Reads a row and checks it. What its conversation's key does not open is a tombstone.
    ///
    /// # Errors
    /// The checksum does not match, the row is another position's, or the disk does not read.
    pub fn read(position: Position, row: &[u8], keys: Option<&BodyKeys>) -> Result<Self, Fault> {
        let damaged = || Fault::RowDamaged { position: position.0 };
        let (sum, record) = row.split_at_checked(SUM).ok_or_else(damaged)?;
        if sum != xxh3_64(record).to_le_bytes() {
            return Err(damaged());
        }
        let record = read_record(Bytes::copy_from_slice(record)).map_err(|_| damaged())?;
        if record.position != position {
            return Err(damaged());
        }
        Self::of(record, keys)?.ok_or_else(damaged)
    }

    /// The row of a record; `None` when it is a fact.
    ///
    /// # Errors
    /// As `read`.
    pub fn of(record: Record, keys: Option<&BodyKeys>) -> Result<Option<Self>, Fault> {
        let position = record.position;
        Ok(Some(match record.content {
            RecordContent::Entry { bytes, places, body_hash, slot } => {
                Self { position, places, body_hash, bytes, slot }
            }
            RecordContent::SealedEntry { head, places, sealed } => {
                let slot = Some(sealed.slot);
                match envelope::open_entry(position, &head, &sealed, keys)? {
                    Some((bytes, hash)) => {
                        Self { position, places, body_hash: Some(hash), bytes, slot }
                    }
                    None => {
                        let left = skeleton(&head, sealed.at);
                        let left = left.ok_or(Fault::RowDamaged { position: position.0 })?;
                        let bytes = encode_entry(&left);
                        Self { position, places, body_hash: None, bytes, slot }
                    }
                }
            }
            RecordContent::Fact(_) | RecordContent::SealedBlob { .. } => return Ok(None),
        }))
    }

    #[must_use]
    pub fn index_in(&self, feed: Feed) -> Option<Index> {
        index_in(&self.places, feed)
    }
}

/// The bytes of a row, written over what `out` held.
///
/// # Errors
/// The disk does not read, or the system has no randomness.
pub fn write(
    out: &mut Vec<u8>,
    record: EntryRecord<'_>,
    sealing: Sealing<'_>,
) -> Result<(), Fault> {
    out.clear();
    out.resize(SUM, 0);
    // A tombstone takes the place of an entry whose key was destroyed meanwhile.
    let _sealed = record.write(out, sealing)?;
    let sum = xxh3_64(&out[SUM..]);
    out[..SUM].copy_from_slice(&sum.to_le_bytes());
    Ok(())
}

/// The entry with a tombstone in place of its body; `None` when its body stays.
#[must_use]
pub fn tombstone(entry: &Entry, gone: Gone) -> Option<Entry> {
    match (gone, &entry.body) {
        (Gone::Deleted, Body::Erased { .. }) => None,
        (Gone::Deleted, _) => Some(envelope::buried(entry)),
        (Gone::Recalled, Body::Message(_) | Body::Note(_)) => {
            Some(Entry { body: Body::Tombstone(Gone::Recalled), ..entry.clone() })
        }
        (Gone::Recalled, _) => None,
    }
}
