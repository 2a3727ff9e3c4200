//! The other end of a socket, as the listener saw it.

use std::net::SocketAddr;

/// What the listener puts beside every request of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerInfo {
    /// The socket's other end: the client, or a proxy in front of it.
    pub addr: SocketAddr,
    /// Our end.
    pub local: SocketAddr,
    /// Whether the connection is encrypted.
    pub tls: bool,
}

impl PeerInfo {
    /// Whether the peer runs on this machine.
    #[must_use]
    pub fn loopback(&self) -> bool {
        self.addr.ip().to_canonical().is_loopback()
    }
}
