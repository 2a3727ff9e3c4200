//! The little DER (X.690) that signatures and ciphers need, and nothing that is not DER: lengths
//! and integers are of least size, integers are not negative.

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

/// What is left to read.
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn sequence(&mut self) -> Option<Reader<'a>> {
        self.element(SEQUENCE).map(Reader)
    }

    /// An integer of at most 256 bits.
    pub fn integer(&mut self) -> Option<[u8; 32]> {
        let digits = match self.element(INTEGER)? {
            [0] => &[],
            [0, first, ..] if *first < 0x80 => return None,
            [0, rest @ ..] => rest,
            [first, ..] if *first >= 0x80 => return None,
            digits => digits,
        };
        let mut number = [0; 32];
        number[32usize.checked_sub(digits.len())?..].copy_from_slice(digits);
        Some(number)
    }

    pub fn octets(&mut self) -> Option<&'a [u8]> {
        self.element(OCTET_STRING)
    }

    /// That nothing is left.
    pub fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }

    fn element(&mut self, tag: u8) -> Option<&'a [u8]> {
        let rest = self.0.strip_prefix(&[tag])?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = if first < 0x80 {
            (usize::from(first), rest)
        } else {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (long_length(digits)?, rest)
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(content)
    }
}

/// A length of one to four bytes that would not fit a shorter form.
fn long_length(digits: &[u8]) -> Option<usize> {
    let least = match digits {
        [first] => *first >= 0x80,
        [first, _] | [first, _, _] | [first, _, _, _] => *first != 0,
        _ => false,
    };
    let length = digits.iter().fold(0u32, |length, digit| length << 8 | u32::from(*digit));
    usize::try_from(length).ok().filter(|_| least)
}

pub fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    element(SEQUENCE, &parts.concat())
}

pub fn integer(number: &[u8; 32]) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count().min(31);
    let digits = &number[zeros..];
    if digits[0] >= 0x80 {
        element(INTEGER, &[&[0], digits].concat())
    } else {
        element(INTEGER, digits)
    }
}

pub fn octets(bytes: &[u8]) -> Vec<u8> {
    element(OCTET_STRING, bytes)
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + 10);
    out.push(tag);
    let length = content.len().to_be_bytes();
    let zeros = length.iter().take_while(|byte| **byte == 0).count().min(length.len() - 1);
    let digits = &length[zeros..];
    if digits.len() > 1 || digits[0] >= 0x80 {
        out.extend([0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88].get(digits.len() - 1));
    }
    out.extend(digits);
    out.extend(content);
    out
}
