//! QR codes (ISO/IEC 18004:2015): byte mode, level M, versions 1 to 6, which hold an address with a
//! one-time code. Text in, modules out.

/// Codewords of data, and for each block those of correction, and blocks; versions 1 to 6 at level
/// M (table 9). All blocks of a version are of one length.
const VERSIONS: [(usize, usize, usize); 6] =
    [(16, 10, 1), (28, 16, 1), (44, 26, 1), (64, 18, 2), (86, 24, 2), (108, 16, 4)];
/// Mode and length, and the terminator.
const OVERHEAD: usize = 2;
/// Light modules around the code on a terminal; enough for cameras, and it fits on 25 lines.
const MARGIN: usize = 2;

/// A square of modules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Qr {
    size: usize,
    dark: Vec<bool>,
    /// Patterns that no mask changes.
    fixed: Vec<bool>,
}

impl Qr {
    /// The code of `text`; `None` when it is longer than 106 bytes.
    #[must_use]
    pub fn encode(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let fits = |(data, _, _): &(usize, usize, usize)| bytes.len() + OVERHEAD <= *data;
        let at = VERSIONS.iter().position(fits)?;
        let (data, correction, blocks) = VERSIONS[at];
        let words = interleaved(&codewords(bytes, data), correction, blocks);
        let mut plain = Self::patterns(at + 1);
        plain.fill(&words);
        let masked = (0..8).map(|mask| plain.masked(mask));
        masked.min_by_key(Self::penalty)
    }

    /// Modules of a side.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    #[must_use]
    pub fn is_dark(&self, x: usize, y: usize) -> bool {
        self.dark[y * self.size + x]
    }

    /// Lines for a terminal with light letters on a dark ground, two modules a letter.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let side = self.size + 2 * MARGIN;
        let light = |x: usize, y: usize| {
            let inside = |at: usize| (MARGIN..MARGIN + self.size).contains(&at);
            y < side && !(inside(x) && inside(y) && self.is_dark(x - MARGIN, y - MARGIN))
        };
        let letter = |x, y| match (light(x, y), light(x, y + 1)) {
            (true, true) => '█',
            (true, false) => '▀',
            (false, true) => '▄',
            (false, false) => ' ',
        };
        (0..side).step_by(2).map(|y| (0..side).map(|x| letter(x, y)).collect()).collect()
    }

    /// Finders, timing, alignment, and room for the format.
    fn patterns(version: usize) -> Self {
        let size = 17 + 4 * version;
        let (dark, fixed) = (vec![false; size * size], vec![false; size * size]);
        let mut qr = Self { size, dark, fixed };
        for at in 0..size {
            qr.set(6, at, at % 2 == 0);
            qr.set(at, 6, at % 2 == 0);
        }
        for (left, top) in [(0, 0), (size - 7, 0), (0, size - 7)] {
            // Separators reach one module beyond, where there is room.
            for y in top.saturating_sub(1)..(top + 8).min(size) {
                for x in left.saturating_sub(1)..(left + 8).min(size) {
                    let ring = x.abs_diff(left + 3).max(y.abs_diff(top + 3));
                    qr.set(x, y, ring != 2 && ring != 4);
                }
            }
        }
        if version > 1 {
            let centre = size - 7;
            for y in centre - 2..=centre + 2 {
                for x in centre - 2..=centre + 2 {
                    qr.set(x, y, x.abs_diff(centre).max(y.abs_diff(centre)) != 1);
                }
            }
        }
        qr.format(0);
        qr
    }

    fn set(&mut self, x: usize, y: usize, dark: bool) {
        self.dark[y * self.size + x] = dark;
        self.fixed[y * self.size + x] = true;
    }

    /// Level and mask, twice (section 7.9).
    fn format(&mut self, mask: u32) {
        // Level M is 00.
        let remainder = (0..10).fold(mask, |rest, _| (rest << 1) ^ ((rest >> 9) * 0x537));
        let bits = (mask << 10 | remainder) ^ 0x5412;
        let size = self.size;
        for at in 0..15 {
            let dark = bits >> at & 1 == 1;
            let (x, y) = match at {
                0..=5 => (8, at),
                6 | 7 => (8, at + 1),
                8 => (7, 8),
                _ => (14 - at, 8),
            };
            self.set(x, y, dark);
            let (x, y) = if at < 8 { (size - 1 - at, 8) } else { (8, size - 15 + at) };
            self.set(x, y, dark);
        }
        self.set(8, size - 8, true);
    }

    /// Bits in pairs of columns, from the right, up and down (section 7.7.3).
    fn fill(&mut self, words: &[u8]) {
        let mut bits = words.iter().flat_map(|word| (0..8).rev().map(move |bit| word >> bit & 1));
        let columns = (7..self.size).rev().step_by(2).chain([5, 3, 1]);
        let mut upward = true;
        for right in columns {
            for row in 0..self.size {
                let y = if upward { self.size - 1 - row } else { row };
                for x in [right, right - 1] {
                    if !self.fixed[y * self.size + x] {
                        self.dark[y * self.size + x] = bits.next() == Some(1);
                    }
                }
            }
            upward = !upward;
        }
    }

    fn masked(&self, mask: u32) -> Self {
        let mut qr = self.clone();
        for y in 0..self.size {
            for x in 0..self.size {
                let product = x * y;
                let turned = match mask {
                    0 => (x + y) % 2,
                    1 => y % 2,
                    2 => x % 3,
                    3 => (x + y) % 3,
                    4 => (x / 3 + y / 2) % 2,
                    5 => product % 2 + product % 3,
                    6 => (product % 2 + product % 3) % 2,
                    _ => ((x + y) % 2 + product % 3) % 2,
                };
                qr.dark[y * self.size + x] ^= turned == 0 && !self.fixed[y * self.size + x];
            }
        }
        qr.format(mask);
        qr
    }

    /// What makes a code hard to read (section 7.8.3); the mask with the least of it is taken.
    fn penalty(&self) -> usize {
        let mut sum = 0;
        for line in 0..self.size {
            let row: Vec<bool> = (0..self.size).map(|x| self.is_dark(x, line)).collect();
            let column: Vec<bool> = (0..self.size).map(|y| self.is_dark(line, y)).collect();
            sum += runs(&row) + runs(&column);
        }
        for y in 1..self.size {
            for x in 1..self.size {
                let corner = self.is_dark(x, y);
                let square = [(x - 1, y), (x, y - 1), (x - 1, y - 1)];
                sum += 3 * usize::from(square.iter().all(|(x, y)| self.is_dark(*x, *y) == corner));
            }
        }
        let (all, dark) = (self.dark.len(), self.dark.iter().filter(|dark| **dark).count());
        sum + (dark * 20).abs_diff(all * 10) / all * 10
    }
}

