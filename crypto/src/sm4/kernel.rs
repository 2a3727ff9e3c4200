//! Which kernel runs: the best that the processor has, found once, or one that a test chose.

use std::fmt;
use std::sync::OnceLock;

#[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
use super::matrix;
use super::{BLOCK_BYTES, RoundKeys, portable};
#[cfg(target_arch = "x86_64")]
use super::{aesni::AesNi, gfni256::Gfni256, gfni512::Gfni512};
#[cfg(target_arch = "aarch64")]
use super::{armv8_aes::Armv8Aes, armv8_sm4::Armv8Sm4, neon::Neon};

/// One of the kernels that this processor can run.
#[derive(Clone, Copy)]
pub struct Kernel(Choice);

/// What an instruction set needs is proved by the value in its variant.
#[derive(Clone, Copy)]
enum Choice {
    #[cfg(target_arch = "x86_64")]
    Gfni512(Gfni512),
    #[cfg(target_arch = "x86_64")]
    Gfni256(Gfni256),
    #[cfg(target_arch = "x86_64")]
    AesNi(AesNi),
    #[cfg(target_arch = "aarch64")]
    Armv8Sm4(Armv8Sm4),
    #[cfg(target_arch = "aarch64")]
    Armv8Aes(Armv8Aes),
    #[cfg(target_arch = "aarch64")]
    Neon(Neon),
    Portable,
}

impl Kernel {
    /// The fastest.
    #[must_use]
    pub fn best() -> Self {
        static BEST: OnceLock<Kernel> = OnceLock::new();
        *BEST.get_or_init(|| Self::all().next().unwrap_or(Self(Choice::Portable)))
    }

    /// All that run here, the fastest first.
    pub fn all() -> impl Iterator<Item = Self> {
        let kernels = [
            #[cfg(target_arch = "x86_64")]
            Gfni512::detect().map(Choice::Gfni512),
            #[cfg(target_arch = "x86_64")]
            Gfni256::detect().map(Choice::Gfni256),
            #[cfg(target_arch = "x86_64")]
            AesNi::detect().map(Choice::AesNi),
            #[cfg(target_arch = "aarch64")]
            Armv8Sm4::detect().map(Choice::Armv8Sm4),
            #[cfg(target_arch = "aarch64")]
            Armv8Aes::detect().map(Choice::Armv8Aes),
            #[cfg(target_arch = "aarch64")]
            Neon::detect().map(Choice::Neon),
            Some(Choice::Portable),
        ];
        kernels.into_iter().flatten().map(Self)
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Choice::Gfni512(_) => "gfni+avx512",
            #[cfg(target_arch = "x86_64")]
            Choice::Gfni256(_) => "gfni+avx2",
            #[cfg(target_arch = "x86_64")]
            Choice::AesNi(_) => "aes-ni",
            #[cfg(target_arch = "aarch64")]
            Choice::Armv8Sm4(_) => "armv8-sm4",
            #[cfg(target_arch = "aarch64")]
            Choice::Armv8Aes(_) => "armv8-aes",
            #[cfg(target_arch = "aarch64")]
            Choice::Neon(_) => "neon",
            Choice::Portable => "portable",
        }
    }

    /// Round keys as this kernel takes them.
    pub(super) fn prepare(self, keys: RoundKeys) -> RoundKeys {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Choice::Gfni512(_) | Choice::Gfni256(_) | Choice::AesNi(_) => keys.map(mapped),
            #[cfg(target_arch = "aarch64")]
            Choice::Armv8Aes(_) => keys.map(mapped),
            #[cfg(target_arch = "aarch64")]
            Choice::Armv8Sm4(_) | Choice::Neon(_) => keys,
            Choice::Portable => keys.map(portable::prepare),
        }
    }

    pub(super) fn crypt(self, keys: &RoundKeys, blocks: &mut [[u8; BLOCK_BYTES]]) {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Choice::Gfni512(kernel) => kernel.crypt(keys, blocks),
            #[cfg(target_arch = "x86_64")]
            Choice::Gfni256(kernel) => kernel.crypt(keys, blocks),
            #[cfg(target_arch = "x86_64")]
            Choice::AesNi(kernel) => kernel.crypt(keys, blocks),
            #[cfg(target_arch = "aarch64")]
            Choice::Armv8Sm4(kernel) => kernel.crypt(keys, blocks),
            #[cfg(target_arch = "aarch64")]
            Choice::Armv8Aes(kernel) => kernel.crypt(keys, blocks),
            #[cfg(target_arch = "aarch64")]
            Choice::Neon(kernel) => kernel.crypt(keys, blocks),
            Choice::Portable => portable::crypt(keys, blocks),
        }
    }
}

/// A round key as kernels take it whose state is mapped by [`matrix::IN`]: with its constant, and
/// in the order in which bytes lie in memory.
#[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
fn mapped(key: u32) -> u32 {
    u32::from_ne_bytes(key.to_be_bytes().map(|byte| matrix::IN.of(byte)))
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
