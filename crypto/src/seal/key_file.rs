//! The key file: the secrets of a site, each wrapped by a key that the operator's passphrase or a
//! key store opens. Invariant: the file is authenticated as a whole, and a wrong passphrase is told
//! from a changed file.
//!
//! All numbers are big-endian.
//!
//! | part | bytes |
//! |---|---|
//! | magic `phkeys`, two zeros | 8 |
//! | format, u32 1 | 4 |
//! | family: 1 national, 2 international | 1 |
//! | lock: 1 passphrase, 2 key store | 1 |
//! | length of the lock, u16, and the lock | 2 + n |
//! | check: HMAC over all before, with the key `check` below the KEK | 32 |
//! | number of entries, u16 | 2 |
//! | entries: kind u8, id u16, made at (ms) u64, label (u8 length), nonce, secret, tag | 72 + n |
//! | mac: HMAC over all before, with the key `file` below the KEK | 32 |
//!
//! A passphrase's lock is the PBKDF2 rounds (u32) and the salt (16 bytes), a key store's is the
//! label (u8 length) of its key and what that key wrapped. What stands before an entry's nonce is
//! its associated data, with the check before it.

use std::fmt;
use std::num::NonZeroU32;

use zeroize::Zeroizing;

use super::aead::Aead;
use super::keys::{KeyId, Keys};
use crate::family::{Family, Secret};
use crate::keystore::{KeyStore, StoreFault};
use crate::token::{NoRandomness, fill_random, same};

/// Rounds of PBKDF2 in what is written: OWASP's floor for HMAC-SHA-256 is 600 000 for passwords of
/// people (Password Storage Cheat Sheet); this is for a secret that the setup drew or a machine
/// keeps, and it delays each start, on boards too.
pub const ROUNDS: NonZeroU32 = NonZeroU32::MIN.saturating_add(299_999);
/// The most rounds of a file that is read: a minute on a small board.
const ROUNDS_MOST: u32 = 10_000_000;
/// Shortest passphrase, in bytes.
pub const PASSPHRASE_LEAST: usize = 12;
const MAGIC: &[u8; 8] = b"phkeys\0\0";
const FORMAT: u32 = 1;
const ENTRIES_MOST: usize = 1024;
const LABEL_MOST: usize = 64;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A master of what lies on the disk.
    Master,
    /// First key of the audit log's ratchet: needed to verify, never to write.
    AuditRoot,
    /// Seed of the key that signs the audit log's heads.
    AuditSigner,
    /// For the software key store: an SM2 key, an Ed25519 seed, a key that wraps others.
    Sm2,
    Ed25519,
    Wrap,
}

/// One secret.
#[derive(Clone)]
pub struct Entry {
    pub kind: Kind,
    pub id: KeyId,
    pub made_ms: u64,
    /// Empty, or the name the software key store knows the key by.
    pub label: String,
    pub secret: Secret,
}

/// What opens a key file.
#[derive(Clone, Copy)]
pub enum Opener<'a> {
    Passphrase(&'a [u8]),
    /// A key store and the label of its wrapping key.
    Store(&'a KeyStore, &'a str),
}

