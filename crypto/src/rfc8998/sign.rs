//! SM2 signatures as rustls takes them. The signer's identifier differs by purpose: certificates
//! carry the usual one, CertificateVerify has its own (RFC 8998 section 3.2.1).

use std::sync::Arc;

use rustls::crypto::{KeyProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{
    AlgorithmIdentifier, InvalidSignature, PrivateKeyDer, SignatureVerificationAlgorithm,
    SubjectPublicKeyInfoDer,
};
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::{Error, SignatureAlgorithm, SignatureScheme};

use super::names;
use crate::sm2::{DEFAULT_ID, PublicKey, SecretKey, Signature, TLS13_ID};
use crate::x509::{self, Certified};

/// What TLS presents of a national identity.
///
/// # Errors
/// The key's public half cannot be encoded.
pub fn certified_key(certified: &Certified) -> Result<Arc<CertifiedKey>, Error> {
    let key = Key::new(certified.key().clone())?;
    Ok(Arc::new(CertifiedKey::new(certified.chain().to_vec(), Arc::new(key))))
}

pub(crate) const VERIFICATION: WebPkiSupportedAlgorithms = WebPkiSupportedAlgorithms {
    all: &[&IN_CERTIFICATES, &IN_CERTIFICATES_WITH_NULL],
    mapping: &[(names::SM2SIG_SM3, &[&IN_HANDSHAKE])],
};

/// AlgorithmIdentifiers without their outer SEQUENCE: id-ecPublicKey on the SM2 curve; SM2 with
/// SM3; the same with parameters of NULL, which some authorities write.
const SM2_KEY: AlgorithmIdentifier = AlgorithmIdentifier::from_slice(&[
    0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x81, 0x1c, 0xcf, 0x55,
    0x01, 0x82, 0x2d,
]);
const SM2_SM3: AlgorithmIdentifier =
    AlgorithmIdentifier::from_slice(&[0x06, 0x08, 0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x83, 0x75]);
const SM2_SM3_NULL: AlgorithmIdentifier = AlgorithmIdentifier::from_slice(&[
    0x06, 0x08, 0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x83, 0x75, 0x05, 0x00,
]);

static IN_CERTIFICATES: Verifier = Verifier { id: DEFAULT_ID, algorithm: SM2_SM3 };
static IN_CERTIFICATES_WITH_NULL: Verifier = Verifier { id: DEFAULT_ID, algorithm: SM2_SM3_NULL };
static IN_HANDSHAKE: Verifier = Verifier { id: TLS13_ID, algorithm: SM2_SM3 };

#[derive(Debug)]
struct Verifier {
    id: &'static [u8],
    algorithm: AlgorithmIdentifier,
}

impl SignatureVerificationAlgorithm for Verifier {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        let key = PublicKey::from_sec1(public_key).map_err(|_| InvalidSignature)?;
        let signature = Signature::from_der(signature).map_err(|_| InvalidSignature)?;
        let good = key.verify(self.id, &[message], &signature);
        if good { Ok(()) } else { Err(InvalidSignature) }
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        SM2_KEY
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm
    }
}

/// Reads SM2 keys and no others.
#[derive(Debug)]
pub(super) struct Keys;

impl KeyProvider for Keys {
    fn load_private_key(&self, der: PrivateKeyDer<'static>) -> Result<Arc<dyn SigningKey>, Error> {
        let key = x509::key_from_der(&der).map_err(|flaw| Error::General(flaw.to_string()))?;
        Ok(Arc::new(Key::new(key)?))
    }
}

/// An SM2 key that signs handshakes.
#[derive(Clone)]
struct Key {
    key: SecretKey,
    /// SubjectPublicKeyInfo, DER.
    public: Arc<[u8]>,
}

impl Key {
    fn new(key: SecretKey) -> Result<Self, Error> {
        let public = x509::public_key_der(key.public());
        let public = public.map_err(|flaw| Error::General(flaw.to_string()))?.into();
        Ok(Self { key, public })
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SM2 key ***")
    }
}

impl SigningKey for Key {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        offered.contains(&names::SM2SIG_SM3).then(|| Box::new(self.clone()) as Box<dyn Signer>)
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(SubjectPublicKeyInfoDer::from(&self.public[..]))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        names::SM2
    }
}

impl Signer for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let signature = self.key.sign(TLS13_ID, &[message]);
        Ok(signature.map_err(|_| Error::FailedToGetRandomBytes)?.to_der())
    }

    fn scheme(&self) -> SignatureScheme {
        names::SM2SIG_SM3
    }
}
