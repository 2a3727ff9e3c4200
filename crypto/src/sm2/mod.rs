//! SM2 (GB/T 32918-2016/2017) on the recommended curve: keys, signatures, encryption, key exchange
//! and ECDH. What depends on a secret takes the same time for every secret; secrets zero
//! themselves.

mod answers;
mod cipher;
mod der;
pub mod exchange;
mod field;
mod hash;
mod multiply;
mod nonce;
mod point;
mod scalar;
mod signature;
#[cfg(test)]
mod tests;
mod words;

use std::fmt;

use zeroize::{Zeroize, Zeroizing};

pub use answers::known_answer;
pub use cipher::{BadCipher, Cipher, MAX_PLAIN};
pub use hash::MAX_ID;
pub use signature::{BadSignature, Signature};

use self::nonce::Nonces;
use self::point::Affine;
use self::scalar::Scalar;
use crate::sm3::sm3;
use crate::token::{NoRandomness, fill_random, hex};

/// The identity that is meant where none is agreed (GM/T 0009, 10).
pub const DEFAULT_ID: &[u8] = b"1234567812345678";
/// The identity of a TLS 1.3 handshake signature (RFC 8998, 3.2.1).
pub const TLS13_ID: &[u8] = b"TLSv1.3+GM+Cipher+Suite";

/// A secret key with its public one. `Debug` prints `***`; dropped, it zeroes itself.
#[derive(Clone)]
pub struct SecretKey {
    d: Scalar,
    /// 1 / (1 + d): what signing needs, computed once.
    inverse: Scalar,
    public: PublicKey,
}

/// A point on the curve that is not infinity.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(Affine);

/// Bytes that are no key: a wrong length or form, a number out of range, a point off the curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an SM2 key")]
pub struct BadKey;

impl SecretKey {
    /// A fresh key, which has signed once and had that verified.
    ///
    /// # Errors
    /// The system has no randomness.
    ///
    /// # Panics
    /// When the new key's signature does not verify: the machine computes wrongly.
    pub fn generate() -> Result<Self, NoRandomness> {
        let key = Self::random()?;
        let digest = sm3(&[&key.public.to_sec1()]);
        let signature = key.sign_digest(&digest)?;
        assert!(key.public.verify_digest(&digest, &signature), "a new key pair does not match");
        Ok(key)
    }

    /// A fresh key without the test: for one use, where a wrong one makes the handshake fail.
    ///
    /// # Errors
    /// The system has no randomness.
    pub(crate) fn random() -> Result<Self, NoRandomness> {
        let mut bytes = Zeroizing::new([0; 32]);
        loop {
            fill_random(&mut *bytes)?;
            if let Ok(key) = Self::from_bytes(&*bytes) {
                return Ok(key);
            }
        }
    }

    /// 32 bytes, the most significant first.
    ///
    /// # Errors
    /// Another length, or a number that is not in 1..=n-2.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadKey> {
        let d = Scalar::from_be(bytes.try_into().map_err(|_| BadKey)?).ok_or(BadKey)?;
        let next = Zeroizing::new(d.add(Scalar::ONE));
        if next.is_zero() {
            return Err(BadKey);
        }
        let public = multiply::base(&d).to_affine().ok_or(BadKey)?;
        Ok(Self { d, inverse: next.invert(), public: PublicKey(public) })
    }

    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.d.to_be())
    }

    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs the parts, one after the other, as the signer `id` (GB/T 32918.2, 6.1).
    ///
    /// # Errors
    /// The system has no randomness.
    ///
    /// # Panics
    /// When the identity is longer than [`MAX_ID`].
    pub fn sign(&self, id: &[u8], message: &[&[u8]]) -> Result<Signature, NoRandomness> {
        self.sign_digest(&self.public.digest(id, message))
    }

    /// Signs e, the digest of the signer and the message.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn sign_digest(&self, e: &[u8; 32]) -> Result<Signature, NoRandomness> {
        let mut nonces = Nonces::fresh(&[&self.to_bytes()[..], e])?;
        loop {
            if let Some(signature) = self.sign_with(e, &nonces.draw()) {
                return Ok(signature);
            }
        }
    }

    /// r = e + x and s = (1 + d)⁻¹ (k - r d) = (1 + d)⁻¹ (k + r) - r; `None` when one of the
    /// standard's refusals asks for another nonce.
    fn sign_with(&self, e: &[u8; 32], nonce: &Scalar) -> Option<Signature> {
        let point = multiply::base(nonce).to_affine()?;
        let r = Scalar::reduced(e).add(Scalar::reduced(&point.x.to_be()));
        let sum = Zeroizing::new(nonce.add(r));
        let s = self.inverse.mul(*sum).sub(r);
        (!r.is_zero() && !sum.is_zero() && !s.is_zero()).then_some(Signature { r, s })
    }

    /// The x coordinate of d P: ECDH as the key share curveSM2 wants it (RFC 8998, 3.3; RFC 8446,
    /// 7.4.2).
    #[must_use]
    pub fn agree(&self, peer: &PublicKey) -> Zeroizing<[u8; 32]> {
        let shared = multiply::any(&self.d, &peer.0);
        let mut x = Zeroizing::new([0; 32]);
        // Never infinity: d is not a multiple of n, which is every point's order.
        if let Some(mut point) = shared.to_affine() {
            *x = point.x.to_be();
            point.zeroize();
        }
        x
    }

    fn scalar(&self) -> &Scalar {
        &self.d
    }
}

