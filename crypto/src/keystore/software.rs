//! The key store without a device: keys of a key file, in this process's memory. What the reference
//! agent serves.

use ring::signature::{Ed25519KeyPair, KeyPair};
use zeroize::Zeroizing;

use super::{Ability, KeyInfo, RANDOM_MOST, StoreFault};
use crate::modes::{NONCE_BYTES, TAG_BYTES};
use crate::seal::Aead;
use crate::seal::key_file::{Entry, KeyFile, Kind};
use crate::sm2::{Cipher, SecretKey};
use crate::token::fill_random;

/// Keys by label.
#[derive(Debug)]
pub struct Software(KeyFile);

impl Software {
    #[must_use]
    pub fn new(file: KeyFile) -> Self {
        Self(file)
    }

    pub(super) fn sign(&self, label: &str, digest: &[u8; 32]) -> Result<[u8; 64], StoreFault> {
        let entry = self.find(label)?;
        match ability(entry.kind) {
            Some(Ability::Sm2) => Ok(sm2(entry)?.sign_digest(digest)?.to_raw()),
            Some(Ability::Ed25519) => {
                let mut signature = [0; 64];
                signature.copy_from_slice(ed25519(entry)?.sign(digest).as_ref());
                Ok(signature)
            }
            Some(Ability::Wrap) | None => Err(StoreFault::WrongKey(label.to_owned())),
        }
    }

    pub(super) fn decrypt(
        &self,
        label: &str,
        cipher: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, StoreFault> {
        let entry = self.find(label)?;
        let Some(Ability::Sm2) = ability(entry.kind) else {
            return Err(StoreFault::WrongKey(label.to_owned()));
        };
        let cipher = Cipher::from_der(cipher).map_err(|_| StoreFault::DoesNotOpen)?;
        sm2(entry)?.decrypt(&cipher).map_err(|_| StoreFault::DoesNotOpen)
    }

    /// Nonce, cipher text, tag.
    pub(super) fn wrap(&self, label: &str, key: &[u8]) -> Result<Vec<u8>, StoreFault> {
        let aead = self.wrapping(label)?;
        let mut nonce = [0; NONCE_BYTES];
        fill_random(&mut nonce)?;
        let mut wrapped = nonce.to_vec();
        wrapped.extend_from_slice(key);
        let tag = aead.seal(&nonce, label.as_bytes(), &mut wrapped[NONCE_BYTES..]);
        wrapped.extend_from_slice(&tag);
        Ok(wrapped)
    }

    pub(super) fn unwrap(
        &self,
        label: &str,
        wrapped: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, StoreFault> {
        let aead = self.wrapping(label)?;
        let parts = wrapped
            .split_first_chunk::<NONCE_BYTES>()
            .and_then(|(nonce, rest)| Some((nonce, rest.split_last_chunk::<TAG_BYTES>()?)));
        let (nonce, (text, tag)) = parts.ok_or(StoreFault::DoesNotOpen)?;
        let mut key = Zeroizing::new(text.to_vec());
        aead.open(nonce, label.as_bytes(), &mut key, tag).map_err(|_| StoreFault::DoesNotOpen)?;
        Ok(key)
    }

    #[allow(clippy::unused_self)] // one shape for all stores
    pub(super) fn random(&self, count: u32) -> Result<Zeroizing<Vec<u8>>, StoreFault> {
        if count > RANDOM_MOST {
            return Err(StoreFault::Refused(format!("{RANDOM_MOST} bytes at most")));
        }
        let mut bytes = Zeroizing::new(vec![0; usize::try_from(count).unwrap_or(0)]);
        fill_random(&mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn list(&self) -> Result<Vec<KeyInfo>, StoreFault> {
        let mut keys = Vec::new();
        for entry in self.0.entries() {
            let Some(ability) = ability(entry.kind) else { continue };
            let public = match ability {
                Ability::Sm2 => sm2(entry)?.public().to_sec1().to_vec(),
                Ability::Ed25519 => ed25519(entry)?.public_key().as_ref().to_vec(),
                Ability::Wrap => Vec::new(),
            };
            keys.push(KeyInfo { label: entry.label.clone(), ability, public });
        }
        Ok(keys)
    }

    fn find(&self, label: &str) -> Result<&Entry, StoreFault> {
        let mut keys = self.0.entries().iter().rev().filter(|entry| ability(entry.kind).is_some());
        keys.find(|entry| entry.label == label).ok_or_else(|| StoreFault::NoKey(label.to_owned()))
    }

    fn wrapping(&self, label: &str) -> Result<Aead, StoreFault> {
        let entry = self.find(label)?;
        match ability(entry.kind) {
            Some(Ability::Wrap) => Ok(Aead::new(self.0.family(), &entry.secret)),
            Some(Ability::Sm2 | Ability::Ed25519) | None => {
                Err(StoreFault::WrongKey(label.to_owned()))
            }
        }
    }
}

fn ability(kind: Kind) -> Option<Ability> {
    match kind {
        Kind::Sm2 => Some(Ability::Sm2),
        Kind::Ed25519 => Some(Ability::Ed25519),
        Kind::Wrap => Some(Ability::Wrap),
        Kind::Master | Kind::AuditRoot | Kind::AuditSigner => None,
    }
}

fn sm2(entry: &Entry) -> Result<SecretKey, StoreFault> {
    SecretKey::from_bytes(&*entry.secret).map_err(|_| StoreFault::WrongKey(entry.label.clone()))
}

fn ed25519(entry: &Entry) -> Result<Ed25519KeyPair, StoreFault> {
    Ed25519KeyPair::from_seed_unchecked(&*entry.secret)
        .map_err(|_| StoreFault::WrongKey(entry.label.clone()))
}
