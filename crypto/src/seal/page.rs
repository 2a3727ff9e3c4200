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
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

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
    state: RwLock<State>,
    nonces: Nonces,
}

struct State {
    keys: Keys,
    /// Master and number of the page key that seals.
    name: (KeyId, u16),
    sealing: Arc<Aead>,
    /// What was used so far, expanded.
    known: BTreeMap<(KeyId, u16), Arc<Aead>>,
}

impl PageKeys {
    /// Seals with page key `number` of the newest master.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn new(keys: Keys, number: u16) -> Result<Self, NoRandomness> {
        // The newest master is one of them.
        let state = State::new(keys, number).map_err(|_| NoRandomness)?;
        Ok(Self { state: RwLock::new(state), nonces: Nonces::new()? })
    }

    /// Master and number of the page key that seals.
    #[must_use]
    pub fn sealing(&self) -> (KeyId, u16) {
        self.state().name
    }

    /// Seals with page key `number` of the newest master from now on.
    ///
    /// # Errors
    /// Never for keys that hold a master.
    pub fn change(&self, number: u16) -> Result<(), BadSeal> {
        let keys = self.state().keys.clone();
        self.renew(keys, number)
    }

    /// Goes on with other masters: one was added, or old ones are dropped. Page key `number` of the
    /// newest one seals.
    ///
    /// # Errors
    /// As `change`.
    pub fn renew(&self, keys: Keys, number: u16) -> Result<(), BadSeal> {
        let state = State::new(keys, number)?;
        *self.state.write().unwrap_or_else(PoisonError::into_inner) = state;
        Ok(())
    }

    /// True for a page that the newest master sealed.
    #[must_use]
    pub fn is_newest(&self, sealed: &[u8; SEALED_PAGE_BYTES]) -> bool {
        sealed[SEALED_PAGE_BYTES - 4..].starts_with(&self.sealing().0.to_be_bytes())
    }

    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
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
            let state = self.state();
            (state.name, Arc::clone(&state.sealing))
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
        if let Some(aead) = self.state().known.get(&name) {
            return Ok(Arc::clone(aead));
        }
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let aead = Arc::new(state.keys.aead(name.0, Purpose::Page(name.1))?);
        // Changed bytes may name any key: what they name is not kept without end.
        if state.known.len() < 256 {
            state.known.insert(name, Arc::clone(&aead));
        }
        Ok(aead)
    }
}

impl State {
    fn new(keys: Keys, number: u16) -> Result<Self, BadSeal> {
        let name = (keys.newest(), number);
        let sealing = Arc::new(keys.aead(name.0, Purpose::Page(number))?);
        let known = BTreeMap::from([(name, Arc::clone(&sealing))]);
        Ok(Self { keys, name, sealing, known })
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
        before.renew(test_keys(Family::National, &[1, 2]), 0).unwrap();
        assert_eq!(opened(&before, 1, &new).unwrap(), [3; PAGE_BYTES], "taken up");
        let page = |bytes: &[u8]| *bytes.first_chunk().unwrap();
        assert!(before.is_newest(&page(&new)) && !before.is_newest(&page(&old)));
        before.renew(test_keys(Family::National, &[1, 2]).without_old(), 0).unwrap();
        assert_eq!(opened(&before, 1, &old), Err(BadSeal), "dropped");
    }
}
