//! Posthouse (驿站): a customer-service desk in one static binary.
//!
//! The rooms, from the inside out; `tests/tidy.rs` holds them to their import table:
#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::cast_possible_truncation,
        clippy::expect_used,
        clippy::panic,
        clippy::redundant_clone,
        clippy::type_complexity,
        clippy::unwrap_used,
        clippy::wildcard_enum_match_arm
    )
)]

pub mod actors;
pub mod appliance;
pub mod base;
pub mod bundle;
pub mod cli;
pub mod config;
pub mod desk;
pub mod fabric;
pub mod health;
pub mod http;
pub mod hub;
pub mod manual;
pub mod net;
pub mod node;
pub mod provision;
pub mod session;
pub mod store;
pub mod web;
pub mod wire;
