//! A row of the log table: a checksum, because the database does not verify on reads, and a record.

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64;

use super::fault::Fault;
use super::words::{Places, index_in};
use crate::base::{ConversationId, Feed, Index, Position};
use crate::desk::{Body, Entry, Gone};
use crate::wire::record::{RecordContent, read_record, write_entry_record};

const SUM: usize = 8;

/// An entry as the log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRow {
    pub position: Position,
    pub places: Places,
    pub body_hash: [u8; 16],
    pub bytes: Bytes,
}

impl LogRow {
    /// The bytes of the row, written over what `out` held.
    pub fn write(&self, conversation: Option<ConversationId>, out: &mut Vec<u8>) {
        write(out, self.position, &self.places, &self.bytes, &self.body_hash, conversation);
    }

    /// Reads a row and checks it.
    ///
    /// # Errors
    /// The checksum does not match, or the row is another position's.
    pub fn read(position: Position, row: &[u8]) -> Result<Self, Fault> {
        let damaged = || Fault::RowDamaged { position: position.0 };
        let (sum, record) = row.split_at_checked(SUM).ok_or_else(damaged)?;
        if sum != xxh3_64(record).to_le_bytes() {
            return Err(damaged());
        }
        let record = read_record(Bytes::copy_from_slice(record)).map_err(|_| damaged())?;
        match record.content {
            RecordContent::Entry { bytes, places, body_hash } if record.position == position => {
                Ok(Self { position, places, body_hash, bytes })
            }
            RecordContent::Entry { .. } | RecordContent::Fact(_) => Err(damaged()),
        }
    }

    #[must_use]
    pub fn index_in(&self, feed: Feed) -> Option<Index> {
        index_in(&self.places, feed)
    }
}

/// The bytes of a row, written over what `out` held.
pub fn write(
    out: &mut Vec<u8>,
    position: Position,
    places: &[(Feed, Index)],
    bytes: &[u8],
    body_hash: &[u8; 16],
    conversation: Option<ConversationId>,
) {
    out.clear();
    out.resize(SUM, 0);
    write_entry_record(out, position, places, bytes, body_hash, conversation);
    let sum = xxh3_64(&out[SUM..]);
    out[..SUM].copy_from_slice(&sum.to_le_bytes());
}

/// The entry with a tombstone in place of its body; `None` when its body is not one that can go.
#[must_use]
pub fn tombstone(entry: &Entry) -> Option<Entry> {
    match entry.body {
        Body::Message(_) | Body::Note(_) => {
            Some(Entry { body: Body::Tombstone(Gone::Recalled), ..entry.clone() })
        }
        Body::Opened { .. }
        | Body::Queued { .. }
        | Body::Assigned { .. }
        | Body::Transferred { .. }
        | Body::Resolved
        | Body::Reopened
        | Body::Rated { .. }
        | Body::Recalled { .. }
        | Body::Profile(_)
        | Body::Tombstone(_)
        | Body::Agent(_)
        | Body::Team(_)
        | Body::Inbox(_)
        | Body::Site(_) => None,
    }
}
