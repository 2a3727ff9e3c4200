//! The journal's record, bytes and words: what `proto::Record` says, written without building one.
//! The id of a public or full feed is left out when it is the entry's conversation.

use std::fmt;

use bytes::Bytes;
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};
use smallvec::SmallVec;
use zeroize::Zeroizing;

use super::proto;
use crate::base::code::{BAD_VALUE, Code};
use crate::base::{
    AgentId, BlobId, ConversationId, Feed, Index, Position, Private, TeamId, VisitorId, Wall,
};
use crate::desk::{Attachment, Who};

/// The places of an entry: dense indices given by the journal's writer.
pub type Places = SmallVec<[(Feed, Index); 6]>;

/// One item of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub position: Position,
    pub content: RecordContent,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordContent {
    Entry {
        bytes: Bytes,
        places: Places,
        /// `None`: the conversation was erased.
        body_hash: Option<[u8; 16]>,
        /// Of an `Erased` entry the slot whose key it destroys.
        slot: Option<u64>,
    },
    /// An entry up to its author's id; the rest is sealed with the conversation's key.
    SealedEntry {
        head: Bytes,
        places: Places,
        sealed: Sealed,
    },
    Fact(Fact),
    /// An attachment, of which only the ids and the size are in the clear.
    SealedBlob {
        row: BlobRow,
        sealed: Sealed,
    },
}

/// What a conversation's key seals, and what outlives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Where the key is.
    pub slot: u64,
    pub at: Wall,
    /// Cipher text, tag, nonce.
    pub text: Bytes,
}

/// What is kept without standing in a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    Mark(Mark),
    SignIn(SignIn),
    Secret(Secret),
    ReaderCursor(ReaderCursor),
    Blob(BlobRow),
    AuditNote(AuditNote),
}

/// How far one reader of a conversation has come, in indices of the public feed; cumulative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    pub conversation: ConversationId,
    pub reader: Who,
    pub delivered: Index,
    pub read: Index,
}

/// A sign-in session, known by the SHA-256 of the cookie's secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    pub token_hash: [u8; 32],
    pub agent: AgentId,
    pub expires_ms: u64,
    pub ended: bool,
}

/// An agent's password as a PHC string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    pub agent: AgentId,
    pub password: Private,
}

/// The durable place of a reader of the site feed (delivery contract R12).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReaderCursor {
    pub name: String,
    pub index: Index,
}

/// A line that the audit log may not have yet, in the same batch as the act that it tells of; or
/// the log's newest signed head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditNote {
    /// Number of the act; 0 = the head.
    pub act: u64,
    /// JSON; empty = the line is written.
    pub text: String,
}

/// An attachment that is on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobRow {
    pub id: BlobId,
    /// `None` = the site's own: an agent's picture.
    pub conversation: Option<ConversationId>,
    pub attachment: Attachment,
    /// SHA-256 of the file.
    pub hash: [u8; 32],
    pub at: Wall,
    /// Key of a file that is sealed with one of its own, which stands here only.
    pub key: Option<FileKey>,
}

/// The key of one file; never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct FileKey(pub Zeroizing<[u8; 32]>);

impl fmt::Debug for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Appends the record of an entry; `conversation` is the entry's own, `slot` that of the key which
/// an `Erased` entry destroys.
pub fn write_entry_record(
    out: &mut Vec<u8>,
    position: Position,
    places: &[(Feed, Index)],
    bytes: &[u8],
    body_hash: Option<&[u8; 16]>,
    (conversation, slot): (Option<ConversationId>, Option<u64>),
) {
    write_places(out, position, places, conversation);
    write_bytes(3, bytes, out);
    if let Some(body_hash) = body_hash {
        write_bytes(4, body_hash, out);
    }
    if let Some(slot) = slot {
        write_sealed(out, &Sealed { slot, at: Wall::default(), text: Bytes::new() });
    }
}

