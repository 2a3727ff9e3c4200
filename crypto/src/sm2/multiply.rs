//! Multiples of points: of the base point by a table, of any point by windows, both constant time;
//! and the sum that a verification needs, in variable time, for it sees public values only.

use std::array::from_fn;
use std::sync::LazyLock;

use zeroize::Zeroizing;

use super::field::Field;
use super::point::{Affine, Jacobian};
use super::scalar::Scalar;
use super::words::{self, Mask, Words, equal_mask};

/// Bits of a window; a signed digit of one is at most 2^(WINDOW-1) in size.
const WINDOW: usize = 5;
const DIGITS: usize = 256_usize.div_ceil(WINDOW);
const MULTIPLES: usize = 1 << (WINDOW - 1);

/// `multiples[i][j]` is (j + 1) 2^(WINDOW i) G. 53 KB, built at first use.
static BASE: LazyLock<Vec<[Affine; MULTIPLES]>> = LazyLock::new(base_table);

/// k G; infinity for zero. Constant time.
///
/// No addition meets two equal points: before digit i the sum is below 0.52 * 2^(WINDOW i) in
/// size, and digit i adds at least 2^(WINDOW i). At the top digit (1 or 2, times 2^255) the sum
/// would have to be 2^255 - n, which is out of that range, or 2^256 - n with k over n.
pub fn base(k: &Scalar) -> Jacobian {
    let digits = Digits::of(k);
    let mut sum = Jacobian::INFINITY;
    for (i, multiples) in BASE.iter().enumerate() {
        let Digit { size, negative, there } = digits.at(i);
        let mut point = Affine { x: Field::ZERO, y: Field::ZERO };
        for (size_here, multiple) in (1..).zip(multiples) {
            let mask = equal_mask(size, size_here);
            point.x.gather(mask, &multiple.x);
            point.y.gather(mask, &multiple.y);
        }
        sum = sum.add_affine_distinct(&point.negate_if(negative), there);
    }
    sum
}

/// k P; infinity for zero. Constant time.
///
/// Before the last digit the sum is a multiple of 2^WINDOW below n - 2^WINDOW in size, so it equals
/// no digit's multiple unless both are infinity. At the last one it may (k = n - 6): that addition
/// is complete.
pub fn any(k: &Scalar, point: &Affine) -> Jacobian {
    let digits = Digits::of(k);
    let multiples = multiples_of(point);
    let mut sum = Jacobian::INFINITY;
    for i in (1..DIGITS).rev() {
        sum = sum.add_distinct(&digits.at(i).choose(&multiples));
        for _ in 0..WINDOW {
            sum = sum.double();
        }
    }
    sum.add(&digits.at(0).choose(&multiples))
}

/// s G + t P in variable time.
pub fn sum_public(s: &Scalar, t: &Scalar, point: &Affine) -> Jacobian {
    const ODD: usize = 8;
    let double = Jacobian::from(*point).double();
    let mut odd = [Jacobian::from(*point); ODD];
    for i in 1..ODD {
        odd[i] = odd[i - 1].add_public(&double);
    }
    let mut sum = Jacobian::INFINITY;
    for digit in sparse_digits(t).into_iter().rev() {
        sum = sum.double();
        if digit != 0 {
            let multiple = odd[usize::from(digit.unsigned_abs() / 2)];
            sum = sum.add_public(&multiple.negate_if(if digit < 0 { Mask::MAX } else { 0 }));
        }
    }
    let digits = Digits::of(s);
    for (i, multiples) in BASE.iter().enumerate() {
        let Digit { size, negative, .. } = digits.at(i);
        let place = usize::try_from(size).ok().and_then(|size| size.checked_sub(1));
        if let Some(multiple) = place.and_then(|place| multiples.get(place)) {
            sum = sum.add_affine_public(&multiple.negate_if(negative));
        }
    }
    sum
}

/// A scalar in signed windows (Booth): k = sum of digit(i) 2^(WINDOW i).
struct Digits(Zeroizing<Words>);

/// One digit: its size, and masks that say whether it is negative and whether it is not zero.
struct Digit {
    size: u64,
    negative: Mask,
    there: Mask,
}

impl Digits {
    fn of(k: &Scalar) -> Self {
        Self(Zeroizing::new(k.plain()))
    }

