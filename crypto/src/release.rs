//! Signatures of what a machine may install: Ed25519 (RFC 8032) and SM2 with SM3 (GB/T 32918.2,
//! the usual identity). A secret key is a PEM file, a public one a line of text.

use std::fmt;
use std::str::FromStr;

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use zeroize::Zeroizing;

use crate::sm2;
use crate::token::hex;
use crate::x509;

/// Whose rules a signature follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    Ed25519,
    Sm2,
}

/// Both; a release is signed with each.
pub const ALGORITHMS: [Algorithm; 2] = [Algorithm::Ed25519, Algorithm::Sm2];

impl Algorithm {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::Sm2 => "sm2",
        }
    }

    /// Bytes of a public key: a point of Ed25519, or 04 ‖ x ‖ y.
    fn key_bytes(self) -> usize {
        match self {
            Self::Ed25519 => 32,
            Self::Sm2 => 65,
        }
    }
}

impl FromStr for Algorithm {
    type Err = BadKey;

    fn from_str(name: &str) -> Result<Self, BadKey> {
        ALGORITHMS.into_iter().find(|own| own.name() == name).ok_or(BadKey)
    }
}

/// A key that is none of this kind, or was cut or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a key for releases")]
pub struct BadKey;

/// What a machine trusts. As text: `ed25519 HEX` or `sm2 HEX`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    algorithm: Algorithm,
    bytes: Vec<u8>,
}

impl PublicKey {
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether `signature` (64 bytes: R ‖ S, or r ‖ s) is this key's on `message`.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        match self.algorithm {
            Algorithm::Ed25519 => {
                UnparsedPublicKey::new(&ED25519, &self.bytes).verify(message, signature).is_ok()
            }
            Algorithm::Sm2 => {
                let key = sm2::PublicKey::from_sec1(&self.bytes);
                let signature = sm2::Signature::from_raw(signature);
                key.is_ok_and(|key| {
                    signature.is_ok_and(|own| key.verify(sm2::DEFAULT_ID, &[message], &own))
                })
            }
        }
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.algorithm.name(), hex(&self.bytes))
    }
}

impl FromStr for PublicKey {
    type Err = BadKey;

    fn from_str(line: &str) -> Result<Self, BadKey> {
        let (name, digits) = line.trim().split_once(' ').ok_or(BadKey)?;
        let algorithm: Algorithm = name.parse()?;
        let digits = digits.trim();
        if digits.len() != algorithm.key_bytes() * 2 || !digits.is_ascii() {
            return Err(BadKey);
        }
        let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).map_err(|_| BadKey);
        let bytes: Vec<u8> = (0..digits.len()).step_by(2).map(byte).collect::<Result<_, _>>()?;
        // A point that is not on the curve is found here, not at the first update.
        if algorithm == Algorithm::Sm2 {
            sm2::PublicKey::from_sec1(&bytes).map_err(|_| BadKey)?;
        }
        Ok(Self { algorithm, bytes })
    }
}

/// What a release is signed with.
pub struct SecretKey(Kind);

enum Kind {
    Ed25519(Ed25519KeyPair),
    Sm2(sm2::SecretKey),
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl SecretKey {
    /// A new key, as PKCS#8 in PEM, not encrypted.
    ///
    /// # Errors
    /// [`BadKey`]: the system gave no randomness.
    pub fn generate(algorithm: Algorithm) -> Result<Zeroizing<String>, BadKey> {
        match algorithm {
            Algorithm::Ed25519 => {
                let random = ring::rand::SystemRandom::new();
                let der = Ed25519KeyPair::generate_pkcs8(&random).map_err(|_| BadKey)?;
                Ok(Zeroizing::new(x509::pem_of("PRIVATE KEY", der.as_ref())))
            }
            Algorithm::Sm2 => {
                let key = sm2::SecretKey::generate().map_err(|_| BadKey)?;
                x509::key_pem(&key).map_err(|_| BadKey)
            }
        }
    }

    /// Reads a key of either kind.
    ///
    /// # Errors
    /// [`BadKey`].
    pub fn from_pem(pem: &str) -> Result<Self, BadKey> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes());
        let pair = der.ok().and_then(|der| {
            Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der()).ok()
        });
        if let Some(pair) = pair {
            return Ok(Self(Kind::Ed25519(pair)));
        }
        x509::read_key(pem, None).map(|key| Self(Kind::Sm2(key))).map_err(|_| BadKey)
    }

    #[must_use]
    pub fn public(&self) -> PublicKey {
        match &self.0 {
            Kind::Ed25519(pair) => {
                let bytes = pair.public_key().as_ref().to_vec();
                PublicKey { algorithm: Algorithm::Ed25519, bytes }
            }
            Kind::Sm2(key) => {
                let bytes = key.public().to_sec1().to_vec();
                PublicKey { algorithm: Algorithm::Sm2, bytes }
            }
        }
    }

    /// The signature of `message`, 64 bytes.
    ///
    /// # Errors
    /// [`BadKey`]: the system gave no randomness.
    pub fn sign(&self, message: &[u8]) -> Result<[u8; 64], BadKey> {
        match &self.0 {
            Kind::Ed25519(pair) => pair.sign(message).as_ref().try_into().map_err(|_| BadKey),
            Kind::Sm2(key) => {
                let signature = key.sign(sm2::DEFAULT_ID, &[message]).map_err(|_| BadKey)?;
                Ok(signature.to_raw())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_both_kinds_sign_and_survive_their_texts() {
        for algorithm in ALGORITHMS {
            let pem = SecretKey::generate(algorithm).unwrap();
            let key = SecretKey::from_pem(&pem).unwrap();
            let public: PublicKey = key.public().to_string().parse().unwrap();
            assert_eq!((public.algorithm(), &public), (algorithm, &key.public()));
            let signature = key.sign(b"words").unwrap();
            assert!(public.verify(b"words", &signature));
            assert!(!public.verify(b"wordz", &signature));
            for at in [0, 31, 32, 63] {
                let mut bad = signature;
                bad[at] ^= 1;
                assert!(!public.verify(b"words", &bad), "byte {at}");
            }
            let other = SecretKey::from_pem(&SecretKey::generate(algorithm).unwrap()).unwrap();
            assert!(!other.public().verify(b"words", &signature));
        }
    }

    #[test]
    fn the_first_test_of_rfc_8032_holds() {
        let key = "ed25519 d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        let mut signature = [0; 64];
        let digits = "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb88215\
             90a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b";
        for (at, byte) in signature.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&digits[at * 2..at * 2 + 2], 16).unwrap();
        }
        assert!(key.parse::<PublicKey>().unwrap().verify(b"", &signature));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for line in ["", "ed25519", "ed25519 00", "rsa 00", "sm2 éé"] {
            assert!(line.parse::<PublicKey>().is_err(), "{line}");
        }
        let off_curve = format!("sm2 04{}", "11".repeat(64));
        assert!(off_curve.parse::<PublicKey>().is_err());
        assert!(SecretKey::from_pem("-----BEGIN PRIVATE KEY-----\n").is_err());
    }
}
