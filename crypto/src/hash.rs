//! SHA-256 (FIPS 180-4) or SM3 (GB/T 32905) of something that does not fit in memory.

use ring::digest::{Context, SHA256};

use crate::family::Family;
use crate::sm3::Sm3;

/// A hash under way.
#[derive(Clone)]
pub struct Sha256(Context);

impl Default for Sha256 {
    fn default() -> Self {
        Self(Context::new(&SHA256))
    }
}

impl Sha256 {
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    #[must_use]
    pub fn finish(self) -> [u8; 32] {
        let mut hash = [0; 32];
        hash.copy_from_slice(self.0.finish().as_ref());
        hash
    }
}

impl std::fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sha256")
    }
}

/// The hash of a family, under way.
#[derive(Clone, Debug)]
pub enum Hash {
    Sm3(Sm3),
    Sha256(Sha256),
}

impl Hash {
    #[must_use]
    pub fn new(family: Family) -> Self {
        match family {
            Family::National => Self::Sm3(Sm3::new()),
            Family::International => Self::Sha256(Sha256::default()),
        }
    }

    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sm3(hash) => hash.update(bytes),
            Self::Sha256(hash) => hash.update(bytes),
        }
    }

    #[must_use]
    pub fn finish(self) -> [u8; 32] {
        match self {
            Self::Sm3(hash) => hash.finish(),
            Self::Sha256(hash) => hash.finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_hash_as_the_whole_does() {
        for family in [Family::National, Family::International] {
            let mut hash = Hash::new(family);
            hash.update(b"one ");
            hash.update(b"whole");
            assert_eq!(hash.finish(), family.hash(&[b"one whole"]));
        }
    }
}
