//! TLS configuration: rustls with ring, TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1 by ALPN. The
//! certificate behind a running listener is replaced without closing a connection.

use std::sync::{Arc, PoisonError, RwLock};

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::CertificateDer;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{
    ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier,
};
use rustls::sign::CertifiedKey;
use rustls::{CipherSuite, RootCertStore, ServerConfig};

use crate::certificate::Identity;

/// ALPN name of the ACME challenge of RFC 8737.
pub const ACME_ALPN: &[u8] = b"acme-tls/1";

/// Why no TLS configuration could be made.
#[derive(Debug, thiserror::Error)]
#[error("TLS could not be configured: {0}")]
pub struct TlsFault(#[from] rustls::Error);

/// The certificate that TLS presents at the moment, and those an ACME authority may ask for.
#[derive(Debug)]
pub struct Presented {
    current: RwLock<Arc<CertifiedKey>>,
    challenges: RwLock<Vec<(String, Arc<CertifiedKey>)>>,
}

impl Presented {
    #[must_use]
    pub fn new(identity: &Identity) -> Arc<Self> {
        let current = RwLock::new(identity.certified());
        Arc::new(Self { current, challenges: RwLock::new(Vec::new()) })
    }

    /// New handshakes get `identity` from now on; connections that stand keep theirs.
    pub fn replace(&self, identity: &Identity) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = identity.certified();
    }

    /// Answers an ACME authority that asks for one of these names; none ends that.
    pub fn challenges(&self, answers: Vec<(String, Arc<CertifiedKey>)>) {
        *self.challenges.write().unwrap_or_else(PoisonError::into_inner) = answers;
    }
}

impl ResolvesServerCert for Presented {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let asks_acme = hello.alpn().is_some_and(|mut names| names.any(|name| name == ACME_ALPN));
        if asks_acme {
            let challenges = self.challenges.read().unwrap_or_else(PoisonError::into_inner);
            let asked = hello.server_name()?;
            let answer = challenges.iter().find(|(name, _)| name.eq_ignore_ascii_case(asked));
            return answer.map(|(_, certificate)| Arc::clone(certificate));
        }
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&current))
    }
}

/// How a listener speaks TLS.
#[derive(Clone, Debug, Default)]
pub struct TlsOptions {
    /// Offer the ACME challenge protocol: only where the configuration names a directory.
    pub acme: bool,
    pub clients: ClientAuth,
}

/// Whether clients are asked for a certificate, and whose are taken.
#[derive(Clone, Debug, Default)]
pub enum ClientAuth {
    /// Nobody is asked.
    #[default]
    No,
    /// Who has one from these authorities may show it; who shows another is turned away.
    Optional(Vec<CertificateDer<'static>>),
    Required(Vec<CertificateDer<'static>>),
}

impl ClientAuth {
    /// `None` when nobody is asked.
    pub(crate) fn verifier(
        &self,
        provider: Arc<CryptoProvider>,
    ) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsFault> {
        let (authorities, optional) = match self {
            Self::No => return Ok(None),
            Self::Optional(authorities) => (authorities, true),
            Self::Required(authorities) => (authorities, false),
        };
        let builder = WebPkiClientVerifier::builder_with_provider(roots(authorities)?, provider);
        let builder = if optional { builder.allow_unauthenticated() } else { builder };
        let built = builder.build();
        built.map(Some).map_err(|fault| TlsFault(rustls::Error::General(fault.to_string())))
    }
}

pub(crate) fn roots(
    authorities: &[CertificateDer<'static>],
) -> Result<Arc<RootCertStore>, TlsFault> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority.clone())?;
    }
    Ok(Arc::new(roots))
}

/// What every listener offers by ALPN, best first.
#[must_use]
pub fn offered_protocols() -> Vec<Vec<u8>> {
    vec![b"h2".to_vec(), b"http/1.1".to_vec()]
}

/// A server's configuration. Session tickets are sealed with keys that rotate every six hours and
/// are never written down; no session state is kept per connection.
///
/// # Errors
/// No randomness for the ticket keys.
pub fn server_config(
    presented: Arc<Presented>,
    options: &TlsOptions,
) -> Result<Arc<ServerConfig>, TlsFault> {
    let builder =
        ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let mut config = match options.clients.verifier(provider())? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    }
    .with_cert_resolver(presented);
    config.alpn_protocols = offered_protocols();
    if options.acme {
        config.alpn_protocols.push(ACME_ALPN.to_vec());
    }
    config.ticketer = ring::Ticketer::new()?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    // One ticket is enough: our clients hold one connection each.
    config.send_tls13_tickets = 1;
    // With AES instructions the client's order decides, so that phones without them get ChaCha20;
    // without, ours does: ChaCha20 is three times as fast there.
    config.ignore_client_order = !has_aes();
    Ok(Arc::new(config))
}

/// ring's algorithms, ChaCha20 first where this processor has no AES instructions.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    let mut provider = ring::default_provider();
    if !has_aes() {
        provider.cipher_suites.sort_by_key(|suite| !is_chacha(suite.suite()));
    }
    Arc::new(provider)
}

fn is_chacha(suite: CipherSuite) -> bool {
    [
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ]
    .contains(&suite)
}

fn has_aes() -> bool {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    return std::arch::is_x86_feature_detected!("aes");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("aes");
    #[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
    return false;
}
