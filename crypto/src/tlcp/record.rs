//! The record layer (GB/T 38636-2020, 6.3): headers, and the protection of what follows them.
//! Records are sealed and opened where they lie. A direction ends before its sequence number
//! wraps.

use std::ops::Range;

use super::alert::{Alert, Fault};
use super::cbc::{self, CbcMac};
use super::schedule::Keys;
use super::suite::Mode;
use crate::modes::Gcm;
use crate::token::NoRandomness;

pub(super) const VERSION: u16 = 0x0101;
pub(super) const HEADER_BYTES: usize = 5;
/// Most bytes of content in one record (6.3.3.2).
pub(super) const PLAIN_MAX: usize = 1 << 14;
/// Most bytes after the header of a protected record (6.3.3.4).
const SEALED_MAX: usize = PLAIN_MAX + 2048;
/// The largest record with its header.
pub(super) const RECORD_MAX: usize = HEADER_BYTES + SEALED_MAX;

const EXPLICIT_BYTES: usize = 8;
const TAG_BYTES: usize = 16;

/// Where randomness comes from.
pub type Fill = fn(&mut [u8]) -> Result<(), NoRandomness>;

/// What a record carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Content {
    ChangeCipherSpec = 20,
    Alert = 21,
    Handshake = 22,
    Data = 23,
}

/// The first five bytes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) content: Content,
    pub(super) length: usize,
}

impl Header {
    /// Reads the header; `None` while it is not all there. What is there already must be right:
    /// nobody waits for the rest of nonsense.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<Self>, Fault> {
        let Some(&first) = bytes.first() else { return Ok(None) };
        let content = match first {
            20 => Content::ChangeCipherSpec,
            21 => Content::Alert,
            22 => Content::Handshake,
            23 => Content::Data,
            _ => return Err(Fault::unexpected("a record of an unknown type")),
        };
        let version = VERSION.to_be_bytes();
        let there = bytes.len().clamp(1, 3) - 1;
        if bytes[1..=there] != version[..there] {
            return Err(Fault::new(Alert::ProtocolVersion, "a record of another version"));
        }
        let Some(length) = bytes.get(3..HEADER_BYTES) else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
        if length > SEALED_MAX {
            return Err(Fault::new(Alert::RecordOverflow, "a record longer than any may be"));
        }
        Ok(Some(Self { content, length }))
    }

    fn write(content: Content, length: usize, out: &mut Vec<u8>) {
        let [major, minor] = VERSION.to_be_bytes();
        let [.., high, low] = length.to_be_bytes();
        out.extend_from_slice(&[content as u8, major, minor, high, low]);
    }
}

/// Whether these first bytes of a connection begin a TLCP handshake, three of them at least;
/// TLS has major version 3 there.
#[must_use]
pub fn begins(bytes: &[u8]) -> bool {
    bytes.starts_with(&[Content::Handshake as u8, 1, 1])
}

/// Gives the headers of TLS records the version of TLCP. Nothing that is authenticated changes:
/// what is not sealed yet has no header in any hash.
pub(super) fn rename_tls(mut records: &mut [u8]) {
    while let Some((header, rest)) = records.split_first_chunk_mut::<HEADER_BYTES>() {
        header[1..3].copy_from_slice(&VERSION.to_be_bytes());
        let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
        let end = length.min(rest.len());
        records = &mut rest[end..];
    }
}

/// The 13 bytes that are authenticated with a record.
pub(super) fn associated(sequence: u64, content: Content, length: usize) -> [u8; 13] {
    let mut data = [0; 13];
    data[..8].copy_from_slice(&sequence.to_be_bytes());
    data[8] = content as u8;
    data[9..11].copy_from_slice(&VERSION.to_be_bytes());
    let [.., high, low] = length.to_be_bytes();
    data[11..].copy_from_slice(&[high, low]);
    data
}

enum Cipher {
    Plain,
    Gcm(Box<Gcm>, [u8; 4]),
    Cbc(Box<CbcMac>),
}

impl Cipher {
    fn new(mode: Mode, keys: &Keys) -> Self {
        match mode {
            Mode::Gcm => Self::Gcm(Box::new(Gcm::new(&keys.key)), keys.salt),
            Mode::Cbc => Self::Cbc(Box::new(CbcMac::new(&keys.key, &keys.mac))),
        }
    }
}

/// The sending half.
pub(super) struct Sealer {
    cipher: Cipher,
    sequence: u64,
}

impl Sealer {
    pub(super) fn plain() -> Self {
        Self { cipher: Cipher::Plain, sequence: 0 }
    }

