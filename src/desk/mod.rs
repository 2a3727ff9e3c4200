//! The business, pure: `decide` may refuse and changes nothing, `apply` may not refuse and decides
//! nothing. Architecture invariant: no I/O, no clock, no randomness, no bytes.

pub mod ask;
mod clean;
pub mod command;
pub mod conversation;
mod decide;
pub mod entry;
mod feeds;
mod rights;
pub mod routing;
pub mod site;
pub mod site_decide;

pub use ask::{CommandAsk, OpeningAsk, TransferAsk};
pub use command::{
    Actor, Assignee, Command, Decision, Draft, Feeds, Opening, Placed, Prior, Recallable, Refusal,
    Request, TransferTo,
};
pub use conversation::{Conversation, State};
pub use entry::{
    AgentRow, Attachment, Author, Body, Content, Entry, Gone, InboxRow, Profile, QueueReason, Role,
    SiteRow, Target, TeamRow, Who,
};
pub use rights::Right;
pub use site::Site;
pub use site_decide::{
    AgentChange, InboxChange, NewAgent, PictureChange, SiteChange, SiteCommand, TeamChange,
};
