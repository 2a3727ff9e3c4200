//! Cipher block chaining (GB/T 17964-2021, 7; NIST SP 800-38A, 6.2) over whole blocks; padding is
//! the caller's.

use crate::sm4::{BLOCK_BYTES, Sm4};

/// Blocks decrypted at a time: what the widest kernel takes at once.
const BATCH: usize = 64;

/// A key, expanded for both directions.
#[derive(Clone)]
pub struct Cbc(Sm4);

impl Cbc {
    #[must_use]
    pub fn new(key: &[u8; BLOCK_BYTES]) -> Self {
        Self::over(Sm4::new(key))
    }

    /// As [`Cbc::new`], with a key that is expanded already.
    #[must_use]
    pub fn over(key: Sm4) -> Self {
        Self(key)
    }

    /// Encrypts whole blocks in place. Each block waits for the one before it: this mode cannot use
    /// the width of a kernel.
    ///
    /// # Panics
    /// The length of `data` is no multiple of 16.
    pub fn encrypt(&self, iv: &[u8; BLOCK_BYTES], data: &mut [u8]) {
        let mut last = *iv;
        for block in whole_blocks(data) {
            xor(block, &last);
            self.0.encrypt(std::slice::from_mut(block));
            last = *block;
        }
    }

    /// Decrypts whole blocks in place.
    ///
    /// # Panics
    /// The length of `data` is no multiple of 16.
    pub fn decrypt(&self, iv: &[u8; BLOCK_BYTES], data: &mut [u8]) {
        let mut last = *iv;
        let mut cipher = [[0; BLOCK_BYTES]; BATCH];
        for chunk in whole_blocks(data).chunks_mut(BATCH) {
            let cipher = &mut cipher[..chunk.len()];
            cipher.copy_from_slice(chunk);
            self.0.decrypt(chunk);
            for (block, before) in chunk.iter_mut().zip(std::iter::once(&last).chain(&*cipher)) {
                xor(block, before);
            }
            last = cipher[cipher.len() - 1];
        }
    }
}

impl std::fmt::Debug for Cbc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

fn whole_blocks(data: &mut [u8]) -> &mut [[u8; BLOCK_BYTES]] {
    let (blocks, rest) = data.as_chunks_mut();
    assert!(rest.is_empty(), "CBC takes whole blocks");
    blocks
}

fn xor(block: &mut [u8; BLOCK_BYTES], other: &[u8; BLOCK_BYTES]) {
    *block = (u128::from_ne_bytes(*block) ^ u128::from_ne_bytes(*other)).to_ne_bytes();
}
