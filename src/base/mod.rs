//! Words every room speaks: ids, time, limits, codes, text, chance, buckets. Standard library only.

pub mod bucket;
pub mod chance;
pub mod code;
pub mod counters;
pub mod id;
pub mod limits;
pub mod origin;
pub mod peer;
pub mod qr;
pub mod text;
pub mod time;

pub use bucket::{Backoff, Rate, TokenBucket};
pub use counters::Counters;
pub use id::{
    AgentId, BlobId, ConversationId, Epoch, Feed, InboxId, Index, MessageKey, Position, TeamId,
    VisitorId,
};
pub use peer::{ClientCertificate, Family, PeerInfo};
pub use text::{Language, Private, Text};
pub use time::{Clock, Tick, Wall};