/// Why a key file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFault {
    #[error("this is no key file, or it is cut")]
    NoKeyFile,
    #[error("the key file has format {0}, this program reads {FORMAT}")]
    NewerFormat(u32),
    #[error("the passphrase is not the one of this key file")]
    WrongPassphrase,
    #[error("the key store's key does not open this key file")]
    WrongStore,
    #[error("the key file was changed, or is damaged")]
    Changed,
    #[error("this key file is opened by a passphrase")]
    NeedsPassphrase,
    #[error("this key file is opened by the key {0:?} of a key store")]
    NeedsStore(String),
    #[error("a passphrase has {PASSPHRASE_LEAST} bytes at least")]
    ShortPassphrase,
    #[error("a key file holds {ENTRIES_MOST} keys at most, with labels of {LABEL_MOST} bytes")]
    Full,
    #[error(transparent)]
    Store(#[from] StoreFault),
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

enum Lock {
    Passphrase { rounds: NonZeroU32, salt: [u8; 16] },
    Store { label: String, wrapped: Vec<u8> },
}

/// An opened key file.
pub struct KeyFile {
    family: Family,
    lock: Lock,
    kek: Secret,
    entries: Vec<Entry>,
}

impl KeyFile {
    /// A file without any key.
    ///
    /// # Errors
    /// A short passphrase, a key store that does not wrap, no randomness.
    pub fn new(family: Family, opener: Opener<'_>, rounds: NonZeroU32) -> Result<Self, KeyFault> {
        let (lock, kek) = locked(family, opener, rounds)?;
        Ok(Self { family, lock, kek, entries: Vec::new() })
    }

    /// Opens what [`KeyFile::to_bytes`] gave.
    ///
    /// # Errors
    /// See [`KeyFault`].
    pub fn open(bytes: &[u8], opener: Opener<'_>) -> Result<Self, KeyFault> {
        let mut reader = Reader { all: bytes, at: 0 };
        let (family, lock) = read_head(&mut reader)?;
        let kek = unlock(family, &lock, opener)?;
        let head = &bytes[..reader.at];
        let check = reader.array::<32>()?;
        if !same(&family.hmac(&*family.derive(&kek, &[b"check"]), &[head]), &check) {
            return Err(match lock {
                Lock::Passphrase { .. } => KeyFault::WrongPassphrase,
                Lock::Store { .. } => KeyFault::WrongStore,
            });
        }
        let (text, mac) = bytes.split_last_chunk::<32>().ok_or(KeyFault::NoKeyFile)?;
        if !same(&family.hmac(&*family.derive(&kek, &[b"file"]), &[text]), mac) {
            return Err(KeyFault::Changed);
        }
        let aead = Aead::new(family, &family.derive(&kek, &[b"wrap"]));
        let count = u16::from_be_bytes(reader.array()?);
        let entries: Result<Vec<_>, _> =
            (0..count).map(|_| read_entry(&mut reader, &aead, &check)).collect();
        if reader.at != text.len() {
            return Err(KeyFault::Changed);
        }
        Ok(Self { family, lock, kek, entries: entries? })
    }

    /// The file's bytes, every secret wrapped with a fresh nonce.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn to_bytes(&self) -> Result<Vec<u8>, NoRandomness> {
        let family = self.family;
        let mut out = self.head();
        let check = family.hmac(&*family.derive(&self.kek, &[b"check"]), &[&out]);
        out.extend_from_slice(&check);
        let aead = Aead::new(family, &family.derive(&self.kek, &[b"wrap"]));
        // No more than ENTRIES_MOST are ever taken in.
        let count = u16::try_from(self.entries.len()).unwrap_or(u16::MAX);
        out.extend_from_slice(&count.to_be_bytes());
        for entry in &self.entries {
            let start = out.len();
            out.push(entry.kind.byte());
            out.extend_from_slice(&entry.id.to_be_bytes());
            out.extend_from_slice(&entry.made_ms.to_be_bytes());
            put_short(&mut out, entry.label.as_bytes());
            let place = [&check[..], &out[start..]].concat();
            let mut nonce = [0; 12];
            fill_random(&mut nonce)?;
            let mut secret = entry.secret.clone();
            let tag = aead.seal(&nonce, &place, &mut *secret);
            out.extend_from_slice(&nonce);
            out.extend_from_slice(&*secret);
            out.extend_from_slice(&tag);
        }
        let mac = family.hmac(&*family.derive(&self.kek, &[b"file"]), &[&out]);
        out.extend_from_slice(&mac);
        Ok(out)
    }

    /// Draws a secret and gives its id: one more than the highest of its kind.
    ///
    /// # Errors
    /// The file is full, a label is too long, no randomness.
    pub fn add(&mut self, kind: Kind, label: &str, made_ms: u64) -> Result<KeyId, KeyFault> {
        let mut secret = Secret::default();
        loop {
            fill_random(&mut *secret)?;
            // About one in 2^32 random numbers is no SM2 key.
            if kind != Kind::Sm2 || crate::sm2::SecretKey::from_bytes(&*secret).is_ok() {
                break;
            }
        }
        self.take(kind, label, made_ms, secret)
    }

    /// Takes over a secret that was kept elsewhere; otherwise as [`KeyFile::add`].
    ///
    /// # Errors
    /// The file is full, or a label is too long.
    pub fn take(
        &mut self,
        kind: Kind,
        label: &str,
        made_ms: u64,
        secret: Secret,
    ) -> Result<KeyId, KeyFault> {
        let of_kind = self.entries.iter().filter(|entry| entry.kind == kind);
        let id = of_kind.map(|entry| entry.id).max().unwrap_or(0).checked_add(1);
        let id = id.filter(|_| self.entries.len() < ENTRIES_MOST && label.len() <= LABEL_MOST);
        let id = id.ok_or(KeyFault::Full)?;
        self.entries.push(Entry { kind, id, made_ms, label: label.to_owned(), secret });
        Ok(id)
    }

    /// Forgets the masters before the newest one; returns how many. What they sealed is lost.
    pub fn drop_old_masters(&mut self) -> usize {
        let newest = self.newest(Kind::Master).map_or(0, |entry| entry.id);
        let before = self.entries.len();
        self.entries.retain(|entry| entry.kind != Kind::Master || entry.id == newest);
        before - self.entries.len()
    }

    /// Opens with something else from now on. The secrets stay.
    ///
    /// # Errors
    /// As [`KeyFile::new`].
    pub fn relock(&mut self, opener: Opener<'_>, rounds: NonZeroU32) -> Result<(), KeyFault> {
        (self.lock, self.kek) = locked(self.family, opener, rounds)?;
        Ok(())
    }

    #[must_use]
    pub fn family(&self) -> Family {
        self.family
    }

    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The newest secret of a kind.
    #[must_use]
    pub fn newest(&self, kind: Kind) -> Option<&Entry> {
        self.entries.iter().filter(|entry| entry.kind == kind).max_by_key(|entry| entry.id)
    }

    /// The masters; `None` when there is none.
    #[must_use]
    pub fn keys(&self) -> Option<Keys> {
        let masters = self.entries.iter().filter(|entry| entry.kind == Kind::Master);
        Keys::new(self.family, masters.map(|entry| (entry.id, entry.secret.clone())).collect())
    }

    fn head(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&FORMAT.to_be_bytes());
        out.push(self.family.byte());
        let mut lock = Vec::new();
        match &self.lock {
            Lock::Passphrase { rounds, salt } => {
                out.push(1);
                lock.extend_from_slice(&rounds.get().to_be_bytes());
                lock.extend_from_slice(salt);
            }
            Lock::Store { label, wrapped } => {
                out.push(2);
                put_short(&mut lock, label.as_bytes());
                lock.extend_from_slice(wrapped);
            }
        }
        // A label has 255 bytes at most and what a key store wrapped is bounded by `locked`.
        out.extend_from_slice(&u16::try_from(lock.len()).unwrap_or(u16::MAX).to_be_bytes());
        out.append(&mut lock);
        out
    }
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyFile").field("family", &self.family).finish_non_exhaustive()
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {} {:?} ***", self.kind, self.id, self.label)
    }
}

