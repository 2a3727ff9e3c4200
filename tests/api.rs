//! The HTTP API against a real desk and store in one process: who may do what, what hostile
//! requests get, and that what is answered is what was stored.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]
// The bench owns the real clock, as node does in the server.
#![allow(clippy::disallowed_methods)]
#![allow(clippy::cast_possible_truncation, clippy::wildcard_enum_match_arm)]

#[path = "api/access.rs"]
mod access;
#[path = "api/audit.rs"]
mod audit;
#[path = "api/bench.rs"]
mod bench;
#[path = "api/duties.rs"]
mod duties;
#[path = "api/erasure.rs"]
mod erasure;
#[path = "api/files.rs"]
mod files;
#[path = "api/frames.rs"]
mod frames;
#[path = "api/hostile.rs"]
mod hostile;
#[path = "api/operator.rs"]
mod operator;
#[path = "api/pictures.rs"]
mod pictures;
#[path = "api/worlds.rs"]
mod worlds;
