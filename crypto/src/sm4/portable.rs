//! SM4 for any processor, without tables: bits of sixteen blocks lie side by side in words, and the
//! S-box is a circuit over such words.
//!
//! The inversion is done in GF(((2^2)^2)^2) with W^2 = W + 1, Z^2 = Z + W and Y^2 = Y + W^2 Z: the
//! inverse of `aY + b` there is `(aD)Y + (a + b)D` with `D = 1 / (W^2 Z a^2 + ab + b^2)`. A
//! product of nibbles is made of nine products of bits. The linear maps into the tower and out of
//! it are merged with the sums that these products need, and were shortened by a search for common
//! terms.

use zeroize::Zeroize;

use super::{BLOCK_BYTES, RoundKeys, matrix};

/// Blocks side by side.
const WIDTH: usize = 16;

/// Bit `i` of each byte of one word of each block: byte `b` of block `k` is at place `16 b + k`.
type Planes = [u64; 8];

/// The sums of bits of a nibble whose products with those of another one make up the product of
/// both nibbles.
type Sums = [u64; 9];

/// Runs the rounds over each block in place.
pub(super) fn crypt(keys: &RoundKeys, blocks: &mut [[u8; BLOCK_BYTES]]) {
    if blocks.is_empty() {
        return;
    }
    let mut key_planes = keys.map(spread);
    for blocks in blocks.chunks_mut(WIDTH) {
        rounds(&key_planes, blocks);
    }
    key_planes.zeroize();
}

/// Adds to a round key what the S-box adds to its input.
pub(super) fn prepare(key: u32) -> u32 {
    key ^ u32::from_ne_bytes([matrix::IN_OFFSET; 4])
}

/// The S-box on each byte of a word.
pub(super) fn substitute(word: u32) -> u32 {
    let mut planes = [0; 8];
    let word = prepare(word);
    for (n, byte) in word.to_be_bytes().into_iter().enumerate() {
        for (bit, plane) in planes.iter_mut().enumerate() {
            *plane |= u64::from((byte >> bit) & 1) << n;
        }
    }
    let planes = s_box(&planes);
    let mut bytes = [0; 4];
    for (n, byte) in bytes.iter_mut().enumerate() {
        for (bit, plane) in planes.iter().enumerate() {
            *byte |= u8::from((plane >> n) & 1 == 1) << bit;
        }
    }
    u32::from_be_bytes(bytes)
}

/// A round key in planes: each byte for all blocks.
fn spread(key: u32) -> Planes {
    let bytes = key.to_be_bytes().map(u64::from);
    std::array::from_fn(|bit| {
        let byte = |n: usize| ((bytes[n] >> bit) & 1) << (WIDTH * n);
        (byte(0) | byte(1) | byte(2) | byte(3)) * 0xffff
    })
}

fn rounds(keys: &[Planes; 32], blocks: &mut [[u8; BLOCK_BYTES]]) {
    let [mut x0, mut x1, mut x2, mut x3] = std::array::from_fn(|word| gather(blocks, word));
    let (four, _) = keys.as_chunks::<4>();
    for [k0, k1, k2, k3] in four {
        round(&mut x0, &x1, &x2, &x3, k0);
        round(&mut x1, &x2, &x3, &x0, k1);
        round(&mut x2, &x3, &x0, &x1, k2);
        round(&mut x3, &x0, &x1, &x2, k3);
    }
    for (word, planes) in [x3, x2, x1, x0].into_iter().enumerate() {
        scatter(planes, blocks, word);
    }
}

/// Adds the round function of `b + c + d + key` to `a`.
#[inline]
fn round(a: &mut Planes, b: &Planes, c: &Planes, d: &Planes, key: &Planes) {
    let s = s_box(&std::array::from_fn(|i| b[i] ^ c[i] ^ d[i] ^ key[i]));
    // Turned to the left by two: two bits of each byte come from the byte after it.
    let (t0, t1) = (s[6].rotate_right(16), s[7].rotate_right(16));
    let t = [t0, t1, s[0], s[1], s[2], s[3], s[4], s[5]];
    for i in 0..8 {
        let far = t[i].rotate_right(16) ^ t[i].rotate_right(32) ^ s[i].rotate_right(48);
        a[i] ^= s[i] ^ t[i] ^ far;
    }
}

