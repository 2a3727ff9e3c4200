//! The algebra of the S-box, worked out by the compiler: bit matrices on bytes, and the maps
//! between SM4's field and AES's that let AES instructions (and GFNI, whose field is AES's) do the
//! inversion.
//!
//! With `inv` the inversion in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1, the S-box is
//! `OUT(inv(IN(x)))`; a test checks it against the table of GB/T 32907. A kernel keeps its state
//! `x` as `x' = IN.linear(x)`. Then a round needs no map before the inversion, and the map after
//! it is merged with the linear transformation, which adds to a word its rotations by 2, 10, 18 and
//! 24: a rotation by 8 moves bytes, and one by 2 is a shift within the byte and a carry of two bits
//! into the next. Sorted by where bytes move to, `L(s) = A ^ B<<<8 ^ B<<<16 ^ C<<<24`, with
//! `A = s ^ s<<2`, `C = s ^ s>>6` and `B = A ^ C` on bytes.

// Elsewhere the portable kernel is alone, and needs but a few of these.
#![cfg_attr(not(any(target_arch = "aarch64", target_arch = "x86_64")), allow(dead_code))]

/// A linear map on bytes: the images of the eight bits, and a constant to add.
#[derive(Clone, Copy)]
pub(super) struct Affine {
    images: [u8; 8],
    pub(super) constant: u8,
}

/// From SM4's S-box input to AES's field.
pub(super) const IN: Affine =
    Affine { images: [0x24, 0x98, 0x6f, 0x6a, 0xc9, 0x67, 0x80, 0x4a], constant: 0x65 };

/// From the inverse in AES's field to SM4's S-box output.
pub(super) const OUT: Affine =
    Affine { images: [0xcb, 0x55, 0x37, 0xf6, 0x99, 0x22, 0x29, 0x45], constant: 0xd3 };

/// What, added to SM4's input, stands for the constant of [`IN`].
pub(super) const IN_OFFSET: u8 = BACK.of(IN.constant);

/// From a kernel's state back to SM4's bytes.
pub(super) const BACK: Affine = IN.linear().inverse();

/// Part A of a round (see above), from the inverse to the state.
pub(super) const A: Affine = IN.linear().after(ONE.plus(SHIFT_LEFT_2)).after(OUT);

/// Part C of a round, from the inverse to the state.
pub(super) const C: Affine = IN.linear().after(ONE.plus(SHIFT_RIGHT_6)).after(OUT);

/// From AES's S-box (FIPS 197, 5.1.1) to the inverse.
const AES: Affine =
    Affine { images: [0x1f, 0x3e, 0x7c, 0xf8, 0xf1, 0xe3, 0xc7, 0x8f], constant: 0x63 }.inverse();

/// Part A of a round, from AES's S-box to the state.
pub(super) const AES_A: Affine = A.after(AES);

/// Part C of a round, from AES's S-box to the state.
pub(super) const AES_C: Affine = C.after(AES);

const ONE: Affine = Affine { images: [1, 2, 4, 8, 16, 32, 64, 128], constant: 0 };
const SHIFT_LEFT_2: Affine = Affine { images: [4, 8, 16, 32, 64, 128, 0, 0], constant: 0 };
const SHIFT_RIGHT_6: Affine = Affine { images: [0, 0, 0, 0, 0, 0, 1, 2], constant: 0 };

/// The S-box as a table.
#[cfg(any(test, target_arch = "aarch64"))]
pub(super) const fn s_box() -> [u8; 256] {
    let mut table = [0; 256];
    let mut x = 255u8;
    loop {
        table[x as usize] = OUT.of(inverted(IN.of(x)));
        if x == 0 {
            return table;
        }
        x -= 1;
    }
}

/// `x^254` modulo x^8 + x^4 + x^3 + x + 1.
#[cfg(any(test, target_arch = "aarch64"))]
const fn inverted(x: u8) -> u8 {
    let mut power = 1;
    let mut n = 0;
    while n < 254 {
        let (mut product, mut a, mut bit) = (0, power, 0);
        while bit < 8 {
            product ^= a * ((x >> bit) & 1);
            a = (a << 1) ^ (0x1b * (a >> 7));
            bit += 1;
        }
        power = product;
        n += 1;
    }
    power
}

impl Affine {
    pub(super) const fn of(self, x: u8) -> u8 {
        let mut y = self.constant;
        let mut bit = 0;
        while bit < 8 {
            y ^= self.images[bit] * ((x >> bit) & 1);
            bit += 1;
        }
        y
    }

    /// The map without its constant.
    pub(super) const fn linear(self) -> Self {
        Self { images: self.images, constant: 0 }
    }

    /// This map after another one.
    const fn after(self, first: Self) -> Self {
        let mut images = [0; 8];
        let mut bit = 0;
        while bit < 8 {
            images[bit] = self.linear().of(first.images[bit]);
            bit += 1;
        }
        Self { images, constant: self.of(first.constant) }
    }

    const fn plus(self, other: Self) -> Self {
        let mut images = [0; 8];
        let mut bit = 0;
        while bit < 8 {
            images[bit] = self.images[bit] ^ other.images[bit];
            bit += 1;
        }
        Self { images, constant: self.constant ^ other.constant }
    }

    const fn inverse(self) -> Self {
        let mut images = [0; 8];
        let mut x = 0u8;
        while x < 255 {
            x += 1;
            let y = self.linear().of(x);
            if y.is_power_of_two() {
                images[y.trailing_zeros() as usize] = x;
            }
        }
        let back = Self { images, constant: 0 };
        Self { images, constant: back.of(self.constant) }
    }

    /// As GF2P8AFFINEQB takes it: the row of output bit `i` is byte `7 - i` (Intel SDM, volume 2).
    #[cfg(target_arch = "x86_64")]
    pub(super) const fn rows(self) -> u64 {
        let mut rows = 0;
        let mut place = 0;
        while place < 64 {
            let (out, bit) = (7 - place / 8, place % 8);
            rows |= ((self.images[bit] as u64 >> out) & 1) << place;
            place += 1;
        }
        rows
    }

    /// As byte shuffles take it: the images of the low nibbles, with the constant, and of the high
    /// ones.
    pub(super) const fn nibbles(self) -> [[u8; 16]; 2] {
        let mut tables = [[0; 16]; 2];
        let mut n = 0u8;
        while n < 16 {
            tables[0][n as usize] = self.of(n);
            tables[1][n as usize] = self.linear().of(n << 4);
            n += 1;
        }
        tables
    }
}

/// Where each byte of word `n` comes from when the word is turned to the left by whole bytes.
#[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
pub(super) const fn turned(n: u32, bytes: u32) -> i32 {
    (0x0302_0100u32.rotate_right(8 * bytes) + 0x0404_0404 * n).cast_signed()
}

/// Where each byte comes from when the row shift of AES is undone and words are turned then. The
/// row shift (FIPS 197, 5.1.2) moves byte `i` to place `13 i` modulo 16.
#[cfg(any(target_arch = "aarch64", target_arch = "x86_64"))]
pub(super) const fn aes_turned(turn: u32) -> [u8; 16] {
    let mut places = [0; 16];
    let mut n = 0u32;
    while n < 16 {
        let from = turned(n / 4, turn).to_le_bytes()[n as usize % 4];
        places[n as usize] = from.wrapping_mul(13) % 16;
        n += 1;
    }
    places
}
