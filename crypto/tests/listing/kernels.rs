//! The SM4 kernels and the key schedule alone, as a library whose machine code is listed.

#[cfg(target_arch = "x86_64")]
#[path = "../../src/sm4/aesni.rs"]
mod aesni;
#[cfg(target_arch = "aarch64")]
#[path = "../../src/sm4/armv8_aes.rs"]
mod armv8_aes;
#[cfg(target_arch = "aarch64")]
#[path = "../../src/sm4/armv8_sm4.rs"]
mod armv8_sm4;
#[cfg(target_arch = "x86_64")]
#[path = "../../src/sm4/gfni256.rs"]
mod gfni256;
#[cfg(target_arch = "x86_64")]
#[path = "../../src/sm4/gfni512.rs"]
mod gfni512;
#[path = "../../src/sm4/matrix.rs"]
mod matrix;
#[cfg(target_arch = "aarch64")]
#[path = "../../src/sm4/neon.rs"]
mod neon;
#[path = "../../src/sm4/portable.rs"]
mod portable;
#[path = "../../src/sm4/schedule.rs"]
mod schedule;

pub const BLOCK_BYTES: usize = 16;
pub type RoundKeys = [u32; 32];

#[inline(never)]
pub fn expand(key: &[u8; BLOCK_BYTES]) -> RoundKeys {
    schedule::expand(key)
}

#[inline(never)]
pub fn map(key: u32) -> u32 {
    portable::prepare(u32::from_ne_bytes(key.to_be_bytes().map(|byte| matrix::IN.of(byte))))
}

#[inline(never)]
pub fn portable(keys: &RoundKeys, blocks: &mut [[u8; BLOCK_BYTES]]) {
    portable::crypt(keys, blocks);
}

#[cfg(target_arch = "x86_64")]
#[inline(never)]
pub fn vectors(keys: &RoundKeys, blocks: &mut [[u8; BLOCK_BYTES]]) {
    if let Some(kernel) = gfni512::Gfni512::detect() {
        kernel.crypt(keys, blocks);
    }
    if let Some(kernel) = gfni256::Gfni256::detect() {
        kernel.crypt(keys, blocks);
    }
    if let Some(kernel) = aesni::AesNi::detect() {
        kernel.crypt(keys, blocks);
    }
}

#[cfg(target_arch = "aarch64")]
#[inline(never)]
pub fn vectors(keys: &RoundKeys, blocks: &mut [[u8; BLOCK_BYTES]]) {
    if let Some(kernel) = armv8_sm4::Armv8Sm4::detect() {
        kernel.crypt(keys, blocks);
    }
    if let Some(kernel) = armv8_aes::Armv8Aes::detect() {
        kernel.crypt(keys, blocks);
    }
    if let Some(kernel) = neon::Neon::detect() {
        kernel.crypt(keys, blocks);
    }
}
