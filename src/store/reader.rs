//! Reads: the journal's tail first, then a snapshot of the database, so that nothing is missed
//! between them. Invariant: a recalled body is never returned, wherever its recall is.

use std::ops::Bound;
use std::sync::Arc;

use redb::{ReadTransaction, ReadableTable};

use super::apply::{advance, block_of, read_fact};
use super::body_keys::{BodyKeys, SlotKey};
use super::envelope::read_row;
use super::fault::Fault;
use super::row::{self, LogRow};
use super::sealed::SealedDisk;
use super::shared::{Shared, block};
use super::tables;
use super::tail::{Buried, FactName, Tail, TailItem};
use super::words::{
    BlobRow, DumpRow, Fact, Item, Mark, NewEntry, Page, Paged, SignIn, Stats, Written,
    conversation_indices,
};
use super::writer::Cold;
use crate::base::{
    AgentId, BlobId, ConversationId, Epoch, Feed, Index, MessageKey, Position, Private, VisitorId,
};
use crate::desk::{Conversation, Entry, Gone, Prior, Recallable, Site, Who};
use crate::wire::{decode_entry, encode_entry};

/// A cheap clone; every call may block on the disk, so call it where blocking is allowed.
#[derive(Clone, Debug)]
pub struct Reader {
    pub(super) shared: Arc<Shared>,
}