/// One word of each block, in planes.
#[inline]
fn gather(blocks: &[[u8; BLOCK_BYTES]], word: usize) -> Planes {
    let of = |block: usize| {
        let words = blocks.get(block).map(|block| block.as_chunks::<4>().0[word]);
        widen(u32::from_le_bytes(words.unwrap_or_default()))
    };
    let mut rows = std::array::from_fn(|n| of(n) | (of(n + 8) << 8));
    turn(&mut rows);
    rows
}

/// The other way round.
#[inline]
fn scatter(mut planes: Planes, blocks: &mut [[u8; BLOCK_BYTES]], word: usize) {
    turn(&mut planes);
    for (n, block) in blocks.iter_mut().enumerate() {
        let row = planes[n % 8] >> (n / 8 * 8);
        block.as_chunks_mut::<4>().0[word] = narrow(row).to_le_bytes();
    }
}

/// Moves byte `b` to byte `2 b`.
#[inline]
fn widen(word: u32) -> u64 {
    let x = u64::from(word);
    let x = (x | (x << 16)) & 0x0000_ffff_0000_ffff;
    (x | (x << 8)) & 0x00ff_00ff_00ff_00ff
}

/// Moves byte `2 b` to byte `b`.
#[inline]
fn narrow(x: u64) -> u32 {
    let x = x & 0x00ff_00ff_00ff_00ff;
    let x = (x | (x >> 8)) & 0x0000_ffff_0000_ffff;
    ((x | (x >> 16)) & 0xffff_ffff) as u32
}

/// Rows to columns: bit `i` of byte `p` of row `m` and bit `m` of byte `p` of row `i` change
/// places.
#[inline]
fn turn(rows: &mut Planes) {
    const STEPS: [(usize, u64); 3] =
        [(1, 0x5555_5555_5555_5555), (2, 0x3333_3333_3333_3333), (4, 0x0f0f_0f0f_0f0f_0f0f)];
    for (step, mask) in STEPS {
        for low in (0..8).filter(|row| row & step == 0) {
            let (a, b) = (rows[low], rows[low + step]);
            let swap = ((a >> step) ^ b) & mask;
            rows[low] = a ^ (swap << step);
            rows[low + step] = b ^ swap;
        }
    }
}

/// The S-box without the constant that it adds to its input.
#[inline(always)]
fn s_box(x: &Planes) -> Planes {
    let ([low, high, sum], square) = enter(x);
    let d = sums(&invert(&product_plus(&product(&low, &sum), &square)));
    let (first, second) = (product(&sum, &d), product(&high, &d));
    let mut products = [0; 18];
    products[..9].copy_from_slice(&first);
    products[9..].copy_from_slice(&second);
    let mut out = leave(&products);
    for (bit, out) in out.iter_mut().enumerate() {
        if (matrix::OUT.constant >> bit) & 1 == 1 {
            *out = !*out;
        }
    }
    out
}

#[inline]
fn product(a: &Sums, b: &Sums) -> Sums {
    std::array::from_fn(|n| a[n] & b[n])
}

#[inline]
fn sums(x: &[u64; 4]) -> Sums {
    let (low, high) = (x[0] ^ x[1], x[2] ^ x[3]);
    [x[0], x[1], low, x[2], x[3], high, x[0] ^ x[2], x[1] ^ x[3], low ^ high]
}

/// The inverse in GF((2^2)^2) of `aZ + b`, by way of `1 / (W a^2 + ab + b^2)`.
#[inline]
fn invert(x: &[u64; 4]) -> [u64; 4] {
    let (b, a) = ([x[0], x[1]], [x[2], x[3]]);
    let [e0, e1] = multiply(&a, &b);
    // In GF(2^2) the inverse is the square.
    let (e0, e1) = (e0 ^ x[3] ^ x[0] ^ x[1], e1 ^ x[2] ^ x[1]);
    let inverse = [e0 ^ e1, e1];
    let [h0, h1] = multiply(&a, &inverse);
    let [l0, l1] = multiply(&[a[0] ^ b[0], a[1] ^ b[1]], &inverse);
    [l0, l1, h0, h1]
}

