//! SM4-GCM (RFC 8998, 3; NIST SP 800-38D): 96-bit nonces, tags of 16 bytes.

use ghash::{GHash, universal_hash::UniversalHash};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::{
    BadTag, NONCE_BYTES, TAG_BYTES,
    ctr::{BATCH, Pad, xor},
};
use crate::sm4::{BLOCK_BYTES, Sm4};

/// Longest text in bytes (SP 800-38D, 5.2.1.1): more would use a counter block twice.
const TEXT_MAX: u64 = (1 << 36) - 32;

/// A key, expanded for sealing and opening.
#[derive(Clone)]
pub struct Gcm {
    key: Sm4,
    hash: GHash,
}

impl Gcm {
    #[must_use]
    pub fn new(key: &[u8; BLOCK_BYTES]) -> Self {
        Self::over(Sm4::new(key))
    }

    /// As [`Gcm::new`], with a key that is expanded already.
    #[must_use]
    pub fn over(key: Sm4) -> Self {
        let mut h = [[0; BLOCK_BYTES]];
        key.encrypt(&mut h);
        let hash = GHash::new(&h[0].into());
        h.zeroize();
        Self { key, hash }
    }

    /// Encrypts `data` in place and gives the tag over `aad` and the cipher text. A pair of key and
    /// nonce must never be used twice.
    ///
    /// # Panics
    /// `data` is longer than 2^36 - 32 bytes.
    #[must_use]
    pub fn seal_in_place(
        &self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        data: &mut [u8],
    ) -> [u8; TAG_BYTES] {
        assert!(data.len() as u64 <= TEXT_MAX, "longer than GCM allows");
        let mut next = counters(nonce);
        let mut pad = Pad::new();
        let (mask, first) = self.begin(&mut pad, &mut next, data.len());
        let (head, rest) = data.split_at_mut(first.len().min(data.len()));
        xor(head, first);
        pad.apply(&self.key, next, rest);
        self.tag(mask, aad, data)
    }

    /// Checks the tag, and only then decrypts `data` in place.
    ///
    /// # Errors
    /// [`BadTag`]; `data` is untouched then.
    pub fn open_in_place(
        &self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        data: &mut [u8],
        tag: &[u8; TAG_BYTES],
    ) -> Result<(), BadTag> {
        if data.len() as u64 > TEXT_MAX {
            return Err(BadTag);
        }
        let mut next = counters(nonce);
        let mut pad = Pad::new();
        let (mask, first) = self.begin(&mut pad, &mut next, data.len());
        if !bool::from(self.tag(mask, aad, data).ct_eq(tag)) {
            return Err(BadTag);
        }
        let (head, rest) = data.split_at_mut(first.len().min(data.len()));
        xor(head, first);
        pad.apply(&self.key, next, rest);
        Ok(())
    }

    /// The mask of the tag, and the key stream of the first blocks of a text of `bytes`: made in
    /// one go, because a short record costs as much as its passes through the kernel.
    fn begin<'a>(
        &self,
        pad: &'a mut Pad,
        next: impl FnMut(&mut [u8; BLOCK_BYTES]),
        bytes: usize,
    ) -> ([u8; TAG_BYTES], &'a [u8]) {
        let blocks = pad.fill(&self.key, next, BATCH.min(1 + bytes.div_ceil(BLOCK_BYTES)));
        (blocks[0], blocks[1..].as_flattened())
    }

    fn tag(&self, mask: [u8; TAG_BYTES], aad: &[u8], text: &[u8]) -> [u8; TAG_BYTES] {
        let mut hash = self.hash.clone();
        hash.update_padded(aad);
        hash.update_padded(text);
        let bits = ((aad.len() as u128 * 8) << 64) | (text.len() as u128 * 8);
        hash.update(&[bits.to_be_bytes().into()]);
        let mut tag = hash.finalize().0;
        xor(&mut tag, &mask);
        tag
    }
}

impl std::fmt::Debug for Gcm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// Counter blocks: the nonce and 32 bits that count from one.
fn counters(nonce: &[u8; NONCE_BYTES]) -> impl FnMut(&mut [u8; BLOCK_BYTES]) + use<> {
    let (nonce, mut count) = (*nonce, 0u32);
    move |block| {
        count = count.wrapping_add(1);
        block[..NONCE_BYTES].copy_from_slice(&nonce);
        block[NONCE_BYTES..].copy_from_slice(&count.to_be_bytes());
    }
}