impl Kind {
    const ALL: [Self; 6] =
        [Self::Master, Self::AuditRoot, Self::AuditSigner, Self::Sm2, Self::Ed25519, Self::Wrap];

    fn byte(self) -> u8 {
        match self {
            Self::Master => 1,
            Self::AuditRoot => 2,
            Self::AuditSigner => 3,
            Self::Sm2 => 4,
            Self::Ed25519 => 5,
            Self::Wrap => 6,
        }
    }
}

fn locked(
    family: Family,
    opener: Opener<'_>,
    rounds: NonZeroU32,
) -> Result<(Lock, Secret), KeyFault> {
    match opener {
        Opener::Passphrase(passphrase) if passphrase.len() < PASSPHRASE_LEAST => {
            Err(KeyFault::ShortPassphrase)
        }
        Opener::Passphrase(passphrase) => {
            let mut salt = [0; 16];
            fill_random(&mut salt)?;
            let kek = family.stretch(passphrase, &salt, rounds);
            Ok((Lock::Passphrase { rounds, salt }, kek))
        }
        Opener::Store(store, label) => {
            let mut kek = Secret::default();
            fill_random(&mut *kek)?;
            let wrapped = store.wrap(label, &*kek)?;
            let fits = wrapped.len() <= 4096 && label.len() <= LABEL_MOST;
            let label = Some(label.to_owned()).filter(|_| fits).ok_or(KeyFault::Full)?;
            Ok((Lock::Store { label, wrapped }, kek))
        }
    }
}

