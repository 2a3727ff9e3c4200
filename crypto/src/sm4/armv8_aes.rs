//! SM4 on the AES instructions of ARMv8: AESE does the inversion, TBL the linear maps. 4 blocks in
//! four registers, 8 under way at a time.
#![allow(unsafe_code)]

use std::arch::aarch64::*;

use super::{
    BLOCK_BYTES, RoundKeys,
    matrix::{self, aes_turned},
    neon::transpose,
};

/// Proof that the processor has what this kernel needs.
#[derive(Clone, Copy)]
pub(super) struct Armv8Aes(());

impl Armv8Aes {
    pub(super) fn detect() -> Option<Self> {
        let has = std::arch::is_aarch64_feature_detected!("neon")
            && std::arch::is_aarch64_feature_detected!("aes");
        has.then_some(Self(()))
    }

    /// Runs the rounds over each block in place. `keys` are mapped by [`matrix::IN`].
    pub(super) fn crypt(self, keys: &RoundKeys, blocks: &mut [[u8; BLOCK_BYTES]]) {
        // SAFETY: `self` exists only where `detect` found the features.
        unsafe { crypt(keys, blocks) }
    }
}

#[target_feature(enable = "neon,aes")]
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
#[target_feature(enable = "neon,aes")]
#[inline]
fn groups<const N: usize, const B: usize>(keys: &RoundKeys, blocks: &mut [[u8; BLOCK_BYTES]; B]) {
    const { assert!(B == 4 * N) };
    const IN: [[u8; 16]; 2] = matrix::IN.linear().nibbles();
    const BACK: [[u8; 16]; 2] = matrix::BACK.nibbles();
    let mut x = [[vdupq_n_u32(0); 4]; N];
    for (x, four) in x.iter_mut().zip(blocks.as_chunks::<4>().0) {
        for (x, block) in x.iter_mut().zip(four) {
            *x = vreinterpretq_u32_u8(look_up(&IN, nibbles(register(block))));
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
            let x = look_up(&BACK, nibbles(vreinterpretq_u8_u32(x)));
            // SAFETY: a block has the 16 bytes of a register.
            unsafe { vst1q_u8(block.as_mut_ptr(), x) };
        }
    }
}

/// `a` plus the round function of `b + c + d + key`.
#[target_feature(enable = "neon,aes")]
#[inline]
fn round(a: uint32x4_t, b: uint32x4_t, c: uint32x4_t, d: uint32x4_t, key: u32) -> uint32x4_t {
    const A: [[u8; 16]; 2] = matrix::AES_A.nibbles();
    const C: [[u8; 16]; 2] = matrix::AES_C.nibbles();
    let t = vreinterpretq_u8_u32(veorq_u32(veorq_u32(c, d), b));
    let inverse = nibbles(vaeseq_u8(t, vreinterpretq_u8_u32(vdupq_n_u32(key))));
    let (s0, s3) = (look_up(&A, inverse), look_up(&C, inverse));
    let both = veorq_u8(s0, s3);
    let near = veorq_u8(turn::<0>(s0), turn::<1>(both));
    let far = veorq_u8(turn::<2>(both), turn::<3>(s3));
    veorq_u32(a, vreinterpretq_u32_u8(veorq_u8(near, far)))
}

/// The low and the high nibble of each byte.
#[target_feature(enable = "neon")]
#[inline]
fn nibbles(x: uint8x16_t) -> [uint8x16_t; 2] {
    [vandq_u8(x, vdupq_n_u8(15)), vshrq_n_u8::<4>(x)]
}

/// Applies what [`matrix::Affine::nibbles`] gives.
#[target_feature(enable = "neon")]
#[inline]
fn look_up(tables: &[[u8; 16]; 2], [low, high]: [uint8x16_t; 2]) -> uint8x16_t {
    veorq_u8(vqtbl1q_u8(register(&tables[0]), low), vqtbl1q_u8(register(&tables[1]), high))
}

/// Takes the bytes to where they were before the row shift of AES, and then turns big-endian words
/// to the left by `BYTES`.
#[target_feature(enable = "neon")]
#[inline]
fn turn<const BYTES: u32>(x: uint8x16_t) -> uint8x16_t {
    vqtbl1q_u8(x, register(const { &aes_turned(BYTES) }))
}

#[target_feature(enable = "neon")]
#[inline]
fn register(bytes: &[u8; 16]) -> uint8x16_t {
    // SAFETY: sixteen bytes are what is read.
    unsafe { vld1q_u8(bytes.as_ptr()) }
}
