//! Moves items from the journal into the database, many in one transaction. Deterministic: the same
//! items make the same rows, so a replay after a crash changes nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use redb::{ReadableTable, Table, WriteTransaction};

use super::fault::Fault;
use super::row::{self, LogRow};
use super::tables::{self, BLOCK, Key};
use super::words::{Fact, Item, NewEntry, Written, conversation_indices};
use crate::base::{ConversationId, Feed, Index, Position};
use crate::desk::{Body, Conversation, Placed};
use crate::wire::{decode_conversation, decode_entry, encode_conversation, encode_entry};

/// Writes the items that the database has not, and `applied` with them; they follow each other
/// without a hole. It may have some: a commit whose last sync failed can turn out to be there.
///
/// # Errors
/// The disk fails, or a row that must be read is damaged.
pub fn apply(txn: &WriteTransaction, items: &[Arc<Written>]) -> Result<(), Fault> {
    let Some(last) = items.last() else { return Ok(()) };
    let mut meta = txn.open_table(tables::META)?;
    let applied = meta.get("applied")?.and_then(|a| a.value().try_into().ok());
    let applied = applied.map_or(0, u64::from_be_bytes);
    let items = &items[items.partition_point(|item| item.position.0 <= applied)..];
    log(txn, items)?;
    feeds(txn, items)?;
    keys(txn, items)?;
    conversations(txn, items)?;
    recalls(txn, items)?;
    site(txn, items)?;
    for written in items {
        if let Item::Fact(fact) = &written.item {
            self::fact(txn, written.position, fact)?;
        }
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

fn log(txn: &WriteTransaction, items: &[Arc<Written>]) -> Result<(), Fault> {
    let mut log = txn.open_table(tables::LOG)?;
    let mut out = Vec::new();
    for (written, new) in entries(items) {
        let conversation = new.entry.conversation;
        let (position, places) = (written.position, &written.places);
        row::write(&mut out, position, places, &new.bytes, &new.body_hash, conversation);
        log.insert(position.0, out.as_slice())?;
    }
    Ok(())
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

fn keys(txn: &WriteTransaction, items: &[Arc<Written>]) -> Result<(), Fault> {
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

fn conversations(txn: &WriteTransaction, items: &[Arc<Written>]) -> Result<(), Fault> {
    let mut rows = txn.open_table(tables::CONVERSATIONS)?;
    let mut lists = txn.open_table(tables::LISTS)?;
    let mut touched: BTreeMap<ConversationId, Vec<(&Written, &NewEntry)>> = BTreeMap::new();
    for (written, new) in entries(items) {
        if let Some(id) = new.entry.conversation {
            touched.entry(id).or_default().push((written, new));
        }
    }
    for (id, entries) in touched {
        let before = rows.get(id.to_bytes().as_slice())?.map(|row| read_conversation(row.value()));
        let before = before.transpose()?;
        let mut now = before.clone().unwrap_or_else(|| Conversation::absent(id));
        for (written, new) in entries {
            advance(&mut now, written, new);
        }
        rows.insert(id.to_bytes().as_slice(), encode_conversation(&now).as_slice())?;
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

/// Reads a conversation's row.
///
/// # Errors
/// The row is damaged.
pub fn read_conversation(row: &[u8]) -> Result<Conversation, Fault> {
    decode_conversation(row).map_err(|_| Fault::DatabaseDamaged("a conversation's row".to_owned()))
}

/// Writes tombstones over the bodies that these items recall.
fn recalls(txn: &WriteTransaction, items: &[Arc<Written>]) -> Result<(), Fault> {
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
            bury(&mut log, *position)?;
        }
    }
    Ok(())
}

fn bury(log: &mut Table<'_, u64, &[u8]>, position: Position) -> Result<(), Fault> {
    let row = log.get(position.0)?.map(|row| LogRow::read(position, row.value())).transpose()?;
    let Some(mut row) = row else { return Ok(()) };
    let entry = decode_entry(&row.bytes).map_err(|_| Fault::RowDamaged { position: position.0 })?;
    let Some(tombstone) = row::tombstone(&entry) else { return Ok(()) };
    row.bytes = encode_entry(&tombstone);
    let mut out = Vec::new();
    row.write(entry.conversation, &mut out);
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
        | Body::Tombstone(_) => None,
    }
}

fn fact(txn: &WriteTransaction, position: Position, fact: &Fact) -> Result<(), Fault> {
    let record = || {
        let mut out = Vec::new();
        crate::wire::record::write_fact_record(&mut out, position, fact);
        out
    };
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
            table.insert(row.token_hash.as_slice(), record().as_slice())?;
        }
        Fact::Secret(row) => {
            txn.open_table(tables::SECRETS)?.insert(row.agent.0, &*row.password)?;
        }
        Fact::ReaderCursor(row) => {
            txn.open_table(tables::CURSORS)?.insert(row.name.as_str(), row.index.0)?;
        }
        Fact::Blob(row) => {
            let mut blobs = txn.open_table(tables::BLOBS)?;
            let new = blobs.insert(row.id.to_bytes().as_slice(), record().as_slice())?.is_none();
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
/// The row is damaged.
pub fn read_fact(row: &[u8]) -> Result<Fact, Fault> {
    match crate::wire::record::read_record(Bytes::copy_from_slice(row)).map(|r| r.content) {
        Ok(crate::wire::record::RecordContent::Fact(fact)) => Ok(fact),
        Ok(crate::wire::record::RecordContent::Entry { .. }) | Err(_) => {
            Err(Fault::DatabaseDamaged("a fact's row".to_owned()))
        }
    }
}