/// Appends the record of an entry of which only `head` is in the clear (see
/// [`super::head_length`]).
pub fn write_sealed_record(
    out: &mut Vec<u8>,
    position: Position,
    places: &[(Feed, Index)],
    head: &[u8],
    sealed: &Sealed,
    conversation: Option<ConversationId>,
) {
    write_places(out, position, places, conversation);
    write_bytes(3, head, out);
    write_sealed(out, sealed);
}

fn write_places(
    out: &mut Vec<u8>,
    position: Position,
    places: &[(Feed, Index)],
    conversation: Option<ConversationId>,
) {
    encode_key(1, WireType::Varint, out);
    encode_varint(position.0, out);
    for (feed, index) in places {
        let (kind, id, number) = feed_fields(*feed);
        let id = id.filter(|id| Some(*id) != conversation);
        let feed_length = 2
            + id.map_or(0, |_| 18)
            + if number > 0 { 1 + encoded_len_varint(number.into()) } else { 0 };
        encode_key(2, WireType::LengthDelimited, out);
        encode_varint((2 + feed_length + 1 + encoded_len_varint(index.0)) as u64, out);
        encode_key(1, WireType::LengthDelimited, out);
        encode_varint(feed_length as u64, out);
        encode_key(1, WireType::Varint, out);
        encode_varint(kind as u64, out);
        if let Some(id) = id {
            write_bytes(2, &id.to_bytes(), out);
        }
        if number > 0 {
            encode_key(3, WireType::Varint, out);
            encode_varint(number.into(), out);
        }
        encode_key(2, WireType::Varint, out);
        encode_varint(index.0, out);
    }
}

fn write_sealed(out: &mut Vec<u8>, sealed: &Sealed) {
    let Wall { ms, trusted } = sealed.at;
    let message = proto::Sealed {
        slot: sealed.slot,
        at_ms: ms,
        clock_unset: !trusted && ms != 0,
        text: sealed.text.clone(),
    };
    encode_key(10, WireType::LengthDelimited, out);
    encode_varint(message.encoded_len() as u64, out);
    message.encode_raw(out);
}

/// Appends the record of an attachment of which only the ids and the size are in the clear.
pub fn write_sealed_blob(out: &mut Vec<u8>, position: Position, row: &BlobRow, sealed: &Sealed) {
    let attachment = proto::Attachment {
        blob: row.id.to_bytes().to_vec(),
        size: row.attachment.size,
        ..proto::Attachment::default()
    };
    let blob = proto::Blob {
        id: row.id.to_bytes().to_vec(),
        conversation: row.conversation.map_or_else(Vec::new, |id| id.to_bytes().to_vec()),
        attachment: Some(attachment),
        ..proto::Blob::default()
    };
    let record = proto::Record { position: position.0, blob: Some(blob), ..Default::default() };
    record.encode_raw(out);
    write_sealed(out, sealed);
}

/// An attachment's row as the text that its conversation's key seals.
#[must_use]
pub fn encode_blob(row: &BlobRow) -> Vec<u8> {
    blob_row(row).encode_to_vec()
}

/// # Errors
/// `BAD_VALUE`: not what `encode_blob` made.
pub fn decode_blob(bytes: &[u8]) -> Result<BlobRow, Code> {
    let row = proto::Blob::decode(bytes).map_err(|_| BAD_VALUE)?;
    read_blob(row).ok_or(BAD_VALUE)
}

/// Appends the record of a fact.
pub fn write_fact_record(out: &mut Vec<u8>, position: Position, fact: &Fact) {
    let mut record = proto::Record { position: position.0, ..proto::Record::default() };
    match fact {
        Fact::Mark(mark) => record.mark = Some(proto_mark(mark)),
        Fact::SignIn(row) => {
            record.sign_in = Some(proto::SignIn {
                token_hash: row.token_hash.to_vec(),
                agent: row.agent.0,
                expires_ms: row.expires_ms,
                ended: row.ended,
            });
        }
        Fact::Secret(row) => {
            record.secret =
                Some(proto::Secret { agent: row.agent.0, password: row.password.0.clone() });
        }
        Fact::ReaderCursor(row) => {
            record.reader =
                Some(proto::ReaderCursor { name: row.name.clone(), index: row.index.0 });
        }
        Fact::Blob(row) => record.blob = Some(blob_row(row)),
        Fact::AuditNote(row) => {
            record.audit = Some(proto::AuditNote { act: row.act, text: row.text.clone() });
        }
    }
    let length = record.encoded_len();
    out.reserve(length);
    record.encode_raw(out);
}

