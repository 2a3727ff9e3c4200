//! The running owners: shards of conversations, the front desk, the publisher, connections; and the handle
//! that the rest of the house talks to.
//! Architecture invariant: every piece of state has one owner; handles send, owners decide.

pub mod shard;
mod task;
mod ticket;