fn unlock(family: Family, lock: &Lock, opener: Opener<'_>) -> Result<Secret, KeyFault> {
    match (lock, opener) {
        (Lock::Passphrase { rounds, salt }, Opener::Passphrase(passphrase)) => {
            Ok(family.stretch(passphrase, salt, *rounds))
        }
        (Lock::Store { label, wrapped }, Opener::Store(store, _)) => {
            let kek = store.unwrap(label, wrapped)?;
            Ok(Secret::new(kek.as_slice().try_into().map_err(|_| KeyFault::WrongStore)?))
        }
        (Lock::Passphrase { .. }, Opener::Store(..)) => Err(KeyFault::NeedsPassphrase),
        (Lock::Store { label, .. }, Opener::Passphrase(_)) => {
            Err(KeyFault::NeedsStore(label.clone()))
        }
    }
}

fn read_head(reader: &mut Reader<'_>) -> Result<(Family, Lock), KeyFault> {
    if &reader.array::<8>()? != MAGIC {
        return Err(KeyFault::NoKeyFile);
    }
    let format = u32::from_be_bytes(reader.array()?);
    if format != FORMAT {
        return Err(KeyFault::NewerFormat(format));
    }
    let [family, kind] = reader.array()?;
    let family = Family::from_byte(family).ok_or(KeyFault::Changed)?;
    let length = u16::from_be_bytes(reader.array()?);
    let mut lock = Reader { all: reader.bytes(usize::from(length))?, at: 0 };
    let lock = match kind {
        1 => {
            let rounds = u32::from_be_bytes(lock.array()?);
            let rounds = NonZeroU32::new(rounds).filter(|rounds| rounds.get() <= ROUNDS_MOST);
            Lock::Passphrase { rounds: rounds.ok_or(KeyFault::Changed)?, salt: lock.array()? }
        }
        2 => Lock::Store { label: lock.label()?, wrapped: lock.all[lock.at..].to_vec() },
        _ => return Err(KeyFault::Changed),
    };
    Ok((family, lock))
}

fn read_entry(reader: &mut Reader<'_>, aead: &Aead, check: &[u8; 32]) -> Result<Entry, KeyFault> {
    let start = reader.at;
    let [kind] = reader.array()?;
    let kind = Kind::ALL.into_iter().find(|known| known.byte() == kind);
    let id = u16::from_be_bytes(reader.array()?);
    let made_ms = u64::from_be_bytes(reader.array()?);
    let label = reader.label()?;
    let place = [&check[..], &reader.all[start..reader.at]].concat();
    let nonce = reader.array()?;
    let mut secret = Secret::new(reader.array()?);
    let tag = reader.array()?;
    aead.open(&nonce, &place, &mut *secret, &tag).map_err(|_| KeyFault::Changed)?;
    let kind = kind.ok_or(KeyFault::Changed)?;
    Ok(Entry { kind, id, made_ms, label, secret })
}

/// A length of one byte and the bytes; labels are bounded when they are taken in.
fn put_short(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(u8::try_from(bytes.len()).unwrap_or(u8::MAX));
    out.extend_from_slice(bytes);
}

struct Reader<'a> {
    all: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], KeyFault> {
        let bytes = self.all.get(self.at..self.at + count).ok_or(KeyFault::NoKeyFile)?;
        self.at += count;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], KeyFault> {
        self.bytes(N)?.try_into().map_err(|_| KeyFault::NoKeyFile)
    }

    fn label(&mut self) -> Result<String, KeyFault> {
        let [length] = self.array()?;
        let label = self.bytes(usize::from(length))?.to_vec();
        String::from_utf8(label).map_err(|_| KeyFault::Changed)
    }
}

