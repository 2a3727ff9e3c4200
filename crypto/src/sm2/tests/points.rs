//! The adders where two points are equal, opposite or infinite, and the multiples at scalars where
//! windows turn over.

use super::super::field::Field;
use super::super::multiply::{any, base, sum_public};
use super::super::point::{Affine, Jacobian};
use super::super::scalar::Scalar;
use super::super::words::Mask;
use super::{edges, small};

/// The sum by the textbook, with divisions; `None` is infinity.
fn textbook(a: Option<Affine>, b: Option<Affine>) -> Option<Affine> {
    let (Some(a), Some(b)) = (a, b) else { return a.or(b) };
    let slope = if a.x != b.x {
        b.y.sub(a.y).mul(b.x.sub(a.x).invert())
    } else if a.y == b.y {
        let square = a.x.square().sub(Field::ONE);
        square.double().add(square).mul(a.y.double().invert())
    } else {
        return None;
    };
    let x = slope.square().sub(a.x).sub(b.x);
    Some(Affine { x, y: slope.mul(a.x.sub(x)).sub(a.y) })
}

/// The same point with other coordinates.
fn rescaled(point: &Jacobian, z: Field) -> Jacobian {
    let square = z.square();
    Jacobian { x: point.x.mul(square), y: point.y.mul(square.mul(z)), z: point.z.mul(z) }
}

/// Infinity in three forms; 1 G to 4 G, their opposites and one far away, each in two.
fn samples() -> Vec<Jacobian> {
    let all_zero = Jacobian { x: Field::ZERO, y: Field::ZERO, z: Field::ZERO };
    let mut samples = vec![Jacobian::INFINITY, all_zero];
    samples.push(Jacobian { x: Field::GX, y: Field::GY, z: Field::ZERO });
    let mut point = None;
    let mut points = Vec::new();
    for _ in 0..4 {
        point = textbook(point, Some(Affine::G));
        let point = point.unwrap();
        points.extend([point, point.negate_if(Mask::MAX)]);
    }
    points.push(base(&Scalar::reduced(&[0x5a; 32])).to_affine().unwrap());
    for point in points {
        let point = Jacobian::from(point);
        samples.extend([point, rescaled(&point, Field::B)]);
    }
    samples
}

#[test]
fn every_adder_is_right_at_its_edges() {
    let samples = samples();
    for a in &samples {
        let one = a.to_affine();
        assert_eq!(a.double().to_affine(), textbook(one, one));
        for b in &samples {
            let other = b.to_affine();
            let sum = textbook(one, other);
            assert_eq!(a.add(b).to_affine(), sum);
            assert_eq!(a.add_public(b).to_affine(), sum);
            let distinct = one != other || one.is_none();
            if distinct {
                assert_eq!(a.add_distinct(b).to_affine(), sum);
            }
            let Some(affine) = other else { continue };
            assert_eq!(a.add_affine_public(&affine).to_affine(), sum);
            assert_eq!(a.add_affine_distinct(&affine, 0).to_affine(), one);
            if distinct {
                assert_eq!(a.add_affine_distinct(&affine, Mask::MAX).to_affine(), sum);
            }
        }
    }
}

/// Why the last addition of `any` is the complete one: there n - 6 adds -3 P to -3 P.
#[test]
fn the_incomplete_adder_would_be_wrong_where_the_complete_one_is_used() {
    let minus_three = base(&small(3, true));
    let minus_six = base(&small(6, true)).to_affine();
    assert_eq!(minus_three.add(&minus_three).to_affine(), minus_six);
    assert_ne!(minus_three.add_distinct(&minus_three).to_affine(), minus_six);
    assert_eq!(any(&small(6, true), &Affine::G).to_affine(), minus_six);
}

#[test]
fn the_three_multiplications_agree_at_the_edges_and_with_repeated_addition() {
    let zero = small(0, false);
    let mut sum = Jacobian::INFINITY;
    for size in 0..35 {
        for negative in [false, true] {
            let expected = sum.negate_if(if negative { Mask::MAX } else { 0 }).to_affine();
            let k = small(size, negative);
            assert_eq!(base(&k).to_affine(), expected, "{size} {negative}");
            assert_eq!(any(&k, &Affine::G).to_affine(), expected);
            assert_eq!(sum_public(&k, &zero, &Affine::G).to_affine(), expected);
            assert_eq!(sum_public(&zero, &k, &Affine::G).to_affine(), expected);
        }
        sum = sum.add(&Jacobian::from(Affine::G));
    }
    for k in edges() {
        let expected = base(&k).to_affine();
        assert_eq!(any(&k, &Affine::G).to_affine(), expected);
        assert_eq!(sum_public(&zero, &k, &Affine::G).to_affine(), expected);
        let next = textbook(expected, Some(Affine::G));
        assert_eq!(base(&k.add(Scalar::ONE)).to_affine(), next);
    }
}

#[test]
fn a_sum_of_two_multiples_is_right_where_they_are_equal_or_cancel() {
    let k = Scalar::reduced(&[0x77; 32]);
    let point = base(&k).to_affine().unwrap();
    for t in [small(1, false), small(9, true), Scalar::reduced(&[0x31; 32])] {
        let same = t.mul(k);
        let opposite = small(0, false).sub(same);
        let twice = base(&same.add(same)).to_affine();
        assert_eq!(sum_public(&same, &t, &point).to_affine(), twice);
        assert_eq!(sum_public(&opposite, &t, &point).to_affine(), None);
        assert_eq!(any(&t, &point).to_affine(), base(&same).to_affine());
    }
}

#[test]
fn an_x_over_the_order_is_compared_modulo_the_order() {
    // The least x from n up that has a point.
    let over = (0..64)
        .map(|above| {
            let (x, _) = super::words::add(&super::N, &[above, 0, 0, 0]);
            (above, super::words::to_be(&x))
        })
        .find_map(|(above, x)| Some((above, Affine::from_x(&x, false)?)));
    let (above, point) = over.unwrap();
    let point = rescaled(&Jacobian::from(point), Field::B);
    assert!(point.has_x(&small(above, false)));
    assert!(!point.has_x(&small(above + 1, false)));
    let plain = base(&small(5, false));
    let x = Scalar::reduced(&plain.to_affine().unwrap().x.to_be());
    assert!(plain.has_x(&x) && !plain.has_x(&x.add(Scalar::ONE)));
    assert!(!Jacobian::INFINITY.has_x(&small(1, false)));
}