    /// The window's bits and the one below them, b: the digit is ceil(b / 2), less 2^WINDOW when
    /// the window's top bit is set.
    #[inline(always)]
    fn at(&self, i: usize) -> Digit {
        let bits = self.bits(i);
        let negative = 0u64.wrapping_sub(bits >> WINDOW);
        let size = (bits >> 1) + (bits & 1);
        let opposite = (1u64 << WINDOW) - size;
        let size = size ^ (negative & (size ^ opposite));
        Digit { size, negative, there: !equal_mask(size, 0) }
    }

    /// WINDOW + 1 bits from WINDOW i - 1 up; `i` is public.
    #[inline(always)]
    fn bits(&self, i: usize) -> u64 {
        let mask = (2u64 << WINDOW) - 1;
        let Some(from) = (WINDOW * i).checked_sub(1) else {
            return self.0[0] << 1 & mask;
        };
        let (word, shift) = (from / 64, from % 64);
        let mut bits = self.0[word] >> shift;
        if shift > 64 - (WINDOW + 1) && word < 3 {
            bits |= self.0[word + 1] << (64 - shift);
        }
        bits & mask
    }
}

impl Digit {
    /// The digit's multiple out of a whole pass over the table; infinity for zero.
    #[inline(always)]
    fn choose(&self, multiples: &[Jacobian; MULTIPLES]) -> Jacobian {
        let mut point = Jacobian { x: Field::ZERO, y: Field::ZERO, z: Field::ZERO };
        for (size, multiple) in (1..).zip(multiples) {
            let mask = equal_mask(self.size, size);
            point.x.gather(mask, &multiple.x);
            point.y.gather(mask, &multiple.y);
            point.z.gather(mask, &multiple.z);
        }
        point.negate_if(self.negative)
    }
}

/// P, 2P … 2^(WINDOW-1) P. They are below n and differ, so the additions are of different points.
fn multiples_of(point: &Affine) -> [Jacobian; MULTIPLES] {
    let first = Jacobian::from(*point);
    let mut multiples = [first; MULTIPLES];
    for i in 1..MULTIPLES {
        multiples[i] = if i % 2 == 1 {
            multiples[i / 2].double()
        } else {
            multiples[i - 1].add_distinct(&first)
        };
    }
    multiples
}

/// Digits that are zero or odd and below 16, any two of them at least five places apart (wNAF).
fn sparse_digits(k: &Scalar) -> [i8; 257] {
    let mut k = k.plain();
    let mut digits = [0; 257];
    let mut at = 0;
    while k != [0; 4] {
        if k[0] & 1 == 1 {
            let low = (k[0] & 31) as i8;
            let digit = if low > 15 { low - 32 } else { low };
            digits[at] = digit;
            let size = [u64::from(digit.unsigned_abs()), 0, 0, 0];
            k = if digit < 0 { words::add(&k, &size).0 } else { words::sub(&k, &size).0 };
        }
        k = from_fn(|i| k[i] >> 1 | k.get(i + 1).map_or(0, |word| word << 63));
        at += 1;
    }
    digits
}

/// One inversion for the whole table.
fn base_table() -> Vec<[Affine; MULTIPLES]> {
    let mut rows = Vec::with_capacity(DIGITS);
    let mut first = Jacobian::from(Affine::G);
    for _ in 0..DIGITS {
        let mut row = [first; MULTIPLES];
        for j in 1..MULTIPLES {
            row[j] = row[j - 1].add_public(&first);
        }
        first = row[MULTIPLES - 1].double();
        rows.push(row);
    }
    let mut product = Field::ONE;
    let mut before = Vec::with_capacity(DIGITS * MULTIPLES);
    for point in rows.iter().flatten() {
        before.push(product);
        product = product.mul(point.z);
    }
    let mut inverse = product.invert();
    let mut table: Vec<_> = rows
        .iter()
        .rev()
        .map(|row| {
            let mut affine = [Affine::G; MULTIPLES];
            for (to, point) in affine.iter_mut().zip(row).rev() {
                let mine = before.pop().unwrap_or(Field::ONE).mul(inverse);
                inverse = inverse.mul(point.z);
                *to = point.scaled(mine);
            }
            affine
        })
        .collect();
    table.reverse();
    table
}
