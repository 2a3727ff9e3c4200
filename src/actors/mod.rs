//! The running owners: shards of conversations, the front, connections.
