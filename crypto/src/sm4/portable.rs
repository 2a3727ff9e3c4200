//! SM4 for any processor, without tables: the S-box is computed, eight bytes in a word at a time.

use super::{BLOCK_BYTES, RoundKeys};

/// Runs the rounds over each block in place.
pub(super) fn crypt(keys: &RoundKeys, blocks: &mut [[u8; BLOCK_BYTES]]) {
    for block in blocks {
        let mut x = [0; 4];
        for (x, word) in x.iter_mut().zip(block.as_chunks::<4>().0) {
            *x = u32::from_be_bytes(*word);
        }
        for key in keys {
            let s = substitute(x[1] ^ x[2] ^ x[3] ^ key);
            let l = s.rotate_left(2) ^ s.rotate_left(10) ^ s.rotate_left(18) ^ s.rotate_left(24);
            x = [x[1], x[2], x[3], x[0] ^ s ^ l];
        }
        for (word, x) in block.as_chunks_mut::<4>().0.iter_mut().zip(x.iter().rev()) {
            *word = x.to_be_bytes();
        }
    }
}

/// The S-box on each byte of a word.
pub(super) fn substitute(word: u32) -> u32 {
    let x = affine(u64::from(word), [0x24, 0x98, 0x6f, 0x6a, 0xc9, 0x67, 0x80, 0x4a], 0x65);
    let x3 = multiply(multiply(x, x), x);
    let x7 = multiply(multiply(x3, x3), x);
    let mut y = x7;
    for _ in 0..4 {
        y = multiply(multiply(y, y), x);
    }
    let y = affine(multiply(y, y), [0xcb, 0x55, 0x37, 0xf6, 0x99, 0x22, 0x29, 0x45], 0xd3);
    (y & 0xffff_ffff) as u32
}

const ONES: u64 = 0x0101_0101_0101_0101;

/// A matrix, given by the images of the eight bits, and a constant, on each byte.
fn affine(x: u64, images: [u64; 8], constant: u64) -> u64 {
    let bit = |(n, image): (usize, u64)| ((x >> n) & ONES) * image;
    images.into_iter().enumerate().map(bit).fold(constant * ONES, |a, b| a ^ b)
}

/// The product of each pair of bytes in GF(2^8), modulo x^8 + x^4 + x^3 + x + 1.
fn multiply(mut a: u64, b: u64) -> u64 {
    let mut product = 0;
    for n in 0..8 {
        product ^= a & (((b >> n) & ONES) * 0xff);
        a = ((a << 1) & !ONES) ^ (((a >> 7) & ONES) * 0x1b);
    }
    product
}
