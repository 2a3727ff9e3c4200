//! SM3 (GB/T 32905-2016) and what is built on it: HMAC (RFC 2104), HKDF (RFC 5869) and PBKDF2
//! (RFC 8018). States that hold keys zero themselves.

use ::sm3::Sm3 as Hash;
use hmac::{KeyInit, Mac, digest::Digest};
use zeroize::Zeroizing;

/// Bytes of a hash.
pub const SM3_BYTES: usize = 32;

/// SM3 of the parts, one after the other.
#[must_use]
pub fn sm3(parts: &[&[u8]]) -> [u8; SM3_BYTES] {
    let mut hash = Sm3::new();
    for part in parts {
        hash.update(part);
    }
    hash.finish()
}

/// A hash under way.
#[derive(Clone, Default)]
pub struct Sm3(Hash);

impl Sm3 {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    pub fn update(&mut self, bytes: &[u8]) {
        Digest::update(&mut self.0, bytes);
    }

    #[must_use]
    pub fn finish(self) -> [u8; SM3_BYTES] {
        self.0.finalize().into()
    }
}

impl std::fmt::Debug for Sm3 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sm3")
    }
}

/// HMAC-SM3 of the parts, one after the other.
#[must_use]
pub fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; SM3_BYTES] {
    let mut mac = Hmac::new(key);
    for part in parts {
        mac.update(part);
    }
    mac.finish()
}

/// An HMAC-SM3 under way, its key already absorbed: clone it to use the key again.
#[derive(Clone)]
pub struct Hmac(hmac::Hmac<Hash>);

impl Hmac {
    /// Takes a key of any length; one longer than 64 bytes is hashed first (RFC 2104, 2).
    #[must_use]
    pub fn new(key: &[u8]) -> Self {
        let mut block = Zeroizing::new([0; 64]);
        if key.len() <= block.len() {
            block[..key.len()].copy_from_slice(key);
        } else {
            block[..SM3_BYTES].copy_from_slice(&sm3(&[key]));
        }
        Self(hmac::Hmac::new((&*block).into()))
    }

    pub fn update(&mut self, bytes: &[u8]) {
        Mac::update(&mut self.0, bytes);
    }

    #[must_use]
    pub fn finish(self) -> [u8; SM3_BYTES] {
        self.0.finalize().into_bytes().into()
    }
}

impl std::fmt::Debug for Hmac {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// HKDF-Extract (RFC 5869, 2.2). An empty salt is the same as 32 zero bytes.
#[must_use]
pub fn hkdf_extract(salt: &[u8], secret: &[u8]) -> Zeroizing<[u8; SM3_BYTES]> {
    Zeroizing::new(hmac(salt, &[secret]))
}

/// HKDF-Expand (RFC 5869, 2.3) with the parts of `info` one after the other; fills `out`, at most
/// 255 hashes long, which is asserted.
pub fn hkdf_expand(prk: &[u8; SM3_BYTES], info: &[&[u8]], out: &mut [u8]) {
    assert!(out.len() <= 255 * SM3_BYTES, "HKDF gives at most 255 hashes");
    let key = Hmac::new(prk);
    let mut last = Zeroizing::new([0; SM3_BYTES]);
    for (count, piece) in (1..=u8::MAX).zip(out.chunks_mut(SM3_BYTES)) {
        let mut mac = key.clone();
        if count > 1 {
            mac.update(&*last);
        }
        for part in info {
            mac.update(part);
        }
        mac.update(&[count]);
        *last = mac.finish();
        piece.copy_from_slice(&last[..piece.len()]);
    }
}

/// PBKDF2 with HMAC-SM3 (RFC 8018, 5.2); `rounds` of zero count as one.
pub fn pbkdf2(password: &[u8], salt: &[u8], rounds: u32, out: &mut [u8]) {
    let key = Hmac::new(password);
    for (count, piece) in (1u32..).zip(out.chunks_mut(SM3_BYTES)) {
        let mut mac = key.clone();
        mac.update(salt);
        mac.update(&count.to_be_bytes());
        let mut last = Zeroizing::new(mac.finish());
        let mut sum = last.clone();
        for _ in 1..rounds {
            let mut mac = key.clone();
            mac.update(&*last);
            *last = mac.finish();
            sum.iter_mut().zip(last.iter()).for_each(|(a, b)| *a ^= b);
        }
        piece.copy_from_slice(&sum[..piece.len()]);
    }
}
