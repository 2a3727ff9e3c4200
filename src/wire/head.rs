//! Where an encoded entry is cut in a sealed store: before the cut stands whose it is, which
//! outlives an erasure; behind it the author's name, the time and the body. Invariant: the two
//! parts, one behind the other, are the very bytes of the entry.

use crate::base::{AgentId, ConversationId, MessageKey, Private, VisitorId, Wall};
use crate::desk::{Author, Body, Entry, Gone, Who};

/// How many of an encoded entry's first bytes say whose it is: conversation, key, and the author's
/// id, which the encoder writes first. What follows is the author's name, the time and the body.
#[must_use]
pub fn head_length(entry: &[u8]) -> usize {
    read_head(entry).map_or(0, |(_, length)| length)
}

/// What is left of an entry whose conversation was erased: who wrote it, when, and its key.
#[must_use]
pub fn skeleton(head: &[u8], at: Wall) -> Option<Entry> {
    let (entry, _) = read_head(head)?;
    Some(Entry { at, ..entry })
}

fn read_head(bytes: &[u8]) -> Option<(Entry, usize)> {
    let mut rest = bytes;
    let conversation = take_id(&mut rest, 0x0a)?;
    let key = take_id(&mut rest, 0x12).map_or(MessageKey(0), MessageKey);
    let author = rest.strip_prefix(&[0x1a])?;
    rest = &author[author.iter().position(|byte| byte & 0x80 == 0)? + 1..];
    let who = match rest.first()? {
        0x0a => Who::Visitor(VisitorId(take_id(&mut rest, 0x0a)?)),
        0x10 => {
            let end = rest.iter().skip(1).position(|byte| byte & 0x80 == 0)? + 2;
            let number = prost::encoding::decode_varint(&mut &rest[1..end]).ok()?;
            rest = &rest[end..];
            Who::Agent(AgentId(u32::try_from(number).ok()?))
        }
        _ => {
            rest = rest.strip_prefix(&[0x18, 1])?;
            Who::System
        }
    };
    let entry = Entry {
        conversation: Some(ConversationId(conversation)),
        key,
        author: Author { who, name: Private::default() },
        at: Wall::default(),
        body: Body::Tombstone(Gone::Deleted),
    };
    Some((entry, bytes.len() - rest.len()))
}

/// An id of 16 bytes behind its tag.
fn take_id(rest: &mut &[u8], tag: u8) -> Option<u128> {
    let (id, behind) = rest.strip_prefix(&[tag, 16])?.split_first_chunk::<16>()?;
    *rest = behind;
    Some(u128::from_be_bytes(*id))
}

#[cfg(test)]
mod tests {
    use super::super::encode_entry;
    use super::*;

    /// Cut behind its head, an entry is two parts that give its very bytes again; the head alone
    /// tells whose it was and nothing else.
    #[test]
    fn the_head_of_an_entry_tells_whose_it_is_and_no_more() {
        let whos = [
            Who::Visitor(VisitorId(0xabc)),
            Who::Agent(AgentId(3)),
            Who::Agent(AgentId(70_000)),
            Who::System,
        ];
        for who in whos {
            for key in [MessageKey(0), MessageKey(77)] {
                let whole = Entry {
                    conversation: Some(ConversationId(5)),
                    key,
                    author: Author { who, name: "a name of some length".repeat(8).into() },
                    at: Wall { ms: 9, trusted: true },
                    body: Body::Note("a text".into()),
                };
                let bytes = encode_entry(&whole);
                let head = &bytes[..head_length(&bytes)];
                assert!(!head.windows(4).any(|four| four == b"name" || four == b"text"));
                let left = skeleton(head, whole.at).unwrap();
                let author = Author { who, name: Private::default() };
                let body = Body::Tombstone(Gone::Deleted);
                assert_eq!(left, Entry { author, body, ..whole });
            }
        }
        assert_eq!(head_length(b"\x0a\x10short"), 0);
        assert!(skeleton(&[0x0a, 16, 1], Wall::default()).is_none());
    }
}
