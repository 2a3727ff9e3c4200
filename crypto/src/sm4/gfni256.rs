//! SM4 on GFNI and AVX2: 8 blocks in four registers, 16 under way at a time.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use super::{
    BLOCK_BYTES, RoundKeys,
    matrix::{self, turned},
};

/// Proof that the processor has what this kernel needs.
#[derive(Clone, Copy)]
pub(super) struct Gfni256(());

/// Word `i` of eight blocks in register `i`.
type Group = [__m256i; 4];

impl Gfni256 {
    pub(super) fn detect() -> Option<Self> {
        let has = is_x86_feature_detected!("gfni") && is_x86_feature_detected!("avx2");
        has.then_some(Self(()))
    }

    /// Runs the rounds over each block in place. `keys` are mapped by [`matrix::IN`].
    pub(super) fn crypt(self, keys: &RoundKeys, blocks: &mut [[u8; BLOCK_BYTES]]) {
        // SAFETY: `self` exists only where `detect` found the features.
        unsafe { crypt(keys, blocks) }
    }
}

#[target_feature(enable = "gfni,avx2")]
fn crypt(keys: &RoundKeys, blocks: &mut [[u8; BLOCK_BYTES]]) {
    let (wide, rest) = blocks.as_chunks_mut::<16>();
    for blocks in wide {
        groups::<2, 16>(keys, blocks);
    }
    let (eight, rest) = rest.as_chunks_mut::<8>();
    for blocks in eight {
        groups::<1, 8>(keys, blocks);
    }
    if !rest.is_empty() {
        let mut last = [[0; BLOCK_BYTES]; 8];
        last[..rest.len()].copy_from_slice(rest);
        groups::<1, 8>(keys, &mut last);
        rest.copy_from_slice(&last[..rest.len()]);
    }
}

/// `B` blocks in `N` groups.
#[target_feature(enable = "gfni,avx2")]
#[inline]
fn groups<const N: usize, const B: usize>(keys: &RoundKeys, blocks: &mut [[u8; BLOCK_BYTES]; B]) {
    const { assert!(B == 8 * N) };
    let mut x = [[_mm256_setzero_si256(); 4]; N];
    let into = _mm256_set1_epi64x(matrix::IN.rows().cast_signed());
    for (x, pairs) in x.iter_mut().zip(blocks.as_chunks::<2>().0.as_chunks::<4>().0) {
        for (x, pair) in x.iter_mut().zip(pairs) {
            // SAFETY: a pair of blocks has the 32 bytes of a register.
            let pair = unsafe { _mm256_loadu_si256(pair.as_ptr().cast()) };
            *x = _mm256_gf2p8affine_epi64_epi8::<0>(pair, into);
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
    let back = _mm256_set1_epi64x(matrix::BACK.rows().cast_signed());
    let groups = blocks.as_chunks_mut::<2>().0.as_chunks_mut::<4>().0;
    for ([x0, x1, x2, x3], pairs) in x.into_iter().zip(groups) {
        for (x, pair) in transpose([x3, x2, x1, x0]).into_iter().zip(pairs) {
            let x = _mm256_gf2p8affine_epi64_epi8::<0>(x, back);
            // SAFETY: a pair of blocks has the 32 bytes of a register.
            unsafe { _mm256_storeu_si256(pair.as_mut_ptr().cast(), x) };
        }
    }
}

/// `a` plus the round function of `b + c + d + key`.
#[target_feature(enable = "gfni,avx2")]
#[inline]
fn round(a: __m256i, b: __m256i, c: __m256i, d: __m256i, key: u32) -> __m256i {
    let part_a = _mm256_set1_epi64x(matrix::A.rows().cast_signed());
    let part_c = _mm256_set1_epi64x(matrix::C.rows().cast_signed());
    let key = _mm256_set1_epi32(key.cast_signed());
    let t = _mm256_xor_si256(_mm256_xor_si256(c, d), _mm256_xor_si256(b, key));
    let s0 = _mm256_gf2p8affineinv_epi64_epi8::<{ matrix::A.constant as i32 }>(t, part_a);
    let s3 = _mm256_gf2p8affineinv_epi64_epi8::<{ matrix::C.constant as i32 }>(t, part_c);
    let both = _mm256_xor_si256(s0, s3);
    let near = _mm256_xor_si256(_mm256_xor_si256(a, s0), turn::<1>(both));
    _mm256_xor_si256(near, _mm256_xor_si256(turn::<2>(both), turn::<3>(s3)))
}

/// Turns big-endian words to the left by `BYTES`.
#[target_feature(enable = "avx2")]
#[inline]
fn turn<const BYTES: u32>(x: __m256i) -> __m256i {
    let places = _mm_set_epi32(
        const { turned(3, BYTES) },
        const { turned(2, BYTES) },
        const { turned(1, BYTES) },
        const { turned(0, BYTES) },
    );
    _mm256_shuffle_epi8(x, _mm256_broadcastsi128_si256(places))
}

/// Rows to columns and back, in each half: four blocks to their first, second, third and fourth
/// words.
#[target_feature(enable = "avx2")]
#[inline]
fn transpose([a, b, c, d]: Group) -> Group {
    let (ab, cd) = (_mm256_unpacklo_epi32(a, b), _mm256_unpacklo_epi32(c, d));
    let (ef, gh) = (_mm256_unpackhi_epi32(a, b), _mm256_unpackhi_epi32(c, d));
    [
        _mm256_unpacklo_epi64(ab, cd),
        _mm256_unpackhi_epi64(ab, cd),
        _mm256_unpacklo_epi64(ef, gh),
        _mm256_unpackhi_epi64(ef, gh),
    ]
}
