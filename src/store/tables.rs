//! The database's tables and the bytes of their keys. Numbers in keys are big-endian, so that the
//! order of the bytes is the order of the numbers.

use redb::TableDefinition;
use smallvec::SmallVec;

use crate::base::{ConversationId, Feed, MessageKey, Position};
use crate::desk::{Conversation, State, Who};

/// `format` (u32), `epoch` (16 bytes), `applied` (u64), `origin` (16 bytes), `former` (epoch and
/// last site index of each), `slots` (u64: the last one that a conversation has).
pub const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// Position → checksum (XXH3, u64 little-endian) and record of an entry.
pub const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");
/// Feed and block number → positions of up to `BLOCK` entries: a varint, then differences.
pub const FEEDS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("feeds");
/// Message key, conversation, sender → position.
pub const KEYS: TableDefinition<'_, &[u8], u64> = TableDefinition::new("keys");
/// Conversation → its row.
pub const CONVERSATIONS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("conversations");
/// Scope, number, state, time of the last message (inverted), conversation.
pub const LISTS: TableDefinition<'_, &[u8], ()> = TableDefinition::new("lists");
/// Conversation and reader → delivered and read (u64 each).
pub const MARKS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("marks");
/// Kind and number of an agent, team, inbox or the site → the last entry about it.
pub const SITE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("site");
/// Hash of a token → its record.
pub const SIGN_INS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("sign_ins");
/// Agent → password (PHC string).
pub const SECRETS: TableDefinition<'_, u32, &str> = TableDefinition::new("secrets");
/// Name of a reader of the site feed → index.
pub const CURSORS: TableDefinition<'_, &str, u64> = TableDefinition::new("cursors");
/// Number of an act → the line that it owes the audit log; 0 → the log's newest signed head.
pub const AUDIT: TableDefinition<'_, u64, &str> = TableDefinition::new("audit");
/// Attachment → its record.
pub const BLOBS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("blobs");
/// Conversation → bytes of its attachments; zeros → of the site's own files.
pub const BLOB_BYTES: TableDefinition<'_, &[u8], u64> = TableDefinition::new("blob_bytes");

/// Conversation → slot of its key; of sealed stores only.
pub const SLOTS: TableDefinition<'_, &[u8], u64> = TableDefinition::new("slots");

/// Entries of one feed block: a page of history touches one or two.
pub const BLOCK: u64 = 128;

pub type Key = SmallVec<[u8; 56]>;

/// Makes every table, so that readers find them.
///
/// # Errors
/// The disk fails.
pub fn create(txn: &redb::WriteTransaction) -> Result<(), super::fault::Fault> {
    txn.open_table(META)?;
    txn.open_table(LOG)?;
    txn.open_table(FEEDS)?;
    txn.open_table(KEYS)?;
    txn.open_table(CONVERSATIONS)?;
    txn.open_table(LISTS)?;
    txn.open_table(MARKS)?;
    txn.open_table(SITE)?;
    txn.open_table(SIGN_INS)?;
    txn.open_table(SECRETS)?;
    txn.open_table(CURSORS)?;
    txn.open_table(AUDIT)?;
    txn.open_table(BLOBS)?;
    txn.open_table(BLOB_BYTES)?;
    txn.open_table(SLOTS)?;
    Ok(())
}

/// Whose files these are, as a key of `BLOB_BYTES`.
#[must_use]
pub fn blob_owner(conversation: Option<ConversationId>) -> [u8; 16] {
    conversation.map_or([0; 16], ConversationId::to_bytes)
}

/// The feed's part of a `FEEDS` key.
#[must_use]
pub fn feed_key(feed: Feed) -> Key {
    let mut key = Key::new();
    match feed {
        Feed::Public(id) => named(&mut key, 1, &id.to_bytes()),
        Feed::Full(id) => named(&mut key, 2, &id.to_bytes()),
        Feed::Inbox(agent) => named(&mut key, 3, &agent.0.to_be_bytes()),
        Feed::Team(team) => named(&mut key, 4, &team.0.to_be_bytes()),
        Feed::Roster => key.push(5),
        Feed::Site => key.push(6),
    }
    key
}