/// Reads a record.
///
/// # Errors
/// `BAD_VALUE`: these bytes are no record that `write_entry_record` or `write_fact_record` made.
pub fn read_record(bytes: Bytes) -> Result<Record, Code> {
    let mut record = proto::Record::decode(bytes).map_err(|_| BAD_VALUE)?;
    let position = Position(record.position);
    let sealed = record.sealed.take().map(|sealed| Sealed {
        slot: sealed.slot,
        at: Wall { ms: sealed.at_ms, trusted: !sealed.clock_unset },
        text: sealed.text,
    });
    if record.entry.is_empty() {
        let fact = read_fact(record).ok_or(BAD_VALUE)?;
        return Ok(Record { position, content: fact_content(fact, sealed) });
    }
    let conversation = entry_conversation(&record.entry);
    let mut places = Places::new();
    for place in &record.places {
        let feed = place.feed.as_ref().and_then(|feed| read_feed(feed, conversation));
        places.push((feed.ok_or(BAD_VALUE)?, Index(place.index)));
    }
    let slot = sealed.as_ref().map(|sealed| sealed.slot);
    let content = match sealed.filter(|sealed| !sealed.text.is_empty()) {
        Some(sealed) => RecordContent::SealedEntry { head: record.entry, places, sealed },
        None => {
            let body_hash = match record.body_hash.as_slice() {
                [] => None,
                hash => Some(hash.try_into().map_err(|_| BAD_VALUE)?),
            };
            RecordContent::Entry { bytes: record.entry, places, body_hash, slot }
        }
    };
    Ok(Record { position, content })
}

fn fact_content(fact: Fact, sealed: Option<Sealed>) -> RecordContent {
    match (fact, sealed) {
        (Fact::Blob(row), Some(sealed)) => RecordContent::SealedBlob { row, sealed },
        (fact, _) => RecordContent::Fact(fact),
    }
}

/// The conversation of an encoded entry: field 1, which the encoder writes first.
#[must_use]
pub fn entry_conversation(entry: &[u8]) -> Option<ConversationId> {
    let id = entry.strip_prefix(&[0x0a, 16])?.get(..16)?;
    ConversationId::from_bytes(id)
}

