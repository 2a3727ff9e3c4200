//! Database pages: 4096 bytes become 4128.
//!
//! | bytes | |
//! |---|---|
//! | 0..4096 | cipher text |
//! | 4096..4112 | tag; the page's number (u64, big-endian) is associated data |
//! | 4112..4124 | nonce |
//! | 4124..4126 | master, u16 big-endian |
//! | 4126..4128 | page key of that master, u16 big-endian |

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use super::aead::{Aead, BadSeal, Nonces, step};
use super::keys::{KeyId, Keys, Purpose};
use crate::modes::{NONCE_BYTES, TAG_BYTES};
use crate::token::NoRandomness;

/// A page in the clear.
pub const PAGE_BYTES: usize = 4096;
/// A page as it lies on the disk.
pub const SEALED_PAGE_BYTES: usize = PAGE_BYTES + TAG_BYTES + NONCE_BYTES + 4;

/// Seals and opens the pages of one file.
pub struct PageKeys {
    keys: Keys,
    /// Master and number of the page key that seals.
    current: RwLock<((KeyId, u16), Arc<Aead>)>,
    /// What was used so far, expanded.
    known: RwLock<BTreeMap<(KeyId, u16), Arc<Aead>>>,
    nonces: Nonces,
}

impl PageKeys {
    /// Seals with page key `number` of the newest master.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn new(keys: Keys, number: u16) -> Result<Self, NoRandomness> {
        let name = (keys.newest(), number);
        // The newest master is one of them.
        let aead = keys.aead(name.0, Purpose::Page(number)).map_err(|_| NoRandomness)?;
        let current = (name, Arc::new(aead));
        let known = BTreeMap::from([(name, Arc::clone(&current.1))]);
        Ok(Self {
            keys,
            current: RwLock::new(current),
            known: RwLock::new(known),
            nonces: Nonces::new()?,
        })
    }

    /// Master and number of the page key that seals.
    #[must_use]
    pub fn sealing(&self) -> (KeyId, u16) {
        self.current.read().unwrap_or_else(PoisonError::into_inner).0
    }

    /// Seals with page key `number` of the newest master from now on.
    ///
    /// # Errors
    /// Never for keys that hold a master.
    pub fn change(&self, number: u16) -> Result<(), BadSeal> {
        let name = (self.keys.newest(), number);
        let aead = self.key(name)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = (name, aead);
        Ok(())
    }

    /// Seals whole pages, the first of them page `first` of the file, behind `sealed`.
    ///
    /// # Errors
    /// The system has no randomness.
    ///
    /// # Panics
    /// `pages` is not a whole number of pages, or 2^32 of them.
    pub fn seal(&self, first: u64, pages: &[u8], sealed: &mut Vec<u8>) -> Result<(), NoRandomness> {
        let (pages, []) = pages.as_chunks::<PAGE_BYTES>() else {
            unreachable!("whole pages are sealed")
        };
        let Ok(count) = u32::try_from(pages.len()) else { unreachable!("fewer than 2^32 pages") };
        let ((master, number), aead) = {
            let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
            (current.0, Arc::clone(&current.1))
        };
        let mut nonce = self.nonces.take(count)?;
        sealed.reserve(pages.len() * SEALED_PAGE_BYTES);
        for (at, page) in (first..).zip(pages) {
            let start = sealed.len();
            sealed.extend_from_slice(page);
            let tag = aead.seal(&nonce, &at.to_be_bytes(), &mut sealed[start..]);
            sealed.extend_from_slice(&tag);
            sealed.extend_from_slice(&nonce);
            sealed.extend_from_slice(&master.to_be_bytes());
            sealed.extend_from_slice(&number.to_be_bytes());
            step(&mut nonce);
        }
        Ok(())
    }

    /// Opens page `at` of the file into `page`.
    ///
    /// # Errors
    /// [`BadSeal`]; what `page` holds then is no plain text.
    pub fn open(
        &self,
        at: u64,
        sealed: &[u8; SEALED_PAGE_BYTES],
        page: &mut [u8; PAGE_BYTES],
    ) -> Result<(), BadSeal> {
        let (text, rest) = sealed.split_at(PAGE_BYTES);
        let (tag, rest) = rest.split_first_chunk::<TAG_BYTES>().ok_or(BadSeal)?;
        let (nonce, name) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(BadSeal)?;
        let &[a, b, c, d] = name.first_chunk::<4>().ok_or(BadSeal)?;
        let aead = self.key((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))?;
        page.copy_from_slice(text);
        aead.open(nonce, &at.to_be_bytes(), page, tag)
    }

    fn key(&self, name: (KeyId, u16)) -> Result<Arc<Aead>, BadSeal> {
        if let Some(aead) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&name) {
            return Ok(Arc::clone(aead));
        }
        let aead = Arc::new(self.keys.aead(name.0, Purpose::Page(name.1))?);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        // Changed bytes may name any key: what they name is not kept without end.
        if known.len() < 256 {
            known.insert(name, Arc::clone(&aead));
        }
        Ok(aead)
    }
}

