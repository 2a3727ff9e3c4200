//! Encryption to a public key (GB/T 32918.4): C1, a fresh point; C3, the hash that tells whether
//! the text is whole; C2, the text under a key derived from a shared point.

use zeroize::{Zeroize, Zeroizing};

use super::der::{self, Reader};
use super::hash::derive;
use super::nonce::Nonces;
use super::point::Affine;
use super::scalar::Scalar;
use super::{PublicKey, SecretKey, multiply};
use crate::sm3::sm3;
use crate::token::{NoRandomness, same};

/// Bytes of a text at most: what is encrypted is keys, and a peer's cipher is bounded by this.
pub const MAX_PLAIN: usize = 64 << 10;

/// An encrypted text. C1 is on the curve and C2 is 1 to [`MAX_PLAIN`] bytes, whatever made it.
#[derive(Clone, PartialEq, Eq)]
pub struct Cipher {
    point: PublicKey,
    hash: [u8; 32],
    text: Vec<u8>,
}

/// Bytes that are no cipher, or a cipher that the key does not open: which of them is not said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an SM2 cipher for this key")]
pub struct BadCipher;

impl PublicKey {
    /// Encrypts 1 to [`MAX_PLAIN`] bytes.
    ///
    /// # Errors
    /// The system has no randomness.
    ///
    /// # Panics
    /// When `plain` is empty (the standard's derived key would be, too) or too long.
    pub fn encrypt(&self, plain: &[u8]) -> Result<Cipher, NoRandomness> {
        let range = 1..=MAX_PLAIN;
        assert!(range.contains(&plain.len()), "1 to {MAX_PLAIN} bytes can be encrypted");
        let mut nonces = Nonces::fresh(&[&self.to_sec1(), plain])?;
        loop {
            if let Some(cipher) = self.encrypt_with(plain, &nonces.draw()) {
                return Ok(cipher);
            }
        }
    }

    /// `None` when the derived key is all zeros and another nonce must be taken (6.1, A5).
    pub(super) fn encrypt_with(&self, plain: &[u8], nonce: &Scalar) -> Option<Cipher> {
        let point = PublicKey(multiply::base(nonce).to_affine()?);
        let shared = Shared::of(multiply::any(nonce, &self.0).to_affine()?);
        let text = shared.mask(plain)?;
        let hash = sm3(&[&shared.x[..], plain, &shared.y[..]]);
        Some(Cipher { point, hash, text: text.to_vec() })
    }
}

impl SecretKey {
    /// # Errors
    /// The cipher was made for another key, or changed.
    pub fn decrypt(&self, cipher: &Cipher) -> Result<Zeroizing<Vec<u8>>, BadCipher> {
        let shared = multiply::any(self.scalar(), &cipher.point.0).to_affine().map(Shared::of);
        let shared = shared.ok_or(BadCipher)?;
        let plain = shared.mask(&cipher.text).ok_or(BadCipher)?;
        let hash = sm3(&[&shared.x[..], &plain[..], &shared.y[..]]);
        if same(&hash, &cipher.hash) { Ok(plain) } else { Err(BadCipher) }
    }
}

/// The point that both sides can compute.
struct Shared {
    x: Zeroizing<[u8; 32]>,
    y: Zeroizing<[u8; 32]>,
}

impl Shared {
    fn of(mut point: Affine) -> Self {
        let shared =
            Self { x: Zeroizing::new(point.x.to_be()), y: Zeroizing::new(point.y.to_be()) };
        point.zeroize();
        shared
    }

    /// The text under the derived key; `None` when that key is all zeros.
    fn mask(&self, text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let mut key = derive(&[&self.x[..], &self.y[..]], text.len());
        let any = key.iter().fold(0, |any, byte| any | byte);
        key.iter_mut().zip(text).for_each(|(key, byte)| *key ^= byte);
        (any != 0).then_some(key)
    }
}

impl Cipher {
    /// SEQUENCE { INTEGER x, INTEGER y, OCTET STRING C3, OCTET STRING C2 } (GB/T 35276), nothing
    /// after it.
    ///
    /// # Errors
    /// No strict DER, a point off the curve, a hash or a text of a wrong length.
    pub fn from_der(bytes: &[u8]) -> Result<Self, BadCipher> {
        match Self::from_der_prefix(bytes)? {
            (cipher, []) => Ok(cipher),
            _ => Err(BadCipher),
        }
    }

    /// The same with what follows it: some TLCP clients pad their key exchange.
    ///
    /// # Errors
    /// As [`Cipher::from_der`].
    pub fn from_der_prefix(bytes: &[u8]) -> Result<(Self, &[u8]), BadCipher> {
        let read = || {
            let mut outer = Reader(bytes);
            let mut parts = outer.sequence()?;
            let (x, y) = (parts.integer()?, parts.integer()?);
            let (hash, text) = (parts.octets()?, parts.octets()?);
            parts.end()?;
            Some((Self::from_parts(&x, &y, hash, text)?, outer.0))
        };
        read().ok_or(BadCipher)
    }

    #[must_use]
    pub fn to_der(&self) -> Vec<u8> {
        let Affine { x, y } = self.point.0;
        der::sequence(&[
            &der::integer(&x.to_be()),
            &der::integer(&y.to_be()),
            &der::octets(&self.hash),
            &der::octets(&self.text),
        ])
    }

    /// C1 ‖ C3 ‖ C2 with C1 as 65 bytes, 04 ‖ x ‖ y (GB/T 32918.4, 6.1).
    ///
    /// # Errors
    /// A point off the curve, or a length that cannot be.
    pub fn from_raw(bytes: &[u8]) -> Result<Self, BadCipher> {
        let read = || {
            let rest = bytes.strip_prefix(&[4])?;
            let (x, rest) = rest.split_first_chunk()?;
            let (y, rest) = rest.split_first_chunk()?;
            let (hash, text) = rest.split_at_checked(32)?;
            Self::from_parts(x, y, hash, text)
        };
        read().ok_or(BadCipher)
    }

    /// C1 ‖ C3 ‖ C2 with C1 as 65 bytes.
    #[must_use]
    pub fn to_raw(&self) -> Vec<u8> {
        [&self.point.to_sec1()[..], &self.hash, &self.text].concat()
    }

    fn from_parts(x: &[u8; 32], y: &[u8; 32], hash: &[u8], text: &[u8]) -> Option<Self> {
        let point = PublicKey(Affine::from_coordinates(x, y)?);
        let length = 1..=MAX_PLAIN;
        let text = Some(text).filter(|text| length.contains(&text.len()))?.to_vec();
        Some(Self { point, hash: hash.try_into().ok()?, text })
    }
}

impl std::fmt::Debug for Cipher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cipher of {} bytes", self.text.len())
    }
}
