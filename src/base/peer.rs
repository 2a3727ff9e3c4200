//! The other end of a socket, as the listener saw it.

use std::net::SocketAddr;
use std::sync::Arc;

/// What the listener puts beside every request of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerInfo {
    /// The socket's other end: the client, or a proxy in front of it.
    pub addr: SocketAddr,
    /// Our end.
    pub local: SocketAddr,
    /// How the connection is encrypted; `None` when it is not.
    pub family: Option<Family>,
}

/// A family of TLS: which algorithms, and in which protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// TLS 1.2 and 1.3 with AES or ChaCha20, SHA-2 and EC or RSA certificates.
    International,
    /// TLS 1.3 with SM2, SM3 and SM4 (RFC 8998).
    Rfc8998,
    /// The Chinese protocol with double certificates (GB/T 38636).
    Tlcp,
}

impl Family {
    /// As configuration, log and figures name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::International => "international",
            Self::Rfc8998 => "rfc8998",
            Self::Tlcp => "tlcp",
        }
    }
}

/// The certificate that a client showed, after TLS verified that an authority of the site issued
/// it and that the client has its key. Stands beside every request of its connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The common name: an agent's sign-in name.
    pub holder: Arc<str>,
    /// The serial number, in hexadecimal.
    pub serial: Arc<str>,
    /// When it ends, in seconds since 1970. A session that is taken up again brings it along.
    pub not_after_s: u64,
}

impl PeerInfo {
    /// Whether the connection is encrypted.
    #[must_use]
    pub fn tls(&self) -> bool {
        self.family.is_some()
    }

    /// Whether the peer runs on this machine.
    #[must_use]
    pub fn loopback(&self) -> bool {
        self.addr.ip().to_canonical().is_loopback()
    }
}
