//! One connection's protocol, pure: hello, resume, submit, ack, heartbeat, window.
//! Architecture invariant: no sockets, no clock; bytes of entries pass through unread.

mod follow;
pub mod io;
mod marks;
mod state;

pub use io::{ClientFrame, Cursor, Effect, Hello, Input, Peer, ServerFrame, Status, Terms};
pub use state::Session;
