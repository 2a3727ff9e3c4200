//! The key schedule of SM4 (GB/T 32907-2016, 7.3), with the S-box computed and not looked up.

use zeroize::Zeroize;

use super::{BLOCK_BYTES, RoundKeys, portable};

/// The round keys, in the order of encryption.
pub(super) fn expand(key: &[u8; BLOCK_BYTES]) -> RoundKeys {
    let (words, _) = key.as_chunks::<4>();
    let mut k = [0; 4];
    for ((k, word), fk) in k.iter_mut().zip(words).zip(FK) {
        *k = u32::from_be_bytes(*word) ^ fk;
    }
    let mut keys = [0; 32];
    for (key, ck) in keys.iter_mut().zip(CK) {
        let s = portable::substitute(k[1] ^ k[2] ^ k[3] ^ ck);
        *key = k[0] ^ s ^ s.rotate_left(13) ^ s.rotate_left(23);
        k = [k[1], k[2], k[3], *key];
    }
    k.zeroize();
    keys
}

/// System parameter (GB/T 32907, 7.3).
const FK: [u32; 4] = [0xa3b1_bac6, 0x56aa_3350, 0x677d_9197, 0xb270_22dc];

/// Fixed parameters: byte `j` of word `i` is `(4i + j) * 7` modulo 256 (GB/T 32907, 7.3).
const CK: [u32; 32] = {
    let mut ck = [0u32; 32];
    let (mut i, mut byte) = (0, 0);
    while i < 128 {
        ck[i / 4] = (ck[i / 4] << 8) | byte;
        byte = (byte + 7) & 0xff;
        i += 1;
    }
    ck
};
