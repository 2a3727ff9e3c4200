//! Arithmetic modulo a number of 256 bits, one bit at a time: slow, short, and unlike what it
//! judges.

/// A number below 2^256, the most significant byte first.
pub type Number = [u8; 32];

pub struct Modulus(pub Number);

impl Modulus {
    pub fn add(&self, a: &Number, b: &Number) -> Number {
        let (sum, carry) = plus(&self.reduce(a), &self.reduce(b));
        if carry || sum >= self.0 { minus(&sum, &self.0) } else { sum }
    }

    pub fn sub(&self, a: &Number, b: &Number) -> Number {
        let b = self.reduce(b);
        self.add(a, &minus(&self.0, &b))
    }

    pub fn mul(&self, a: &Number, b: &Number) -> Number {
        let mut product = [0; 32];
        for bit in bits(b) {
            product = self.add(&product, &product);
            if bit {
                product = self.add(&product, a);
            }
        }
        product
    }

    pub fn power(&self, a: &Number, exponent: &Number) -> Number {
        let mut power = small(1);
        for bit in bits(exponent) {
            power = self.mul(&power, &power);
            if bit {
                power = self.mul(&power, a);
            }
        }
        power
    }

    pub fn reduce(&self, a: &Number) -> Number {
        let mut a = *a;
        while a >= self.0 {
            a = minus(&a, &self.0);
        }
        a
    }
}

pub fn small(value: u8) -> Number {
    let mut number = [0; 32];
    number[31] = value;
    number
}

/// a + b mod 2^256 and the carry.
pub fn plus(a: &Number, b: &Number) -> (Number, bool) {
    let mut sum = [0; 32];
    let mut carry = 0;
    for i in (0..32).rev() {
        let digit = u16::from(a[i]) + u16::from(b[i]) + carry;
        sum[i] = digit.to_be_bytes()[1];
        carry = digit >> 8;
    }
    (sum, carry == 1)
}

/// a - b mod 2^256.
pub fn minus(a: &Number, b: &Number) -> Number {
    let (difference, _) = plus(a, &b.map(|byte| !byte));
    plus(&difference, &small(1)).0
}

fn bits(number: &Number) -> impl Iterator<Item = bool> {
    number.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1))
}