impl Reader {
    /// The store's disk, when it is sealed.
    #[must_use]
    pub fn sealed(&self) -> Option<&SealedDisk> {
        self.shared.disk.sealed()
    }

    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.shared.epoch
    }

    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// Last index of the feed; 0 when nothing was ever written to it.
    ///
    /// # Errors
    /// The disk fails.
    pub fn head(&self, feed: Feed) -> Result<Index, Fault> {
        self.shared.head(feed)
    }

    /// Entries after an index, oldest first, without a hole; at least one when there is one.
    ///
    /// # Errors
    /// The disk fails or a row is damaged.
    pub fn page(
        &self,
        feed: Feed,
        after: Index,
        max_entries: usize,
        max_bytes: usize,
    ) -> Result<Page, Fault> {
        let head = self.head(feed)?;
        let last = Index(head.0.min(after.0.saturating_add(max_entries as u64)));
        let mut entries = self.range(feed, after.next(), last)?;
        let mut bytes = 0;
        let fitting = entries.iter().take_while(|entry| {
            bytes += entry.bytes.len();
            bytes <= max_bytes
        });
        let keep = fitting.count().max(1);
        entries.truncate(keep);
        Ok(Page { entries, head })
    }

    /// The last entries before an index, oldest first; `Index(u64::MAX)` for the feed's end.
    ///
    /// # Errors
    /// As `page`.
    pub fn page_before(&self, feed: Feed, before: Index, count: usize) -> Result<Page, Fault> {
        let head = self.head(feed)?;
        let last = Index(head.0.min(before.0.saturating_sub(1)));
        let first = Index(last.0.saturating_sub(count as u64) + 1);
        Ok(Page { entries: self.range(feed, first, last)?, head })
    }

    /// What is known of a command with this key.
    ///
    /// # Errors
    /// As `page`.
    pub fn prior(
        &self,
        conversation: ConversationId,
        who: Who,
        key: MessageKey,
    ) -> Result<Option<Prior>, Fault> {
        let found = self.by_key(conversation, who, key)?;
        Ok(found.map(|row| {
            let feed = match who {
                Who::Visitor(_) => Feed::Public(conversation),
                Who::Agent(_) | Who::System => Feed::Full(conversation),
            };
            let index = row.row.index_in(feed).unwrap_or_default();
            Prior { body_hash: row.row.body_hash, index, at: row.entry.at }
        }))
    }

    /// The entry a recall names.
    ///
    /// # Errors
    /// As `page`.
    pub fn recallable(
        &self,
        conversation: ConversationId,
        key: MessageKey,
        who: Who,
    ) -> Result<Option<Recallable>, Fault> {
        let found = self.by_key(conversation, who, key)?;
        Ok(found.map(|found| {
            let (public, full) = conversation_indices(&found.row.places);
            let (public, full) = (public.unwrap_or_default(), full.unwrap_or_default());
            Recallable { entry: found.entry, public, full }
        }))
    }

    /// The conversation with everything durable applied.
    ///
    /// # Errors
    /// As `page`. What a damaged key does not open is empty.
    pub fn conversation(&self, id: ConversationId) -> Result<Option<Conversation>, Fault> {
        let newer = newer(&self.shared.tail(), id);
        let row = self.shared.database.read(|txn| stored_conversation(txn, id, self.keys()))?;
        Ok(current(id, row, &newer))
    }

    /// Lists and shared feeds show what can be read of a conversation whose key is damaged; whoever
    /// asks for the conversation itself is told.
    ///
    /// # Errors
    /// The conversation's key is damaged, or the disk fails.
    pub fn check_key(&self, id: ConversationId) -> Result<(), Fault> {
        let Some(keys) = self.keys() else { return Ok(()) };
        let newer = newer(&self.shared.tail(), id);
        let slot = match newer.last().and_then(|written| written.slot) {
            Some(slot) => Some(slot),
            None => self.shared.slot(id)?,
        };
        match slot.map(|slot| keys.key(slot)).transpose()? {
            Some(SlotKey::Damaged) => Err(Fault::BodyKey { conversation: id }),
            Some(SlotKey::Live(_) | SlotKey::Erased) | None => Ok(()),
        }
    }

    fn keys(&self) -> Option<&BodyKeys> {
        self.shared.keys.as_deref()
    }

    /// Marks of every reader of the conversation.
    ///
    /// # Errors
    /// As `page`.
    pub fn marks(&self, conversation: ConversationId) -> Result<Vec<Mark>, Fault> {
        let low = FactName::Mark(conversation, Who::Visitor(VisitorId(0)));
        let high = FactName::Mark(conversation, Who::System);
        let mut marks: Vec<Mark> = {
            let tail = self.shared.tail();
            let facts = tail.facts(low..=high);
            facts
                .filter_map(|fact| if let Fact::Mark(mark) = fact { Some(*mark) } else { None })
                .collect()
        };
        let stored = self.shared.database.read(|txn| stored_marks(txn, conversation))?;
        let older = stored.into_iter().filter(|old| marks.iter().all(|m| m.reader != old.reader));
        let older: Vec<Mark> = older.collect();
        marks.extend(older);
        marks.sort_by_key(|mark| mark.reader);
        Ok(marks)
    }

    /// Agents, teams, inboxes and settings.
    ///
    /// # Errors
    /// As `page`.
    pub fn site(&self) -> Result<Site, Fault> {
        let newer: Vec<Arc<Written>> = entries_of(&self.shared.tail(), Feed::Roster);
        let mut site = self.shared.database.read(|txn| {
            let mut site = Site::default();
            for row in txn.open_table(tables::SITE)?.iter()? {
                site.apply(&read_entry(row?.1.value())?);
            }
            Ok(site)
        })?;
        for written in &newer {
            if let Item::Entry(new) = &written.item {
                site.apply(&new.entry);
            }
        }
        Ok(site)
    }

    /// A sign-in that was not ended; it may have expired.
    ///
    /// # Errors
    /// As `page`.
    pub fn sign_in(&self, token_hash: &[u8; 32]) -> Result<Option<SignIn>, Fault> {
        if let Some(Fact::SignIn(row)) = self.shared.tail().fact(&FactName::SignIn(*token_hash)) {
            return Ok(Some(row.clone()).filter(|row| !row.ended));
        }
        self.shared.database.read(|txn| {
            let row = txn.open_table(tables::SIGN_INS)?.get(token_hash.as_slice())?;
            match row.map(|row| read_fact(row.value(), self.keys())).transpose()? {
                Some(Fact::SignIn(row)) => Ok(Some(row)),
                Some(_) | None => Ok(None),
            }
        })
    }

    /// The sign-ins of an agent that were not ended.
    ///
    /// # Errors
    /// As `page`.
    pub fn sign_ins_of(&self, agent: AgentId) -> Result<Vec<SignIn>, Fault> {
        let range = FactName::SignIn([0; 32])..=FactName::SignIn([0xff; 32]);
        let newer: Vec<SignIn> = {
            let tail = self.shared.tail();
            tail.facts(range).filter_map(sign_in_of).collect()
        };
        let mut all = self.shared.database.read(|txn| {
            let mut rows = Vec::new();
            for row in txn.open_table(tables::SIGN_INS)?.iter()? {
                rows.extend(sign_in_of(&read_fact(row?.1.value(), self.keys())?));
            }
            Ok(rows)
        })?;
        all.retain(|old| newer.iter().all(|new| new.token_hash != old.token_hash));
        all.extend(newer);
        all.retain(|row| row.agent == agent && !row.ended);
        Ok(all)
    }

    /// Sign-ins that expired before this time and were not ended, among the next `rows` of the
    /// table; and where to go on, `None` when that was the end.
    ///
    /// # Errors
    /// As `page`.
    pub fn expired_sign_ins(
        &self,
        after: Option<&[u8; 32]>,
        before_ms: u64,
        rows: usize,
    ) -> Result<(Vec<SignIn>, Option<[u8; 32]>), Fault> {
        let (mut found, last) = self.shared.database.read(|txn| {
            let from = after.map_or(Bound::Unbounded, |key| Bound::Excluded(key.as_slice()));
            let table = txn.open_table(tables::SIGN_INS)?;
            let (mut found, mut last) = (Vec::new(), None);
            for row in table.range::<&[u8]>((from, Bound::Unbounded))?.take(rows) {
                let (key, row) = row?;
                last = key.value().try_into().ok();
                found.extend(sign_in_of(&read_fact(row.value(), self.keys())?));
            }
            Ok((found, last))
        })?;
        let tail = self.shared.tail();
        found.retain(|row| {
            let newer = tail.fact(&FactName::SignIn(row.token_hash));
            !row.ended && row.expires_ms < before_ms && newer.is_none()
        });
        Ok((found, last))
    }

    /// An agent's password as a PHC string.
    ///
    /// # Errors
    /// As `page`.
    pub fn secret(&self, agent: AgentId) -> Result<Option<Private>, Fault> {
        if let Some(Fact::Secret(row)) = self.shared.tail().fact(&FactName::Secret(agent)) {
            return Ok(Some(row.password.clone()));
        }
        self.shared.database.read(|txn| {
            let row = txn.open_table(tables::SECRETS)?.get(agent.0)?;
            Ok(row.map(|row| Private::from(row.value())))
        })
    }

    /// The durable place of a reader of the site feed; 0 when it never said one.
    ///
    /// # Errors
    /// As `page`.
    pub fn reader_cursor(&self, name: &str) -> Result<Index, Fault> {
        let newer = FactName::Cursor(name.to_owned());
        if let Some(Fact::ReaderCursor(row)) = self.shared.tail().fact(&newer) {
            return Ok(row.index);
        }
        self.shared.database.read(|txn| {
            let row = txn.open_table(tables::CURSORS)?.get(name)?;
            Ok(row.map_or(Index(0), |row| Index(row.value())))
        })
    }

    /// An attachment's row.
    ///
    /// # Errors
    /// As `page`.
    pub fn blob(&self, id: BlobId) -> Result<Option<BlobRow>, Fault> {
        if let Some(Fact::Blob(row)) = self.shared.tail().fact(&FactName::Blob(id)) {
            return Ok(Some(row.clone()));
        }
        self.shared.database.read(|txn| {
            let row = txn.open_table(tables::BLOBS)?.get(id.to_bytes().as_slice())?;
            match row.map(|row| read_fact(row.value(), self.keys())).transpose()? {
                Some(Fact::Blob(row)) => Ok(Some(row)),
                Some(_) | None => Ok(None),
            }
        })
    }

    /// Bytes of a conversation's attachments; `None` = of the site's own files.
    ///
    /// # Errors
    /// As `page`.
    pub fn blob_bytes(&self, conversation: Option<ConversationId>) -> Result<u64, Fault> {
        let range = FactName::Blob(BlobId(0))..=FactName::Blob(BlobId(u128::MAX));
        let newer: u64 = {
            let tail = self.shared.tail();
            let of = |fact: &Fact| match fact {
                Fact::Blob(row) if row.conversation == conversation => row.attachment.size,
                Fact::Blob(_)
                | Fact::Mark(_)
                | Fact::SignIn(_)
                | Fact::Secret(_)
                | Fact::ReaderCursor(_)
                | Fact::AuditNote(_) => 0,
            };
            tail.facts(range).map(of).sum()
        };
        let stored = self.shared.database.read(|txn| {
            let sum = txn.open_table(tables::BLOB_BYTES)?;
            Ok(sum.get(tables::blob_owner(conversation).as_slice())?.map_or(0, |sum| sum.value()))
        })?;
        Ok(stored + newer)
    }

    /// Entries of the site feed after an index, with everything the log knows of them.
    ///
    /// # Errors
    /// As `page`.
    pub fn dump(&self, after: Index, count: usize) -> Result<Vec<DumpRow>, Fault> {
        let head = self.head(Feed::Site)?;
        let last = Index(head.0.min(after.0.saturating_add(count as u64)));
        self.rows(Feed::Site, after.next(), last)?.iter().map(|(_, row)| dump_row(row)).collect()
    }

    fn range(&self, feed: Feed, first: Index, last: Index) -> Result<Vec<Paged>, Fault> {
        let rows = self.rows(feed, first, last)?.into_iter();
        let full = matches!(feed, Feed::Full(_));
        let paged = |(index, row): (Index, LogRow)| {
            let public = conversation_indices(&row.places).0.filter(|_| full);
            Paged { index, public, bytes: row.bytes }
        };
        Ok(rows.map(paged).collect())
    }

    /// The entries at these indices; both ends are at most the head.
    fn rows(&self, feed: Feed, first: Index, last: Index) -> Result<Rows, Fault> {
        if first > last {
            return Ok(Vec::new());
        }
        let (newer, buried) = {
            let tail = self.shared.tail();
            let from = tail.span(feed).map_or(last.next(), |(start, _)| start.max(first));
            let row = |index| Some((Index(index), tail.at(feed, Index(index))?.row()?));
            let newer: Rows = (from.0..=last.0).filter_map(row).collect();
            (newer, tail.buried())
        };
        let end = newer.first().map_or(last, |(index, _)| Index(index.0 - 1));
        let mut rows = Vec::new();
        if first <= end {
            let seen = Seen { buried: buried.as_ref(), keys: self.keys() };
            rows = self.shared.database.read(|txn| stored_rows(txn, feed, first, end, seen))?;
        }
        rows.extend(newer);
        Ok(rows)
    }

    fn by_key(
        &self,
        conversation: ConversationId,
        who: Who,
        key: MessageKey,
    ) -> Result<Option<Found>, Fault> {
        let buried = {
            let tail = self.shared.tail();
            let item = tail.key(key, conversation, who).and_then(|position| tail.item(position));
            if let Some(found) = item.and_then(Found::in_tail) {
                return Ok(Some(found));
            }
            tail.buried()
        };
        self.shared.database.read(|txn| {
            let name = tables::message_key(key, conversation, who);
            let position = txn.open_table(tables::KEYS)?.get(name.as_slice())?;
            let Some(position) = position.map(|position| Position(position.value())) else {
                return Ok(None);
            };
            let log = txn.open_table(tables::LOG)?;
            let seen = Seen { buried: buried.as_ref(), keys: self.keys() };
            let row = stored_row(&log, position, seen)?;
            let entry = read_entry(&row.bytes)?;
            Ok(Some(Found { row, entry }))
        })
    }
}

