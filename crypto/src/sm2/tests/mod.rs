//! Proofs of what cannot be seen from outside: the arithmetic against a slow one, the adders at
//! their edges, and that each check of the schemes is the one that refuses.

mod arithmetic;
mod points;
mod schemes;
mod slow;

use super::scalar::{N, Scalar};
use super::words;

/// A scalar of this size, negative when asked.
fn small(size: u64, negative: bool) -> Scalar {
    let scalar = Scalar::from_be(&words::to_be(&[size, 0, 0, 0])).unwrap();
    if negative { Scalar::ONE.sub(Scalar::ONE).sub(scalar) } else { scalar }
}

/// Scalars at which windows, carries and the group's order turn over, and some in between.
fn edges() -> Vec<Scalar> {
    let mut edges = Vec::new();
    for negative in [false, true] {
        edges.extend((0..=6).chain(14..=18).chain(30..=34).map(|size| small(size, negative)));
    }
    let mut power = small(16, false);
    // A window's top bit, its whole below, and a carry into it.
    for _ in 0..51 {
        edges.extend([power, power.sub(Scalar::ONE), power.add(small(15, false))]);
        power = power.mul(small(32, false));
    }
    let half = small(2, false).invert();
    edges.extend([half, half.sub(Scalar::ONE), half.add(Scalar::ONE)]);
    edges.extend([[0x55; 32], [0xaa; 32], [0x84; 32], [0x42; 32]].map(|b| Scalar::reduced(&b)));
    let top = [N[0] - 1, N[1], N[2], N[3]];
    edges.push(Scalar::from_be(&words::to_be(&top)).unwrap());
    edges
}
