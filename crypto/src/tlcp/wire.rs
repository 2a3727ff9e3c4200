//! What both sides of a connection write to and read from: records in, records out, and the
//! switch of keys between the two halves of a handshake.

use std::ops::Range;

use super::alert::{Alert, Fault, Level};
use super::buffer::Inbound;
use super::messages::{self, Kind};
use super::record::{Content, Fill, Opener, PLAIN_MAX, Sealer};
use super::schedule::{Keys, Transcript};
use super::suite::Mode;

/// Sealed bytes that may wait for the peer before no more is taken from the application.
const OUTBOUND_MAX: usize = PLAIN_MAX;
/// Records with nothing in them that a peer may send in a row.
const EMPTY_MAX: u8 = 32;
/// Warnings that a peer may send in all.
const WARNINGS_MAX: u8 = 4;

pub(super) struct Wire {
    pub(super) fill: Fill,
    pub(super) inbound: Inbound,
    opener: Opener,
    sealer: Sealer,
    outbound: Vec<u8>,
    /// How much of `outbound` the peer has.
    drained: usize,
    empty: u8,
    warnings: u8,
}

/// What the peer says in an alert.
pub(super) enum Told {
    Closed,
    Nothing,
}

impl Wire {
    pub(super) fn new(fill: Fill) -> Self {
        Self {
            fill,
            inbound: Inbound::default(),
            opener: Opener::plain(),
            sealer: Sealer::plain(),
            outbound: Vec::new(),
            drained: 0,
            empty: 0,
            warnings: 0,
        }
    }

    /// Opens the record at the front; `None` while it is not all there.
    pub(super) fn next(&mut self) -> Result<Option<(Content, Range<usize>)>, Fault> {
        let Some((header, body)) = self.inbound.record()? else { return Ok(None) };
        let content = self.opener.open(header.content, body)?;
        if content.is_empty() {
            self.empty += 1;
            if self.empty > EMPTY_MAX {
                return Err(Fault::unexpected("a flood of empty records"));
            }
        } else {
            self.empty = 0;
        }
        let content = self.inbound.pass(header.length, content);
        Ok(Some((header.content, content)))
    }

    /// Takes an alert record.
    pub(super) fn told(&mut self, content: Range<usize>) -> Result<Told, Fault> {
        const WARNING: u8 = Level::Warning as u8;
        const FATAL: u8 = Level::Fatal as u8;
        match *self.inbound.bytes(content) {
            [WARNING | FATAL, code] if code == Alert::CloseNotify.code() => Ok(Told::Closed),
            [FATAL, code] => Err(Fault::Told(code)),
            [WARNING, _] => {
                self.warnings += 1;
                if self.warnings > WARNINGS_MAX {
                    return Err(Fault::unexpected("a flood of warnings"));
                }
                Ok(Told::Nothing)
            }
            [_, _] => Err(Fault::illegal("an alert of an unknown level")),
            _ => Err(Fault::new(Alert::DecodeError, "an alert that cannot be read")),
        }
    }

    /// Writes a handshake message. It gets records of its own: some peers read no more than one
    /// message from a record.
    pub(super) fn say(
        &mut self,
        transcript: &mut Transcript,
        kind: Kind,
        body: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), Fault> {
        let mut message = Vec::new();
        messages::write(&mut message, kind, body);
        transcript.add(&message);
        message.chunks(PLAIN_MAX).try_for_each(|part| self.seal(Content::Handshake, &[part]))
    }

    /// Announces our new keys, and seals with them from then on.
    pub(super) fn change_sealer(&mut self, mode: Mode, keys: &Keys) -> Result<(), Fault> {
        self.seal(Content::ChangeCipherSpec, &[&[1]])?;
        self.sealer = Sealer::new(mode, keys);
        Ok(())
    }

    /// The peer announced its new keys.
    pub(super) fn change_opener(&mut self, mode: Mode, keys: &Keys) {
        self.opener = Opener::new(mode, keys);
    }

    pub(super) fn alert(&mut self, level: Level, alert: Alert) -> Result<(), Fault> {
        self.seal(Content::Alert, &[&[level as u8, alert.code()]])
    }

    /// Seals as much of `parts` as one record holds, and says how much that is; nothing while too
    /// much waits for the peer.
    pub(super) fn write(&mut self, parts: &[&[u8]]) -> Result<usize, Fault> {
        if self.pending().len() >= OUTBOUND_MAX {
            return Ok(0);
        }
        let total: usize = parts.iter().map(|part| part.len()).sum();
        if total <= PLAIN_MAX {
            if total > 0 {
                self.seal(Content::Data, parts)?;
            }
            return Ok(total);
        }
        let mut room = PLAIN_MAX;
        let mut fitting = Vec::with_capacity(parts.len());
        for part in parts {
            let length = part.len().min(room);
            fitting.push(&part[..length]);
            room -= length;
        }
        self.seal(Content::Data, &fitting)?;
        Ok(PLAIN_MAX)
    }

    pub(super) fn seal(&mut self, content: Content, parts: &[&[u8]]) -> Result<(), Fault> {
        self.sealer.seal(content, parts, self.fill, &mut self.outbound)
    }

    /// Sealed bytes that the peer does not have yet.
    pub(super) fn pending(&self) -> &[u8] {
        &self.outbound[self.drained..]
    }

    /// The peer got `length` bytes of [`Wire::pending`]. The last one frees the memory.
    pub(super) fn sent(&mut self, length: usize) {
        self.drained = self.outbound.len().min(self.drained + length);
        if self.drained == self.outbound.len() {
            self.outbound = Vec::new();
            self.drained = 0;
        }
    }

    /// Bytes on the heap, keys left out.
    pub(super) fn held(&self) -> usize {
        self.inbound.held() + self.outbound.capacity()
    }

    #[cfg(test)]
    pub(super) fn set_sequences(&mut self, sequence: u64) {
        self.opener.set_sequence(sequence);
        self.sealer.set_sequence(sequence);
    }
}
