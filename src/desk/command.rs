//! What somebody asks of a conversation, and what a refusal is.

use smallvec::SmallVec;

use super::entry::{Content, Entry, Profile, QueueReason, Role, Who};
use crate::base::code::{self, Code};
use crate::base::{AgentId, InboxId, Index, MessageKey, Private, TeamId, Wall};

/// Who asks, and what the desk must know of them to decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    pub who: Who,
    pub name: Private,
    /// `None` for visitors and the desk itself.
    pub role: Option<Role>,
    /// Teams of an agent.
    pub teams: Vec<TeamId>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    Message(Content),
    Note(Private),
    Recall(MessageKey),
    /// Take it, or give it to somebody; by an agent, a supervisor or the router.
    Assign(Assignee),
    /// The shell has checked that the target exists and is not disabled.
    Transfer(TransferTo),
    /// Back to the queue; the router only.
    Requeue(QueueReason),
    Resolve,
    Reopen,
    Rate {
        score: u8,
        comment: Private,
    },
    Profile(Profile),
}

/// An agent as the entry `Assigned` shows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignee {
    pub agent: AgentId,
    pub name: Private,
    pub avatar: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransferTo {
    Agent(Assignee),
    Team(TeamId),
}

/// What the first message of a conversation brings along; the shell has looked the inbox up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    pub inbox: InboxId,
    pub team: TeamId,
    pub profile: Profile,
}

/// A command as it reaches `decide`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub key: MessageKey,
    /// First 16 bytes of the SHA-256 of the encoded command.
    pub body_hash: [u8; 16],
    pub opening: Option<Opening>,
    pub command: Command,
}

/// What the store knows of a (conversation, sender, key).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prior {
    pub body_hash: [u8; 16],
    /// Index of the entry in the sender's feed.
    pub index: Index,
    pub at: Wall,
}

/// The entry a `Recall` names, as the store has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recallable {
    pub entry: Entry,
    /// 0 when the entry is not in the public feed.
    pub public: Index,
    pub full: Index,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// One entry, or an opening or transfer and what follows from it; all in one journal batch.
    Append(SmallVec<[Entry; 2]>),
    /// It was done before: the original ack.
    Already { index: Index, at: Wall },
}

/// The peer's fault, or a passing shortage. A code on the wire, logged at debug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub code: Code,
    /// When to try again; 0 = do not.
    pub retry_after_ms: u32,
}

impl Refusal {
    #[must_use]
    pub const fn new(code: Code) -> Self {
        Self { code, retry_after_ms: 0 }
    }

    #[must_use]
    pub const fn busy(retry_after_ms: u32) -> Self {
        Self { code: code::BUSY, retry_after_ms }
    }
}