impl PublicKey {
    /// 65 bytes 04 ‖ x ‖ y, or 33 bytes, 02 or 03 ‖ x (SEC 1, 2.3.4).
    ///
    /// # Errors
    /// Another form (infinity and the hybrid one, too), or no point of the curve.
    pub fn from_sec1(bytes: &[u8]) -> Result<Self, BadKey> {
        match bytes {
            [4, rest @ ..] => Self::from_raw(rest.try_into().map_err(|_| BadKey)?),
            [form @ (2 | 3), x @ ..] => {
                let x = x.try_into().map_err(|_| BadKey)?;
                Affine::from_x(x, *form == 3).map(Self).ok_or(BadKey)
            }
            _ => Err(BadKey),
        }
    }

    /// x ‖ y.
    ///
    /// # Errors
    /// No point of the curve.
    pub fn from_raw(bytes: &[u8; 64]) -> Result<Self, BadKey> {
        let ([x, y], []) = bytes.as_chunks() else { return Err(BadKey) };
        Affine::from_coordinates(x, y).map(Self).ok_or(BadKey)
    }

    /// 04 ‖ x ‖ y.
    #[must_use]
    pub fn to_sec1(&self) -> [u8; 65] {
        let mut bytes = [4; 65];
        bytes[1..33].copy_from_slice(&self.0.x.to_be());
        bytes[33..].copy_from_slice(&self.0.y.to_be());
        bytes
    }

    /// Whether the signer `id` with this key signed the parts, one after the other. An identity
    /// longer than [`MAX_ID`] signed nothing.
    #[must_use]
    pub fn verify(&self, id: &[u8], message: &[&[u8]], signature: &Signature) -> bool {
        id.len() <= MAX_ID && self.verify_digest(&self.digest(id, message), signature)
    }

    /// Whether this key signed e (GB/T 32918.2, 7.1). Variable time: all of it is public.
    #[must_use]
    pub fn verify_digest(&self, e: &[u8; 32], signature: &Signature) -> bool {
        let Signature { r, s } = *signature;
        let t = r.add(s);
        if t.is_zero() {
            return false;
        }
        // r = e + x
        multiply::sum_public(&s, &t, &self.0).has_x(&r.sub(Scalar::reduced(e)))
    }

    /// e: SM3 of the signer's hash Z and the message.
    fn digest(&self, id: &[u8], message: &[&[u8]]) -> [u8; 32] {
        let z = hash::of_signer(id, self);
        let parts: Vec<&[u8]> = std::iter::once(&z[..]).chain(message.iter().copied()).collect();
        sm3(&parts)
    }
}

impl Drop for SecretKey {
    fn drop(&mut self) {
        self.d.zeroize();
        self.inverse.zeroize();
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", hex(&self.to_sec1()))
    }
}
