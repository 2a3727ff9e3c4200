//! Journal records and other things of a few kilobytes: cipher text with 32 bytes behind it.
//!
//! | bytes from the end | |
//! |---|---|
//! | 32..16 | tag |
//! | 16..4 | nonce |
//! | 4..0 | master, u32 big-endian |

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use super::aead::{Aead, BadSeal, Nonces};
use super::keys::{KeyId, Keys, Purpose};
use crate::modes::{NONCE_BYTES, TAG_BYTES};
use crate::token::NoRandomness;

/// By how much sealing makes a record longer.
pub const RECORD_EXTRA: usize = TAG_BYTES + NONCE_BYTES + 4;

/// Seals and opens records for one purpose.
pub struct RecordKeys {
    purpose: Purpose,
    /// By rising id of the master; the last one seals.
    known: RwLock<Arc<[(KeyId, Aead)]>>,
    nonces: Nonces,
}

impl RecordKeys {
    /// # Errors
    /// The system has no randomness.
    pub fn new(keys: &Keys, purpose: Purpose) -> Result<Self, NoRandomness> {
        let known = RwLock::new(known(keys, purpose));
        Ok(Self { purpose, known, nonces: Nonces::new()? })
    }

    /// Goes on with other masters: one was added, or old ones are dropped.
    pub fn renew(&self, keys: &Keys) {
        let known = known(keys, self.purpose);
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
    }

    /// True for a record that the newest master sealed.
    #[must_use]
    pub fn is_newest(&self, record: &[u8]) -> bool {
        let newest = self.keys().last().map(|(id, _)| u32::from(*id).to_be_bytes());
        newest.is_some_and(|newest| record.ends_with(&newest))
    }

    fn keys(&self) -> Arc<[(KeyId, Aead)]> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Seals what `record` holds from `start` on; `place` says where it belongs and is needed to
    /// open it.
    ///
    /// # Errors
    /// The system has no randomness.
    ///
    /// # Panics
    /// `start` is behind the end.
    pub fn seal(
        &self,
        place: &[u8],
        record: &mut Vec<u8>,
        start: usize,
    ) -> Result<(), NoRandomness> {
        record.resize(record.len() + RECORD_EXTRA, 0);
        self.seal_within(place, &mut record[start..])
    }

    /// As [`RecordKeys::seal`], where the last [`RECORD_EXTRA`] bytes are room for what is added.
    ///
    /// # Errors
    /// The system has no randomness.
    ///
    /// # Panics
    /// The record is shorter than that room.
    pub fn seal_within(&self, place: &[u8], record: &mut [u8]) -> Result<(), NoRandomness> {
        // Keys hold a master at least.
        let keys = self.keys();
        let (id, aead) = keys.last().ok_or(NoRandomness)?;
        let nonce = self.nonces.take(1)?;
        let (text, room) = record.split_at_mut(record.len() - RECORD_EXTRA);
        room[..TAG_BYTES].copy_from_slice(&aead.seal(&nonce, place, text));
        room[TAG_BYTES..][..NONCE_BYTES].copy_from_slice(&nonce);
        room[TAG_BYTES + NONCE_BYTES..].copy_from_slice(&u32::from(*id).to_be_bytes());
        Ok(())
    }

    /// Opens a record in place and gives the plain text.
    ///
    /// # Errors
    /// [`BadSeal`]; what `record` holds then is no plain text.
    pub fn open<'a>(&self, place: &[u8], record: &'a mut [u8]) -> Result<&'a mut [u8], BadSeal> {
        let (record, id) = record.split_last_chunk_mut::<4>().ok_or(BadSeal)?;
        let (record, nonce) = record.split_last_chunk_mut::<NONCE_BYTES>().ok_or(BadSeal)?;
        let (text, tag) = record.split_last_chunk_mut::<TAG_BYTES>().ok_or(BadSeal)?;
        let id = u32::from_be_bytes(*id);
        let keys = self.keys();
        let (_, aead) = keys.iter().find(|(known, _)| u32::from(*known) == id).ok_or(BadSeal)?;
        aead.open(nonce, place, text, tag)?;
        Ok(text)
    }
}

fn known(keys: &Keys, purpose: Purpose) -> Arc<[(KeyId, Aead)]> {
    keys.ids().filter_map(|id| Some((id, keys.aead(id, purpose).ok()?))).collect()
}

impl fmt::Debug for RecordKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::super::keys::test_keys;
    use super::*;
    use crate::family::Family;

    #[test]
    fn a_record_opens_in_its_place_with_its_purpose_only() {
        for family in [Family::National, Family::International] {
            let keys = test_keys(family, &[1]);
            let records = RecordKeys::new(&keys, Purpose::Record).unwrap();
            let mut sealed = b"head, hello".to_vec();
            records.seal(b"place", &mut sealed, 6).unwrap();
            assert_eq!(sealed.len(), 11 + RECORD_EXTRA);
            let open = |keys: &RecordKeys, place: &[u8], bytes: &[u8]| {
                keys.open(place, &mut bytes.to_vec()).map(|text| text.to_vec())
            };
            let body = &sealed[6..];
            assert_eq!(open(&records, b"place", body).unwrap(), b"hello");
            assert_eq!(open(&records, b"other", body), Err(BadSeal));
            let other = RecordKeys::new(&keys, Purpose::Audit).unwrap();
            assert_eq!(open(&other, b"place", body), Err(BadSeal));
            let rotated = RecordKeys::new(&test_keys(family, &[1, 2]), Purpose::Record).unwrap();
            assert_eq!(open(&rotated, b"place", body).unwrap(), b"hello");
            for at in 0..body.len() {
                let mut changed = body.to_vec();
                changed[at] ^= 1;
                assert_eq!(open(&records, b"place", &changed), Err(BadSeal), "byte {at}");
                assert_eq!(open(&records, b"place", &body[..at]), Err(BadSeal), "cut at {at}");
            }
        }
    }

    #[test]
    fn masters_are_taken_up_and_dropped_while_records_are_sealed() {
        let records = RecordKeys::new(&test_keys(Family::National, &[1]), Purpose::Record).unwrap();
        let sealed = |text: &[u8]| {
            let mut record = text.to_vec();
            records.seal(b"place", &mut record, 0).unwrap();
            record
        };
        let opens = |record: &[u8]| records.open(b"place", &mut record.to_vec()).is_ok();
        let old = sealed(b"old");
        assert!(records.is_newest(&old));
        records.renew(&test_keys(Family::National, &[1, 2]));
        let new = sealed(b"new");
        assert!(records.is_newest(&new) && !records.is_newest(&old));
        assert!(opens(&old) && opens(&new));
        records.renew(&test_keys(Family::National, &[1, 2]).without_old());
        assert!(!opens(&old) && opens(&new));
    }

    #[test]
    fn a_place_that_is_written_again_after_a_crash_has_another_nonce() {
        let keys = test_keys(Family::National, &[1]);
        let nonce = |body: &[u8]| {
            let records = RecordKeys::new(&keys, Purpose::Record).unwrap();
            let mut sealed = body.to_vec();
            records.seal(b"position 7", &mut sealed, 0).unwrap();
            sealed[sealed.len() - 16..][..12].to_vec()
        };
        assert_ne!(nonce(b"before the crash"), nonce(b"after the crash."));
    }
}