    pub(super) fn new(mode: Mode, keys: &Keys) -> Self {
        Self { cipher: Cipher::new(mode, keys), sequence: 0 }
    }

    /// Appends one record with what `parts` hold, [`PLAIN_MAX`] bytes at most.
    pub(super) fn seal(
        &mut self,
        content: Content,
        parts: &[&[u8]],
        fill: Fill,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        debug_assert!(length <= PLAIN_MAX, "a record is longer than one may be");
        let sequence = self.sequence;
        self.sequence = next(sequence)?;
        match &self.cipher {
            Cipher::Plain => {
                Header::write(content, length, out);
                parts.iter().for_each(|part| out.extend_from_slice(part));
            }
            Cipher::Gcm(gcm, salt) => {
                let sealed = EXPLICIT_BYTES + length + TAG_BYTES;
                out.reserve(HEADER_BYTES + sealed);
                Header::write(content, sealed, out);
                // The explicit nonce is the sequence number: unique under a key, and no secret.
                let explicit = sequence.to_be_bytes();
                out.extend_from_slice(&explicit);
                let at = out.len();
                parts.iter().for_each(|part| out.extend_from_slice(part));
                let data = associated(sequence, content, length);
                let tag = gcm.seal_in_place(&nonce(*salt, explicit), &data, &mut out[at..]);
                out.extend_from_slice(&tag);
            }
            Cipher::Cbc(cbc) => {
                out.reserve(HEADER_BYTES + cbc::sealed_bytes(length));
                Header::write(content, cbc::sealed_bytes(length), out);
                cbc.seal(&associated(sequence, content, length), parts, fill, out)?;
            }
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn set_sequence(&mut self, sequence: u64) {
        self.sequence = sequence;
    }
}

/// The receiving half.
pub(super) struct Opener {
    cipher: Cipher,
    sequence: u64,
}

impl Opener {
    pub(super) fn plain() -> Self {
        Self { cipher: Cipher::Plain, sequence: 0 }
    }

    pub(super) fn new(mode: Mode, keys: &Keys) -> Self {
        Self { cipher: Cipher::new(mode, keys), sequence: 0 }
    }

    /// Opens what follows a record's header, in place, and says where in it the content lies.
    pub(super) fn open(
        &mut self,
        content: Content,
        record: &mut [u8],
    ) -> Result<Range<usize>, Fault> {
        let sequence = self.sequence;
        self.sequence = next(sequence)?;
        let range = match &self.cipher {
            Cipher::Plain => 0..record.len(),
            Cipher::Gcm(gcm, salt) => open_gcm(gcm, *salt, sequence, content, record)?,
            Cipher::Cbc(cbc) => {
                let head = |length| associated(sequence, content, length);
                cbc.open(head, record).ok_or_else(bad_mac)?
            }
        };
        if range.len() > PLAIN_MAX {
            return Err(Fault::new(Alert::RecordOverflow, "a record with too much in it"));
        }
        Ok(range)
    }

    #[cfg(test)]
    pub(super) fn set_sequence(&mut self, sequence: u64) {
        self.sequence = sequence;
    }
}

fn open_gcm(
    gcm: &Gcm,
    salt: [u8; 4],
    sequence: u64,
    content: Content,
    record: &mut [u8],
) -> Result<Range<usize>, Fault> {
    let (explicit, sealed) =
        record.split_first_chunk_mut::<EXPLICIT_BYTES>().ok_or_else(bad_mac)?;
    let (data, tag) = sealed.split_last_chunk_mut::<TAG_BYTES>().ok_or_else(bad_mac)?;
    let head = associated(sequence, content, data.len());
    gcm.open_in_place(&nonce(salt, *explicit), &head, data, tag).map_err(|_| bad_mac())?;
    Ok(EXPLICIT_BYTES..EXPLICIT_BYTES + data.len())
}

fn nonce(salt: [u8; 4], explicit: [u8; EXPLICIT_BYTES]) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[..4].copy_from_slice(&salt);
    nonce[4..].copy_from_slice(&explicit);
    nonce
}

/// One alert for every way in which a record may be forged: which one it was is nobody's business.
fn bad_mac() -> Fault {
    Fault::new(Alert::BadRecordMac, "a record that was not sealed by the peer")
}

/// The number after `sequence`. The last one is never used, so that none comes twice.
fn next(sequence: u64) -> Result<u64, Fault> {
    sequence
        .checked_add(1)
        .ok_or(Fault::new(Alert::InternalError, "as many records as there are numbers"))
}
