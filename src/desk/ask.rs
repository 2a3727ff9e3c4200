//! What a client asks, as it stands on the wire: names and numbers that `Site::request` looks up.

use super::entry::{Profile, Who};
use crate::base::{AgentId, BlobId, MessageKey, Private, TeamId};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandAsk {
    Text(Private),
    /// An uploaded file; everything else about it comes from the store, not from the sender.
    Attachment(BlobId),
    Note(Private),
    Recall {
        key: MessageKey,
        author: Option<Who>,
    },
    Assign(AgentId),
    Transfer(TransferAsk),
    Resolve,
    Reopen,
    Rate {
        score: u8,
        comment: Private,
    },
    /// Boxed, as openings are: most commands are a line of text, and all wait in queues.
    Profile(Box<Profile>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferAsk {
    Agent(AgentId),
    Team(TeamId),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpeningAsk {
    pub inbox_key: String,
    pub profile: Profile,
}
