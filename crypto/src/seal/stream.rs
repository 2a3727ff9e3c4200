//! Attachments: a key of its own per stream, and chunks of 64 KiB that open by themselves, so that
//! a range can be read without the rest. The construction is STREAM (Hoang, Reyhanitabar, Rogaway,
//! Vizár, CRYPTO 2015): the chunk's number and whether it is the last are part of the nonce, so a
//! chunk that is missing, moved or put at the end of another stream does not open.
//!
//! | head | bytes | |
//! |---|---|---|
//! | magic | 0..8 | `phsealed` |
//! | format, zero | 8..12 | u8 1, three zeros |
//! | sealed key | 12..76 | the stream's key of 32 bytes as a record: tag, nonce, master |
//!
//! A stream whose key is kept elsewhere has format 2 and a head of 12 bytes only.
//!
//! A chunk is its cipher text and a tag of 16 bytes. All but the last hold 65 536 bytes of plain
//! text; the last holds up to as many, and none only when the stream is empty. Nonce: seven zero
//! bytes (the key belongs to one stream, which is written once), the chunk's number (u32,
//! big-endian), 1 in the last and 0 in others.

use std::fmt;

use super::aead::{Aead, BadSeal};
use super::record::{RECORD_EXTRA, RecordKeys};
use crate::family::{Family, Secret};
use crate::modes::{NONCE_BYTES, TAG_BYTES};
use crate::token::{NoRandomness, fill_random};

/// Plain text of a chunk.
pub const CHUNK_BYTES: usize = 64 * 1024;
/// Bytes before the first chunk.
pub const HEAD_BYTES: usize = 12 + 32 + RECORD_EXTRA;

/// The head of a stream whose key is kept elsewhere.
pub const KEYED_HEAD: &[u8; 12] = b"phsealed\x02\0\0\0";

const MAGIC: &[u8; 12] = b"phsealed\x01\0\0\0";
const SEALED_CHUNK: u64 = (CHUNK_BYTES + TAG_BYTES) as u64;

/// Seals one stream, chunk after chunk.
pub struct StreamWriter {
    key: Secret,
    aead: Aead,
    next: u32,
}

/// Opens the chunks of one stream in any order.
pub struct StreamReader {
    aead: Aead,
}

impl StreamWriter {
    /// Begins a stream with a key of its own.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn begin(family: Family) -> Result<Self, NoRandomness> {
        let mut key = Secret::default();
        fill_random(&mut *key)?;
        Ok(Self { aead: Aead::new(family, &key), key, next: 0 })
    }

    /// The stream's key, to be kept elsewhere; [`KEYED_HEAD`] then stands before the chunks.
    #[must_use]
    pub fn key(&self) -> &Secret {
        &self.key
    }

    /// What stands before the chunks. `place` says what the stream is (an attachment's id) and is
    /// needed to open it. `wrap` are keys for [`super::Purpose::Wrap`].
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn head(&self, wrap: &RecordKeys, place: &[u8]) -> Result<Vec<u8>, NoRandomness> {
        let mut head = Vec::with_capacity(HEAD_BYTES);
        head.extend_from_slice(MAGIC);
        head.extend_from_slice(&*self.key);
        wrap.seal(&[MAGIC, place].concat(), &mut head, MAGIC.len())?;
        Ok(head)
    }

    /// Seals the next chunk in place and puts its tag behind it; `None` when the stream has 2^32
    /// chunks already. The caller gives [`CHUNK_BYTES`] each time but the last.
    #[must_use]
    pub fn seal(&mut self, chunk: &mut Vec<u8>, last: bool) -> Option<()> {
        let nonce = nonce(self.next, last);
        self.next = self.next.checked_add(1)?;
        let tag = self.aead.seal(&nonce, &[], chunk);
        chunk.extend_from_slice(&tag);
        Some(())
    }
}

/// Wraps the stream's key anew when an old master wraps it; true when that changed the head.
///
/// # Errors
/// [`BadSeal`]: the head does not open.
pub fn rewrap(
    wrap: &RecordKeys,
    place: &[u8],
    head: &mut [u8; HEAD_BYTES],
) -> Result<bool, BadSeal> {
    if wrap.is_newest(head) {
        return Ok(false);
    }
    let place = [MAGIC, place].concat();
    let sealed = head.strip_prefix(MAGIC).ok_or(BadSeal)?;
    let mut key = zeroize::Zeroizing::new(sealed.to_vec());
    wrap.open(&place, &mut key)?;
    wrap.seal_within(&place, &mut key).map_err(|_| BadSeal)?;
    head[MAGIC.len()..].copy_from_slice(&key);
    Ok(true)
}

