//! XTS for data at rest: GB/T 17964-2021, 13, and IEEE 1619. They differ in how the tweak is
//! multiplied from one block to the next, and in nothing else.

use crate::sm4::{BLOCK_BYTES, Sm4};

/// Blocks worked on at a time: what the widest kernel takes at once.
const BATCH: usize = 64;

/// How the bits of a tweak stand for a polynomial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tweak {
    /// GB/T 17964-2021: the first bit of the first byte is the constant term, as in GHASH.
    National,
    /// IEEE 1619: bytes in little-endian order.
    Ieee,
}

/// Two keys, expanded for both directions.
#[derive(Clone)]
pub struct Xts {
    data: Sm4,
    tweak: Sm4,
    order: Tweak,
}

impl Xts {
    /// Takes the data key and the tweak key, one after the other.
    #[must_use]
    pub fn new(keys: &[u8; 2 * BLOCK_BYTES], order: Tweak) -> Self {
        let (pair, _) = keys.as_chunks();
        Self::over(Sm4::new(&pair[0]), Sm4::new(&pair[1]), order)
    }

    /// As [`Xts::new`], with keys that are expanded already.
    #[must_use]
    pub fn over(data: Sm4, tweak: Sm4, order: Tweak) -> Self {
        Self { data, tweak, order }
    }

    /// Encrypts one data unit in place, of 16 bytes or more and of any length; `unit` names its
    /// place.
    ///
    /// # Panics
    /// `data` is shorter than a block.
    pub fn encrypt(&self, unit: &[u8; BLOCK_BYTES], data: &mut [u8]) {
        let (whole, tail) = split(data);
        let tweak = self.run(Sm4::encrypt, self.first(unit), whole);
        if let (Some(last), true) = (whole.last_mut(), !tail.is_empty()) {
            swap(last, tail);
            self.run(Sm4::encrypt, tweak, std::slice::from_mut(last));
        }
    }

    /// Decrypts one data unit in place.
    ///
    /// # Panics
    /// `data` is shorter than a block.
    pub fn decrypt(&self, unit: &[u8; BLOCK_BYTES], data: &mut [u8]) {
        let (whole, tail) = split(data);
        if tail.is_empty() {
            self.run(Sm4::decrypt, self.first(unit), whole);
            return;
        }
        let Some((last, before)) = whole.split_last_mut() else { return };
        let tweak = self.run(Sm4::decrypt, self.first(unit), before);
        self.run(Sm4::decrypt, self.next(tweak), std::slice::from_mut(last));
        swap(last, tail);
        self.run(Sm4::decrypt, tweak, std::slice::from_mut(last));
    }

    fn first(&self, unit: &[u8; BLOCK_BYTES]) -> u128 {
        let mut tweak = [*unit];
        self.tweak.encrypt(&mut tweak);
        match self.order {
            Tweak::National => u128::from_be_bytes(tweak[0]),
            Tweak::Ieee => u128::from_le_bytes(tweak[0]),
        }
    }

    /// The tweak times x, modulo x^128 + x^7 + x^2 + x + 1.
    fn next(&self, tweak: u128) -> u128 {
        match self.order {
            Tweak::National => (tweak >> 1) ^ ((tweak & 1).wrapping_neg() & (0xe1 << 120)),
            Tweak::Ieee => (tweak << 1) ^ ((tweak >> 127).wrapping_neg() & 0x87),
        }
    }

    /// Runs `crypt` between two additions of the tweaks; gives the tweak of the block after.
    fn run(
        &self,
        crypt: impl Fn(&Sm4, &mut [[u8; BLOCK_BYTES]]),
        mut tweak: u128,
        blocks: &mut [[u8; BLOCK_BYTES]],
    ) -> u128 {
        let mut mask = [0; BATCH];
        for chunk in blocks.chunks_mut(BATCH) {
            let mask = &mut mask[..chunk.len()];
            for mask in &mut *mask {
                *mask = match self.order {
                    Tweak::National => tweak.to_be(),
                    Tweak::Ieee => tweak.to_le(),
                };
                tweak = self.next(tweak);
            }
            xor(chunk, mask);
            crypt(&self.data, chunk);
            xor(chunk, mask);
        }
        tweak
    }
}

impl std::fmt::Debug for Xts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

fn split(data: &mut [u8]) -> (&mut [[u8; BLOCK_BYTES]], &mut [u8]) {
    let (whole, tail) = data.as_chunks_mut();
    assert!(!whole.is_empty(), "XTS takes a block at least");
    (whole, tail)
}

/// Exchanges the short last block with the head of the block before it: ciphertext stealing.
fn swap(block: &mut [u8; BLOCK_BYTES], tail: &mut [u8]) {
    block[..tail.len()].swap_with_slice(tail);
}

fn xor(blocks: &mut [[u8; BLOCK_BYTES]], masks: &[u128]) {
    for (block, mask) in blocks.iter_mut().zip(masks) {
        *block = (u128::from_ne_bytes(*block) ^ mask).to_ne_bytes();
    }
}
