//! What the tests of the real process and the load generator share: a lean `posthouse.v1` client
//! over plain and TLS WebSockets, the server as a process, and what the kernel says of it.
#![forbid(unsafe_code)]
// Measuring is reading the clock; counts and times of a run fit 64 bits; what a test does not ask
// for it passes over.
#![allow(clippy::disallowed_methods, clippy::cast_possible_truncation)]
#![allow(clippy::wildcard_enum_match_arm)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod channel;
pub mod client;
pub mod crowd;
pub mod frame;
pub mod kernel;
pub mod server;
pub mod socket;
pub mod words;
