//! Reading and writing of the presentation language: big-endian integers, and vectors that a
//! length of one, two or three bytes precedes. Nothing is allocated on the word of a length.

/// Bytes that do not hold what they should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Takes values off the front of a slice.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// What was read must have been all.
    pub(super) fn end(self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed) }
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Malformed> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_be_bytes)
    }

    pub(super) fn u24(&mut self) -> Result<usize, Malformed> {
        let [a, b, c] = self.array()?;
        Ok(usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c))
    }

    pub(super) fn vec8(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.u8()?;
        self.take(length.into())
    }

    pub(super) fn vec16(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.u16()?;
        self.take(length.into())
    }

    pub(super) fn vec24(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.u24()?;
        self.take(length)
    }
}

/// How many bytes a length takes.
#[derive(Clone, Copy)]
pub(super) enum Prefix {
    One = 1,
    Two = 2,
    Three = 3,
}

/// Appends what `fill` writes, behind its length. What we write ourselves fits its length: our
/// own certificates and names are checked when they are configured.
pub(super) fn nest(out: &mut Vec<u8>, prefix: Prefix, fill: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    let width = prefix as usize;
    out.resize(at + width, 0);
    fill(out);
    let length = out.len() - at - width;
    debug_assert!(length < 1 << (8 * width), "a vector outgrew its length");
    let bytes = length.to_be_bytes();
    out[at..at + width].copy_from_slice(&bytes[bytes.len() - width..]);
}

pub(super) fn put_u16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub(super) fn put_vec(out: &mut Vec<u8>, prefix: Prefix, bytes: &[u8]) {
    nest(out, prefix, |out| out.extend_from_slice(bytes));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_comes_back_as_it_was_written() {
        let mut out = Vec::new();
        nest(&mut out, Prefix::Three, |out| {
            put_u16(out, 0x0102);
            put_vec(out, Prefix::One, b"abc");
            put_vec(out, Prefix::Two, b"");
        });
        assert_eq!(out, [0, 0, 8, 1, 2, 3, b'a', b'b', b'c', 0, 0]);
        let mut reader = Reader::new(&out);
        let mut inner = Reader::new(reader.vec24().unwrap());
        assert_eq!(inner.u16(), Ok(0x0102));
        assert_eq!(inner.vec8(), Ok(&b"abc"[..]));
        assert_eq!(inner.vec16(), Ok(&b""[..]));
        assert_eq!((inner.end(), reader.end()), (Ok(()), Ok(())));
    }

    #[test]
    fn a_length_that_lies_reads_nothing() {
        assert_eq!(Reader::new(&[3, 1, 2]).vec8(), Err(Malformed));
        assert_eq!(Reader::new(&[0xff, 0xff]).vec16(), Err(Malformed));
        assert_eq!(Reader::new(&[0xff, 0xff, 0xff, 0]).vec24(), Err(Malformed));
        assert_eq!(Reader::new(&[0]).u16(), Err(Malformed));
        assert_eq!(Reader::new(&[0]).end(), Err(Malformed));
    }
}
