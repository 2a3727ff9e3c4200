//! Field and scalars against the slow arithmetic: at random, and at every pair of boundaries,
//! both of the numbers and of their Montgomery forms.

use proptest::prelude::*;

use super::super::field::Field;
use super::super::scalar::{N, Scalar};
use super::super::words;
use super::slow::{Modulus, Number, minus, plus, small};

fn p() -> Modulus {
    let mut p = [0xff; 32];
    p[3] = 0xfe;
    p[20..24].fill(0);
    Modulus(p)
}

fn n() -> Modulus {
    Modulus(words::to_be(&N))
}

/// Numbers next to powers of two and to the modulus, and those whose Montgomery form is such a
/// number.
fn boundaries(modulus: &Modulus) -> Vec<Number> {
    let power = |bit: usize| {
        let mut number = [0; 32];
        number[31 - bit / 8] = 1 << (bit % 8);
        number
    };
    let mut plain = vec![small(0), small(1), small(2), small(3), [0xff; 32]];
    for bit in [32, 63, 64, 95, 96, 127, 128, 160, 191, 192, 223, 224, 255] {
        plain.extend([power(bit), minus(&power(bit), &small(1)), plus(&power(bit), &small(1)).0]);
    }
    plain.extend([1, 2, 3].map(|below| minus(&modulus.0, &small(below))));
    let plain: Vec<_> = plain.iter().map(|number| modulus.reduce(number)).collect();
    let out = modulus.power(&modulus.add(&[0xff; 32], &small(1)), &minus(&modulus.0, &small(2)));
    let forms = plain.iter().map(|number| modulus.mul(number, &out));
    forms.chain(plain.iter().copied()).collect()
}

fn field_agrees(a: &Number, b: &Number) {
    let (x, y) = (Field::from_be(a).unwrap(), Field::from_be(b).unwrap());
    let p = p();
    assert_eq!(x.to_be(), *a);
    assert_eq!(x.add(y).to_be(), p.add(a, b), "{a:02x?} + {b:02x?}");
    assert_eq!(x.sub(y).to_be(), p.sub(a, b), "{a:02x?} - {b:02x?}");
    assert_eq!(x.mul(y).to_be(), p.mul(a, b), "{a:02x?} * {b:02x?}");
    assert_eq!(x.square(), x.mul(x));
    assert_eq!(x.double(), x.add(x));
    assert_eq!(x.half().double(), x);
    assert_eq!(x.neg().add(x), Field::ZERO);
    assert_eq!(x.is_odd(), a[31] & 1 == 1);
}

fn scalar_agrees(a: &Number, b: &Number) {
    let (x, y) = (Scalar::from_be(a).unwrap(), Scalar::from_be(b).unwrap());
    let n = n();
    assert_eq!(x.to_be(), *a);
    assert_eq!(x.add(y).to_be(), n.add(a, b), "{a:02x?} + {b:02x?}");
    assert_eq!(x.sub(y).to_be(), n.sub(a, b), "{a:02x?} - {b:02x?}");
    assert_eq!(x.mul(y).to_be(), n.mul(a, b), "{a:02x?} * {b:02x?}");
}

#[test]
fn field_and_scalars_agree_with_the_slow_ones_at_every_boundary() {
    let (field, scalars) = (boundaries(&p()), boundaries(&n()));
    for (i, a) in field.iter().enumerate() {
        field.iter().skip(i % 5).step_by(5).for_each(|b| field_agrees(a, b));
    }
    for (i, a) in scalars.iter().enumerate() {
        scalars.iter().skip(i % 5).step_by(5).for_each(|b| scalar_agrees(a, b));
    }
}

#[test]
fn inverses_and_roots_multiply_back() {
    for number in boundaries(&p()) {
        let x = Field::from_be(&number).unwrap();
        let one = if x.is_zero() { Field::ZERO } else { Field::ONE };
        assert_eq!(x.mul(x.invert()), one);
        let root = x.square().sqrt().unwrap();
        assert!(root == x || root == x.neg());
        // -1 is not a square, so of x² and -x² only one has a root.
        assert_eq!(x.square().neg().sqrt().is_none(), !x.is_zero());
    }
    for number in boundaries(&n()) {
        let x = Scalar::from_be(&number).unwrap();
        assert!(x.is_zero() || x.mul(x.invert()) == Scalar::ONE);
    }
}

#[test]
fn numbers_from_the_modulus_up_are_refused() {
    for (modulus, field) in [(p(), true), (n(), false)] {
        for above in 0..4 {
            let (number, _) = plus(&modulus.0, &small(above));
            let refused = if field {
                Field::from_be(&number).is_none()
            } else {
                Scalar::from_be(&number).is_none()
            };
            assert!(refused, "{number:02x?}");
        }
        let last = minus(&modulus.0, &small(1));
        assert!(if field {
            Field::from_be(&last).is_some()
        } else {
            Scalar::from_be(&last).is_some()
        });
    }
    assert!(Field::from_be(&[0xff; 32]).is_none() && Scalar::from_be(&[0xff; 32]).is_none());
    assert_eq!(Scalar::reduced(&[0xff; 32]).to_be(), n().reduce(&[0xff; 32]));
    assert!(Scalar::reduced(&n().0).is_zero());
}

proptest! {
    #[test]
    fn field_and_scalars_agree_with_the_slow_ones(a: [u8; 32], b: [u8; 32]) {
        field_agrees(&p().reduce(&a), &p().reduce(&b));
        scalar_agrees(&n().reduce(&a), &n().reduce(&b));
        prop_assert_eq!(Scalar::reduced(&a).to_be(), n().reduce(&a));
    }
}
