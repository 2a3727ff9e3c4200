//! The business, pure: `decide` may refuse and changes nothing, `apply` may not refuse and decides
//! nothing. Architecture invariant: no I/O, no clock, no randomness, no bytes.

pub mod command;
pub mod entry;

pub use command::{
    Actor, Assignee, Command, Decision, Draft, Feeds, Opening, Placed, Prior, Recallable, Refusal,
    Request, TransferTo,
};
pub use entry::{
    AgentRow, Attachment, Author, Body, Content, Entry, Gone, InboxRow, Profile, QueueReason, Role,
    SiteRow, Target, TeamRow, Who,
};
