//! Posthouse (驿站): a customer-service desk in one static binary.
//!
//! The rooms, from the inside out; `tests/tidy.rs` holds them to their import table:
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod actors;
pub mod base;
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
pub mod session;
pub mod store;
pub mod web;
pub mod wire;
