//! Points of the curve y² = x³ - 3x + b: affine ones as they are stored and sent, and Jacobian ones
//! (x = X/Z², y = Y/Z³, infinity where Z = 0) for sums. The order is prime, so every affine point
//! on the curve has order n and none has y = 0.

use zeroize::Zeroize;

use super::field::Field;
use super::scalar::{N, Scalar};
use super::words::{self, Mask};

/// A point that is not infinity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Affine {
    pub x: Field,
    pub y: Field,
}

impl Affine {
    pub const G: Self = Self { x: Field::GX, y: Field::GY };

    /// `None` when a coordinate is not below p or the point is not on the curve.
    pub fn from_coordinates(x: &[u8; 32], y: &[u8; 32]) -> Option<Self> {
        let (x, y) = (Field::from_be(x)?, Field::from_be(y)?);
        (y.square() == right_side(x)).then_some(Self { x, y })
    }

    /// The point with that x whose y is odd or even; `None` when there is none.
    pub fn from_x(x: &[u8; 32], odd: bool) -> Option<Self> {
        let x = Field::from_be(x)?;
        let y = right_side(x).sqrt()?;
        Some(Self { x, y: if y.is_odd() == odd { y } else { y.neg() } })
    }

    /// The negative point where the mask is set.
    #[inline(always)]
    pub fn negate_if(&self, mask: Mask) -> Self {
        Self { x: self.x, y: Field::select(mask, &self.y.neg(), &self.y) }
    }
}

/// x³ - 3x + b.
fn right_side(x: Field) -> Field {
    let three = Field::ONE.double().add(Field::ONE);
    x.square().sub(three).mul(x).add(Field::B)
}

/// A point in Jacobian coordinates.
#[derive(Clone, Copy, Debug)]
pub struct Jacobian {
    pub x: Field,
    pub y: Field,
    pub z: Field,
}

impl Jacobian {
    pub const INFINITY: Self = Self { x: Field::ONE, y: Field::ONE, z: Field::ZERO };

    /// `None` for infinity. Constant time but for that answer. Z, which tells about the scalar that
    /// the point was multiplied by, is wiped.
    pub fn to_affine(mut self) -> Option<Affine> {
        let there = self.z.zero_mask() == 0;
        let affine = there.then(|| self.scaled(self.z.invert()));
        self.zeroize();
        affine
    }

    /// Whether x, taken modulo n, is this scalar: without the division that an affine x costs.
    /// Variable time. Since n < p < 2n, x is the scalar or the scalar plus n.
    pub fn has_x(&self, scalar: &Scalar) -> bool {
        let square = self.z.square();
        let is = |x: &[u8; 32]| Field::from_be(x).is_some_and(|x| x.mul(square) == self.x);
        let (wrapped, over) = words::add(&scalar.plain(), &N);
        !self.z.is_zero() && (is(&scalar.to_be()) || !over && is(&words::to_be(&wrapped)))
    }

    /// The affine point, given 1/Z.
    pub fn scaled(&self, inverse: Field) -> Affine {
        let square = inverse.square();
        Affine { x: self.x.mul(square), y: self.y.mul(square).mul(inverse) }
    }

    /// Twice the point, 3M + 5S; right for infinity too. Constant time.
    #[inline]
    pub fn double(&self) -> Self {
        let square = self.z.square();
        let slope = self.x.sub(square).mul(self.x.add(square));
        let slope = slope.double().add(slope);
        let y2 = self.y.double();
        let z = y2.mul(self.z);
        let y4 = y2.square();
        let start = self.x.mul(y4);
        let x = slope.square().sub(start.double());
        let y = slope.mul(start.sub(x)).sub(y4.square().half());
        Self { x, y, z }
    }

    /// The sum where `there` is set, else the point itself. 8M + 3S, constant time. The two points
    /// must differ (infinity, and a point and its negative, are right): callers say why they do.
    #[inline]
    pub fn add_affine_distinct(&self, other: &Affine, there: Mask) -> Self {
        let line = Line::to_affine(self, other);
        let sum = line.third(self.z);
        let lifted = Self { x: other.x, y: other.y, z: Field::ONE };
        let sum = Self::select(self.z.zero_mask(), &lifted, &sum);
        Self::select(there, &sum, self)
    }

