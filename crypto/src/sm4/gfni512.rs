//! SM4 on GFNI and AVX-512: 16 blocks in four registers, up to 64 under way at a time.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use super::{
    BLOCK_BYTES, RoundKeys,
    matrix::{self, turned},
};

/// Proof that the processor has what this kernel needs.
#[derive(Clone, Copy)]
pub(super) struct Gfni512(());

/// Word `i` of sixteen blocks in register `i`.
type Group = [__m512i; 4];

impl Gfni512 {
    pub(super) fn detect() -> Option<Self> {
        let has = is_x86_feature_detected!("gfni")
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw");
        has.then_some(Self(()))
    }

    /// Runs the rounds over each block in place. `keys` are mapped by [`matrix::IN`].
    pub(super) fn crypt(self, keys: &RoundKeys, blocks: &mut [[u8; BLOCK_BYTES]]) {
        // SAFETY: `self` exists only where `detect` found the features.
        unsafe { crypt(keys, blocks) }
    }
}

#[target_feature(enable = "gfni,avx512f,avx512bw")]
fn crypt(keys: &RoundKeys, blocks: &mut [[u8; BLOCK_BYTES]]) {
    let (wide, rest) = blocks.as_chunks_mut::<64>();
    for blocks in wide {
        groups::<4>(keys, blocks);
    }
    match rest.len() {
        0 => {}
        1..=16 => groups::<1>(keys, rest),
        17..=32 => groups::<2>(keys, rest),
        33..=48 => groups::<3>(keys, rest),
        _ => groups::<4>(keys, rest),
    }
}

/// Up to `16 * N` blocks.
#[target_feature(enable = "gfni,avx512f,avx512bw")]
#[inline]
fn groups<const N: usize>(keys: &RoundKeys, blocks: &mut [[u8; BLOCK_BYTES]]) {
    assert!(blocks.len() <= 16 * N);
    let mut x = [[_mm512_setzero_si512(); 4]; N];
    let into = _mm512_set1_epi64(matrix::IN.rows().cast_signed());
    for (group, x) in x.iter_mut().enumerate() {
        for (n, x) in x.iter_mut().enumerate() {
            *x = load(blocks, 16 * group + 4 * n);
            *x = _mm512_gf2p8affine_epi64_epi8::<0>(*x, into);
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
    let back = _mm512_set1_epi64(matrix::BACK.rows().cast_signed());
    for (group, [x0, x1, x2, x3]) in x.into_iter().enumerate() {
        for (n, x) in transpose([x3, x2, x1, x0]).into_iter().enumerate() {
            let x = _mm512_gf2p8affine_epi64_epi8::<0>(x, back);
            store(blocks, 16 * group + 4 * n, x);
        }
    }
}

/// `a` plus the round function of `b + c + d + key`.
#[target_feature(enable = "gfni,avx512f,avx512bw")]
#[inline]
fn round(a: __m512i, b: __m512i, c: __m512i, d: __m512i, key: u32) -> __m512i {
    const SUM: i32 = 0x96;
    let part_a = _mm512_set1_epi64(matrix::A.rows().cast_signed());
    let part_c = _mm512_set1_epi64(matrix::C.rows().cast_signed());
    let t = _mm512_xor_si512(b, _mm512_set1_epi32(key.cast_signed()));
    let t = _mm512_ternarylogic_epi32::<SUM>(t, c, d);
    let s0 = _mm512_gf2p8affineinv_epi64_epi8::<{ matrix::A.constant as i32 }>(t, part_a);
    let s3 = _mm512_gf2p8affineinv_epi64_epi8::<{ matrix::C.constant as i32 }>(t, part_c);
    let both = _mm512_xor_si512(s0, s3);
    let a = _mm512_ternarylogic_epi32::<SUM>(a, s0, turn::<1>(both));
    _mm512_ternarylogic_epi32::<SUM>(a, turn::<2>(both), turn::<3>(s3))
}

/// Turns big-endian words to the left by `BYTES`.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn turn<const BYTES: u32>(x: __m512i) -> __m512i {
    let places = _mm_set_epi32(
        const { turned(3, BYTES) },
        const { turned(2, BYTES) },
        const { turned(1, BYTES) },
        const { turned(0, BYTES) },
    );
    _mm512_shuffle_epi8(x, _mm512_broadcast_i32x4(places))
}

/// Rows to columns and back, in each quarter: four blocks to their first, second, third and fourth
/// words.
#[target_feature(enable = "avx512f")]
#[inline]
fn transpose([a, b, c, d]: Group) -> Group {
    let (ab, cd) = (_mm512_unpacklo_epi32(a, b), _mm512_unpacklo_epi32(c, d));
    let (ef, gh) = (_mm512_unpackhi_epi32(a, b), _mm512_unpackhi_epi32(c, d));
    [
        _mm512_unpacklo_epi64(ab, cd),
        _mm512_unpackhi_epi64(ab, cd),
        _mm512_unpacklo_epi64(ef, gh),
        _mm512_unpackhi_epi64(ef, gh),
    ]
}

/// Loads four blocks from `first` on; those beyond the end are zero.
#[target_feature(enable = "avx512f")]
#[inline]
fn load(blocks: &[[u8; BLOCK_BYTES]], first: usize) -> __m512i {
    let Some(rest) = blocks.get(first..) else { return _mm512_setzero_si512() };
    // SAFETY: the mask keeps the load within `rest`.
    unsafe { _mm512_maskz_loadu_epi64(mask(rest.len()), rest.as_ptr().cast()) }
}

/// Stores four blocks from `first` on; those beyond the end are dropped.
#[target_feature(enable = "avx512f")]
#[inline]
fn store(blocks: &mut [[u8; BLOCK_BYTES]], first: usize, x: __m512i) {
    let Some(rest) = blocks.get_mut(first..) else { return };
    // SAFETY: the mask keeps the store within `rest`.
    unsafe { _mm512_mask_storeu_epi64(rest.as_mut_ptr().cast(), mask(rest.len()), x) }
}

/// Two bits for each of at most four blocks.
const fn mask(blocks: usize) -> __mmask8 {
    if blocks >= 4 { 0xff } else { (1 << (2 * blocks)) - 1 }
}
