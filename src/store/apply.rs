//! Moves items from the journal into the database, many in one transaction. Deterministic: the same
//! items make the same rows (sealed anew each time), so a replay after a crash changes nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use redb::{ReadableTable, Table, WriteTransaction};

use super::body_keys::BodyKeys;
use super::envelope::{self, EntryRecord, Sealing, read_row, write_fact, write_row};
use super::fault::Fault;
use super::row::{self, LogRow};
use super::tables::{self, BLOCK, Key};
use super::words::{Fact, Item, NewEntry, Written, conversation_indices};
use crate::base::{BlobId, ConversationId, Feed, Index, Position};
use crate::desk::{Body, Conversation, Gone, Placed, State};
use crate::wire::record::{RecordContent, read_record};
use crate::wire::{decode_entry, encode_entry};

/// Writes the items that the database has not, and `applied` with them; they follow each other
/// without a hole. It may have some: a commit whose last sync failed can turn out to be there.
///
/// # Errors
/// The disk fails, or a row that must be read is damaged.
pub fn apply(
    txn: &WriteTransaction,
    items: &[Arc<Written>],
    keys: Option<&BodyKeys>,
) -> Result<(), Fault> {
    let Some(last) = items.last() else { return Ok(()) };
    let mut meta = txn.open_table(tables::META)?;
    let applied = meta.get("applied")?.and_then(|a| a.value().try_into().ok());
    let applied = applied.map_or(0, u64::from_be_bytes);
    let items = &items[items.partition_point(|item| item.position.0 <= applied)..];
    log(txn, items, keys)?;
    feeds(txn, items)?;
    message_keys(txn, items)?;
    conversations(txn, items, keys)?;
    recalls(txn, items, keys)?;
    site(txn, items)?;
    for written in items {
        if let Item::Fact(fact) = &written.item {
            let sealing = Sealing { keys, slot: written.slot };
            self::fact(txn, written.position, fact, sealing)?;
        }
    }
    let slots = slots(txn, items)?.max(last_slot(&meta)?);
    meta.insert("slots", slots.to_be_bytes().as_slice())?;
    for id in items.iter().filter_map(|written| written.erases()) {
        erasure(txn, id, keys)?;
    }
    meta.insert("applied", last.position.0.to_be_bytes().as_slice())?;
    Ok(())
}

fn entries(items: &[Arc<Written>]) -> impl Iterator<Item = (&Written, &NewEntry)> {
    items.iter().filter_map(|written| match &written.item {
        Item::Entry(new) => Some((written.as_ref(), new)),
        Item::Fact(_) => None,
    })
}

fn log(
    txn: &WriteTransaction,
    items: &[Arc<Written>],
    keys: Option<&BodyKeys>,
) -> Result<(), Fault> {
    let mut log = txn.open_table(tables::LOG)?;
    let mut out = Vec::new();
    for (written, new) in entries(items) {
        let record = EntryRecord {
            position: written.position,
            places: &written.places,
            bytes: &new.bytes,
            entry: &new.entry,
            body_hash: &new.body_hash,
        };
        row::write(&mut out, record, Sealing { keys, slot: written.slot })?;
        log.insert(written.position.0, out.as_slice())?;
    }
    Ok(())
}

/// Notes where the keys of conversations are; the last place among them.
fn slots(txn: &WriteTransaction, items: &[Arc<Written>]) -> Result<u64, Fault> {
    let mut table = txn.open_table(tables::SLOTS)?;
    let mut last = 0;
    for written in items {
        if let (Some(slot), Some(id)) = (written.slot, written.conversation()) {
            table.insert(id.to_bytes().as_slice(), slot)?;
            last = last.max(slot);
        }
    }
    Ok(last)
}

/// The last slot that a conversation has.
///
/// # Errors
/// The disk fails.
pub fn last_slot(meta: &impl ReadableTable<&'static str, &'static [u8]>) -> Result<u64, Fault> {
    let last = meta.get("slots")?.and_then(|last| last.value().try_into().ok());
    Ok(last.map_or(0, u64::from_be_bytes))
}

