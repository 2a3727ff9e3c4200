//! TLCP, the transport layer cryptography protocol of GB/T 38636-2020 (version 1.1), as server and
//! as client. It looks like TLS 1.2 with three differences: a side has two certificates, one to
//! sign with and one to encrypt for; the key exchange is SM2's; everything else is SM3 and SM4.
//!
//! [`Connection`] does no I/O and has no clock; [`tokio`] puts it over a stream. Nothing that a
//! peer sends makes it panic, or hold more memory than one handshake message and one record.

mod alert;
mod buffer;
mod cbc;
mod client;
mod codec;
mod config;
mod connection;
mod hello;
mod messages;
mod record;
mod schedule;
mod server;
mod session;
mod suite;
mod tail;
pub mod tokio;
mod verify;
mod wire;

#[cfg(test)]
mod tests;

pub use alert::{Alert, Fault};
pub use cbc::opens_cbc;
pub use config::{
    BadIdentity, ClientAuth, ClientConfig, Identity, Presented, Resolve, ServerConfig,
};
pub use connection::{Connection, State};
pub use record::{Fill, begins};
pub use rustls_pki_types::ServerName;
pub use session::{Agreed, Certificates, Session, SessionCache};
pub use suite::Suite;
pub use verify::{BadRoot, Roots};
