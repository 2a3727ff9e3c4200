//! CBC records: HMAC-SM3, then padding, then SM4-CBC under a fresh initial value. Opening takes a
//! time that depends on the record's length alone: padding and MAC are checked together, over
//! every length the content may have (the attack is Lucky Thirteen, AlFardan and Paterson 2013).

use std::ops::Range;

use sm3::Sm3Core;
use sm3::digest::block_api::UpdateCore;
use sm3::digest::common::hazmat::SerializableState;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq, ConstantTimeGreater};
use zeroize::Zeroizing;

use super::alert::Fault;
use super::record::{Content, Fill, associated};
use super::schedule::HASH_BYTES;
use crate::modes::Cbc;
use crate::sm3::Hmac;

/// What SM3 takes at a time.
type Block = sm3::digest::block_api::Block<Sm3Core>;

const BLOCK: usize = 16;
/// Bytes that SM3 takes at a time.
const HASH_BLOCK: usize = 64;
/// Longest padding that a peer may write, with the byte that tells its length.
const PADDING_MAX: usize = 256;
/// Sequence number, type, version and length.
const HEAD_BYTES: usize = 13;

/// Bytes after the header of the record that [`CbcMac::seal`] makes of `length` bytes.
pub(super) fn sealed_bytes(length: usize) -> usize {
    let padded = (length + HASH_BYTES) / BLOCK * BLOCK + BLOCK;
    BLOCK + padded
}

/// Whether what follows a record's header opens under these keys as the first one of its
/// direction, and holds content of the application. Here for measuring the time that it takes,
/// which is the same for every record of one length.
#[must_use]
pub fn opens_cbc(key: &[u8; 16], mac: &[u8; 32], record: &mut [u8]) -> bool {
    let head = |length| associated(0, Content::Data, length);
    CbcMac::new(key, mac).open(head, record).is_some()
}

/// One direction's keys.
pub(super) struct CbcMac {
    cbc: Cbc,
    key: Zeroizing<[u8; HASH_BYTES]>,
}

impl CbcMac {
    pub(super) fn new(key: &[u8; 16], mac: &[u8; HASH_BYTES]) -> Self {
        Self { cbc: Cbc::new(key), key: Zeroizing::new(*mac) }
    }

    /// Appends initial value and sealed content.
    pub(super) fn seal(
        &self,
        head: &[u8; HEAD_BYTES],
        parts: &[&[u8]],
        fill: Fill,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        let mut initial = [0; BLOCK];
        fill(&mut initial)?;
        out.extend_from_slice(&initial);
        let at = out.len();
        let mut mac = Hmac::new(self.key.as_ref());
        mac.update(head);
        for part in parts {
            mac.update(part);
            out.extend_from_slice(part);
        }
        out.extend_from_slice(&mac.finish());
        let padding = BLOCK - (out.len() - at) % BLOCK;
        let [.., value] = (padding - 1).to_be_bytes();
        out.resize(out.len() + padding, value);
        self.cbc.encrypt(&initial, &mut out[at..]);
        Ok(())
    }

    /// Where the content lies in `record` after opening it in place; `None` when it was not
    /// sealed with these keys. `head` gives the 13 bytes for a content's length.
    pub(super) fn open(
        &self,
        head: impl Fn(usize) -> [u8; HEAD_BYTES],
        record: &mut [u8],
    ) -> Option<Range<usize>> {
        let (initial, body) = record.split_first_chunk_mut::<BLOCK>()?;
        if body.len() < HASH_BYTES + BLOCK || !body.len().is_multiple_of(BLOCK) {
            return None;
        }
        self.cbc.decrypt(initial, body);
        let (length, padded) = unpad(body);
        let wanted = self.mac(&head(length), body, length);
        let found = mac_at(body, length);
        let right = padded & wanted.ct_eq(&found);
        #[cfg(test)]
        let right = right | Choice::from(u8::from(super::tests::broken(super::tests::Check::Mac)));
        if !bool::from(right) {
            body.fill(0);
            return None;
        }
        Some(BLOCK..BLOCK + length)
    }