#[must_use]
pub fn block_key(feed: &[u8], block: u64) -> Key {
    let mut key = Key::from_slice(feed);
    key.extend_from_slice(&block.to_be_bytes());
    key
}

#[must_use]
pub fn message_key(key: MessageKey, conversation: ConversationId, who: Who) -> Key {
    let mut bytes = Key::from_slice(&key.to_bytes());
    bytes.extend_from_slice(&conversation.to_bytes());
    who_key(&mut bytes, who);
    bytes
}

#[must_use]
pub fn mark_key(conversation: ConversationId, reader: Who) -> Key {
    let mut key = Key::from_slice(&conversation.to_bytes());
    who_key(&mut key, reader);
    key
}

/// The reader in the tail of a `MARKS` key.
#[must_use]
pub fn read_who(bytes: &[u8]) -> Option<Who> {
    let (tag, id) = bytes.split_first()?;
    match tag {
        1 => crate::base::VisitorId::from_bytes(id).map(Who::Visitor),
        2 => Some(Who::Agent(crate::base::AgentId(u32::from_be_bytes(id.try_into().ok()?)))),
        3 => Some(Who::System),
        _ => None,
    }
}

fn who_key(key: &mut Key, who: Who) {
    match who {
        Who::Visitor(id) => named(key, 1, &id.to_bytes()),
        Who::Agent(id) => named(key, 2, &id.0.to_be_bytes()),
        Who::System => key.push(3),
    }
}

fn named(key: &mut Key, tag: u8, id: &[u8]) {
    key.push(tag);
    key.extend_from_slice(id);
}

/// Which list a `LISTS` key belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    All,
    Agent(u32),
    Team(u32),
}

/// The lists a conversation stands in; none when it was erased.
#[must_use]
pub fn lists_of(conversation: &Conversation) -> SmallVec<[Key; 3]> {
    let mut keys = SmallVec::new();
    if conversation.state == State::Erased {
        return keys;
    }
    let mut add = |list| {
        let mut key = list_prefix(list, conversation.state);
        key.extend_from_slice(&(!conversation.last_ms).to_be_bytes());
        key.extend_from_slice(&conversation.id.to_bytes());
        keys.push(key);
    };
    add(List::All);
    add(List::Team(conversation.team.0));
    if let Some(agent) = conversation.agent {
        add(List::Agent(agent.0));
    }
    keys
}

#[must_use]
pub fn list_prefix(list: List, state: State) -> Key {
    let (tag, number) = match list {
        List::All => (1, 0),
        List::Agent(agent) => (2, agent),
        List::Team(team) => (3, team),
    };
    let mut key = Key::from_slice(&[tag]);
    key.extend_from_slice(&number.to_be_bytes());
    key.push(match state {
        State::Absent => 0,
        State::Queued => 1,
        State::Assigned => 2,
        State::Resolved => 3,
        State::Erased => 4,
    });
    key
}

/// Appends a number, seven bits a byte, the lowest first.
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// Takes a number from the front.
pub fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// The positions in a block of a feed.
#[must_use]
pub fn read_block(mut bytes: &[u8]) -> Vec<Position> {
    let mut positions = Vec::new();
    let mut last = 0;
    while let Some(step) = take_varint(&mut bytes) {
        last += step;
        positions.push(Position(last));
    }
    positions
}

/// Appends positions to a block.
pub fn extend_block(block: &mut Vec<u8>, positions: &[Position]) {
    let mut last = read_block(block).last().map_or(0, |last| last.0);
    for position in positions {
        put_varint(block, position.0 - last);
        last = position.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{AgentId, VisitorId};

    #[test]
    fn a_block_grows_and_comes_back() {
        let mut block = Vec::new();
        extend_block(&mut block, &[Position(5), Position(6)]);
        extend_block(&mut block, &[Position(1 << 40)]);
        assert_eq!(read_block(&block), [Position(5), Position(6), Position(1 << 40)]);
    }

    #[test]
    fn a_reader_comes_back_from_its_key() {
        for who in [Who::Visitor(VisitorId(9)), Who::Agent(AgentId(3)), Who::System] {
            let key = mark_key(ConversationId(1), who);
            assert_eq!(read_who(&key[16..]), Some(who));
        }
    }
}
