//! What ACME (RFC 8555) needs of certificates: a signing request with its key, and the certificate
//! that answers a TLS-ALPN-01 challenge (RFC 8737).

use std::sync::Arc;

use rcgen::{
    CertificateParams, CustomExtension, DistinguishedName, KeyPair, PKCS_ECDSA_P256_SHA256,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use zeroize::Zeroizing;

use crate::certificate::Flaw;

/// A signing request and the key that its certificate will belong to.
pub struct SigningRequest {
    /// PKCS#10, DER.
    pub der: Vec<u8>,
    pub key_pem: Zeroizing<String>,
}

impl SigningRequest {
    /// A request for `names`, with a new EC P-256 key.
    ///
    /// # Errors
    /// [`Flaw::NotMade`] for a name that cannot be encoded.
    pub fn new(names: &[String]) -> Result<Self, Flaw> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(not_made)?;
        let mut params = CertificateParams::new(names).map_err(not_made)?;
        params.distinguished_name = DistinguishedName::new();
        let request = params.serialize_request(&key).map_err(not_made)?;
        Ok(Self { der: request.der().to_vec(), key_pem: Zeroizing::new(key.serialize_pem()) })
    }
}

/// The self-signed certificate that proves control of `name`: it carries the SHA-256 of the key
/// authorisation in a critical extension (RFC 8737 section 3).
///
/// # Errors
/// [`Flaw::NotMade`] for a name that cannot be encoded.
pub fn challenge(name: &str, digest: [u8; 32]) -> Result<Arc<CertifiedKey>, Flaw> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(not_made)?;
    let mut params = CertificateParams::new([name.to_owned()]).map_err(not_made)?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(&digest)];
    let certificate = params.self_signed(&key).map_err(not_made)?;
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    // Not `from_der`, which reads the certificate and refuses the critical extension.
    let key = crate::tls::provider().key_provider.load_private_key(key);
    let key = key.map_err(|fault| Flaw::NotMade { why: fault.to_string() })?;
    Ok(Arc::new(CertifiedKey::new(chain, key)))
}

fn not_made(fault: rcgen::Error) -> Flaw {
    Flaw::NotMade { why: fault.to_string() }
}
