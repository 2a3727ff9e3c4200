//! The block cipher SM4 (GB/T 32907-2016, ISO/IEC 18033-3:2010/Amd 1:2021). The kernel is chosen
//! once, from what the processor has; none of them, nor the key schedule, reads memory at an
//! address that depends on a secret.

#[cfg(target_arch = "x86_64")]
mod aesni;
#[cfg(target_arch = "aarch64")]
mod armv8_aes;
#[cfg(target_arch = "aarch64")]
mod armv8_sm4;
#[cfg(target_arch = "x86_64")]
mod gfni256;
#[cfg(target_arch = "x86_64")]
mod gfni512;
mod kernel;
mod matrix;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
mod schedule;

use std::fmt;

use cipher::{
    Block, BlockCipherDecBackend, BlockCipherDecClosure, BlockCipherDecrypt, BlockCipherEncBackend,
    BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser, InOut, InOutBuf, Key, KeyInit,
    KeySizeUser, ParBlocks, ParBlocksSizeUser, array::Array, consts::U16,
};
use zeroize::{Zeroize, ZeroizeOnDrop};

#[doc(hidden)]
pub use kernel::Kernel;

/// Bytes of a block, and of a key.
pub const BLOCK_BYTES: usize = 16;

/// Round keys in the order in which a kernel uses them.
type RoundKeys = [u32; 32];

/// An expanded key. `Debug` prints `***`; dropped, it zeroes itself.
#[derive(Clone)]
pub struct Sm4 {
    kernel: Kernel,
    encrypt: RoundKeys,
    decrypt: RoundKeys,
}

impl Sm4 {
    #[must_use]
    pub fn new(key: &[u8; BLOCK_BYTES]) -> Self {
        Self::with_kernel(Kernel::best(), key)
    }

    /// As [`Sm4::new`], on a kernel that the caller chose.
    #[doc(hidden)]
    #[must_use]
    pub fn with_kernel(kernel: Kernel, key: &[u8; BLOCK_BYTES]) -> Self {
        let encrypt = kernel.prepare(schedule::expand(key));
        let mut decrypt = encrypt;
        decrypt.reverse();
        Self { kernel, encrypt, decrypt }
    }

    /// Encrypts each block in place.
    pub fn encrypt(&self, blocks: &mut [[u8; BLOCK_BYTES]]) {
        self.kernel.crypt(&self.encrypt, blocks);
    }

    /// Decrypts each block in place.
    pub fn decrypt(&self, blocks: &mut [[u8; BLOCK_BYTES]]) {
        self.kernel.crypt(&self.decrypt, blocks);
    }
}

/// The kernel that this processor gets.
#[must_use]
pub fn kernel() -> &'static str {
    Kernel::best().name()
}

impl Drop for Sm4 {
    fn drop(&mut self) {
        self.encrypt.zeroize();
        self.decrypt.zeroize();
    }
}

impl ZeroizeOnDrop for Sm4 {}

impl fmt::Debug for Sm4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl KeySizeUser for Sm4 {
    type KeySize = U16;
}

impl KeyInit for Sm4 {
    fn new(key: &Key<Self>) -> Self {
        Self::new(&key.0)
    }
}

impl BlockSizeUser for Sm4 {
    type BlockSize = U16;
}

impl ParBlocksSizeUser for Sm4 {
    type ParBlocksSize = U16;
}

impl BlockCipherEncrypt for Sm4 {
    fn encrypt_with_backend(&self, f: impl BlockCipherEncClosure<BlockSize = U16>) {
        f.call(self);
    }
}

impl BlockCipherEncBackend for Sm4 {
    fn encrypt_block(&self, block: InOut<'_, '_, Block<Self>>) {
        self.encrypt(core::slice::from_mut(&mut block.into_out_with_copied_in().0));
    }

    fn encrypt_par_blocks(&self, blocks: InOut<'_, '_, ParBlocks<Self>>) {
        self.encrypt_tail_blocks(blocks.into_buf());
    }

    fn encrypt_tail_blocks(&self, blocks: InOutBuf<'_, '_, Block<Self>>) {
        self.encrypt(Array::cast_slice_to_core_mut(blocks.into_out_with_copied_in()));
    }
}

impl BlockCipherDecrypt for Sm4 {
    fn decrypt_with_backend(&self, f: impl BlockCipherDecClosure<BlockSize = U16>) {
        f.call(self);
    }
}

impl BlockCipherDecBackend for Sm4 {
    fn decrypt_block(&self, block: InOut<'_, '_, Block<Self>>) {
        self.decrypt(core::slice::from_mut(&mut block.into_out_with_copied_in().0));
    }

    fn decrypt_par_blocks(&self, blocks: InOut<'_, '_, ParBlocks<Self>>) {
        self.decrypt_tail_blocks(blocks.into_buf());
    }

    fn decrypt_tail_blocks(&self, blocks: InOutBuf<'_, '_, Block<Self>>) {
        self.decrypt(Array::cast_slice_to_core_mut(blocks.into_out_with_copied_in()));
    }
}

#[cfg(test)]
mod tests {
    use super::{matrix, portable};

    #[test]
    fn both_ways_to_the_s_box_agree_and_begin_as_published() {
        // GB/T 32907-2016, table 1: the first row and the last entry.
        let first = [
            0xd6, 0x90, 0xe9, 0xfe, 0xcc, 0xe1, 0x3d, 0xb7, 0x16, 0xb6, 0x14, 0xc2, 0x28, 0xfb,
            0x2c, 0x05,
        ];
        let table = matrix::s_box();
        assert_eq!((&table[..16], table[255]), (&first[..], 0x48));
        for x in 0..=255 {
            let word = u32::from_be_bytes([x, !x, x ^ 0x55, x.rotate_left(3)]);
            let known = word.to_be_bytes().map(|byte| table[usize::from(byte)]);
            assert_eq!(portable::substitute(word), u32::from_be_bytes(known), "{x}");
        }
    }
}
