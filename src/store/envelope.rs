//! What a conversation's key seals of the store's records and rows. Invariant: in a sealed store no
//! text, name, detail or file name of a visitor stands in a record or row but within what that key
//! seals; what stands outside outlives an erasure.

use bytes::Bytes;

use super::body_keys::{BodyKeys, Text};
use super::fault::Fault;
use crate::base::{BlobId, ConversationId, Feed, Index, Position, Wall};
use crate::desk::{Body, Conversation, Entry, Gone};
use crate::wire::record::{self, Sealed};
use crate::wire::{
    BlobRow, Fact, decode_conversation, encode_conversation, encode_entry, head_length,
};

/// First byte of a sealed row of a conversation: no row in the clear begins with it.
const SEALED_ROW: u8 = 0;
/// Bytes of a sealed row before the part in the clear: that byte, the slot (u64) and the length of
/// the part in the clear (u32), big-endian.
const ROW_HEAD: usize = 13;

/// A conversation's key, when it has one.
#[derive(Clone, Copy, Debug)]
pub struct Sealing<'a> {
    pub keys: Option<&'a BodyKeys>,
    pub slot: Option<u64>,
}

/// An entry on its way into a record.
#[derive(Clone, Copy, Debug)]
pub struct EntryRecord<'a> {
    pub position: Position,
    pub places: &'a [(Feed, Index)],
    pub bytes: &'a [u8],
    pub entry: &'a Entry,
    pub body_hash: &'a [u8; 16],
}

impl EntryRecord<'_> {
    /// Appends the record. False when the conversation's key was destroyed: then the record is of a
    /// tombstone.
    ///
    /// # Errors
    /// The disk does not read, or the system has no randomness.
    pub fn write(&self, out: &mut Vec<u8>, sealing: Sealing<'_>) -> Result<bool, Fault> {
        let Self { position, places, bytes, entry, body_hash } = *self;
        let conversation = entry.conversation;
        let slot = match (&entry.body, sealing) {
            (Body::Erased { .. } | Body::Tombstone(Gone::Deleted), _) => None,
            (_, Sealing { keys: Some(keys), slot: Some(slot) }) => Some((keys, slot)),
            (_, _) => None,
        };
        let Some((keys, slot)) = slot else {
            let hash = (entry.body != Body::Tombstone(Gone::Deleted)).then_some(body_hash);
            let ends = matches!(entry.body, Body::Erased { .. });
            let slot = sealing.slot.filter(|_| ends);
            let whose = (conversation, slot);
            record::write_entry_record(out, position, places, bytes, hash, whose);
            return Ok(true);
        };
        let (head, rest) = bytes.split_at(head_length(bytes));
        let mut text = Vec::with_capacity(16 + rest.len() + 32);
        text.extend_from_slice(body_hash);
        text.extend_from_slice(rest);
        if keys.seal(slot, &entry_place(position), &mut text, 0)? {
            let sealed = Sealed { slot, at: entry.at, text: text.into() };
            record::write_sealed_record(out, position, places, head, &sealed, conversation);
            return Ok(true);
        }
        let left = buried(entry);
        let bytes = encode_entry(&left);
        record::write_entry_record(out, position, places, &bytes, None, (conversation, None));
        Ok(false)
    }
}

/// The bytes of an entry and the hash of its command; `None`: the conversation's key does not open
/// them, and only the head tells something.
///
/// # Errors
/// The disk does not read.
pub fn open_entry(
    position: Position,
    head: &[u8],
    sealed: &Sealed,
    keys: Option<&BodyKeys>,
) -> Result<Option<(Bytes, [u8; 16])>, Fault> {
    let keys = keys.ok_or(Fault::Sealed)?;
    let text = keys.open_text(sealed.slot, &entry_place(position), &sealed.text)?;
    let Text::Plain(text) = text else { return Ok(None) };
    let Some((hash, rest)) = text.split_first_chunk::<16>() else { return Ok(None) };
    Ok(Some(([head, rest].concat().into(), *hash)))
}

/// What is left of an entry when its conversation is erased.
#[must_use]
pub fn buried(entry: &Entry) -> Entry {
    let mut left = entry.clone();
    left.author.name = String::new().into();
    left.body = Body::Tombstone(Gone::Deleted);
    left
}

