//! 256-bit integers as four 64-bit words, the least significant first: what the field and the
//! scalars share. No branch and no address depends on a value.

use std::hint::black_box;

/// Four words, the least significant first.
pub type Words = [u64; 4];

/// All ones or all zeros: a decision that is never branched on.
pub type Mask = u64;

/// The sum and its carry.
#[inline(always)]
pub fn add(a: &Words, b: &Words) -> (Words, bool) {
    let (r0, c) = a[0].carrying_add(b[0], false);
    let (r1, c) = a[1].carrying_add(b[1], c);
    let (r2, c) = a[2].carrying_add(b[2], c);
    let (r3, c) = a[3].carrying_add(b[3], c);
    ([r0, r1, r2, r3], c)
}

/// The difference, and whether it is negative.
#[inline(always)]
pub fn sub(a: &Words, b: &Words) -> (Words, Mask) {
    let (r0, c) = a[0].borrowing_sub(b[0], false);
    let (r1, c) = a[1].borrowing_sub(b[1], c);
    let (r2, c) = a[2].borrowing_sub(b[2], c);
    // The mask as the upper half of a wider difference: a chain of borrows without a comparison.
    let top = u128::from(a[3]).wrapping_sub(u128::from(b[3])).wrapping_sub(u128::from(c));
    let r3 = a[3].wrapping_sub(b[3]).wrapping_sub(u64::from(c));
    ([r0, r1, r2, r3], (top >> 64) as u64)
}

/// a - b mod `modulus` for a below it and b at most it.
#[inline(always)]
pub fn sub_mod(a: &Words, b: &Words, modulus: &Words) -> Words {
    let (difference, negative) = sub(a, b);
    add(&difference, &modulus.map(|word| word & negative)).0
}

/// a + b mod `modulus` for a below it, b at most it, as a - (modulus - b), which cannot borrow
/// twice.
#[inline(always)]
pub fn add_mod(a: &Words, b: &Words, modulus: &Words) -> Words {
    sub_mod(a, &sub(modulus, b).0, modulus)
}

/// The whole product.
#[inline(always)]
pub fn mul(a: &Words, b: &Words) -> [u64; 8] {
    let mut t = [0; 8];
    for i in 0..4 {
        let mut carry = 0;
        for j in 0..4 {
            (t[i + j], carry) = a[i].carrying_mul_add(b[j], t[i + j], carry);
        }
        t[i + 4] = carry;
    }
    t
}

/// The whole square: six products doubled and four squares.
#[inline(always)]
pub fn square(a: &Words) -> [u64; 8] {
    let (t1, c) = a[0].carrying_mul(a[1], 0);
    let (t2, c) = a[0].carrying_mul(a[2], c);
    let (t3, t4) = a[0].carrying_mul(a[3], c);
    let (t3, c) = a[1].carrying_mul_add(a[2], t3, 0);
    let (t4, t5) = a[1].carrying_mul_add(a[3], t4, c);
    let (t5, t6) = a[2].carrying_mul_add(a[3], t5, 0);

    let (s0, h0) = a[0].carrying_mul(a[0], 0);
    let (s1, h1) = a[1].carrying_mul(a[1], 0);
    let (s2, h2) = a[2].carrying_mul(a[2], 0);
    let (s3, h3) = a[3].carrying_mul(a[3], 0);
    let (r1, c) = (t1 << 1).carrying_add(h0, false);
    let (r2, c) = (t2 << 1 | t1 >> 63).carrying_add(s1, c);
    let (r3, c) = (t3 << 1 | t2 >> 63).carrying_add(h1, c);
    let (r4, c) = (t4 << 1 | t3 >> 63).carrying_add(s2, c);
    let (r5, c) = (t5 << 1 | t4 >> 63).carrying_add(h2, c);
    let (r6, c) = (t6 << 1 | t5 >> 63).carrying_add(s3, c);
    let (r7, _) = (t6 >> 63).carrying_add(h3, c);
    [s0, r1, r2, r3, r4, r5, r6, r7]
}

/// `yes` where the mask is set, else `no`.
#[inline(always)]
pub fn select(mask: Mask, yes: &Words, no: &Words) -> Words {
    std::array::from_fn(|i| no[i] ^ (mask & (yes[i] ^ no[i])))
}

/// Set when the words are all zero.
#[inline(always)]
pub fn zero_mask(a: &Words) -> Mask {
    let any = a[0] | a[1] | a[2] | a[3];
    let set = (any | any.wrapping_neg()) >> 63;
    black_box(set.wrapping_sub(1))
}

/// Set when two small numbers are equal. The compiler cannot see through it.
#[inline(always)]
pub fn equal_mask(a: u64, b: u64) -> Mask {
    let difference = a ^ b;
    let set = (difference | difference.wrapping_neg()) >> 63;
    black_box(set.wrapping_sub(1))
}

pub fn from_be(bytes: &[u8; 32]) -> Words {
    let mut words = [0; 4];
    for (word, chunk) in words.iter_mut().rev().zip(bytes.as_chunks::<8>().0) {
        *word = u64::from_be_bytes(*chunk);
    }
    words
}

pub fn to_be(words: &Words) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (word, chunk) in words.iter().rev().zip(bytes.as_chunks_mut::<8>().0) {
        *chunk = word.to_be_bytes();
    }
    bytes
}