/// An entry with its places.
struct Found {
    row: LogRow,
    entry: Entry,
}

impl Found {
    fn in_tail(item: &TailItem) -> Option<Self> {
        let Item::Entry(new) = &item.written.item else { return None };
        let entry = match &item.gone {
            Some((gone, _)) => row::tombstone(&new.entry, *gone)?,
            None => new.entry.as_ref().clone(),
        };
        let row = item.row()?;
        Some(Self { row, entry })
    }
}

type Rows = Vec<(Index, LogRow)>;

/// What decides how a stored row is seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen<'a> {
    /// What the tail took away.
    pub buried: Option<&'a Buried>,
    pub keys: Option<&'a BodyKeys>,
}

fn sign_in_of(fact: &Fact) -> Option<SignIn> {
    match fact {
        Fact::SignIn(row) => Some(row.clone()),
        Fact::Mark(_)
        | Fact::Secret(_)
        | Fact::ReaderCursor(_)
        | Fact::Blob(_)
        | Fact::AuditNote(_) => None,
    }
}

/// Entries of a feed in the tail.
fn entries_of(tail: &Tail, feed: Feed) -> Vec<Arc<Written>> {
    let Some((first, last)) = tail.span(feed) else { return Vec::new() };
    let item = |index| tail.at(feed, Index(index)).map(|item| Arc::clone(&item.written));
    (first.0..=last.0).filter_map(item).collect()
}

