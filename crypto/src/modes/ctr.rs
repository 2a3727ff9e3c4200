//! Counter mode (GB/T 17964-2021, 9; NIST SP 800-38A, 6.5).

use zeroize::Zeroize;

use crate::sm4::{BLOCK_BYTES, Sm4};

/// Blocks of key stream made at a time: what the widest kernel takes at once.
pub(super) const BATCH: usize = 64;

/// A key stream under way; the whole counter block counts, as one big-endian number of 128 bits.
pub struct Ctr {
    key: Sm4,
    counter: u128,
    left: [u8; BLOCK_BYTES],
    used: usize,
}

impl Ctr {
    /// Starts with `iv` as the first counter block. A pair of key and counter must never be used
    /// twice.
    #[must_use]
    pub fn new(key: &[u8; BLOCK_BYTES], iv: &[u8; BLOCK_BYTES]) -> Self {
        Self::over(Sm4::new(key), iv)
    }

    /// As [`Ctr::new`], with a key that is expanded already.
    #[must_use]
    pub fn over(key: Sm4, iv: &[u8; BLOCK_BYTES]) -> Self {
        let counter = u128::from_be_bytes(*iv);
        Self { key, counter, left: [0; BLOCK_BYTES], used: BLOCK_BYTES }
    }

    /// Encrypts or decrypts the next bytes of the stream, of any length.
    pub fn apply(&mut self, data: &mut [u8]) {
        let (head, rest) = data.split_at_mut(data.len().min(BLOCK_BYTES - self.used));
        xor(head, &self.left[self.used..]);
        self.used += head.len();
        if rest.is_empty() {
            return;
        }
        let (whole, tail) = rest.split_at_mut(rest.len() / BLOCK_BYTES * BLOCK_BYTES);
        let mut counter = self.counter;
        let mut next = |block: &mut [u8; BLOCK_BYTES]| {
            *block = counter.to_be_bytes();
            counter = counter.wrapping_add(1);
        };
        Pad::new().apply(&self.key, &mut next, whole);
        if !tail.is_empty() {
            next(&mut self.left);
            self.key.encrypt(std::slice::from_mut(&mut self.left));
            xor(tail, &self.left);
            self.used = tail.len();
        }
        self.counter = counter;
    }
}

impl Drop for Ctr {
    fn drop(&mut self) {
        self.left.zeroize();
    }
}

impl std::fmt::Debug for Ctr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// Room for the key stream of a batch of blocks; what was used is zeroed in the end.
pub(super) struct Pad {
    blocks: [[u8; BLOCK_BYTES]; BATCH],
    used: usize,
}

impl Pad {
    pub(super) fn new() -> Self {
        Self { blocks: [[0; BLOCK_BYTES]; BATCH], used: 0 }
    }

    /// The key stream of the next `count` counter blocks, at most [`BATCH`], which `next` gives.
    pub(super) fn fill(
        &mut self,
        key: &Sm4,
        next: impl FnMut(&mut [u8; BLOCK_BYTES]),
        count: usize,
    ) -> &mut [[u8; BLOCK_BYTES]] {
        self.used = self.used.max(count);
        let blocks = &mut self.blocks[..count];
        blocks.iter_mut().for_each(next);
        key.encrypt(blocks);
        blocks
    }

    /// Adds the key stream to `data`: one counter block for each block begun.
    pub(super) fn apply(
        &mut self,
        key: &Sm4,
        mut next: impl FnMut(&mut [u8; BLOCK_BYTES]),
        data: &mut [u8],
    ) {
        for chunk in data.chunks_mut(BATCH * BLOCK_BYTES) {
            let pad = self.fill(key, &mut next, chunk.len().div_ceil(BLOCK_BYTES));
            xor(chunk, pad.as_flattened());
        }
    }
}

impl Drop for Pad {
    fn drop(&mut self) {
        self.blocks[..self.used].fill([0; BLOCK_BYTES]);
        zeroize::optimization_barrier(&self.blocks);
    }
}

pub(super) fn xor(data: &mut [u8], pad: &[u8]) {
    for (byte, pad) in data.iter_mut().zip(pad) {
        *byte ^= pad;
    }
}