    /// HMAC over `head` and the first `length` bytes of `body`, in a time that depends on the
    /// length of `body` alone.
    fn mac(&self, head: &[u8; HEAD_BYTES], body: &[u8], length: usize) -> [u8; HASH_BYTES] {
        let least = least(body.len());
        let most = body.len() - HASH_BYTES - 1;
        let mut state = keyed(&self.key, 0x36);
        let byte = |at: usize| match at.checked_sub(HEAD_BYTES) {
            None => head[at],
            Some(at) => body.get(at).copied().unwrap_or_default(),
        };
        // Blocks that hold nothing but head and content, whatever the length is.
        let sure = (HEAD_BYTES + least) / HASH_BLOCK;
        if sure > 0 {
            let first: [u8; HASH_BLOCK] = std::array::from_fn(byte);
            state.update_blocks(&[first.into()]);
            let (blocks, _) = Block::slice_as_chunks(&body[HASH_BLOCK - HEAD_BYTES..]);
            state.update_blocks(&blocks[..sure - 1]);
        }
        let total = HEAD_BYTES + length;
        let bits = ((HASH_BLOCK + total) as u64 * 8).to_be_bytes();
        let last = (total + 8) / HASH_BLOCK;
        let mut inner = [0; HASH_BYTES];
        for n in sure..=(HEAD_BYTES + most + 8) / HASH_BLOCK {
            let is_last = n.ct_eq(&last);
            let block: [u8; HASH_BLOCK] = std::array::from_fn(|i| {
                let at = n * HASH_BLOCK + i;
                let mut value = u8::conditional_select(&0, &byte(at), less(at, total));
                value.conditional_assign(&0x80, at.ct_eq(&total));
                if let Some(i) = i.checked_sub(HASH_BLOCK - 8) {
                    value.conditional_assign(&bits[i], is_last);
                }
                value
            });
            state.update_blocks(&[block.into()]);
            for (byte, now) in inner.iter_mut().zip(value_of(&state)) {
                byte.conditional_assign(&now, is_last);
            }
        }
        outer(&self.key, &inner)
    }
}

/// The content's length that the padding tells, and whether that padding is right. A wrong one
/// counts as none, so that a MAC is computed all the same.
fn unpad(body: &[u8]) -> (usize, Choice) {
    let room = body.len() - HASH_BYTES;
    let told = body[body.len() - 1];
    let padding = usize::from(told) + 1;
    let mut right = !greater(padding, room);
    for back in 1..=PADDING_MAX.min(room) {
        let inside = !greater(back, padding);
        right &= !inside | body[body.len() - back].ct_eq(&told);
    }
    let padding = u64::conditional_select(&1, &(padding as u64), right);
    let padding = usize::try_from(padding).unwrap_or(1);
    (room - padding, right)
}

/// The 32 bytes at `length`, which may be any that a padding can tell.
fn mac_at(body: &[u8], length: usize) -> [u8; HASH_BYTES] {
    let mut found = [0; HASH_BYTES];
    for at in least(body.len())..body.len() - HASH_BYTES {
        let here = at.ct_eq(&length).unwrap_u8().wrapping_neg();
        for (byte, value) in found.iter_mut().zip(&body[at..at + HASH_BYTES]) {
            *byte |= value & here;
        }
    }
    found
}

/// The least content that a body of this length can have.
fn least(body: usize) -> usize {
    body.saturating_sub(HASH_BYTES + PADDING_MAX)
}

fn less(a: usize, b: usize) -> Choice {
    greater(b, a)
}

fn greater(a: usize, b: usize) -> Choice {
    (a as u64).ct_gt(&(b as u64))
}

/// SM3 after the block that HMAC begins with.
fn keyed(key: &[u8; HASH_BYTES], pad: u8) -> Sm3Core {
    let mut block = Zeroizing::new([pad; HASH_BLOCK]);
    block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
    let mut state = Sm3Core::default();
    state.update_blocks(&[(*block).into()]);
    state
}

/// The second hash of HMAC.
fn outer(key: &[u8; HASH_BYTES], inner: &[u8; HASH_BYTES]) -> [u8; HASH_BYTES] {
    let mut state = keyed(key, 0x5c);
    let mut block = [0; HASH_BLOCK];
    block[..HASH_BYTES].copy_from_slice(inner);
    block[HASH_BYTES] = 0x80;
    let bits = (HASH_BLOCK + HASH_BYTES) as u64 * 8;
    block[HASH_BLOCK - 8..].copy_from_slice(&bits.to_be_bytes());
    state.update_blocks(&[block.into()]);
    value_of(&state)
}

/// The hash value that a state would be, were its last block the message's last. The state is
/// handed out in little-endian words; the hash value has them the other way round.
fn value_of(state: &Sm3Core) -> [u8; HASH_BYTES] {
    let mut value = [0; HASH_BYTES];
    value.copy_from_slice(&state.serialize()[..HASH_BYTES]);
    value.chunks_exact_mut(4).for_each(<[u8]>::reverse);
    value
}
