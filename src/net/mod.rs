//! Sockets: listen, accept, limits, TLS, certificates, WebSockets.
//! Architecture invariant: a connection holds a place from accept to its end, and everything a peer
//! does before it is known has a deadline.

pub mod acme;
mod answer;
mod body;
mod door;
#[cfg(feature = "test-peer")]
pub mod echo;
mod families;
mod fault;
mod gate;
mod handshake;
mod hello;
pub mod keep;
mod serve;
mod server;
mod stream;
pub mod ws;

pub use body::{BodyFault, RequestBody};
pub use door::Door;
pub use families::{Choice, Families, Revoked};
pub use fault::{NetFault, code_of, code_of_pair};
pub use gate::{Ceiling, raise_descriptors};
pub use hello::First;
pub use server::{Options, Server};
pub use stream::Stream;