/// The product in GF(2^2).
#[inline]
fn multiply(a: &[u64; 2], b: &[u64; 2]) -> [u64; 2] {
    let low = a[0] & b[0];
    [low ^ (a[1] & b[1]), low ^ ((a[0] ^ a[1]) & (b[0] ^ b[1]))]
}

/// The nibbles of the input, mapped into the tower of fields: the lower, the higher and their sum;
/// and `W^2 Z` times the square of the higher.
#[inline]
fn enter(x: &Planes) -> ([Sums; 3], [u64; 4]) {
    let t0 = x[2] ^ x[7];
    let t1 = x[4] ^ t0;
    let t2 = x[0] ^ t1;
    let t3 = x[3] ^ x[5];
    let t4 = x[7] ^ t3;
    let t5 = t1 ^ t4;
    let t6 = x[0] ^ t5;
    let t7 = x[1] ^ t6;
    let t8 = t3 ^ t7;
    let t9 = t0 ^ t8;
    let t10 = x[3] ^ t9;
    let t11 = x[4] ^ t10;
    let t12 = x[0] ^ t11;
    let t13 = x[3] ^ t8;
    let t14 = t5 ^ t8;
    let t15 = t5 ^ t12;
    let t16 = x[2] ^ x[6];
    let t17 = x[1] ^ t16;
    let t18 = x[6] ^ t9;
    let t19 = x[6] ^ t8;
    let t20 = t10 ^ t17;
    let t21 = t4 ^ t16;
    let t22 = t14 ^ t16;
    let t23 = t10 ^ t22;
    let t24 = x[1] ^ t23;
    let t25 = t1 ^ t22;
    let t26 = x[4] ^ t22;
    let low = [t20, t24, t14, t10, t23, t22, t17, x[1], t16];
    let high = [t19, x[6], t8, t0, t26, t25, t18, t7, t21];
    let sum = [t12, t15, t5, t13, t11, t1, t2, t6, t4];
    ([low, high, sum], [t25, t26, t3, t9])
}

/// The sum of a product of nibbles, given by its products of bits, and `q`.
#[inline]
fn product_plus(p: &Sums, q: &[u64; 4]) -> [u64; 4] {
    let t0 = p[0] ^ p[6];
    let t1 = p[0] ^ p[5];
    let t2 = p[1] ^ q[0];
    let t3 = q[3] ^ t0;
    let t4 = p[7] ^ t0;
    let t5 = p[2] ^ q[1];
    let t6 = p[4] ^ t1;
    let t7 = p[2] ^ t3;
    let t8 = q[2] ^ t4;
    let t9 = t1 ^ t2;
    let t10 = p[8] ^ t7;
    let t11 = p[1] ^ t8;
    let t12 = p[3] ^ t9;
    let t13 = t5 ^ t6;
    [t12, t13, t11, t10]
}

/// The output without its constant, from the products of bits of the lower and the higher nibble.
#[inline]
fn leave(p: &[u64; 18]) -> Planes {
    let t0 = p[5] ^ p[10];
    let t1 = p[12] ^ t0;
    let t2 = p[11] ^ p[17];
    let t3 = p[6] ^ t1;
    let t4 = p[15] ^ t2;
    let t5 = p[1] ^ p[9];
    let t6 = p[4] ^ t4;
    let t7 = p[3] ^ t5;
    let t8 = p[8] ^ p[13];
    let t9 = p[3] ^ p[7];
    let t10 = p[4] ^ t8;
    let t11 = p[14] ^ t6;
    let t12 = p[11] ^ t3;
    let t13 = t3 ^ t11;
    let t14 = p[0] ^ t7;
    let t15 = p[5] ^ t4;
    let t16 = p[12] ^ t10;
    let t17 = p[16] ^ t16;
    let t18 = p[8] ^ t13;
    let t19 = t6 ^ t7;
    let t20 = t9 ^ t12;
    let t21 = p[17] ^ t17;
    let t22 = t10 ^ t12;
    let t23 = p[14] ^ t1;
    let t24 = p[1] ^ t13;
    let t25 = t9 ^ t21;
    let t26 = p[2] ^ t19;
    let t27 = t14 ^ t15;
    let t28 = p[2] ^ t24;
    let t29 = p[7] ^ t28;
    let t30 = p[13] ^ t20;
    let t31 = t14 ^ t23;
    [t30, t27, t29, t31, t22, t18, t26, t25]
}