/// The passphrase in a file: all of it but the end of the last line.
#[must_use]
pub fn passphrase_of(mut content: Zeroizing<Vec<u8>>) -> Zeroizing<Vec<u8>> {
    while content.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
        content.pop();
    }
    content
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keystore::Software;

    const ONE: NonZeroU32 = NonZeroU32::MIN;
    const SECRET: Opener<'static> = Opener::Passphrase(b"correct horse");

    fn file(family: Family) -> KeyFile {
        let mut file = KeyFile::new(family, SECRET, ONE).unwrap();
        assert_eq!(file.add(Kind::Master, "", 5).unwrap(), 1);
        assert_eq!(file.add(Kind::AuditRoot, "", 6).unwrap(), 1);
        assert_eq!(file.add(Kind::Master, "", 7).unwrap(), 2);
        file
    }

    #[test]
    fn a_key_file_opens_with_its_passphrase_and_gives_the_same_keys() {
        for family in [Family::National, Family::International] {
            let file = file(family);
            let bytes = file.to_bytes().unwrap();
            let again = KeyFile::open(&bytes, SECRET).unwrap();
            assert_eq!(again.keys().unwrap().ids().collect::<Vec<_>>(), [1, 2]);
            for (a, b) in file.entries().iter().zip(again.entries()) {
                assert_eq!(
                    (a.kind, a.id, a.made_ms, &a.secret),
                    (b.kind, b.id, b.made_ms, &b.secret)
                );
            }
            assert_ne!(bytes, again.to_bytes().unwrap(), "nonces are fresh");
            assert!(!format!("{again:?} {:?}", again.entries()).contains("secret"));
            for entry in file.entries() {
                assert!(!bytes.windows(32).any(|window| window == &entry.secret[..]));
            }
        }
    }

    #[test]
    fn a_wrong_passphrase_and_a_changed_file_are_told_apart() {
        let bytes = file(Family::National).to_bytes().unwrap();
        let wrong = KeyFile::open(&bytes, Opener::Passphrase(b"correct house"));
        assert!(matches!(wrong, Err(KeyFault::WrongPassphrase)));
        let head = 8 + 4 + 2 + 2 + 20;
        for at in head + 32..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(matches!(KeyFile::open(&changed, SECRET), Err(KeyFault::Changed)), "byte {at}");
        }
        for at in 0..head + 32 {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(KeyFile::open(&changed, SECRET).is_err(), "byte {at}");
        }
        for end in 0..bytes.len() {
            assert!(KeyFile::open(&bytes[..end], SECRET).is_err(), "cut at {end}");
        }
        let mut newer = bytes;
        newer[11] = 9;
        assert!(matches!(KeyFile::open(&newer, SECRET), Err(KeyFault::NewerFormat(9))));
    }

    #[test]
    fn another_passphrase_or_a_key_store_can_take_the_lock() {
        let mut file = file(Family::National);
        let masters = file.keys().unwrap().ids().count();
        file.relock(Opener::Passphrase(b"battery staple"), ONE).unwrap();
        let bytes = file.to_bytes().unwrap();
        assert!(matches!(KeyFile::open(&bytes, SECRET), Err(KeyFault::WrongPassphrase)));

        let mut device = KeyFile::new(Family::National, SECRET, ONE).unwrap();
        device.add(Kind::Wrap, "site", 0).unwrap();
        let store = KeyStore::Software(Software::new(device));
        file.relock(Opener::Store(&store, "site"), ONE).unwrap();
        let bytes = file.to_bytes().unwrap();
        let asked = KeyFile::open(&bytes, Opener::Passphrase(b"battery staple"));
        assert!(matches!(asked, Err(KeyFault::NeedsStore(label)) if label == "site"));
        let again = KeyFile::open(&bytes, Opener::Store(&store, "")).unwrap();
        assert_eq!(again.keys().unwrap().ids().count(), masters);
        assert!(file.relock(Opener::Store(&store, "other"), ONE).is_err());
    }

    #[test]
    fn old_masters_are_dropped_and_their_numbers_never_used_again() {
        let mut file = file(Family::National);
        assert_eq!(file.drop_old_masters(), 1);
        assert_eq!(file.drop_old_masters(), 0);
        assert_eq!(file.entries().len(), 2, "the audit root stays");
        assert_eq!(file.keys().unwrap().ids().collect::<Vec<_>>(), [2]);
        assert_eq!(file.add(Kind::Master, "", 8).unwrap(), 3);
    }

    #[test]
    fn a_short_passphrase_is_refused_and_the_end_of_a_line_is_not_part_of_one() {
        let short = KeyFile::new(Family::National, Opener::Passphrase(b"short"), ONE);
        assert!(matches!(short, Err(KeyFault::ShortPassphrase)));
        let read = |text: &[u8]| passphrase_of(Zeroizing::new(text.to_vec())).to_vec();
        assert_eq!(read(b"correct horse\r\n"), b"correct horse");
        assert_eq!(read(b" spaces stay "), b" spaces stay ");
    }
}
