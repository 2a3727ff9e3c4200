//! In which family of TLS a client is spoken to. Invariants: a family has a configuration of its
//! own, and none knows the algorithms of another; a client that offers several families gets the
//! first of ours that it offers, whatever order its own list has.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

use posthouse_crypto::rfc8998::names;
use posthouse_crypto::tlcp;
use rustls::server::ClientHello;
use rustls::{CipherSuite, ServerConfig};

use crate::base::Family;
use crate::config::SmHint;

/// What the TLS listener speaks.
#[derive(Clone)]
pub struct Families {
    pub international: Option<Arc<ServerConfig>>,
    pub rfc8998: Option<Arc<ServerConfig>>,
    pub tlcp: Option<Arc<tlcp::ServerConfig>>,
    /// Whether RFC 8998 is spoken with a client that offers both kinds of TLS.
    pub national_first: bool,
    /// What becomes, where TLCP is spoken, of a TLS hello that lists suites of it and offers
    /// nothing else national.
    pub hint: SmHint,
    /// Client certificates whose connections are turned away.
    pub revoked: Arc<Revoked>,
}

/// Serial numbers, in hexadecimal, of client certificates that an operator took back.
#[derive(Debug, Default)]
pub struct Revoked(RwLock<BTreeSet<String>>);

impl Revoked {
    /// New connections, and new requests on those that stand, are judged by these from now on.
    pub fn replace(&self, serials: BTreeSet<String>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = serials;
    }

    #[must_use]
    pub fn contains(&self, serial: &str) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains(serial)
    }
}

/// What becomes of a TLS hello.
#[derive(Clone)]
pub enum Choice {
    Speak(Family, Arc<ServerConfig>),
    /// Nothing that it offers is spoken here.
    Refuse,
    /// An alert, upon which it comes back in TLCP.
    Return,
    /// It is answered in TLCP.
    Switch(Arc<tlcp::ServerConfig>),
}

impl Default for Families {
    fn default() -> Self {
        Self {
            international: None,
            rfc8998: None,
            tlcp: None,
            national_first: false,
            hint: SmHint::Ignore,
            revoked: Arc::default(),
        }
    }
}

impl From<Arc<ServerConfig>> for Families {
    fn from(international: Arc<ServerConfig>) -> Self {
        Self { international: Some(international), ..Self::default() }
    }
}

impl Families {
    /// Takes a TLS hello apart. Versions and signature schemes are left to rustls, which knows
    /// the alert that fits.
    #[must_use]
    pub fn choose(&self, hello: &ClientHello<'_>) -> Choice {
        let lists = |suites: &[CipherSuite]| {
            suites.iter().any(|suite| hello.cipher_suites().contains(suite))
        };
        let groups = hello.named_groups();
        let national = lists(&[names::SM4_GCM_SM3, names::SM4_CCM_SM3])
            && groups.is_some_and(|groups| groups.contains(&names::CURVE_SM2));
        let hinted = lists(&[names::TLCP_ECC_SM4_CBC_SM3, names::TLCP_ECC_SM4_GCM_SM3]);
        let known = |config: &&Arc<ServerConfig>| {
            let ours = config.crypto_provider();
            let suite = ours.cipher_suites.iter().any(|known| lists(&[known.suite()]));
            let group = groups.is_none_or(|listed| {
                ours.kx_groups.iter().any(|known| listed.contains(&known.name()))
            });
            suite && group
        };

        let heard = match self.hint {
            SmHint::Ignore => None,
            SmHint::Alert => self.tlcp.as_ref().map(|_| Choice::Return),
            SmHint::Switch => self.tlcp.clone().map(Choice::Switch),
        };
        let heard = heard.filter(|_| hinted);
        let rfc8998 = self.rfc8998.as_ref().filter(|_| national);
        let rfc8998 = rfc8998.map(|config| (Family::Rfc8998, config));
        let international = self.international.as_ref().filter(known);
        let international = international.filter(|_| heard.is_none());
        let international = international.map(|config| (Family::International, config));
        let chosen =
            if self.national_first { rfc8998.or(international) } else { international.or(rfc8998) };
        match chosen {
            Some((family, config)) => Choice::Speak(family, Arc::clone(config)),
            None => heard.unwrap_or(Choice::Refuse),
        }
    }
}

impl std::fmt::Debug for Families {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Families")
            .field("international", &self.international.is_some())
            .field("rfc8998", &self.rfc8998.is_some())
            .field("tlcp", &self.tlcp.is_some())
            .field("national_first", &self.national_first)
            .field("hint", &self.hint)
            .finish()
    }
}