fn feeds(txn: &WriteTransaction, items: &[Arc<Written>]) -> Result<(), Fault> {
    let mut table = txn.open_table(tables::FEEDS)?;
    let mut places: Vec<(Feed, Index, Position)> = entries(items)
        .flat_map(|(written, _)| {
            written.places.iter().map(|(feed, index)| (*feed, *index, written.position))
        })
        .collect();
    places.sort_unstable();
    let same_block = |a: &(Feed, Index, Position), b: &(Feed, Index, Position)| {
        a.0 == b.0 && block_of(a.1) == block_of(b.1)
    };
    for run in places.chunk_by(same_block) {
        let Some((feed, first, _)) = run.first() else { continue };
        let key = tables::block_key(&tables::feed_key(*feed), block_of(*first));
        let mut block = table.get(key.as_slice())?.map_or_else(Vec::new, |b| b.value().to_vec());
        let positions: Vec<Position> = run.iter().map(|(_, _, position)| *position).collect();
        tables::extend_block(&mut block, &positions);
        table.insert(key.as_slice(), block.as_slice())?;
    }
    Ok(())
}

/// The block that holds an index; indices begin at 1.
#[must_use]
pub fn block_of(index: Index) -> u64 {
    index.0.saturating_sub(1) / BLOCK
}

fn message_keys(txn: &WriteTransaction, items: &[Arc<Written>]) -> Result<(), Fault> {
    let mut table = txn.open_table(tables::KEYS)?;
    let mut keys: Vec<(Key, u64)> = entries(items)
        .filter_map(|(written, new)| {
            let conversation = new.entry.conversation.filter(|_| new.entry.key.0 != 0)?;
            let key = tables::message_key(new.entry.key, conversation, new.entry.author.who);
            Some((key, written.position.0))
        })
        .collect();
    keys.sort_unstable();
    for (key, position) in keys {
        table.insert(key.as_slice(), position)?;
    }
    Ok(())
}

fn conversations(
    txn: &WriteTransaction,
    items: &[Arc<Written>],
    keys: Option<&BodyKeys>,
) -> Result<(), Fault> {
    let mut rows = txn.open_table(tables::CONVERSATIONS)?;
    let mut lists = txn.open_table(tables::LISTS)?;
    let mut touched: BTreeMap<ConversationId, Vec<(&Written, &NewEntry)>> = BTreeMap::new();
    for (written, new) in entries(items) {
        if let Some(id) = new.entry.conversation {
            touched.entry(id).or_default().push((written, new));
        }
    }
    for (id, entries) in touched {
        let before = rows.get(id.to_bytes().as_slice())?.map(|row| read_row(row.value(), keys));
        let before = before.transpose()?;
        let mut now = before.clone().unwrap_or_else(|| Conversation::absent(id));
        let mut sealing = Sealing { keys, slot: None };
        for (written, new) in entries {
            advance(&mut now, written, new);
            sealing.slot = written.slot;
        }
        if now.state == State::Erased {
            sealing.slot = None;
        }
        rows.insert(id.to_bytes().as_slice(), write_row(&now, sealing)?.as_slice())?;
        let old = before.as_ref().map(tables::lists_of).unwrap_or_default();
        let new = tables::lists_of(&now);
        for key in old.iter().filter(|key| !new.contains(key)) {
            lists.remove(key.as_slice())?;
        }
        for key in new.iter().filter(|key| !old.contains(key)) {
            lists.insert(key.as_slice(), ())?;
        }
    }
    Ok(())
}

/// Applies an entry to its conversation, unless the row has it already.
pub fn advance(conversation: &mut Conversation, written: &Written, new: &NewEntry) {
    if written.position > conversation.position {
        let (public, full) = conversation_indices(&written.places);
        let position = written.position;
        conversation.apply(&Placed { entry: &new.entry, position, public, full });
    }
}

