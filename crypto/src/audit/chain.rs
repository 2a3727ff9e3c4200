//! The writer's end of the chain.

use std::fmt;

use super::head::Head;
use super::line::{BadLine, Line};
use crate::family::{Family, Secret};

/// Bytes of a link's MAC.
pub const MAC_BYTES: usize = 32;

/// What the next record is chained to. A copy is a place to go back to when a write failed.
#[derive(Clone)]
pub struct Chain {
    family: Family,
    epoch: u32,
    key: Secret,
    /// Number and MAC of the last record.
    last: u64,
    mac: [u8; MAC_BYTES],
    /// Number of the last record that a head covers, and the digest of the lines since.
    covered: u64,
    lines: [u8; MAC_BYTES],
}

impl Chain {
    /// An empty log. `root` is the first epoch's key, which is not kept.
    #[must_use]
    pub fn new(family: Family, root: &Secret) -> Self {
        let (last, mac, lines) = (0, [0; MAC_BYTES], [0; MAC_BYTES]);
        Self { family, epoch: 0, key: first_key(family, root), last, mac, covered: 0, lines }
    }

    /// The log behind a head. What stands in the log after it is taken over by [`Chain::replay`].
    #[must_use]
    pub fn after(head: &Head, root: &Secret) -> Self {
        let Head { family, epoch, last, mac, .. } = *head;
        let start = Self { last, mac, covered: last, ..Self::new(family, root) };
        (0..epoch).fold(start, |mut chain, _| {
            chain.next_epoch();
            chain
        })
    }

    /// Chains a record; it must be one line of text.
    ///
    /// # Errors
    /// [`BadLine`]: a line break in the record.
    pub fn append(&mut self, record: &str) -> Result<Line, BadLine> {
        if record.contains(['\n', '\r']) {
            return Err(BadLine);
        }
        let index = self.last + 1;
        let mac = link(self.family, &self.key, &self.mac, index, record);
        let line = Line { index, epoch: self.epoch, mac, record: record.to_owned() };
        self.take(&line);
        Ok(line)
    }

    /// Begins an epoch: the key that was used so far is gone.
    pub fn next_epoch(&mut self) {
        self.key = next_key(self.family, &self.key);
        self.epoch = self.epoch.saturating_add(1);
    }

    /// What a head over the log as it is says.
    #[must_use]
    pub fn head(&self, at_ms: u64) -> Head {
        let Self { family, epoch, last, mac, covered, lines, .. } = *self;
        Head { family, epoch, from: covered, last, mac, lines, at_ms }
    }

    /// The head over the log as it is stands in the log: the next one covers what follows.
    pub fn covered(&mut self) {
        (self.covered, self.lines) = (self.last, [0; MAC_BYTES]);
    }

    /// True when a head covers everything.
    #[must_use]
    pub fn is_covered(&self) -> bool {
        self.covered == self.last
    }

    /// Number of the last record.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.last
    }

    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Takes over a line that stands in the log already. `false`: it does not continue the chain.
    pub fn replay(&mut self, line: &Line) -> bool {
        let (mut epoch, mut key) = (self.epoch, self.key.clone());
        while epoch < line.epoch && epoch < self.epoch.saturating_add(REPLAY_EPOCHS) {
            key = next_key(self.family, &key);
            epoch += 1;
        }
        let fits = line.index == self.last + 1
            && line.epoch == epoch
            && line.mac == link(self.family, &key, &self.mac, line.index, &line.record);
        if fits {
            (self.epoch, self.key) = (epoch, key);
            self.take(line);
        }
        fits
    }

    fn take(&mut self, line: &Line) {
        (self.last, self.mac) = (line.index, line.mac);
        self.lines = digest(self.family, &self.lines, &line.to_text());
    }
}

/// Epochs between a head and a line behind it: a head stands at the end of each.
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

/// The digest of the lines between two heads, one line further: what a reader without the key can
/// compare.
pub(super) fn digest(family: Family, before: &[u8; MAC_BYTES], line: &str) -> [u8; MAC_BYTES] {
    family.hash(&[before, line.as_bytes(), b"\n"])
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain").field("last", &self.last).finish_non_exhaustive()
    }
}
