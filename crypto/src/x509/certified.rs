//! An SM2 certificate chain with the key of its leaf.

use rustls::pki_types::CertificateDer;
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::KeyUsage;
use x509_cert::{Certificate, SubjectPublicKeyInfo};
use zeroize::Zeroizing;

use super::key::{certificate_pem, key_pem};
use super::oid;
use super::pair::Half;
use crate::certificate::{Facts, Flaw, check_order, parse, read_chain, read_leaf};
use crate::sm2::{DEFAULT_ID, PublicKey, SecretKey, Signature};

/// A chain of SM2 certificates, leaf first, and the leaf's key.
#[derive(Clone)]
pub struct Certified {
    chain: Vec<CertificateDer<'static>>,
    key: SecretKey,
    facts: Facts,
    usage: Option<KeyUsage>,
}

impl Certified {
    /// Checks the order and the signatures of the chain, and that the key is the leaf's. Neither
    /// dates nor names are looked at.
    ///
    /// # Errors
    /// The first flaw found.
    pub fn new(chain: Vec<CertificateDer<'static>>, key: SecretKey) -> Result<Self, Flaw> {
        let (leaf, facts) = read_leaf(&chain)?;
        if sm2_key(&leaf)? != *key.public() {
            return Err(Flaw::KeyMismatch);
        }
        let usage = leaf.tbs_certificate().get_extension::<KeyUsage>();
        let usage = usage
            .map_err(|fault| Flaw::BadCertificate { place: 1, why: fault.to_string() })?
            .map(|(_, usage)| usage);
        check_order(leaf, &chain)?;
        for (place, pair) in chain.windows(2).enumerate() {
            let above = sm2_key(&parse(place + 2, &pair[1])?)?;
            if !signed_by(&pair[0], &above) {
                return Err(Flaw::ChainSignature { place: place + 1 });
            }
        }
        Ok(Self { chain, key, facts, usage })
    }

    /// As [`Certified::new`], from PEM.
    ///
    /// # Errors
    /// The first flaw found.
    pub fn read(chain_pem: &str, key: SecretKey) -> Result<Self, Flaw> {
        Self::new(read_chain(chain_pem)?, key)
    }

    /// DER, leaf first.
    #[must_use]
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// The leaf, DER.
    #[must_use]
    pub fn leaf(&self) -> &[u8] {
        // A chain without a leaf is refused where one is made.
        self.chain.first().map_or(&[], |leaf| leaf.as_ref())
    }

    /// The authorities between the leaf and a root, DER: what a peer that knows the root needs.
    pub fn between(&self) -> impl Iterator<Item = &[u8]> {
        let is_root = |der: &CertificateDer<'_>| {
            Certificate::from_der(der).is_ok_and(|certificate| {
                let body = certificate.tbs_certificate();
                body.subject() == body.issuer()
            })
        };
        let above = self.chain.iter().skip(1);
        above.filter(move |der| !is_root(der)).map(|der| der.as_ref())
    }

    #[must_use]
    pub fn key(&self) -> &SecretKey {
        &self.key
    }

    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The chain as PEM, leaf first.
    #[must_use]
    pub fn chain_pem(&self) -> String {
        chain_pem(&self.chain)
    }

    /// The private key as PKCS#8 in PEM: to be written with mode 0600 and nowhere else.
    ///
    /// # Errors
    /// [`Flaw::NotMade`]: the encoder refused.
    pub fn key_pem(&self) -> Result<Zeroizing<String>, Flaw> {
        key_pem(&self.key)
    }

    /// Whether the leaf may be used as this half of a pair: it says so itself.
    pub(super) fn usage_for(&self, half: Half) -> Result<(), Flaw> {
        let usage = self.usage.as_ref();
        let (allowed, missing) = match half {
            Half::Sign => (usage.is_some_and(KeyUsage::digital_signature), "digitalSignature"),
            Half::Encrypt => {
                let any = |usage: &KeyUsage| {
                    usage.key_encipherment() || usage.data_encipherment() || usage.key_agreement()
                };
                (usage.is_some_and(any), "keyEncipherment, dataEncipherment or keyAgreement")
            }
        };
        if allowed { Ok(()) } else { Err(Flaw::Usage { missing }) }
    }
}

impl std::fmt::Debug for Certified {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certified").field("facts", &self.facts).finish_non_exhaustive()
    }
}

/// Certificates as PEM, in their order.
#[must_use]
pub fn chain_pem(chain: &[CertificateDer<'_>]) -> String {
    chain.iter().map(certificate_pem).collect()
}

/// Whether the key signed this certificate (DER) with SM2 and SM3.
#[must_use]
pub fn signed_by(certificate: &[u8], issuer: &PublicKey) -> bool {
    let Ok(parsed) = Certificate::from_der(certificate) else { return false };
    let algorithm = parsed.signature_algorithm();
    if algorithm.oid != oid::SM2_WITH_SM3 || algorithm != parsed.tbs_certificate().signature() {
        return false;
    }
    let Some(signature) = parsed.signature().as_bytes() else { return false };
    let Ok(signature) = Signature::from_der(signature) else { return false };
    let Ok(body) = parsed.tbs_certificate().to_der() else { return false };
    issuer.verify(DEFAULT_ID, &[&body], &signature)
}

/// The SM2 key in a certificate.
pub(super) fn sm2_key(certificate: &Certificate) -> Result<PublicKey, Flaw> {
    let body = certificate.tbs_certificate();
    sm2_key_of(body.subject_public_key_info(), || body.subject().to_string())
}

/// The SM2 key of a certificate or request about `subject`.
pub(super) fn sm2_key_of(
    info: &SubjectPublicKeyInfo,
    subject: impl FnOnce() -> String,
) -> Result<PublicKey, Flaw> {
    let curve = info.algorithm.parameters.as_ref().map(|any| any.decode_as());
    let found = match curve {
        Some(Ok(oid::SM2_CURVE)) if info.algorithm.oid == oid::EC_PUBLIC_KEY => {
            let point = info.subject_public_key.as_bytes().unwrap_or_default();
            match PublicKey::from_sec1(point) {
                Ok(key) => return Ok(key),
                Err(_) => "a point that is not on the curve".to_owned(),
            }
        }
        Some(Ok(curve)) => format!("{} on {curve}", info.algorithm.oid),
        Some(Err(_)) | None => info.algorithm.oid.to_string(),
    };
    Err(Flaw::NotSm2 { subject: subject(), found })
}
