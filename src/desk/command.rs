//! What somebody asks of a conversation, and what a refusal is.

use smallvec::SmallVec;

use super::entry::{Content, Entry, Profile, QueueReason, Role, Who};
use crate::base::code::{self, Code};
use crate::base::{AgentId, Feed, InboxId, Index, MessageKey, Position, Private, TeamId, Wall};

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
    /// Takes a message or note back; `author: None` = the sender's own.
    Recall {
        key: MessageKey,
        author: Option<Who>,
    },
    /// Take it, or give it to somebody; by an agent, a supervisor or the router.
    Assign(Assignee),
    /// `Site::request` has checked that the target exists and is not disabled.
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
    /// Deletes everything that was said, and whose it was, for ever; an owner or the desk itself.
    Erase,
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

/// What the first message of a conversation brings along; `Site::request` has looked the inbox up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    pub inbox: InboxId,
    pub team: TeamId,
    pub profile: Profile,
}

/// A command as it reaches `decide`; `Site::request` makes it. What the look-up refused is kept,
/// because a retry of what was accepted once is acknowledged even if its target is gone by now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub key: MessageKey,
    /// Hash of the encoded command: tells a retry from a conflict.
    pub body_hash: [u8; 16],
    pub opening: Option<Result<Opening, Refusal>>,
    pub command: Result<Command, Refusal>,
}

impl Request {
    /// A request of the desk itself or of a test: nothing had to be looked up.
    #[must_use]
    pub fn plain(key: MessageKey, command: Command) -> Self {
        Self { key, body_hash: [0; 16], opening: None, command: Ok(command) }
    }
}

/// What the store knows of a (conversation, sender, key).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prior {
    /// `None`: the conversation was erased. Nobody can tell any more, so it counts as a retry.
    pub body_hash: Option<[u8; 16]>,
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

/// The feeds an entry belongs to.
pub type Feeds = SmallVec<[Feed; 6]>;

/// An entry that is not in the log yet, and the feeds it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    pub entry: Entry,
    pub feeds: Feeds,
}

/// An entry with its places: what `apply` and the readers of the log get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed<'a> {
    pub entry: &'a Entry,
    pub position: Position,
    /// Index in the conversation's public and full feed; `None` when it is not in that feed.
    pub public: Option<Index>,
    pub full: Option<Index>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// All in one journal batch. Exactly one entry carries the request's key: the ack names its
    /// index in the sender's feed. The others follow from it and have no key (`MessageKey(0)`).
    Append(Vec<Draft>),
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
