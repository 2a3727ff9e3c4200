//! Configurations for servers and clients that speak the national suites and nothing else.

use std::sync::{Arc, PoisonError, RwLock};

use rustls::pki_types::CertificateDer;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::TLS13;
use rustls::{ClientConfig, ServerConfig};

use super::{certified_key, provider, ticket};
use crate::tls::{ClientAuth, TlsFault, offered_protocols, roots};
use crate::x509::Certified;

/// The national certificate that TLS presents at the moment.
#[derive(Debug)]
pub struct Presented(RwLock<Arc<CertifiedKey>>);

impl Presented {
    /// # Errors
    /// The key cannot be used.
    pub fn new(certified: &Certified) -> Result<Arc<Self>, TlsFault> {
        Ok(Arc::new(Self(RwLock::new(certified_key(certified)?))))
    }

    /// New handshakes get `certified` from now on; connections that stand keep theirs.
    pub fn replace(&self, certified: Arc<CertifiedKey>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = certified;
    }
}

impl ResolvesServerCert for Presented {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// A server's configuration, with tickets sealed by SM4-GCM.
///
/// # Errors
/// No randomness for the ticket keys, or an authority of clients that cannot be read.
pub fn server_config(
    presented: Arc<Presented>,
    clients: &ClientAuth,
) -> Result<Arc<ServerConfig>, TlsFault> {
    let builder =
        ServerConfig::builder_with_provider(provider()).with_protocol_versions(&[&TLS13])?;
    let mut config = match clients.verifier(provider())? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    }
    .with_cert_resolver(presented);
    config.alpn_protocols = offered_protocols();
    config.ticketer = ticket::ticketer()?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 1;
    Ok(Arc::new(config))
}

/// A client's configuration that trusts `authorities`, and shows `own` when it is asked.
///
/// # Errors
/// An authority that cannot be read, or a key that cannot be used.
pub fn client_config(
    authorities: &[CertificateDer<'static>],
    own: Option<&Certified>,
) -> Result<ClientConfig, TlsFault> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(roots(authorities)?);
    Ok(match own {
        Some(own) => {
            let key = SingleCertAndKey::from(certified_key(own)?);
            builder.with_client_cert_resolver(Arc::new(key))
        }
        None => builder.with_no_client_auth(),
    })
}