/// Writes tombstones over the bodies that these items recall.
fn recalls(
    txn: &WriteTransaction,
    items: &[Arc<Written>],
    keys: Option<&BodyKeys>,
) -> Result<(), Fault> {
    let mut log = txn.open_table(tables::LOG)?;
    let feeds = txn.open_table(tables::FEEDS)?;
    for (_, new) in entries(items) {
        let Body::Recalled { full, .. } = &new.entry.body else { continue };
        let Some(conversation) = new.entry.conversation else { continue };
        let feed = tables::feed_key(Feed::Full(conversation));
        let block = feeds.get(tables::block_key(&feed, block_of(*full)).as_slice())?;
        let positions = block.map(|block| tables::read_block(block.value())).unwrap_or_default();
        let slot = usize::try_from(full.0.saturating_sub(1) % BLOCK).unwrap_or(0);
        if let Some(position) = positions.get(slot) {
            bury(&mut log, *position, Gone::Recalled, keys)?;
        }
    }
    Ok(())
}

/// Writes tombstones over everything that was said in a conversation, and forgets its files.
fn erasure(
    txn: &WriteTransaction,
    id: ConversationId,
    keys: Option<&BodyKeys>,
) -> Result<(), Fault> {
    let mut log = txn.open_table(tables::LOG)?;
    let feeds = txn.open_table(tables::FEEDS)?;
    let feed = tables::feed_key(Feed::Full(id));
    let (low, high) = (tables::block_key(&feed, 0), tables::block_key(&feed, u64::MAX));
    for row in feeds.range(low.as_slice()..=high.as_slice())? {
        for position in tables::read_block(row?.1.value()) {
            bury(&mut log, position, Gone::Deleted, keys)?;
        }
    }
    let mut blobs = txn.open_table(tables::BLOBS)?;
    for blob in blobs_of(&blobs, id)? {
        blobs.remove(blob.to_bytes().as_slice())?;
    }
    txn.open_table(tables::BLOB_BYTES)?.remove(tables::blob_owner(Some(id)).as_slice())?;
    Ok(())
}

/// The attachments of a conversation. It reads all there are: erasures are few, and an index of
/// them would be paid for by every upload.
///
/// # Errors
/// The disk fails, or a row is damaged.
pub fn blobs_of(
    blobs: &impl ReadableTable<&'static [u8], &'static [u8]>,
    id: ConversationId,
) -> Result<Vec<BlobId>, Fault> {
    let mut found = Vec::new();
    for row in blobs.iter()? {
        let (blob, row) = row?;
        let record = read_record(Bytes::copy_from_slice(row.value()));
        let owner = match record.map(|record| record.content) {
            Ok(RecordContent::Fact(Fact::Blob(row)) | RecordContent::SealedBlob { row, .. }) => {
                row.conversation
            }
            Ok(
                RecordContent::Fact(_)
                | RecordContent::Entry { .. }
                | RecordContent::SealedEntry { .. },
            )
            | Err(_) => return Err(damaged_fact()),
        };
        if owner == Some(id) {
            found.extend(BlobId::from_bytes(blob.value()));
        }
    }
    Ok(found)
}

fn bury(
    log: &mut Table<'_, u64, &[u8]>,
    position: Position,
    gone: Gone,
    keys: Option<&BodyKeys>,
) -> Result<(), Fault> {
    let row = log.get(position.0)?.map(|row| LogRow::read(position, row.value(), keys));
    let Some(row) = row.transpose()? else { return Ok(()) };
    let entry = decode_entry(&row.bytes).map_err(|_| Fault::RowDamaged { position: position.0 })?;
    let Some(tombstone) = row::tombstone(&entry, gone) else { return Ok(()) };
    let record = EntryRecord {
        position,
        places: &row.places,
        bytes: &encode_entry(&tombstone),
        entry: &tombstone,
        body_hash: &row.body_hash.unwrap_or_default(),
    };
    let mut out = Vec::new();
    row::write(&mut out, record, Sealing { keys, slot: row.slot })?;
    log.insert(position.0, out.as_slice())?;
    Ok(())
}

