//! The bytes a connection has received and not yet used. A connection at rest holds none: the
//! large buffers are shared by all connections of a thread, and what is left of a record while its
//! peer is silent is kept in as many bytes as it has.

use std::cell::RefCell;
use std::ops::Range;

use super::alert::Fault;
use super::record::{HEADER_BYTES, Header, RECORD_MAX};

/// Large buffers that a thread keeps for the next connection.
const KEPT: usize = 4;
/// A buffer is given back when this much of it is free while its connection waits.
const WORTH_GIVING_BACK: usize = 2048;

thread_local! {
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

fn borrow() -> Vec<u8> {
    let spare = SPARE.with_borrow_mut(Vec::pop);
    spare.unwrap_or_else(|| vec![0; RECORD_MAX])
}

fn give_back(buffer: Vec<u8>) {
    SPARE.with_borrow_mut(|spare| {
        if buffer.len() == RECORD_MAX && spare.len() < KEPT {
            spare.push(buffer);
        }
    });
}

/// Received bytes: first what was opened and not read, then what is still sealed.
#[derive(Default)]
pub(super) struct Inbound {
    bytes: Vec<u8>,
    plain: Range<usize>,
    sealed: Range<usize>,
}

impl Inbound {
    /// Room to receive into; empty while opened content fills the buffer.
    pub(super) fn space(&mut self) -> &mut [u8] {
        if self.bytes.len() < RECORD_MAX {
            let small = std::mem::replace(&mut self.bytes, borrow());
            self.bytes[..small.len()].copy_from_slice(&small);
        }
        if self.plain.is_empty() && self.sealed.start > 0 {
            self.bytes.copy_within(self.sealed.clone(), 0);
            self.sealed = 0..self.sealed.len();
        }
        &mut self.bytes[self.sealed.end..]
    }

    /// `length` bytes were put into [`Inbound::space`].
    pub(super) fn received(&mut self, length: usize) {
        self.sealed.end = self.bytes.len().min(self.sealed.end + length);
    }

    /// The record at the front, once it is all there; what follows its header is to be opened in
    /// place.
    pub(super) fn record(&mut self) -> Result<Option<(Header, &mut [u8])>, Fault> {
        let sealed = &mut self.bytes[self.sealed.clone()];
        let Some(header) = Header::read(sealed)? else { return Ok(None) };
        Ok(sealed.get_mut(HEADER_BYTES..HEADER_BYTES + header.length).map(|body| (header, body)))
    }

    /// Passes over the front record, of `length` bytes after its header; `content` is where in
    /// those the content lies. Answers where it lies in [`Inbound::bytes`].
    pub(super) fn pass(&mut self, length: usize, content: Range<usize>) -> Range<usize> {
        let body = self.sealed.start + HEADER_BYTES;
        self.sealed.start = body + length;
        body + content.start..body + content.end
    }

    pub(super) fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.bytes[range]
    }

    /// This content is for the application.
    pub(super) fn keep(&mut self, content: Range<usize>) {
        self.plain = content;
    }

    pub(super) fn plain(&self) -> &[u8] {
        &self.bytes[self.plain.clone()]
    }

    /// The application has `length` bytes of [`Inbound::plain`].
    pub(super) fn consume(&mut self, length: usize) {
        self.plain.start = self.plain.end.min(self.plain.start + length);
    }

    /// Holds no more memory than its bytes need.
    pub(super) fn rest(&mut self) {
        let left = self.plain.len() + self.sealed.len();
        if self.bytes.len() - left < WORTH_GIVING_BACK {
            return;
        }
        let mut small = Vec::with_capacity(left);
        small.extend_from_slice(&self.bytes[self.plain.clone()]);
        small.extend_from_slice(&self.bytes[self.sealed.clone()]);
        give_back(std::mem::replace(&mut self.bytes, small));
        self.plain = 0..self.plain.len();
        self.sealed = self.plain.end..left;
    }

    /// Bytes on the heap.
    pub(super) fn held(&self) -> usize {
        self.bytes.capacity()
    }
}
