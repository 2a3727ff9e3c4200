//! Scalars: integers modulo the order n of the base point (GB/T 32918.5-2017, 2), in Montgomery
//! form, always below n. Constant time throughout.

use zeroize::Zeroize;

use super::words::{self, Words};

/// A scalar, as x * 2^256 mod n.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Scalar(Words);

impl Scalar {
    pub const ONE: Self = Self([0xac44_0bf6_c62a_bedd, 0x8dfc_2094_de39_fad4, 0, 0x1_0000_0000]);

    /// 32 bytes, the most significant first; `None` when the number is not below n.
    pub fn from_be(bytes: &[u8; 32]) -> Option<Self> {
        let (_, below) = words::sub(&words::from_be(bytes), &N);
        (below != 0).then(|| Self::reduced(bytes))
    }

    /// The same, modulo n.
    pub fn reduced(bytes: &[u8; 32]) -> Self {
        Self(reduce(&words::mul(&words::from_be(bytes), &R2)))
    }

    pub fn to_be(self) -> [u8; 32] {
        words::to_be(&self.plain())
    }

    /// The number itself, out of Montgomery form.
    pub fn plain(self) -> Words {
        let [a, b, c, d] = self.0;
        reduce(&[a, b, c, d, 0, 0, 0, 0])
    }

    pub fn add(self, other: Self) -> Self {
        Self(words::add_mod(&self.0, &other.0, &N))
    }

    pub fn sub(self, other: Self) -> Self {
        Self(words::sub_mod(&self.0, &other.0, &N))
    }

    pub fn mul(self, other: Self) -> Self {
        Self(reduce(&words::mul(&self.0, &other.0)))
    }

    fn square(self) -> Self {
        Self(reduce(&words::square(&self.0)))
    }

    /// x^(n-2), the inverse, by windows of four bits of a public exponent; zero for zero.
    pub fn invert(self) -> Self {
        let mut powers = [Self::ONE; 16];
        for i in 1..16 {
            powers[i] = powers[i - 1].mul(self);
        }
        let exponent = [N[0] - 2, N[1], N[2], N[3]];
        let mut result = Self::ONE;
        for digit in words::to_be(&exponent).iter().flat_map(|byte| [byte >> 4, byte & 15]) {
            result = result.square().square().square().square();
            result = result.mul(powers[usize::from(digit)]);
        }
        powers.iter_mut().for_each(Zeroize::zeroize);
        result
    }

    /// Whether the scalar is zero: only the answer is told by the time that follows.
    pub fn is_zero(&self) -> bool {
        words::zero_mask(&self.0) != 0
    }
}

impl Zeroize for Scalar {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

/// t * 2^-256 mod n for t < n * 2^256.
fn reduce(t: &[u64; 8]) -> Words {
    let mut t = *t;
    let mut high = false;
    for i in 0..4 {
        let m = t[i].wrapping_mul(NEGATIVE_INVERSE);
        let mut carry = 0;
        for j in 0..4 {
            (t[i + j], carry) = m.carrying_mul_add(N[j], t[i + j], carry);
        }
        (t[i + 4], high) = t[i + 4].carrying_add(carry, high);
    }
    // The result with `high` is below 2n: what n was taken from in vain is given back.
    let (less, negative) = words::sub(&[t[4], t[5], t[6], t[7]], &N);
    let negative = negative.wrapping_add(u64::from(high));
    words::add(&less, &N.map(|word| word & negative)).0
}

/// The order of the base point.
pub const N: Words =
    [0x53bb_f409_39d5_4123, 0x7203_df6b_21c6_052b, 0xffff_ffff_ffff_ffff, 0xffff_fffe_ffff_ffff];
/// -1/n mod 2^64.
const NEGATIVE_INVERSE: u64 = 0x327f_9e88_7235_0975;
/// 2^512 mod n.
const R2: Words =
    [0x9011_92af_7c11_4f20, 0x3464_504a_de6f_a2fa, 0x620f_c84c_3aff_e0d4, 0x1eb5_e412_a22b_3d3b];
