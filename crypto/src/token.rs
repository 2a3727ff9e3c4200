//! Tokens: 256 random bits that a visitor or an agent's browser holds. The server keeps only their
//! SHA-256; comparisons take constant time.

use std::fmt;

use ring::digest;
use zeroize::Zeroize;

/// Bytes of a token.
pub const TOKEN_BYTES: usize = 32;

/// A secret of 256 random bits. `Debug` prints `***`; dropped, it zeroes itself.
#[derive(Clone)]
pub struct Token([u8; TOKEN_BYTES]);

/// SHA-256 of a token: what the store keeps and looks up.
pub type TokenHash = [u8; 32];

/// The system gave no random bytes.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the system gave no random bytes")]
pub struct NoRandomness;

impl Token {
    /// A fresh token from the system's generator.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn random() -> Result<Self, NoRandomness> {
        let mut bytes = [0; TOKEN_BYTES];
        fill_random(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Reads 64 hexadecimal digits of either case.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != TOKEN_BYTES * 2 {
            return None;
        }
        let mut bytes = [0; TOKEN_BYTES];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        Some(Self(bytes))
    }

    /// `None` when `bytes` is not 32 bytes long.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(bytes.try_into().ok()?))
    }

    #[must_use]
    pub fn as_bytes(&self) -> &[u8; TOKEN_BYTES] {
        &self.0
    }

    /// 64 hexadecimal digits in lower case.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex(&self.0)
    }

    #[must_use]
    pub fn hash(&self) -> TokenHash {
        sha256(&self.0)
    }

    /// The visitor a token belongs to: the first sixteen bytes of its SHA-256.
    #[must_use]
    pub fn visitor(&self) -> u128 {
        let mut first = [0; 16];
        first.copy_from_slice(&self.hash()[..16]);
        u128::from_be_bytes(first)
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        same(&self.0, &other.0)
    }
}

impl Eq for Token {}

/// SHA-256 (FIPS 180-4).
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}

/// Whether two secrets are equal, in time that depends on the length alone.
#[must_use]
pub fn same(one: &[u8], other: &[u8]) -> bool {
    let mut difference = u8::from(one.len() != other.len());
    for (a, b) in one.iter().zip(other) {
        difference |= std::hint::black_box(a ^ b);
    }
    difference == 0
}

/// Fills `bytes` from the system's generator.
///
/// # Errors
/// The system has no randomness.
pub fn fill_random(bytes: &mut [u8]) -> Result<(), NoRandomness> {
    getrandom::fill(bytes).map_err(|_| NoRandomness)
}

/// Lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_its_text_and_nothing_else_does() {
        let token = Token::random().unwrap();
        assert_eq!(Token::from_hex(&token.to_hex()), Some(token.clone()));
        assert_eq!(Token::from_hex(&token.to_hex().to_uppercase()), Some(token.clone()));
        assert_ne!(Token::random().unwrap(), token);
        for wrong in ["", "00", &"0".repeat(63), &"0".repeat(65), &"g".repeat(64), &"é".repeat(32)]
        {
            assert_eq!(Token::from_hex(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_token_never_reaches_a_log() {
        assert_eq!(format!("{:?}", Token::random().unwrap()), "***");
    }

    #[test]
    fn the_visitor_is_the_start_of_the_published_sha256() {
        let token = Token::from_bytes(&[0; 32]).unwrap();
        // SHA-256 of 32 zero bytes.
        let known = "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925";
        assert_eq!(hex(&token.hash()), known);
        assert_eq!(format!("{:032x}", token.visitor()), known[..32]);
    }

    #[test]
    fn secrets_of_different_length_differ() {
        assert!(same(b"abc", b"abc"));
        assert!(!same(b"abc", b"abd"));
        assert!(!same(b"abc", b"ab"));
    }
}
