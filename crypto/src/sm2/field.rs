//! The field of the curve: integers mod p = 2^256 - 2^224 - 2^96 + 2^64 - 1 (GB/T 32918.5-2017, 2),
//! in Montgomery form, always below p. Constant time throughout.

use zeroize::Zeroize;

use super::words::{self, Mask, Words};

/// An element, as x * 2^256 mod p.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field(Words);

impl Field {
    pub const ZERO: Self = Self([0; 4]);
    pub const ONE: Self = Self([1, 0xffff_ffff, 0, 0x1_0000_0000]);
    /// The curve's b.
    pub const B: Self = Self([
        0x90d2_3063_2bc0_dd42,
        0x71cf_379a_e9b5_37ab,
        0x5279_8150_5ea5_1c3c,
        0x240f_e188_ba20_e2c8,
    ]);

    /// The base point's coordinates.
    pub const GX: Self = Self([
        0x6132_8990_f418_029e,
        0x3e79_81ed_dca6_c050,
        0xd6a1_ed99_ac24_c3c3,
        0x9116_7a5e_e1c1_3b05,
    ]);
    pub const GY: Self = Self([
        0xc135_4e59_3c2d_0ddd,
        0xc1f5_e578_8d32_95fa,
        0x8d4c_fb06_6e2a_48f8,
        0x63cd_65d4_81d7_35bd,
    ]);

    /// 32 bytes, the most significant first; `None` when the number is not below p.
    pub fn from_be(bytes: &[u8; 32]) -> Option<Self> {
        let value = words::from_be(bytes);
        let (_, below) = words::sub(&value, &P);
        (below != 0).then(|| Self(reduce(&words::mul(&value, &R2))))
    }

    pub fn to_be(self) -> [u8; 32] {
        words::to_be(&self.plain())
    }

    /// The number itself, out of Montgomery form.
    fn plain(self) -> Words {
        let [a, b, c, d] = self.0;
        reduce(&[a, b, c, d, 0, 0, 0, 0])
    }

    #[inline(always)]
    pub fn add(self, other: Self) -> Self {
        Self(words::add_mod(&self.0, &other.0, &P))
    }

    #[inline(always)]
    pub fn double(self) -> Self {
        self.add(self)
    }

    /// Half of it: an odd number is made even by adding p first.
    #[inline(always)]
    pub fn half(self) -> Self {
        let odd = 0u64.wrapping_sub(self.0[0] & 1);
        let (sum, carry) = words::add(&self.0, &P.map(|word| word & odd));
        let [a, b, c, d] = sum;
        let high = u64::from(carry) << 63;
        Self([a >> 1 | b << 63, b >> 1 | c << 63, c >> 1 | d << 63, d >> 1 | high])
    }

    #[inline(always)]
    pub fn sub(self, other: Self) -> Self {
        Self(words::sub_mod(&self.0, &other.0, &P))
    }

    #[inline(always)]
    pub fn neg(self) -> Self {
        Self::ZERO.sub(self)
    }

    #[inline(always)]
    pub fn mul(self, other: Self) -> Self {
        Self(reduce(&words::mul(&self.0, &other.0)))
    }

    #[inline(always)]
    pub fn square(self) -> Self {
        Self(reduce(&words::square(&self.0)))
    }

    fn squared(self, times: u32) -> Self {
        (0..times).fold(self, |value, _| value.square())
    }

    /// x^(p-2), the inverse; zero for zero.
    pub fn invert(self) -> Self {
        let ones = Ones::of(self);
        ones.head().squared(64).mul(ones.n32).squared(30).mul(ones.n30).squared(2).mul(self)
    }

    /// A square root, x^((p+1)/4) since p = 3 mod 4; `None` when there is none.
    pub fn sqrt(self) -> Option<Self> {
        let ones = Ones::of(self);
        let root = ones.head().squared(32).mul(self).squared(62);
        (root.square() == self).then_some(root)
    }

    pub fn is_odd(self) -> bool {
        self.plain()[0] & 1 == 1
    }

    #[inline(always)]
    pub fn zero_mask(&self) -> Mask {
        words::zero_mask(&self.0)
    }

    pub fn is_zero(&self) -> bool {
        self.0 == [0; 4]
    }

    /// `yes` where the mask is set, else `no`.
    #[inline(always)]
    pub fn select(mask: Mask, yes: &Self, no: &Self) -> Self {
        Self(words::select(mask, &yes.0, &no.0))
    }

    /// Takes over the bits of `other` where the mask is set; what is built that way begins at zero.
    #[inline(always)]
    pub fn gather(&mut self, mask: Mask, other: &Self) {
        for (word, from) in self.0.iter_mut().zip(other.0) {
            *word |= mask & from;
        }
    }
}

impl Zeroize for Field {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

/// Powers x^(2^k - 1) of one element, which p - 2 and (p + 1) / 4 are made of.
struct Ones {
    n30: Field,
    n31: Field,
    n32: Field,
}

impl Ones {
    fn of(x: Field) -> Self {
        let n2 = x.square().mul(x);
        let n3 = n2.square().mul(x);
        let n6 = n3.squared(3).mul(n3);
        let n12 = n6.squared(6).mul(n6);
        let n15 = n12.squared(3).mul(n3);
        let n30 = n15.squared(15).mul(n15);
        let n31 = n30.square().mul(x);
        Self { n30, n31, n32: n31.square().mul(x) }
    }

    /// x to the power of the upper 160 bits of p: 31 ones, a zero, 128 ones.
    fn head(&self) -> Field {
        let first = self.n31.squared(33).mul(self.n32);
        (0..3).fold(first, |value, _| value.squared(32).mul(self.n32))
    }
}

/// t * 2^-256 mod p for t < p * 2^256. Since -1/p = 1 mod 2^64, a round's factor is the lowest word
/// itself, and factor * p needs shifts only: m p = m (2^256 - 2^224 - 2^96 + 2^64) - m.
#[inline(always)]
fn reduce(t: &[u64; 8]) -> Words {
    let mut low = [t[0], t[1], t[2], t[3]];
    for _ in 0..4 {
        let m = low[0];
        let (left, right) = (m << 32, m >> 32);
        let (v0, b) = m.borrowing_sub(left, false);
        let (v1, b) = 0u64.borrowing_sub(right, b);
        let (v2, b) = 0u64.borrowing_sub(left, b);
        let (v3, _) = m.borrowing_sub(right, b);
        let (r0, c) = low[1].carrying_add(v0, false);
        let (r1, c) = low[2].carrying_add(v1, c);
        let (r2, c) = low[3].carrying_add(v2, c);
        let (r3, _) = v3.carrying_add(0, c);
        low = [r0, r1, r2, r3];
    }
    // Here low <= p, and the upper half is below p because t is below p * 2^256.
    words::add_mod(&[t[4], t[5], t[6], t[7]], &low, &P)
}

const P: Words =
    [0xffff_ffff_ffff_ffff, 0xffff_ffff_0000_0000, 0xffff_ffff_ffff_ffff, 0xffff_fffe_ffff_ffff];

/// 2^512 mod p: what takes a number into Montgomery form.
const R2: Words =
    [0x0000_0002_0000_0003, 0x0000_0002_ffff_ffff, 0x0000_0001_0000_0001, 0x0000_0004_0000_0002];
