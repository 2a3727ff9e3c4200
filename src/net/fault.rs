//! What the network room cannot do, with the code that explains it.

use std::net::SocketAddr;

use posthouse_crypto::certificate::{Field, Flaw};
use posthouse_crypto::tls::TlsFault;
use posthouse_crypto::x509::PairFlaw;

use crate::base::code::{self, Code};

/// A fault of the world around the sockets.
#[derive(Debug, thiserror::Error)]
pub enum NetFault {
    #[error("{address}: {why}")]
    Listen { address: SocketAddr, why: std::io::Error },
    #[error("inherited socket {place}: {why}")]
    Inherited { place: usize, why: std::io::Error },
    #[error(transparent)]
    Certificate(#[from] Flaw),
    #[error(transparent)]
    Tls(#[from] TlsFault),
}

impl NetFault {
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Listen { .. } | Self::Inherited { .. } => code::CANNOT_LISTEN,
            Self::Certificate(flaw) => code_of(flaw),
            Self::Tls(_) => code::TLS_UNAVAILABLE,
        }
    }
}

/// The code of a certificate's flaw.
#[must_use]
pub fn code_of(flaw: &Flaw) -> Code {
    match (flaw, flaw.field()) {
        (Flaw::Expired { .. } | Flaw::NotYetValid { .. }, _) => code::CERTIFICATE_EXPIRED,
        (Flaw::KeySealed | Flaw::Passphrase, _) => code::KEY_SEALED,
        (Flaw::BadEnvelope { .. }, _) => code::BAD_ENVELOPE,
        (_, Field::Key) => code::BAD_CERTIFICATE_KEY,
        (_, Field::Certificate) => code::BAD_CERTIFICATE,
    }
}

/// The code of what is wrong with double certificates.
#[must_use]
pub fn code_of_pair(flaw: &PairFlaw) -> Code {
    match flaw {
        PairFlaw::Half { flaw: Flaw::NotSm2 { .. } | Flaw::Usage { .. }, .. }
        | PairFlaw::Swapped
        | PairFlaw::KeysSwapped
        | PairFlaw::Subject { .. }
        | PairFlaw::Issuer { .. } => code::BAD_PAIR,
        PairFlaw::Half { flaw, .. } => code_of(flaw),
    }
}