impl fmt::Debug for PageKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::super::keys::test_keys;
    use super::*;
    use crate::family::Family;

    fn opened(keys: &PageKeys, at: u64, sealed: &[u8]) -> Result<Vec<u8>, BadSeal> {
        let mut page = [0; PAGE_BYTES];
        keys.open(at, sealed.first_chunk().unwrap(), &mut page).map(|()| page.to_vec())
    }

    fn sealed(keys: &PageKeys, first: u64, pages: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        keys.seal(first, pages, &mut out).unwrap();
        out
    }

    #[test]
    fn a_page_opens_in_its_place_only_and_no_byte_of_it_can_change() {
        for family in [Family::National, Family::International] {
            let keys = PageKeys::new(test_keys(family, &[1]), 0).unwrap();
            let plain: Vec<u8> =
                (0..PAGE_BYTES * 2).map(|n| u8::try_from(n % 251).unwrap()).collect();
            let both = sealed(&keys, 5, &plain);
            assert_eq!(both.len(), 2 * SEALED_PAGE_BYTES);
            let (one, two) = both.split_at(SEALED_PAGE_BYTES);
            assert_eq!(opened(&keys, 5, one).unwrap(), plain[..PAGE_BYTES]);
            assert_eq!(opened(&keys, 6, two).unwrap(), plain[PAGE_BYTES..]);
            assert_eq!(opened(&keys, 6, one), Err(BadSeal));
            assert_eq!(opened(&keys, 5, &[0; SEALED_PAGE_BYTES]), Err(BadSeal));
            for at in (0..SEALED_PAGE_BYTES).step_by(61).chain(4090..SEALED_PAGE_BYTES) {
                let mut changed = one.to_vec();
                changed[at] ^= 0x20;
                assert_eq!(opened(&keys, 5, &changed), Err(BadSeal), "byte {at}");
            }
        }
    }

    #[test]
    fn the_same_page_never_looks_the_same_twice() {
        let keys = PageKeys::new(test_keys(Family::National, &[1]), 0).unwrap();
        let again = PageKeys::new(test_keys(Family::National, &[1]), 0).unwrap();
        let page = [0; PAGE_BYTES];
        let all = [sealed(&keys, 1, &page), sealed(&keys, 1, &page), sealed(&again, 1, &page)];
        for pair in [(0, 1), (0, 2), (1, 2)] {
            assert_ne!(all[pair.0][..16], all[pair.1][..16]);
            assert_ne!(all[pair.0][4112..4124], all[pair.1][4112..4124], "the nonce");
        }
    }

    #[test]
    fn after_a_rotation_old_pages_open_and_new_ones_have_the_new_key() {
        let before = PageKeys::new(test_keys(Family::National, &[1]), 0).unwrap();
        let old = sealed(&before, 1, &[1; PAGE_BYTES]);
        before.change(1).unwrap();
        let second = sealed(&before, 1, &[2; PAGE_BYTES]);
        let after = PageKeys::new(test_keys(Family::National, &[1, 2]), 0).unwrap();
        let new = sealed(&after, 1, &[3; PAGE_BYTES]);
        for (page, byte, name) in
            [(&old, 1, [0, 1, 0, 0]), (&second, 2, [0, 1, 0, 1]), (&new, 3, [0, 2, 0, 0])]
        {
            assert_eq!(opened(&after, 1, page).unwrap(), [byte; PAGE_BYTES]);
            assert_eq!(page[4124..], name);
        }
        assert_eq!(opened(&before, 1, &new), Err(BadSeal), "the new master is not known there");
        assert_eq!(after.sealing(), (2, 0));
    }
}