fn write_bytes(tag: u32, bytes: &[u8], out: &mut Vec<u8>) {
    encode_key(tag, WireType::LengthDelimited, out);
    encode_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn feed_fields(feed: Feed) -> (proto::FeedKind, Option<ConversationId>, u32) {
    match feed {
        Feed::Public(id) => (proto::FeedKind::Public, Some(id), 0),
        Feed::Full(id) => (proto::FeedKind::Full, Some(id), 0),
        Feed::Inbox(agent) => (proto::FeedKind::Inbox, None, agent.0),
        Feed::Team(team) => (proto::FeedKind::Team, None, team.0),
        Feed::Roster => (proto::FeedKind::Roster, None, 0),
        Feed::Site => (proto::FeedKind::Site, None, 0),
    }
}

fn read_feed(feed: &proto::Feed, conversation: Option<ConversationId>) -> Option<Feed> {
    let id = || ConversationId::from_bytes(&feed.id).or(conversation);
    Some(match feed.kind() {
        proto::FeedKind::Unspecified => return None,
        proto::FeedKind::Public => Feed::Public(id()?),
        proto::FeedKind::Full => Feed::Full(id()?),
        proto::FeedKind::Inbox => Feed::Inbox(AgentId(feed.number)),
        proto::FeedKind::Team => Feed::Team(TeamId(feed.number)),
        proto::FeedKind::Roster => Feed::Roster,
        proto::FeedKind::Site => Feed::Site,
    })
}

pub(super) fn proto_mark(mark: &Mark) -> proto::Mark {
    let who = match mark.reader {
        Who::Visitor(id) => proto::author::Who::Visitor(id.to_bytes().to_vec()),
        Who::Agent(id) => proto::author::Who::Agent(id.0),
        Who::System => proto::author::Who::System(true),
    };
    proto::Mark {
        conversation: mark.conversation.to_bytes().to_vec(),
        reader: Some(proto::Author { who: Some(who), name: String::new() }),
        delivered: mark.delivered.0,
        read: mark.read.0,
    }
}

fn blob_row(row: &BlobRow) -> proto::Blob {
    let attachment = proto::Attachment {
        blob: row.attachment.blob.to_bytes().to_vec(),
        name: row.attachment.name.0.clone(),
        media_type: row.attachment.media_type.clone(),
        size: row.attachment.size,
        width: row.attachment.width,
        height: row.attachment.height,
    };
    proto::Blob {
        id: row.id.to_bytes().to_vec(),
        conversation: row.conversation.map_or_else(Vec::new, |id| id.to_bytes().to_vec()),
        attachment: Some(attachment),
        hash: row.hash.to_vec(),
        at_ms: row.at.ms,
        key: row.key.as_ref().map_or_else(Vec::new, |key| key.0.to_vec()),
    }
}

fn read_fact(record: proto::Record) -> Option<Fact> {
    if let Some(mark) = record.mark {
        let reader = match mark.reader?.who? {
            proto::author::Who::Visitor(id) => Who::Visitor(VisitorId::from_bytes(&id)?),
            proto::author::Who::Agent(id) => Who::Agent(AgentId(id)),
            proto::author::Who::System(_) => Who::System,
        };
        return Some(Fact::Mark(Mark {
            conversation: ConversationId::from_bytes(&mark.conversation)?,
            reader,
            delivered: Index(mark.delivered),
            read: Index(mark.read),
        }));
    }
    if let Some(row) = record.sign_in {
        let token_hash = row.token_hash.try_into().ok()?;
        let agent = AgentId(row.agent);
        let (expires_ms, ended) = (row.expires_ms, row.ended);
        return Some(Fact::SignIn(SignIn { token_hash, agent, expires_ms, ended }));
    }
    if let Some(row) = record.secret {
        let password = Private(row.password);
        return Some(Fact::Secret(Secret { agent: AgentId(row.agent), password }));
    }
    if let Some(row) = record.reader {
        return Some(Fact::ReaderCursor(ReaderCursor { name: row.name, index: Index(row.index) }));
    }
    if let Some(proto::AuditNote { act, text }) = record.audit {
        return Some(Fact::AuditNote(AuditNote { act, text }));
    }
    read_blob(record.blob?).map(Fact::Blob)
}

fn read_blob(row: proto::Blob) -> Option<BlobRow> {
    let attachment = row.attachment?;
    let conversation = match row.conversation.as_slice() {
        [] => None,
        id => Some(ConversationId::from_bytes(id)?),
    };
    Some(BlobRow {
        id: BlobId::from_bytes(&row.id)?,
        conversation,
        attachment: Attachment {
            blob: BlobId::from_bytes(&attachment.blob)?,
            name: Private(attachment.name),
            media_type: attachment.media_type,
            size: attachment.size,
            width: attachment.width,
            height: attachment.height,
        },
        hash: match row.hash.as_slice() {
            [] => [0; 32],
            hash => hash.try_into().ok()?,
        },
        at: Wall { ms: row.at_ms, trusted: true },
        key: match row.key.as_slice() {
            [] => None,
            key => Some(FileKey(Zeroizing::new(key.try_into().ok()?))),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(conversation: ConversationId) -> Bytes {
        let entry = proto::Entry {
            conversation: conversation.to_bytes().to_vec(),
            key: vec![7; 16],
            ..proto::Entry::default()
        };
        entry.encode_to_vec().into()
    }

    #[test]
    fn an_entry_comes_back_with_its_places() {
        let c = ConversationId(5);
        let places: Places = [
            (Feed::Public(c), Index(3)),
            (Feed::Full(c), Index(300)),
            (Feed::Full(ConversationId(6)), Index(1)),
            (Feed::Inbox(AgentId(200)), Index(9)),
            (Feed::Roster, Index(1)),
            (Feed::Site, Index(u64::MAX)),
        ]
        .into_iter()
        .collect();
        let mut out = Vec::new();
        let at = Position(400);
        write_entry_record(&mut out, at, &places, &entry(c), Some(&[9; 16]), (Some(c), None));
        assert!(proto::Record::decode(out.as_slice()).is_ok());
        let bytes = entry(c);
        let body_hash = Some([9; 16]);
        let content = RecordContent::Entry { bytes, places, body_hash, slot: None };
        assert_eq!(read_record(out.into()), Ok(Record { position: at, content }));
    }

    #[test]
    fn a_sealed_entry_and_one_that_destroys_a_key_come_back() {
        let c = ConversationId(5);
        let places: Places =
            [(Feed::Full(c), Index(3)), (Feed::Site, Index(1))].into_iter().collect();
        let bytes = entry(c);
        let at = Wall { ms: 1_790_000_000_000, trusted: false };
        let sealed = Sealed { slot: 300, at, text: Bytes::from_static(&[1; 40]) };
        let mut out = Vec::new();
        write_sealed_record(&mut out, Position(7), &places, &bytes, &sealed, Some(c));
        let content =
            RecordContent::SealedEntry { head: bytes.clone(), places: places.clone(), sealed };
        assert_eq!(read_record(out.into()).map(|record| record.content), Ok(content));

        let mut out = Vec::new();
        write_entry_record(&mut out, Position(8), &places, &bytes, None, (Some(c), Some(300)));
        let content = RecordContent::Entry { bytes, places, body_hash: None, slot: Some(300) };
        assert_eq!(read_record(out.into()).map(|record| record.content), Ok(content));
    }

    #[test]
    fn an_attachment_comes_back_from_its_sealed_text() {
        let row = BlobRow {
            id: BlobId(3),
            conversation: Some(ConversationId(5)),
            attachment: Attachment {
                size: 7,
                name: "a.png".into(),
                ..Attachment::named(BlobId(3))
            },
            hash: [4; 32],
            at: Wall { ms: 6, trusted: true },
            key: Some(FileKey(Zeroizing::new([8; 32]))),
        };
        assert_eq!(decode_blob(&encode_blob(&row)), Ok(row.clone()));
        let sealed = Sealed { slot: 2, at: row.at, text: Bytes::from_static(&[1; 40]) };
        let mut out = Vec::new();
        write_sealed_blob(&mut out, Position(9), &row, &sealed);
        assert!(!out.windows(5).any(|five| five == b"a.png"));
        let read = read_record(out.into()).unwrap();
        let RecordContent::SealedBlob { row: left, sealed: kept } = read.content else { panic!() };
        assert_eq!(
            (left.id, left.conversation, left.attachment.size),
            (row.id, row.conversation, 7)
        );
        assert_eq!((kept, left.key), (sealed, None));
    }

    #[test]
    fn facts_come_back() {
        let facts = [
            Fact::Mark(Mark {
                conversation: ConversationId(1),
                reader: Who::Visitor(VisitorId(2)),
                delivered: Index(3),
                read: Index(2),
            }),
            Fact::SignIn(SignIn {
                token_hash: [1; 32],
                agent: AgentId(1),
                expires_ms: 5,
                ended: true,
            }),
            Fact::Secret(Secret { agent: AgentId(1), password: "phc".into() }),
            Fact::ReaderCursor(ReaderCursor { name: "webhook".into(), index: Index(8) }),
        ];
        for fact in facts {
            let mut out = Vec::new();
            write_fact_record(&mut out, Position(1), &fact);
            let content = RecordContent::Fact(fact);
            assert_eq!(read_record(out.into()), Ok(Record { position: Position(1), content }));
        }
    }

    #[test]
    fn other_bytes_are_no_record() {
        assert_eq!(read_record(Bytes::from_static(b"\xff\xff")), Err(BAD_VALUE));
        assert_eq!(read_record(Bytes::new()), Err(BAD_VALUE));
    }
}