fn site(txn: &WriteTransaction, items: &[Arc<Written>]) -> Result<(), Fault> {
    let mut table = txn.open_table(tables::SITE)?;
    for (_, new) in entries(items) {
        if let Some((kind, number)) = site_name(&new.entry.body) {
            let mut key = vec![kind];
            key.extend_from_slice(&number.to_be_bytes());
            table.insert(key.as_slice(), new.bytes.as_ref())?;
        }
    }
    Ok(())
}

/// Kind and number of the row an entry of the site is about.
fn site_name(body: &Body) -> Option<(u8, u32)> {
    match body {
        Body::Site(_) => Some((1, 0)),
        Body::Team(row) => Some((2, row.id.0)),
        Body::Inbox(row) => Some((3, row.id.0)),
        Body::Agent(row) => Some((4, row.id.0)),
        Body::Opened { .. }
        | Body::Message(_)
        | Body::Note(_)
        | Body::Queued { .. }
        | Body::Assigned { .. }
        | Body::Transferred { .. }
        | Body::Resolved
        | Body::Reopened
        | Body::Rated { .. }
        | Body::Recalled { .. }
        | Body::Profile(_)
        | Body::Tombstone(_)
        | Body::Erased { .. } => None,
    }
}

fn fact(
    txn: &WriteTransaction,
    position: Position,
    fact: &Fact,
    sealing: Sealing<'_>,
) -> Result<(), Fault> {
    let mut record = Vec::new();
    if !write_fact(&mut record, position, fact, sealing)? {
        // Its conversation was erased meanwhile.
        return Ok(());
    }
    match fact {
        Fact::Mark(mark) => {
            let mut places = [0; 16];
            places[..8].copy_from_slice(&mark.delivered.0.to_be_bytes());
            places[8..].copy_from_slice(&mark.read.0.to_be_bytes());
            let key = tables::mark_key(mark.conversation, mark.reader);
            txn.open_table(tables::MARKS)?.insert(key.as_slice(), places.as_slice())?;
        }
        Fact::SignIn(row) if row.ended => {
            txn.open_table(tables::SIGN_INS)?.remove(row.token_hash.as_slice())?;
        }
        Fact::SignIn(row) => {
            let mut table = txn.open_table(tables::SIGN_INS)?;
            table.insert(row.token_hash.as_slice(), record.as_slice())?;
        }
        Fact::Secret(row) => {
            txn.open_table(tables::SECRETS)?.insert(row.agent.0, &*row.password)?;
        }
        Fact::ReaderCursor(row) => {
            txn.open_table(tables::CURSORS)?.insert(row.name.as_str(), row.index.0)?;
        }
        Fact::AuditNote(row) if row.text.is_empty() => {
            txn.open_table(tables::AUDIT)?.remove(row.act)?;
        }
        Fact::AuditNote(row) => {
            txn.open_table(tables::AUDIT)?.insert(row.act, row.text.as_str())?;
        }
        Fact::Blob(row) => {
            let mut blobs = txn.open_table(tables::BLOBS)?;
            let new = blobs.insert(row.id.to_bytes().as_slice(), record.as_slice())?.is_none();
            if new {
                let mut sums = txn.open_table(tables::BLOB_BYTES)?;
                let conversation = tables::blob_owner(row.conversation);
                let sum = sums.get(conversation.as_slice())?.map_or(0, |sum| sum.value());
                sums.insert(conversation.as_slice(), sum + row.attachment.size)?;
            }
        }
    }
    Ok(())
}

/// The fact in a row.
///
/// # Errors
/// The row is damaged, or the disk does not read.
pub fn read_fact(row: &[u8], keys: Option<&BodyKeys>) -> Result<Fact, Fault> {
    match read_record(Bytes::copy_from_slice(row)).map(|record| record.content) {
        Ok(RecordContent::Fact(fact)) => Ok(fact),
        Ok(RecordContent::SealedBlob { row, sealed }) => {
            envelope::open_blob(row, &sealed, keys).map(Fact::Blob)
        }
        Ok(RecordContent::Entry { .. } | RecordContent::SealedEntry { .. }) | Err(_) => {
            Err(damaged_fact())
        }
    }
}

fn damaged_fact() -> Fault {
    Fault::DatabaseDamaged("a fact's row".to_owned())
}
