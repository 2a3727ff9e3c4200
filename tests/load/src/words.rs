//! The frames the generator says and the few things it reads out of answers.

use anyhow::{Context as _, Result};
use bytes::Bytes;
use posthouse::base::MessageKey;
use posthouse::wire::proto;
use prost::Message as _;

use proto::client_frame::Frame as Ask;
use proto::server_frame::Frame as Answer;

pub use proto::{Author, Cursor, Entry, Feed, FeedKind, Recall};

/// A conversation id, a blob id, an epoch: sixteen bytes.
pub type Id = [u8; 16];

/// Sixteen random-looking bytes that depend on `seed` only; never all zero.
#[must_use]
pub fn id(seed: u64) -> Id {
    let mut out = [0; 16];
    out[..8].copy_from_slice(&mix(seed).to_be_bytes());
    out[8..].copy_from_slice(&mix(seed ^ 0x5bd1_e995_0000_0001).to_be_bytes());
    out
}

/// A visitor's token that depends on `seed` only.
#[must_use]
pub fn token(seed: u64) -> [u8; 32] {
    let mut out = [0; 32];
    out[..16].copy_from_slice(&id(seed ^ 0x746f_6b65_6e00_0000));
    out[16..].copy_from_slice(&id(seed ^ 0x746f_6b65_6e00_0001));
    out
}

/// SplitMix64's output function (Steele, Lea, Flood 2014).
#[must_use]
pub fn mix(seed: u64) -> u64 {
    let z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Now, in milliseconds since 1970.
#[must_use]
pub fn wall_ms() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |since| since.as_millis() as u64)
}

/// A new key whose random part carries `mark` (62 bits), which [`mark_of`] reads back.
#[must_use]
pub fn key(mark: u64) -> [u8; 16] {
    MessageKey::new(wall_ms(), u128::from(mark & MARK)).to_bytes()
}

#[must_use]
pub fn mark_of(key: &[u8]) -> Option<u64> {
    let low = key.get(8..16)?;
    Some(u64::from_be_bytes(low.try_into().ok()?) & MARK)
}

const MARK: u64 = (1 << 62) - 1;

#[must_use]
pub fn public(conversation: &Id) -> Feed {
    Feed { kind: FeedKind::Public.into(), id: conversation.to_vec(), number: 0 }
}

fn frame(ask: Ask) -> Vec<u8> {
    proto::ClientFrame { frame: Some(ask) }.encode_to_vec()
}

/// The first frame of a visitor's connection.
#[must_use]
pub fn hello(token: [u8; 32], inbox_key: &str, cursors: Vec<Cursor>) -> Vec<u8> {
    frame(Ask::Hello(proto::Hello {
        client: "load/0.1".to_owned(),
        visitor_token: token.to_vec(),
        inbox_key: inbox_key.to_owned(),
        cursors,
        language: "en".to_owned(),
    }))
}

/// A text message; `inbox_key` opens the conversation and is set until its first ack.
#[must_use]
pub fn text(conversation: &Id, key: [u8; 16], inbox_key: Option<&str>, text: String) -> Vec<u8> {
    let message = proto::Message { content: Some(proto::message::Content::Text(text)) };
    let opening = inbox_key.map(|key| proto::Opening { inbox_key: key.to_owned(), profile: None });
    frame(Ask::Submit(proto::Submit {
        conversation: conversation.to_vec(),
        key: key.to_vec(),
        opening,
        command: Some(proto::Command { body: Some(proto::command::Body::Message(message)) }),
    }))
}

#[must_use]
pub fn follow(cursors: Vec<Cursor>) -> Vec<u8> {
    frame(Ask::Follow(proto::Follow { cursors }))
}

#[must_use]
pub fn ping(cursors: Vec<Cursor>) -> Vec<u8> {
    frame(Ask::Ping(proto::Ping { cursors }))
}

/// What a server's frame says, as far as the tests need it.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    Welcome {
        epoch: Vec<u8>,
    },
    /// An entry of a followed feed, or of a snapshot.
    Delivery {
        index: u64,
        entry: Box<Entry>,
    },
    /// The entries before it are a snapshot's.
    Snapshot {
        index: u64,
        epoch: Vec<u8>,
        too_long: bool,
    },
    CaughtUp {
        index: u64,
    },
    Ack {
        key: Vec<u8>,
        index: u64,
    },
    Refused {
        key: Vec<u8>,
        code: u32,
        retry_after_ms: u32,
    },
    GoingAway {
        retry_after_ms: u32,
    },
    /// Marks, presence, queue places, pongs.
    Hint,
}

/// # Errors
/// When the bytes are no server frame, or one of a kind this client does not know.
pub fn read(bytes: Bytes, out: &mut Vec<Said>) -> Result<()> {
    let answer = proto::ServerFrame::decode(bytes)?.frame.context("an unknown server frame")?;
    let delivered = |delivery: proto::Delivery| -> Result<Said> {
        let entry = Box::new(Entry::decode(delivery.entry)?);
        Ok(Said::Delivery { index: delivery.index, entry })
    };
    let said = match answer {
        Answer::Welcome(welcome) => Said::Welcome { epoch: welcome.epoch },
        Answer::Delivery(delivery) => delivered(delivery)?,
        Answer::Snapshot(snapshot) => {
            let (index, too_long) = (snapshot.index, snapshot.too_long);
            for delivery in snapshot.entries {
                out.push(delivered(delivery)?);
            }
            Said::Snapshot { index, epoch: snapshot.epoch, too_long }
        }
        Answer::CaughtUp(at) => Said::CaughtUp { index: at.index },
        Answer::Ack(ack) => Said::Ack { key: ack.key, index: ack.index },
        Answer::Refused(no) => {
            Said::Refused { key: no.key, code: no.code, retry_after_ms: no.retry_after_ms }
        }
        Answer::GoingAway(away) => Said::GoingAway { retry_after_ms: away.retry_after_ms },
        Answer::Mark(_)
        | Answer::Typing(_)
        | Answer::Presence(_)
        | Answer::QueuePlace(_)
        | Answer::Pong(_) => Said::Hint,
    };
    out.push(said);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_carries_its_mark() {
        let made = key(123_456_789);
        assert_eq!(mark_of(&made), Some(123_456_789));
        assert_eq!(made[6] >> 4, 7);
    }
}