/// What the tail has of a conversation.
pub(super) fn newer(tail: &Tail, id: ConversationId) -> Vec<Arc<Written>> {
    entries_of(tail, Feed::Full(id))
}

/// The stored row with the tail's entries applied; `None` when there is neither.
pub(super) fn current(
    id: ConversationId,
    row: Option<Conversation>,
    newer: &[Arc<Written>],
) -> Option<Conversation> {
    if row.is_none() && newer.is_empty() {
        return None;
    }
    let mut conversation = row.unwrap_or_else(|| Conversation::absent(id));
    for written in newer {
        if let Item::Entry(new) = &written.item {
            advance(&mut conversation, written, new as &NewEntry);
        }
    }
    Some(conversation)
}

pub(super) fn stored_conversation(
    txn: &ReadTransaction,
    id: ConversationId,
    keys: Option<&BodyKeys>,
) -> Result<Option<Conversation>, Fault> {
    let row = txn.open_table(tables::CONVERSATIONS)?.get(id.to_bytes().as_slice())?;
    row.map(|row| read_row(row.value(), keys)).transpose()
}

fn stored_marks(txn: &ReadTransaction, conversation: ConversationId) -> Result<Vec<Mark>, Fault> {
    let low = conversation.to_bytes();
    let mut marks = Vec::new();
    for row in txn.open_table(tables::MARKS)?.range(low.as_slice()..)? {
        let (key, value) = row?;
        let Some(reader) = key.value().strip_prefix(&low) else { break };
        let damaged = || Fault::DatabaseDamaged("a mark's row".to_owned());
        let reader = tables::read_who(reader).ok_or_else(damaged)?;
        let (delivered, read) = value.value().split_at_checked(8).ok_or_else(damaged)?;
        let number = |bytes: &[u8]| bytes.try_into().map(u64::from_be_bytes).map_err(|_| damaged());
        let (delivered, read) = (Index(number(delivered)?), Index(number(read)?));
        marks.push(Mark { conversation, reader, delivered, read });
    }
    Ok(marks)
}

