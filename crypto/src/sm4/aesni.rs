//! SM4 on AES-NI and SSSE3: AESENCLAST does the inversion, byte shuffles the linear maps. 4 blocks
//! in four registers, 8 under way at a time.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use super::{
    BLOCK_BYTES, RoundKeys,
    matrix::{self, aes_turned},
};

/// Proof that the processor has what this kernel needs.
#[derive(Clone, Copy)]
pub(super) struct AesNi(());

/// Word `i` of four blocks in register `i`.
type Group = [__m128i; 4];

impl AesNi {
    pub(super) fn detect() -> Option<Self> {
        let has = is_x86_feature_detected!("aes") && is_x86_feature_detected!("ssse3");
        has.then_some(Self(()))
    }

    /// Runs the rounds over each block in place. `keys` are mapped by [`matrix::IN`].
    pub(super) fn crypt(self, keys: &RoundKeys, blocks: &mut [[u8; BLOCK_BYTES]]) {
        // SAFETY: `self` exists only where `detect` found the features.
        unsafe { crypt(keys, blocks) }
    }
}

#[target_feature(enable = "aes,ssse3")]
fn crypt(keys: &RoundKeys, blocks: &mut [[u8; BLOCK_BYTES]]) {
    let (wide, rest) = blocks.as_chunks_mut::<8>();
    for blocks in wide {
        groups::<2, 8>(keys, blocks);
    }
    let (four, rest) = rest.as_chunks_mut::<4>();
    for blocks in four {
        groups::<1, 4>(keys, blocks);
    }
    if !rest.is_empty() {
        let mut last = [[0; BLOCK_BYTES]; 4];
        last[..rest.len()].copy_from_slice(rest);
        groups::<1, 4>(keys, &mut last);
        rest.copy_from_slice(&last[..rest.len()]);
    }
}

/// `B` blocks in `N` groups.
#[target_feature(enable = "aes,ssse3")]
#[inline]
fn groups<const N: usize, const B: usize>(keys: &RoundKeys, blocks: &mut [[u8; BLOCK_BYTES]; B]) {
    const { assert!(B == 4 * N) };
    const IN: [[u8; 16]; 2] = matrix::IN.linear().nibbles();
    const BACK: [[u8; 16]; 2] = matrix::BACK.nibbles();
    let mut x = [[_mm_setzero_si128(); 4]; N];
    for (x, four) in x.iter_mut().zip(blocks.as_chunks::<4>().0) {
        for (x, block) in x.iter_mut().zip(four) {
            let [low, high] = nibbles(register(block));
            *x = look_up(&IN, low, high);
        }
        *x = transpose(*x);
    }
    let (four, _) = keys.as_chunks::<4>();
    for [k0, k1, k2, k3] in four {
        for x in &mut x {
            x[0] = round(x[0], x[1], x[2], x[3], *k0);
        }
        for x in &mut x {
            x[1] = round(x[1], x[2], x[3], x[0], *k1);
        }
        for x in &mut x {
            x[2] = round(x[2], x[3], x[0], x[1], *k2);
        }
        for x in &mut x {
            x[3] = round(x[3], x[0], x[1], x[2], *k3);
        }
    }
    for ([x0, x1, x2, x3], four) in x.into_iter().zip(blocks.as_chunks_mut::<4>().0) {
        for (x, block) in transpose([x3, x2, x1, x0]).into_iter().zip(four) {
            let [low, high] = nibbles(x);
            let x = look_up(&BACK, low, high);
            // SAFETY: a block has the 16 bytes of a register.
            unsafe { _mm_storeu_si128(block.as_mut_ptr().cast(), x) };
        }
    }
}

/// `a` plus the round function of `b + c + d + key`.
#[target_feature(enable = "aes,ssse3")]
#[inline]
fn round(a: __m128i, b: __m128i, c: __m128i, d: __m128i, key: u32) -> __m128i {
    const A: [[u8; 16]; 2] = matrix::AES_A.nibbles();
    const C: [[u8; 16]; 2] = matrix::AES_C.nibbles();
    let key = _mm_set1_epi32(key.cast_signed());
    let t = _mm_xor_si128(_mm_xor_si128(c, d), _mm_xor_si128(b, key));
    let [low, high] = nibbles(_mm_aesenclast_si128(t, _mm_setzero_si128()));
    let s0 = look_up(&A, low, high);
    let s3 = look_up(&C, low, high);
    let both = _mm_xor_si128(s0, s3);
    let near = _mm_xor_si128(_mm_xor_si128(a, turn::<0>(s0)), turn::<1>(both));
    _mm_xor_si128(near, _mm_xor_si128(turn::<2>(both), turn::<3>(s3)))
}

/// The low and the high nibble of each byte.
#[target_feature(enable = "ssse3")]
#[inline]
fn nibbles(x: __m128i) -> [__m128i; 2] {
    let mask = _mm_set1_epi8(15);
    [_mm_and_si128(x, mask), _mm_and_si128(_mm_srli_epi32::<4>(x), mask)]
}

/// Applies what [`matrix::Affine::nibbles`] gives.
#[target_feature(enable = "ssse3")]
#[inline]
fn look_up(tables: &[[u8; 16]; 2], low: __m128i, high: __m128i) -> __m128i {
    let low = _mm_shuffle_epi8(register(&tables[0]), low);
    _mm_xor_si128(low, _mm_shuffle_epi8(register(&tables[1]), high))
}

/// Takes the bytes to where they were before the row shift of AES, and then turns big-endian words
/// to the left by `BYTES`.
#[target_feature(enable = "ssse3")]
#[inline]
fn turn<const BYTES: u32>(x: __m128i) -> __m128i {
    _mm_shuffle_epi8(x, register(const { &aes_turned(BYTES) }))
}

#[target_feature(enable = "ssse3")]
#[inline]
fn register(bytes: &[u8; 16]) -> __m128i {
    // SAFETY: sixteen bytes are what is read.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

/// Rows to columns and back: four blocks to their first, second, third and fourth words.
#[target_feature(enable = "ssse3")]
#[inline]
fn transpose([a, b, c, d]: Group) -> Group {
    let (ab, cd) = (_mm_unpacklo_epi32(a, b), _mm_unpacklo_epi32(c, d));
    let (ef, gh) = (_mm_unpackhi_epi32(a, b), _mm_unpackhi_epi32(c, d));
    [
        _mm_unpacklo_epi64(ab, cd),
        _mm_unpackhi_epi64(ab, cd),
        _mm_unpacklo_epi64(ef, gh),
        _mm_unpackhi_epi64(ef, gh),
    ]
}