impl StreamReader {
    /// Reads the head of a stream.
    ///
    /// # Errors
    /// [`BadSeal`]: another place, another site's, or changed.
    pub fn open(
        family: Family,
        wrap: &RecordKeys,
        place: &[u8],
        head: &[u8; HEAD_BYTES],
    ) -> Result<Self, BadSeal> {
        let key = head.strip_prefix(MAGIC).ok_or(BadSeal)?;
        let mut key = zeroize::Zeroizing::new(key.to_vec());
        let key = wrap.open(&[MAGIC, place].concat(), &mut key)?;
        let key: &[u8; 32] = key.first_chunk().ok_or(BadSeal)?;
        Ok(Self { aead: Aead::new(family, key) })
    }

    /// A stream whose key was kept elsewhere.
    #[must_use]
    pub fn with_key(family: Family, key: &Secret) -> Self {
        Self { aead: Aead::new(family, key) }
    }

    /// Opens chunk `number` in place and gives its plain text; `last` as the file's length says.
    ///
    /// # Errors
    /// [`BadSeal`]: the chunk belongs elsewhere or was changed, or the stream has another end.
    pub fn chunk<'a>(
        &self,
        number: u32,
        last: bool,
        sealed: &'a mut [u8],
    ) -> Result<&'a mut [u8], BadSeal> {
        let (text, tag) = sealed.split_last_chunk_mut::<TAG_BYTES>().ok_or(BadSeal)?;
        self.aead.open(&nonce(number, last), &[], text, tag)?;
        Ok(text)
    }
}

/// Length of the plain text of a sealed file with a head of `head` bytes, when it can be one.
#[must_use]
pub fn plain_bytes(sealed: u64, head: usize) -> Option<u64> {
    let chunks = sealed.checked_sub(head as u64)?;
    let (whole, rest) = (chunks / SEALED_CHUNK, chunks % SEALED_CHUNK);
    let rest = match rest {
        0 if whole > 0 => 0,
        TAG_LENGTH if whole > 0 => return None,
        rest => rest.checked_sub(TAG_LENGTH)?,
    };
    Some(whole * CHUNK_BYTES as u64 + rest)
}
const TAG_LENGTH: u64 = TAG_BYTES as u64;

/// Length of the sealed file of a plain text.
#[must_use]
pub fn sealed_bytes(plain: u64) -> u64 {
    let chunks = plain.div_ceil(CHUNK_BYTES as u64).max(1);
    HEAD_BYTES as u64 + plain + chunks * TAG_LENGTH
}

fn nonce(number: u32, last: bool) -> [u8; NONCE_BYTES] {
    let [a, b, c, d] = number.to_be_bytes();
    [0, 0, 0, 0, 0, 0, 0, a, b, c, d, u8::from(last)]
}