/// The entries of a feed at these indices, from as few blocks as they stand in.
fn stored_rows(
    txn: &ReadTransaction,
    feed: Feed,
    first: Index,
    last: Index,
    seen: Seen<'_>,
) -> Result<Rows, Fault> {
    let feeds = txn.open_table(tables::FEEDS)?;
    let log = txn.open_table(tables::LOG)?;
    let key = tables::feed_key(feed);
    let mut rows = Vec::new();
    for number in block_of(first)..=block_of(last) {
        let start = number * tables::BLOCK + 1;
        let positions = block(&feeds, &key, Index(start))?;
        for (index, position) in (start..).zip(positions) {
            if (first.0..=last.0).contains(&index) {
                rows.push((Index(index), stored_row(&log, position, seen)?));
            }
        }
    }
    Ok(rows)
}

fn dump_row(row: &LogRow) -> Result<DumpRow, Fault> {
    let entry = read_entry(&row.bytes)?;
    let seq = match entry.conversation {
        Some(id) => row.index_in(Feed::Full(id)),
        None => row.index_in(Feed::Roster),
    };
    Ok(DumpRow {
        position: row.position,
        conversation: entry.conversation,
        seq: seq.unwrap_or_default(),
        key: entry.key,
        sender: entry.author.who,
        at: entry.at,
        body: entry.body,
    })
}

/// A row of the log, with a tombstone when what took its body away is in the tail.
pub(super) fn stored_row(
    log: &impl ReadableTable<u64, &'static [u8]>,
    position: Position,
    seen: Seen<'_>,
) -> Result<LogRow, Fault> {
    let row = log.get(position.0)?.ok_or(Fault::RowDamaged { position: position.0 })?;
    let mut row = LogRow::read(position, row.value(), seen.keys)?;
    if let Some(gone) = seen.buried.and_then(|buried| buried.why(&row.places))
        && let Some(entry) = row::tombstone(&read_entry(&row.bytes)?, gone)
    {
        row.bytes = encode_entry(&entry);
        if gone == Gone::Deleted {
            row.body_hash = None;
        }
    }
    Ok(row)
}

fn read_entry(bytes: &[u8]) -> Result<Entry, Fault> {
    decode_entry(bytes).map_err(|_| Fault::DatabaseDamaged("an entry".to_owned()))
}
