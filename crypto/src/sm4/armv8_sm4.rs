//! SM4 on the SM4 instructions of ARMv8.2: SM4E runs four rounds on a block. They stand as
//! assembly, because their intrinsics (`vsm4eq_u32`) are not stable in Rust 1.95.
#![allow(unsafe_code)]

use std::arch::{aarch64::*, asm};

use super::{BLOCK_BYTES, RoundKeys};

/// Blocks under way at a time.
const WIDTH: usize = 8;

/// Proof that the processor has what this kernel needs.
#[derive(Clone, Copy)]
pub(super) struct Armv8Sm4(());

impl Armv8Sm4 {
    pub(super) fn detect() -> Option<Self> {
        let has = std::arch::is_aarch64_feature_detected!("neon")
            && std::arch::is_aarch64_feature_detected!("sm4");
        has.then_some(Self(()))
    }

    /// Runs the rounds over each block in place.
    pub(super) fn crypt(self, keys: &RoundKeys, blocks: &mut [[u8; BLOCK_BYTES]]) {
        // SAFETY: `self` exists only where `detect` found the features.
        unsafe { crypt(keys, blocks) }
    }
}

#[target_feature(enable = "neon,sm4")]
fn crypt(keys: &RoundKeys, blocks: &mut [[u8; BLOCK_BYTES]]) {
    let (four, _) = keys.as_chunks::<4>();
    let mut x = [vdupq_n_u32(0); WIDTH];
    for blocks in blocks.chunks_mut(WIDTH) {
        for (x, block) in x.iter_mut().zip(&*blocks) {
            // SAFETY: a block has the 16 bytes of a register.
            *x = vreinterpretq_u32_u8(vrev32q_u8(unsafe { vld1q_u8(block.as_ptr()) }));
        }
        for keys in four {
            // SAFETY: four keys have the 16 bytes of a register.
            let keys = unsafe { vld1q_u32(keys.as_ptr()) };
            if blocks.len() == 1 {
                x[0] = four_rounds(x[0], keys);
            } else {
                x = x.map(|x| four_rounds(x, keys));
            }
        }
        for (x, block) in x.iter().zip(blocks) {
            let pairs = vrev64q_u32(*x);
            let turned = vrev32q_u8(vreinterpretq_u8_u32(vextq_u32::<2>(pairs, pairs)));
            // SAFETY: a block has the 16 bytes of a register.
            unsafe { vst1q_u8(block.as_mut_ptr(), turned) };
        }
    }
}

#[target_feature(enable = "neon,sm4")]
#[inline]
fn four_rounds(mut x: uint32x4_t, keys: uint32x4_t) -> uint32x4_t {
    // SAFETY: the instruction works on its two registers alone, and the caller has it.
    unsafe {
        asm!(
            "sm4e {x:v}.4s, {keys:v}.4s",
            x = inout(vreg) x,
            keys = in(vreg) keys,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    x
}
