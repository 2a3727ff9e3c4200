//! WebSockets (RFC 6455), server side. A connection that waits owns no buffer: reads go to a
//! scratch of the thread, writes are kept only as far as the socket would not take them.

mod decode;
mod socket;
mod upgrade;

pub use socket::{Message, Outgoing, WebSocket};
pub use upgrade::{NotAnUpgrade, Upgrading, upgrade};

/// What a peer did against the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    #[error("a frame is against the protocol")]
    Protocol,
    #[error("a text message is not UTF-8")]
    BadText,
    #[error("a message is longer than the limit")]
    TooLong,
}

impl Violation {
    /// The close code that says so (RFC 6455 section 7.4.1).
    #[must_use]
    pub fn close_code(self) -> u16 {
        match self {
            Self::Protocol => 1002,
            Self::BadText => 1007,
            Self::TooLong => 1009,
        }
    }
}

/// Why a WebSocket ended without a close handshake.
#[derive(Debug, thiserror::Error)]
pub enum WsError {
    /// The peer's fault. The close frame that says so is queued: call [`WebSocket::finish`].
    #[error(transparent)]
    Violation(#[from] Violation),
    #[error("the connection broke: {0}")]
    Io(#[from] std::io::Error),
}