impl fmt::Debug for StreamWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Debug for StreamReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::super::keys::{Purpose, test_keys};
    use super::*;

    const SEALED: usize = CHUNK_BYTES + TAG_BYTES;

    fn wrap(family: Family) -> RecordKeys {
        RecordKeys::new(&test_keys(family, &[1]), Purpose::Wrap).unwrap()
    }

    fn sealed(family: Family, plain: &[u8]) -> Vec<u8> {
        let mut writer = StreamWriter::begin(family).unwrap();
        let mut file = writer.head(&wrap(family), b"id").unwrap();
        let mut chunks: Vec<&[u8]> = plain.chunks(CHUNK_BYTES).collect();
        if chunks.is_empty() {
            chunks.push(&[]);
        }
        let count = chunks.len();
        for (n, chunk) in chunks.into_iter().enumerate() {
            let mut chunk = chunk.to_vec();
            writer.seal(&mut chunk, n + 1 == count).unwrap();
            file.append(&mut chunk);
        }
        file
    }

    fn opened(family: Family, place: &[u8], file: &[u8]) -> Result<Vec<u8>, BadSeal> {
        plain_bytes(file.len() as u64, HEAD_BYTES).ok_or(BadSeal)?;
        let (head, chunks) = file.split_first_chunk().ok_or(BadSeal)?;
        let reader = StreamReader::open(family, &wrap(family), place, head)?;
        let count = chunks.chunks(SEALED).count();
        let mut plain = Vec::new();
        for (n, chunk) in (0u32..).zip(chunks.chunks(SEALED)) {
            let mut chunk = chunk.to_vec();
            plain.extend_from_slice(reader.chunk(n, n as usize + 1 == count, &mut chunk)?);
        }
        Ok(plain)
    }

    #[test]
    fn streams_of_every_length_around_a_chunk_open_again() {
        for family in [Family::National, Family::International] {
            for length in
                [0, 1, 100, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES]
            {
                let plain: Vec<u8> = (0..length).map(|n| u8::try_from(n % 253).unwrap()).collect();
                let file = sealed(family, &plain);
                assert_eq!(sealed_bytes(length as u64), file.len() as u64);
                let plain_length = plain_bytes(file.len() as u64, HEAD_BYTES);
                assert_eq!(plain_length, Some(length as u64), "{length}");
                assert_eq!(opened(family, b"id", &file).unwrap(), plain);
                assert_eq!(opened(family, b"other", &file), Err(BadSeal));
            }
        }
        assert_eq!(plain_bytes(0, HEAD_BYTES), None);
        assert_eq!(plain_bytes(HEAD_BYTES as u64, HEAD_BYTES), None, "without any chunk");
        assert_eq!(
            plain_bytes((HEAD_BYTES + SEALED + TAG_BYTES) as u64, HEAD_BYTES),
            None,
            "an empty last chunk"
        );
    }

    #[test]
    fn a_key_that_is_wrapped_anew_opens_the_same_chunks() {
        let family = Family::National;
        let mut file = sealed(family, b"some text");
        let wrap = RecordKeys::new(&test_keys(family, &[1, 2]), Purpose::Wrap).unwrap();
        let mut head = *file.first_chunk().unwrap();
        assert_eq!(rewrap(&wrap, b"id", &mut head), Ok(true));
        assert_eq!(rewrap(&wrap, b"id", &mut head), Ok(false));
        file[..HEAD_BYTES].copy_from_slice(&head);
        let new = RecordKeys::new(&test_keys(family, &[2]), Purpose::Wrap).unwrap();
        let reader = StreamReader::open(family, &new, b"id", &head).unwrap();
        assert_eq!(reader.chunk(0, true, &mut file[HEAD_BYTES..]).unwrap(), b"some text");
        let mut foreign = *sealed(family, b"").first_chunk().unwrap();
        assert_eq!(rewrap(&wrap, b"other", &mut foreign), Err(BadSeal));
        assert!(
            StreamReader::open(family, &new, b"id", &foreign).is_err(),
            "the old master is gone"
        );
    }

    #[test]
    fn a_stream_opens_with_the_key_that_was_kept_and_with_no_other() {
        for family in [Family::National, Family::International] {
            let mut writer = StreamWriter::begin(family).unwrap();
            let mut chunk = b"plain".to_vec();
            writer.seal(&mut chunk, true).unwrap();
            let length = (KEYED_HEAD.len() + chunk.len()) as u64;
            assert_eq!(plain_bytes(length, KEYED_HEAD.len()), Some(5));
            let other = StreamWriter::begin(family).unwrap();
            let opened = |key: &Secret| {
                let mut chunk = chunk.clone();
                let reader = StreamReader::with_key(family, key);
                reader.chunk(0, true, &mut chunk).map(|text| text.to_vec())
            };
            assert_eq!(opened(writer.key()).unwrap(), b"plain");
            assert_eq!(opened(other.key()), Err(BadSeal));
        }
    }

    #[test]
    fn cuts_swaps_and_changes_are_found() {
        let family = Family::National;
        let file = sealed(family, &vec![5; 2 * CHUNK_BYTES + 10]);
        let chunk =
            |n: usize| HEAD_BYTES + n * SEALED..(HEAD_BYTES + (n + 1) * SEALED).min(file.len());
        for end in [chunk(0).end, chunk(1).end, file.len() - 1, chunk(0).start, 10] {
            assert_eq!(opened(family, b"id", &file[..end]), Err(BadSeal), "cut at {end}");
        }
        let swapped =
            [&file[..HEAD_BYTES], &file[chunk(1)], &file[chunk(0)], &file[chunk(2)]].concat();
        assert_eq!(opened(family, b"id", &swapped), Err(BadSeal));
        let twice = [&file[..chunk(1).end], &file[chunk(1)], &file[chunk(2)]].concat();
        assert_eq!(opened(family, b"id", &twice), Err(BadSeal));
        let other = sealed(family, &[5; 10]);
        let grafted = [&file[..chunk(1).end], &other[HEAD_BYTES..]].concat();
        assert_eq!(opened(family, b"id", &grafted), Err(BadSeal));
        for at in (0..HEAD_BYTES).chain([chunk(0).start, chunk(1).end - 1, file.len() - 1]) {
            let mut changed = file.clone();
            changed[at] ^= 1;
            assert_eq!(opened(family, b"id", &changed), Err(BadSeal), "byte {at}");
        }
    }
}