    /// The sum of two different points, 12M + 4S, constant time: as above.
    pub fn add_distinct(&self, other: &Self) -> Self {
        let sum = Line::to(self, other).third(self.z.mul(other.z));
        let sum = Self::select(other.z.zero_mask(), self, &sum);
        Self::select(self.z.zero_mask(), other, &sum)
    }

    /// The sum of any two points, constant time.
    pub fn add(&self, other: &Self) -> Self {
        let line = Line::to(self, other);
        let finite = !(self.z.zero_mask() | other.z.zero_mask());
        let same = line.run.zero_mask() & line.rise.zero_mask() & finite;
        Self::select(same, &self.double(), &self.add_distinct(other))
    }

    /// The sum of any two points in variable time: for what everybody may know.
    pub fn add_public(&self, other: &Self) -> Self {
        if self.z.is_zero() {
            return *other;
        }
        if other.z.is_zero() {
            return *self;
        }
        let line = Line::to(self, other);
        if line.run.is_zero() && line.rise.is_zero() {
            return self.double();
        }
        line.third(self.z.mul(other.z))
    }

    /// The same with an affine point.
    pub fn add_affine_public(&self, other: &Affine) -> Self {
        if self.z.is_zero() {
            return Self::from(*other);
        }
        let line = Line::to_affine(self, other);
        if line.run.is_zero() && line.rise.is_zero() {
            return self.double();
        }
        line.third(self.z)
    }

    pub fn negate_if(&self, mask: Mask) -> Self {
        Self { x: self.x, y: Field::select(mask, &self.y.neg(), &self.y), z: self.z }
    }

    #[inline(always)]
    pub fn select(mask: Mask, yes: &Self, no: &Self) -> Self {
        Self {
            x: Field::select(mask, &yes.x, &no.x),
            y: Field::select(mask, &yes.y, &no.y),
            z: Field::select(mask, &yes.z, &no.z),
        }
    }
}

impl From<Affine> for Jacobian {
    fn from(point: Affine) -> Self {
        Self { x: point.x, y: point.y, z: Field::ONE }
    }
}

impl Zeroize for Affine {
    fn zeroize(&mut self) {
        self.x.zeroize();
        self.y.zeroize();
    }
}

impl Zeroize for Jacobian {
    fn zeroize(&mut self) {
        self.x.zeroize();
        self.y.zeroize();
        self.z.zeroize();
    }
}

/// The straight line through two points, both brought to one denominator: where it begins, how far
/// it runs in x and rises in y. Both are zero when the points are equal.
struct Line {
    x: Field,
    y: Field,
    run: Field,
    rise: Field,
}

impl Line {
    #[inline(always)]
    fn to_affine(from: &Jacobian, to: &Affine) -> Self {
        let square = from.z.square();
        let run = to.x.mul(square).sub(from.x);
        let rise = to.y.mul(square.mul(from.z)).sub(from.y);
        Self { x: from.x, y: from.y, run, rise }
    }

    #[inline(always)]
    fn to(from: &Jacobian, to: &Jacobian) -> Self {
        let (one, two) = (from.z.square(), to.z.square());
        let x = from.x.mul(two);
        let y = from.y.mul(two.mul(to.z));
        let run = to.x.mul(one).sub(x);
        let rise = to.y.mul(one.mul(from.z)).sub(y);
        Self { x, y, run, rise }
    }

    /// The negative of the line's third point, which is the sum; `z` is the product of both Z.
    #[inline(always)]
    fn third(&self, z: Field) -> Jacobian {
        let square = self.run.square();
        let cube = square.mul(self.run);
        let start = self.x.mul(square);
        let x = self.rise.square().sub(cube).sub(start.double());
        let y = self.rise.mul(start.sub(x)).sub(self.y.mul(cube));
        Jacobian { x, y, z: z.mul(self.run) }
    }
}