/// Appends the record of a fact. False when it belongs to a conversation whose key was destroyed:
/// nothing was written.
///
/// # Errors
/// The disk does not read, or the system has no randomness.
pub fn write_fact(
    out: &mut Vec<u8>,
    position: Position,
    fact: &Fact,
    sealing: Sealing<'_>,
) -> Result<bool, Fault> {
    let (Fact::Blob(row), Some(keys), Some(slot)) = (fact, sealing.keys, sealing.slot) else {
        record::write_fact_record(out, position, fact);
        return Ok(true);
    };
    let mut text = record::encode_blob(row);
    if !keys.seal(slot, &blob_place(row.id), &mut text, 0)? {
        return Ok(false);
    }
    let sealed = Sealed { slot, at: row.at, text: text.into() };
    record::write_sealed_blob(out, position, row, &sealed);
    Ok(true)
}

/// An attachment's row; `left`, which tells ids and size only, when the key does not open it.
///
/// # Errors
/// The disk does not read.
pub fn open_blob(
    left: BlobRow,
    sealed: &Sealed,
    keys: Option<&BodyKeys>,
) -> Result<BlobRow, Fault> {
    let keys = keys.ok_or(Fault::Sealed)?;
    let text = keys.open_text(sealed.slot, &blob_place(left.id), &sealed.text)?;
    let Text::Plain(text) = text else {
        return Ok(BlobRow { at: Wall::default(), ..left });
    };
    Ok(record::decode_blob(&text).unwrap_or(left))
}

/// The row of a conversation; profile and preview are sealed.
///
/// # Errors
/// The disk does not read, or the system has no randomness.
pub fn write_row(conversation: &Conversation, sealing: Sealing<'_>) -> Result<Vec<u8>, Fault> {
    let (Some(keys), Some(slot)) = (sealing.keys, sealing.slot) else {
        return Ok(encode_conversation(conversation));
    };
    let mut clear = conversation.clone();
    let mut private = Conversation::absent(conversation.id);
    private.profile = std::mem::take(&mut clear.profile);
    private.preview = std::mem::take(&mut clear.preview);
    let clear = encode_conversation(&clear);
    let length = u32::try_from(clear.len()).unwrap_or(u32::MAX);
    let mut out = vec![SEALED_ROW];
    out.extend_from_slice(&slot.to_be_bytes());
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&clear);
    let start = out.len();
    let text = encode_conversation(&private);
    out.extend_from_slice(&text);
    if !keys.seal(slot, &row_place(conversation.id), &mut out, start)? {
        out.truncate(start);
    }
    Ok(out)
}

/// A conversation from its row; what the key does not open is empty.
///
/// # Errors
/// The row is damaged, or the disk does not read.
pub fn read_row(row: &[u8], keys: Option<&BodyKeys>) -> Result<Conversation, Fault> {
    let damaged = || Fault::DatabaseDamaged("a conversation's row".to_owned());
    if row.first() != Some(&SEALED_ROW) {
        return decode_conversation(row).map_err(|_| damaged());
    }
    let keys = keys.ok_or(Fault::Sealed)?;
    let (head, rest) = row.split_first_chunk::<ROW_HEAD>().ok_or_else(damaged)?;
    let [_, slot @ .., a, b, c, d] = *head;
    let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
    let (clear, sealed) = rest.split_at_checked(length).ok_or_else(damaged)?;
    let mut conversation = decode_conversation(clear).map_err(|_| damaged())?;
    let place = row_place(conversation.id);
    if let Text::Plain(text) = keys.open_text(u64::from_be_bytes(slot), &place, sealed)? {
        let private = decode_conversation(&text).map_err(|_| damaged())?;
        conversation.profile = private.profile;
        conversation.preview = private.preview;
    }
    Ok(conversation)
}

fn entry_place(position: Position) -> [u8; 9] {
    place(b'e', position.0.to_be_bytes())
}

fn blob_place(id: BlobId) -> [u8; 17] {
    place(b'b', id.to_bytes())
}

fn row_place(id: ConversationId) -> [u8; 17] {
    place(b'c', id.to_bytes())
}

fn place<const N: usize, const M: usize>(kind: u8, id: [u8; N]) -> [u8; M] {
    let mut out = [kind; M];
    out[1..].copy_from_slice(&id);
    out
}
