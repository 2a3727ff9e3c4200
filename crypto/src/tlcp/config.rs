//! What a side brings to a handshake: its two certificates, whom it believes, what it offers.

use std::sync::{Arc, PoisonError, RwLock};

use super::alert::{Alert, Fault};
use super::messages::CERTIFICATES_MAX;
use super::record::Fill;
use super::session::SessionCache;
use super::suite::Suite;
use super::verify::{Leaf, Purpose, Roots};
use crate::sm2::SecretKey;
use crate::token;

/// A double certificate with its keys.
pub struct Identity {
    /// In DER: the signing leaf, the encryption leaf, then the authorities between them and a root.
    certificates: Vec<Vec<u8>>,
    pub(super) sign: SecretKey,
    pub(super) encrypt: SecretKey,
}

/// Why two certificates and two keys are no identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadIdentity {
    #[error("the signing certificate cannot be read, or is not for signing")]
    Sign,
    #[error("the encryption certificate cannot be read, or is not for encryption")]
    Encrypt,
    #[error("the signing key is not that of the signing certificate")]
    SignKey,
    #[error("the encryption key is not that of the encryption certificate")]
    EncryptKey,
    #[error("the chain is longer than peers read")]
    Chain,
}

impl Identity {
    /// Takes two leaves with their keys, and the `chain` that leads from both to a root, all in
    /// DER.
    ///
    /// # Errors
    /// A certificate is not of its kind, or a key is not its own.
    pub fn new(
        sign: (Vec<u8>, SecretKey),
        encrypt: (Vec<u8>, SecretKey),
        chain: impl IntoIterator<Item = Vec<u8>>,
    ) -> Result<Self, BadIdentity> {
        let leaf = Leaf::read(&sign.0, Purpose::Sign).map_err(|_| BadIdentity::Sign)?;
        if leaf.key.to_sec1() != sign.1.public().to_sec1() {
            return Err(BadIdentity::SignKey);
        }
        let leaf = Leaf::read(&encrypt.0, Purpose::Encrypt).map_err(|_| BadIdentity::Encrypt)?;
        if leaf.key.to_sec1() != encrypt.1.public().to_sec1() {
            return Err(BadIdentity::EncryptKey);
        }
        let certificates: Vec<_> = [sign.0, encrypt.0].into_iter().chain(chain).collect();
        let bytes: usize = certificates.iter().map(Vec::len).sum();
        if certificates.len() > CERTIFICATES_MAX || bytes > CHAIN_BYTES_MAX {
            return Err(BadIdentity::Chain);
        }
        Ok(Self { certificates, sign: sign.1, encrypt: encrypt.1 })
    }

    /// These certificates and keys, whether they fit or not.
    #[cfg(test)]
    pub(super) fn unchecked(certificates: Vec<Vec<u8>>, keys: (SecretKey, SecretKey)) -> Self {
        Self { certificates, sign: keys.0, encrypt: keys.1 }
    }

    pub(super) fn certificates(&self) -> impl Iterator<Item = &[u8]> {
        self.certificates.iter().map(Vec::as_slice)
    }

    pub(super) fn encrypt_certificate(&self) -> &[u8] {
        self.certificates.get(1).map_or(&[], Vec::as_slice)
    }
}

/// What fits in a handshake message that peers read.
const CHAIN_BYTES_MAX: usize = 60_000;

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identity of {} certificates", self.certificates.len())
    }
}

/// Chooses the identity for a connection.
pub trait Resolve: Send + Sync {
    /// The identity for the name that the client asked for, in lower case; none refuses it.
    fn resolve(&self, server_name: Option<&str>) -> Option<Arc<Identity>>;
}

/// One identity for every name, which may be replaced while connections stand.
#[derive(Debug)]
pub struct Presented {
    current: RwLock<Arc<Identity>>,
}

impl Presented {
    #[must_use]
    pub fn new(identity: Arc<Identity>) -> Arc<Self> {
        Arc::new(Self { current: RwLock::new(identity) })
    }

    /// New handshakes get `identity` from now on; connections that stand keep theirs.
    pub fn replace(&self, identity: Arc<Identity>) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = identity;
    }
}

impl Resolve for Presented {
    fn resolve(&self, _: Option<&str>) -> Option<Arc<Identity>> {
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// Whether clients show certificates.
#[derive(Clone, Debug, Default)]
pub enum ClientAuth {
    /// They are not asked, and ECDHE is not spoken.
    #[default]
    None,
    /// They are asked, and may have none.
    Optional(Roots),
    Required(Roots),
}

impl ClientAuth {
    pub(super) fn roots(&self) -> Option<&Roots> {
        match self {
            Self::None => None,
            Self::Optional(roots) | Self::Required(roots) => Some(roots),
        }
    }
}

/// How a server speaks TLCP.
pub struct ServerConfig {
    pub identity: Arc<dyn Resolve>,
    /// In order of preference.
    pub suites: Vec<Suite>,
    pub client_auth: ClientAuth,
    /// Application protocols in order of preference; none takes no part in ALPN.
    pub alpn: Vec<Vec<u8>>,
    /// None: every handshake is a full one.
    pub sessions: Option<SessionCache>,
    pub random: Fill,
}

/// Room for about two thousand sessions without client certificates.
const SESSIONS_BYTES: usize = 1 << 20;
/// An hour: what RFC 5246, appendix F.1.4, would have as a day is too long for certificates that
/// may be withdrawn.
pub(super) const SESSION_AGE_S: u64 = 3_600;

impl ServerConfig {
    /// Every suite, no client certificates, no ALPN, sessions kept for an hour, the system's
    /// randomness.
    #[must_use]
    pub fn new(identity: Arc<dyn Resolve>) -> Self {
        Self {
            identity,
            suites: Suite::ALL.to_vec(),
            client_auth: ClientAuth::None,
            alpn: Vec::new(),
            sessions: Some(SessionCache::new(SESSIONS_BYTES, SESSION_AGE_S)),
            random: token::fill_random,
        }
    }

    /// The protocol for a client that speaks `names`.
    pub(super) fn protocol<'a>(
        &self,
        names: Option<impl Iterator<Item = &'a [u8]> + Clone>,
    ) -> Result<Option<Vec<u8>>, Fault> {
        let Some(names) = names.filter(|_| !self.alpn.is_empty()) else { return Ok(None) };
        let both = self.alpn.iter().find(|ours| names.clone().any(|name| name == ours.as_slice()));
        let none = Fault::new(Alert::NoApplicationProtocol, "no protocol that both sides speak");
        both.cloned().map(Some).ok_or(none)
    }
}

/// How a client speaks TLCP.
pub struct ClientConfig {
    pub roots: Roots,
    /// Shown to servers that ask; ECDHE is offered only with one.
    pub identity: Option<Arc<Identity>>,
    /// In order of preference.
    pub suites: Vec<Suite>,
    pub alpn: Vec<Vec<u8>>,
    /// Ask for the server by its name. GmSSL 3.1 refuses a hello that does: it refuses extensions.
    pub server_name: bool,
    /// Leave out the length before the client's ephemeral key, which the standard wants
    /// (6.4.5.8) and Tongsuo up to 8.4 does not read.
    pub bare_ecdhe: bool,
    pub random: Fill,
}

impl ClientConfig {
    /// Every suite, no identity, no ALPN, messages as in the standard, the system's randomness.
    #[must_use]
    pub fn new(roots: Roots) -> Self {
        Self {
            roots,
            identity: None,
            suites: Suite::ALL.to_vec(),
            alpn: Vec::new(),
            server_name: true,
            bare_ecdhe: false,
            random: token::fill_random,
        }
    }
}
