//! SM4 on NEON: the S-box lies in sixteen registers, where TBL finds a byte in constant time. 4
//! blocks in four registers, 8 under way at a time.
#![allow(unsafe_code)]

use std::arch::aarch64::*;

use super::{BLOCK_BYTES, RoundKeys, matrix};

/// Word `i` of four blocks in register `i`.
type Group = [uint32x4_t; 4];

/// The S-box, 64 entries in each.
type Table = [uint8x16x4_t; 4];

/// Proof that the processor has what this kernel needs.
#[derive(Clone, Copy)]
pub(super) struct Neon(());

impl Neon {
    pub(super) fn detect() -> Option<Self> {
        std::arch::is_aarch64_feature_detected!("neon").then_some(Self(()))
    }

    /// Runs the rounds over each block in place.
    pub(super) fn crypt(self, keys: &RoundKeys, blocks: &mut [[u8; BLOCK_BYTES]]) {
        // SAFETY: `self` exists only where `detect` found the feature.
        unsafe { crypt(keys, blocks) }
    }
}

#[target_feature(enable = "neon")]
fn crypt(keys: &RoundKeys, blocks: &mut [[u8; BLOCK_BYTES]]) {
    const S_BOX: [u8; 256] = matrix::s_box();
    // SAFETY: each of the four loads reads 64 of the 256 bytes.
    let table = std::array::from_fn(|n| unsafe { vld1q_u8_x4(S_BOX[64 * n..][..64].as_ptr()) });
    let (wide, rest) = blocks.as_chunks_mut::<8>();
    for blocks in wide {
        groups::<2, 8>(keys, &table, blocks);
    }
    let (four, rest) = rest.as_chunks_mut::<4>();
    for blocks in four {
        groups::<1, 4>(keys, &table, blocks);
    }
    if !rest.is_empty() {
        let mut last = [[0; BLOCK_BYTES]; 4];
        last[..rest.len()].copy_from_slice(rest);
        groups::<1, 4>(keys, &table, &mut last);
        rest.copy_from_slice(&last[..rest.len()]);
    }
}

/// `B` blocks in `N` groups.
#[target_feature(enable = "neon")]
#[inline]
fn groups<const N: usize, const B: usize>(
    keys: &RoundKeys,
    table: &Table,
    blocks: &mut [[u8; BLOCK_BYTES]; B],
) {
    const { assert!(B == 4 * N) };
    let mut x = [[vdupq_n_u32(0); 4]; N];
    for (x, four) in x.iter_mut().zip(blocks.as_chunks::<4>().0) {
        for (x, block) in x.iter_mut().zip(four) {
            // SAFETY: a block has the 16 bytes of a register.
            let block = unsafe { vld1q_u8(block.as_ptr()) };
            *x = vreinterpretq_u32_u8(vrev32q_u8(block));
        }
        *x = transpose(*x);
    }
    let (four, _) = keys.as_chunks::<4>();
    for [k0, k1, k2, k3] in four {
        for x in &mut x {
            x[0] = round(table, x[0], [x[1], x[2], x[3]], *k0);
        }
        for x in &mut x {
            x[1] = round(table, x[1], [x[2], x[3], x[0]], *k1);
        }
        for x in &mut x {
            x[2] = round(table, x[2], [x[3], x[0], x[1]], *k2);
        }
        for x in &mut x {
            x[3] = round(table, x[3], [x[0], x[1], x[2]], *k3);
        }
    }
    for ([x0, x1, x2, x3], four) in x.into_iter().zip(blocks.as_chunks_mut::<4>().0) {
        for (x, block) in transpose([x3, x2, x1, x0]).into_iter().zip(four) {
            let x = vrev32q_u8(vreinterpretq_u8_u32(x));
            // SAFETY: a block has the 16 bytes of a register.
            unsafe { vst1q_u8(block.as_mut_ptr(), x) };
        }
    }
}

/// `a` plus the round function of `b + c + d + key`.
#[target_feature(enable = "neon")]
#[inline]
fn round(table: &Table, a: uint32x4_t, [b, c, d]: [uint32x4_t; 3], key: u32) -> uint32x4_t {
    let t = veorq_u32(veorq_u32(c, d), veorq_u32(b, vdupq_n_u32(key)));
    let t = vreinterpretq_u8_u32(t);
    // An index beyond the 64 entries gives zero, or leaves what was there.
    let step = vdupq_n_u8(64);
    let s = vqtbl4q_u8(table[0], t);
    let t = vsubq_u8(t, step);
    let s = vqtbx4q_u8(s, table[1], t);
    let t = vsubq_u8(t, step);
    let s = vqtbx4q_u8(s, table[2], t);
    let s = vqtbx4q_u8(s, table[3], vsubq_u8(t, step));
    let s = vreinterpretq_u32_u8(s);
    let two = vsriq_n_u32::<30>(vshlq_n_u32::<2>(s), s);
    let ten = vsriq_n_u32::<24>(vshlq_n_u32::<8>(two), two);
    let eighteen = vreinterpretq_u32_u16(vrev32q_u16(vreinterpretq_u16_u32(two)));
    let far = vsriq_n_u32::<8>(vshlq_n_u32::<24>(s), s);
    let near = veorq_u32(veorq_u32(a, s), two);
    veorq_u32(near, veorq_u32(veorq_u32(ten, eighteen), far))
}

/// Rows to columns and back: four blocks to their first, second, third and fourth words.
#[target_feature(enable = "neon")]
#[inline]
pub(super) fn transpose([a, b, c, d]: Group) -> Group {
    let pairs =
        |x, y| (vreinterpretq_u64_u32(vtrn1q_u32(x, y)), vreinterpretq_u64_u32(vtrn2q_u32(x, y)));
    let ((even, odd), (even2, odd2)) = (pairs(a, b), pairs(c, d));
    [
        vreinterpretq_u32_u64(vtrn1q_u64(even, even2)),
        vreinterpretq_u32_u64(vtrn1q_u64(odd, odd2)),
        vreinterpretq_u32_u64(vtrn2q_u64(even, even2)),
        vreinterpretq_u32_u64(vtrn2q_u64(odd, odd2)),
    ]
}
