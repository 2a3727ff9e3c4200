//! Signatures: the pair (r, s), each in 1..n, as DER or as 64 bytes.

use super::der::{self, Reader};
use super::scalar::Scalar;

/// A signature (GB/T 32918.2). Both halves are in 1..n, whatever made it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    pub(super) r: Scalar,
    pub(super) s: Scalar,
}

/// Bytes that are no signature: no strict DER, or a half that is not in 1..n.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an SM2 signature")]
pub struct BadSignature;

impl Signature {
    /// SEQUENCE { INTEGER r, INTEGER s } (GB/T 35276), nothing after it.
    ///
    /// # Errors
    /// See [`BadSignature`].
    pub fn from_der(bytes: &[u8]) -> Result<Self, BadSignature> {
        let read = || {
            let mut outer = Reader(bytes);
            let mut pair = outer.sequence()?;
            let (r, s) = (pair.integer()?, pair.integer()?);
            pair.end()?;
            outer.end()?;
            Self::from_halves(&r, &s)
        };
        read().ok_or(BadSignature)
    }

    #[must_use]
    pub fn to_der(&self) -> Vec<u8> {
        der::sequence(&[&der::integer(&self.r.to_be()), &der::integer(&self.s.to_be())])
    }

    /// r ‖ s, 32 bytes each.
    ///
    /// # Errors
    /// A half is not in 1..n.
    pub fn from_raw(bytes: &[u8; 64]) -> Result<Self, BadSignature> {
        let (r, s) = bytes.split_at(32);
        match (r.try_into(), s.try_into()) {
            (Ok(r), Ok(s)) => Self::from_halves(r, s).ok_or(BadSignature),
            _ => Err(BadSignature),
        }
    }

    /// r ‖ s, 32 bytes each.
    #[must_use]
    pub fn to_raw(&self) -> [u8; 64] {
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&self.r.to_be());
        bytes[32..].copy_from_slice(&self.s.to_be());
        bytes
    }

    fn from_halves(r: &[u8; 32], s: &[u8; 32]) -> Option<Self> {
        let half = |bytes| Scalar::from_be(bytes).filter(|half| !half.is_zero());
        Some(Self { r: half(r)?, s: half(s)? })
    }
}

impl std::fmt::Debug for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signature({})", crate::token::hex(&self.to_raw()))
    }
}
