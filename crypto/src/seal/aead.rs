//! One authenticated cipher of either family, and the nonces it is used with.

use std::fmt;
use std::sync::Mutex;
use std::sync::PoisonError;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, Tag, UnboundKey};

use crate::family::Family;
use crate::modes::{Gcm, NONCE_BYTES, TAG_BYTES};
use crate::token::{NoRandomness, fill_random};

/// What was sealed does not open: another key, another place, or changed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sealed bytes do not open: they were changed, moved, or sealed with another key")]
pub struct BadSeal;

/// SM4-GCM with the first half of a key of 32 bytes, or AES-256-GCM with all of it.
///
/// The expanded SM4 key wipes itself when dropped. That of AES is ring's, which does not wipe.
#[derive(Clone)]
pub enum Aead {
    Sm4Gcm(Gcm),
    Aes256Gcm(LessSafeKey),
}

impl Aead {
    /// # Panics
    /// Never: a key of AES-256 has 32 bytes.
    #[must_use]
    pub fn new(family: Family, key: &[u8; 32]) -> Self {
        match (family, key.first_chunk()) {
            (Family::National, Some(half)) => Self::Sm4Gcm(Gcm::new(half)),
            (Family::National, None) => unreachable!("32 bytes have a first half"),
            (Family::International, _) => match UnboundKey::new(&AES_256_GCM, key) {
                Ok(key) => Self::Aes256Gcm(LessSafeKey::new(key)),
                Err(_) => unreachable!("a key of AES-256 has 32 bytes"),
            },
        }
    }

    #[must_use]
    pub fn family(&self) -> Family {
        match self {
            Self::Sm4Gcm(_) => Family::National,
            Self::Aes256Gcm(_) => Family::International,
        }
    }

    /// Encrypts `data` in place and gives the tag over `aad` and the cipher text.
    ///
    /// # Panics
    /// `data` is longer than 2^36 - 32 bytes.
    #[must_use]
    pub fn seal(&self, nonce: &[u8; NONCE_BYTES], aad: &[u8], data: &mut [u8]) -> [u8; TAG_BYTES] {
        match self {
            Self::Sm4Gcm(key) => key.seal_in_place(nonce, aad, data),
            Self::Aes256Gcm(key) => {
                let nonce = Nonce::assume_unique_for_key(*nonce);
                let mut tag = [0; TAG_BYTES];
                match key.seal_in_place_separate_tag(nonce, Aad::from(aad), data) {
                    Ok(made) => tag.copy_from_slice(made.as_ref()),
                    Err(_) => unreachable!("longer than GCM allows"),
                }
                tag
            }
        }
    }

    /// Checks the tag and decrypts `data` in place.
    ///
    /// # Errors
    /// [`BadSeal`]; what `data` holds then is no plain text.
    pub fn open(
        &self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        data: &mut [u8],
        tag: &[u8; TAG_BYTES],
    ) -> Result<(), BadSeal> {
        match self {
            Self::Sm4Gcm(key) => key.open_in_place(nonce, aad, data, tag).map_err(|_| BadSeal),
            Self::Aes256Gcm(key) => {
                let nonce = Nonce::assume_unique_for_key(*nonce);
                key.open_in_place_separate_tag(nonce, Aad::from(aad), Tag::from(*tag), data, 0..)
                    .map(|_| ())
                    .map_err(|_| BadSeal)
            }
        }
    }
}

impl fmt::Debug for Aead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Nonces that never come twice: a random generation and a counter behind it.
#[derive(Debug)]
pub struct Nonces(Mutex<State>);

#[derive(Debug)]
struct State {
    generation: [u8; 8],
    next: u32,
    /// Numbers left in this generation.
    left: u64,
}

impl Nonces {
    /// # Errors
    /// The system has no randomness.
    pub fn new() -> Result<Self, NoRandomness> {
        Ok(Self(Mutex::new(State::draw()?)))
    }

    /// `count` nonces in a row: the first, to be counted on with [`step`].
    ///
    /// # Errors
    /// The system has no randomness for a new generation.
    pub fn take(&self, count: u32) -> Result<[u8; NONCE_BYTES], NoRandomness> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.left < u64::from(count) {
            *state = State::draw()?;
        }
        let mut nonce = [0; NONCE_BYTES];
        nonce[..8].copy_from_slice(&state.generation);
        nonce[8..].copy_from_slice(&state.next.to_be_bytes());
        state.next = state.next.wrapping_add(count);
        state.left -= u64::from(count);
        Ok(nonce)
    }
}

impl State {
    fn draw() -> Result<Self, NoRandomness> {
        let mut generation = [0; 8];
        fill_random(&mut generation)?;
        Ok(Self { generation, next: 0, left: 1 << 32 })
    }
}

/// The nonce behind this one in a row that [`Nonces::take`] gave.
pub(super) fn step(nonce: &mut [u8; NONCE_BYTES]) {
    if let Some(counter) = nonce.last_chunk_mut::<4>() {
        *counter = u32::from_be_bytes(*counter).wrapping_add(1).to_be_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_opens_with_its_key_place_and_bytes_only() {
        for family in [Family::National, Family::International] {
            let key = Aead::new(family, &[7; 32]);
            let mut data = *b"a text of some length";
            let tag = key.seal(&[1; 12], b"place", &mut data);
            assert_ne!(&data, b"a text of some length");
            let open = |key: &Aead, nonce: [u8; 12], aad: &[u8], flip: usize| {
                let mut copy = data;
                let mut tag = tag;
                if flip < copy.len() {
                    copy[flip] ^= 1
                } else if flip < 37 {
                    tag[flip - 21] ^= 1
                }
                key.open(&nonce, aad, &mut copy, &tag).map(|()| copy)
            };
            assert_eq!(open(&key, [1; 12], b"place", 99), Ok(*b"a text of some length"));
            for flip in 0..37 {
                assert_eq!(open(&key, [1; 12], b"place", flip), Err(BadSeal), "{flip}");
            }
            assert_eq!(open(&key, [2; 12], b"place", 99), Err(BadSeal));
            assert_eq!(open(&key, [1; 12], b"plice", 99), Err(BadSeal));
            assert_eq!(open(&Aead::new(family, &[8; 32]), [1; 12], b"place", 99), Err(BadSeal));
            assert_eq!(format!("{key:?}"), "***");
        }
    }

    #[test]
    fn nonces_of_two_openings_differ_and_a_used_up_counter_draws_anew() {
        let (one, two) = (Nonces::new().unwrap(), Nonces::new().unwrap());
        let mut seen: Vec<_> = (0..1000).map(|_| one.take(1).unwrap()).collect();
        seen.extend((0..1000).map(|_| two.take(1).unwrap()));
        let first = seen[0];
        one.0.lock().unwrap().left = 1;
        let anew = one.take(2).unwrap();
        assert_ne!(anew[..8], first[..8]);
        assert_eq!(anew[8..], [0; 4]);
        seen.push(anew);
        let mut second = anew;
        step(&mut second);
        assert_eq!(second[8..], [0, 0, 0, 1]);
        seen.extend([second, one.take(1).unwrap()]);
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 2003);
    }
}