/// Long runs of a line, and what looks like a finder.
fn runs(line: &[bool]) -> usize {
    const FINDER: [bool; 11] =
        [true, false, true, true, true, false, true, false, false, false, false];
    let mut sum = 0;
    for run in line.chunk_by(|one, next| one == next) {
        sum += if run.len() >= 5 { run.len() - 2 } else { 0 };
    }
    for window in line.windows(FINDER.len()) {
        let finder = window == FINDER || window.iter().rev().eq(&FINDER);
        sum += 40 * usize::from(finder);
    }
    sum
}

/// Mode 0100, length, bytes, terminator, padding (section 7.4).
fn codewords(bytes: &[u8], room: usize) -> Vec<u8> {
    // Lengths fit into eight bits: 106 at most.
    let length = u8::try_from(bytes.len()).unwrap_or_default();
    let mut words = vec![0x40 | length >> 4];
    let mut last = length;
    for byte in bytes {
        words.push(last << 4 | byte >> 4);
        last = *byte;
    }
    words.push(last << 4);
    words.extend([0xEC, 0x11].into_iter().cycle().take(room - words.len()));
    words
}

/// Data of all blocks by turns, then their corrections (section 7.6).
fn interleaved(words: &[u8], correction: usize, blocks: usize) -> Vec<u8> {
    let data: Vec<&[u8]> = words.chunks(words.len() / blocks).collect();
    let corrections: Vec<Vec<u8>> = data.iter().map(|block| remainder(block, correction)).collect();
    let mut out = Vec::new();
    for at in 0..words.len() / blocks {
        out.extend(data.iter().map(|block| block[at]));
    }
    for at in 0..correction {
        out.extend(corrections.iter().map(|block| block[at]));
    }
    out
}

/// Reed-Solomon over GF(256): the block times x^length, modulo (x-1)(x-2)(x-4)….
fn remainder(block: &[u8], length: usize) -> Vec<u8> {
    let mut generator = vec![0; length];
    generator[length - 1] = 1;
    let mut root = 1;
    for _ in 0..length {
        for at in 0..length {
            let next = generator.get(at + 1).copied().unwrap_or_default();
            generator[at] = times(generator[at], root) ^ next;
        }
        root = times(root, 2);
    }
    let mut rest = vec![0; length];
    for byte in block {
        let factor = byte ^ rest.remove(0);
        rest.push(0);
        for (own, coefficient) in rest.iter_mut().zip(&generator) {
            *own ^= times(*coefficient, factor);
        }
    }
    rest
}

/// Modulo x^8 + x^4 + x^3 + x^2 + 1.
fn times(a: u8, b: u8) -> u8 {
    (0..8).rev().fold(0, |product: u8, bit| {
        let doubled = (product << 1) ^ ((product >> 7) * 0x1D);
        doubled ^ (((b >> bit) & 1) * a)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Annex I of the standard has this block and its correction, of version 1 at level M.
    #[test]
    fn the_correction_is_that_of_the_standard() {
        let data = [16, 32, 12, 86, 97, 128, 236, 17, 236, 17, 236, 17, 236, 17, 236, 17];
        let correction = [165, 36, 212, 193, 237, 54, 199, 135, 44, 85];
        assert_eq!(remainder(&data, 10), correction);
    }

    #[test]
    fn sizes_follow_lengths_and_too_much_is_refused() {
        for (length, size) in [(0, 21), (14, 21), (15, 25), (42, 29), (62, 33), (84, 37), (106, 41)]
        {
            assert_eq!(Qr::encode(&"a".repeat(length)).unwrap().size(), size, "{length}");
        }
        assert_eq!(Qr::encode(&"a".repeat(107)), None);
    }

    #[test]
    fn what_is_placed_can_be_read_back() {
        let text = "https://192.168.1.20/setup#code=ABCD-EFGH-JKLM";
        let qr = Qr::encode(text).unwrap();
        // The mask stands in the format, which begins at (8, 0); bits 10 to 12.
        let bit = |x, y| u32::from(qr.is_dark(x, y));
        let mask = (bit(2, 8) << 2 | bit(3, 8) << 1 | bit(4, 8)) ^ 0b101;
        let plain = qr.masked(mask);
        let mut blank = Qr::patterns((qr.size() - 17) / 4);
        let words = interleaved(&codewords(text.as_bytes(), 64), 18, 2);
        blank.fill(&words);
        blank.format(mask);
        assert_eq!(plain, blank);
        let lines = qr.lines();
        assert_eq!((lines.len(), lines[0].chars().count()), (19, 37));
        assert!(lines[0].chars().all(|letter| letter == '█'));
    }
}
