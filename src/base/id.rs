//! Identities: newtypes, so that a feed index is never taken for a log position.

use std::fmt;

/// Place of an entry in the site's log. The first entry is at 1; 0 means "before everything".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

/// Place of an entry in a feed: 1, 2, 3 … without a hole; 0 means "before everything".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Index(pub u64);

impl Position {
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl Index {
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

macro_rules! wide_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u128);

        impl $name {
            /// The sixteen bytes that stand on the wire and on disk, big-endian.
            #[must_use]
            pub fn to_bytes(self) -> [u8; 16] {
                self.0.to_be_bytes()
            }

            /// `None` when `bytes` is not sixteen bytes long or is all zero.
            #[must_use]
            pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
                let value = u128::from_be_bytes(bytes.try_into().ok()?);
                (value != 0).then_some(Self(value))
            }

            /// `None` when `text` is not 32 hexadecimal digits.
            #[must_use]
            pub fn from_hex(text: &str) -> Option<Self> {
                let plain = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
                plain.then(|| u128::from_str_radix(text, 16).ok().map(Self))?
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:032x}", self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:032x})"), self.0)
            }
        }
    };
}

wide_id! {
    /// A conversation; the visitor's client chooses it (128 random bits) before its first message.
    ConversationId
}
wide_id! {
    /// The sender's name for one command, a UUIDv7 chosen before the first try and kept on retries.
    MessageKey
}
wide_id! {
    /// A visitor: the first half of the SHA-256 of the visitor's token, so a token proves it.
    VisitorId
}
wide_id! {
    /// An attachment on disk; random.
    BlobId
}
wide_id! {
    /// The lifetime of a store: new at creation and at every restore.
    Epoch
}

impl MessageKey {
    /// Milliseconds since 1970 that a UUIDv7 carries in its first 48 bits (RFC 9562, section 5.7).
    #[must_use]
    pub fn wall_ms(self) -> u64 {
        (self.0 >> 80) as u64
    }

    /// Version 7 and the variant of RFC 9562, section 5.7.
    #[must_use]
    pub fn is_uuid_v7(self) -> bool {
        (self.0 >> 76) & 0xf == 7 && (self.0 >> 62) & 3 == 2
    }

    /// A UUIDv7 of `wall_ms` and 74 random bits.
    #[must_use]
    pub fn new(wall_ms: u64, random: u128) -> Self {
        let time = u128::from(wall_ms & 0xffff_ffff_ffff) << 80;
        let random = random & !(0xffff_ffff_ffff << 80) & !(0xf << 76) & !(0x3 << 62);
        Self(time | (7 << 76) | (2 << 62) | random)
    }
}

macro_rules! small_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

small_id! {
    /// A person who answers; numbered from 1 in the order of creation.
    AgentId
}
small_id! {
    /// A group of agents that shares a queue; numbered from 1.
    TeamId
}
small_id! {
    /// A place visitors write to: one widget, one snippet; numbered from 1.
    InboxId
}

/// A named list of entries, dense for its readers (delivery contract R4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Feed {
    /// A conversation as its visitor sees it.
    Public(ConversationId),
    /// The same with notes and internal events, for agents.
    Full(ConversationId),
    /// What concerns one agent: every entry of the conversations assigned to them.
    Inbox(AgentId),
    /// What concerns a team: life events of its conversations, and messages while nobody owns them.
    Team(TeamId),
    /// Agents, teams, inboxes and site settings, as they change.
    Roster,
    /// Everything, for readers with a durable cursor.
    Site,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_version_7_uuid_and_keeps_its_time() {
        let key = MessageKey::new(0x0123_4567_89ab, u128::MAX);
        assert_eq!(key.wall_ms(), 0x0123_4567_89ab);
        assert_eq!((key.0 >> 76) & 0xf, 7);
        assert_eq!((key.0 >> 62) & 3, 2);
        assert!(key.is_uuid_v7() && !MessageKey(key.0 ^ 1 << 76).is_uuid_v7());
    }

    #[test]
    fn bytes_and_hex_reject_what_is_not_an_id() {
        assert_eq!(VisitorId::from_bytes(&[0; 16]), None);
        assert_eq!(VisitorId::from_bytes(&[1; 15]), None);
        assert_eq!(VisitorId::from_hex("+0000000000000000000000000000001"), None);
        let id = VisitorId(7);
        assert_eq!(VisitorId::from_hex(&id.to_string()), Some(id));
        assert_eq!(VisitorId::from_bytes(&id.to_bytes()), Some(id));
    }
}
