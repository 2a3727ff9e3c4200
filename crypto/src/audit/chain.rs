//! The writer's end of the chain.

use std::fmt;

use super::head::Head;
use super::line::{BadLine, Line};
use crate::family::{Family, Secret};

/// Bytes of a link's MAC.
pub const MAC_BYTES: usize = 32;

/// What the next record is chained to. Kept between runs as [`Chain::state`], which is secret.
pub struct Chain {
    family: Family,
    epoch: u32,
    key: Secret,
    /// Number and MAC of the last record.
    last: u64,
    mac: [u8; MAC_BYTES],
}

impl Chain {
    /// An empty log. `root` is the first epoch's key, which is not kept.
    #[must_use]
    pub fn new(family: Family, root: &Secret) -> Self {
        let key = first_key(family, root);
        Self { family, epoch: 0, key, last: 0, mac: [0; MAC_BYTES] }
    }

    /// Chains a record; it must be one line of text.
    ///
    /// # Errors
    /// [`BadLine`]: a line break in the record.
    pub fn append(&mut self, record: &str) -> Result<Line, BadLine> {
        if record.contains(['\n', '\r']) {
            return Err(BadLine);
        }
        self.last += 1;
        self.mac = link(self.family, &self.key, &self.mac, self.last, record);
        Ok(Line { index: self.last, epoch: self.epoch, mac: self.mac, record: record.to_owned() })
    }

    /// Begins an epoch: the key that was used so far is gone.
    pub fn next_epoch(&mut self) {
        self.key = next_key(self.family, &self.key);
        self.epoch = self.epoch.saturating_add(1);
    }

    /// What a head over the log as it is says.
    #[must_use]
    pub fn head(&self, at_ms: u64) -> Head {
        let Self { family, epoch, last, mac, .. } = *self;
        Head { family, epoch, last, mac, at_ms }
    }

    /// Number of the last record.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.last
    }

    #[must_use]
    pub fn mac(&self) -> &[u8; MAC_BYTES] {
        &self.mac
    }

    /// Family, epoch, last, key, MAC: 77 bytes, to be sealed where they are kept.
    #[must_use]
    pub fn state(&self) -> zeroize::Zeroizing<Vec<u8>> {
        let mut out = zeroize::Zeroizing::new(Vec::with_capacity(77));
        out.push(self.family.byte());
        out.extend_from_slice(&self.epoch.to_be_bytes());
        out.extend_from_slice(&self.last.to_be_bytes());
        out.extend_from_slice(&*self.key);
        out.extend_from_slice(&self.mac);
        out
    }

    /// Reads [`Chain::state`].
    #[must_use]
    pub fn resume(state: &[u8]) -> Option<Self> {
        let (&[family], rest) = state.split_first_chunk()?;
        let (epoch, rest) = rest.split_first_chunk()?;
        let (last, rest) = rest.split_first_chunk()?;
        let (key, rest) = rest.split_first_chunk()?;
        Some(Self {
            family: Family::from_byte(family)?,
            epoch: u32::from_be_bytes(*epoch),
            last: u64::from_be_bytes(*last),
            key: Secret::new(*key),
            mac: rest.try_into().ok()?,
        })
    }

    /// Takes over a line that stands behind the kept state in the log: what was written before a
    /// crash and not yet counted. `false`: the line does not continue the chain.
    pub fn replay(&mut self, line: &Line) -> bool {
        let (mut epoch, mut key) = (self.epoch, self.key.clone());
        while epoch < line.epoch && epoch < self.epoch.saturating_add(REPLAY_EPOCHS) {
            key = next_key(self.family, &key);
            epoch += 1;
        }
        let index = self.last + 1;
        let fits = line.index == index
            && line.epoch == epoch
            && line.mac == link(self.family, &key, &self.mac, index, &line.record);
        if fits {
            (self.epoch, self.key, self.last, self.mac) = (epoch, key, index, line.mac);
        }
        fits
    }
}

/// Epochs between a kept state and a line behind it: the state is kept at the end of each.
const REPLAY_EPOCHS: u32 = 4;

pub(super) fn first_key(family: Family, root: &Secret) -> Secret {
    family.derive(root, &[b"posthouse audit root"])
}

pub(super) fn next_key(family: Family, key: &Secret) -> Secret {
    family.derive(key, &[b"posthouse audit ratchet"])
}

pub(super) fn link(
    family: Family,
    key: &Secret,
    before: &[u8; MAC_BYTES],
    index: u64,
    record: &str,
) -> [u8; MAC_BYTES] {
    family.hmac(&**key, &[before, &index.to_be_bytes(), record.as_bytes()])
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain").field("last", &self.last).finish_non_exhaustive()
    }
}
