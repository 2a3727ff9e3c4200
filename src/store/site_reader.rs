//! A reader of the site feed with a durable place (delivery contract R12): webhooks, robots and
//! mail take entries from here. What was taken and not confirmed comes again after a restart.

use smallvec::smallvec;

use super::fault::Fault;
use super::reader::Reader;
use super::words::{Fact, Item, Paged, Proposal, ReaderCursor};
use crate::base::limits::{PAGE_BYTES, PAGE_ENTRIES};
use crate::base::{Epoch, Feed, Index};

#[derive(Clone, Debug)]
pub struct SiteReader {
    name: String,
    /// Last entry taken.
    at: Index,
}

impl SiteReader {
    /// Goes on behind the last confirmed entry; a new name begins at the first entry.
    ///
    /// # Errors
    /// The disk fails.
    pub fn resume(reader: &Reader, name: &str) -> Result<Self, Fault> {
        Ok(Self { name: name.to_owned(), at: reader.reader_cursor(name)? })
    }

    /// The next entries in order; empty when there are none.
    ///
    /// # Errors
    /// The disk fails or a row is damaged.
    pub fn take(&mut self, reader: &Reader) -> Result<Vec<Paged>, Fault> {
        let page = reader.page(Feed::Site, self.at, PAGE_ENTRIES, PAGE_BYTES)?;
        if let Some(last) = page.entries.last() {
            self.at = last.index;
        }
        Ok(page.entries)
    }

    /// The idempotency key of an entry that was taken: its index, and the epoch in which it was
    /// written. It stays the same when the folder is put back from a copy, and an entry that takes
    /// the place of a lost one has another.
    #[must_use]
    pub fn key(reader: &Reader, index: Index) -> (Epoch, Index) {
        (reader.shared.epoch_at(index), index)
    }

    /// What to append when everything up to `done` took effect.
    #[must_use]
    pub fn confirm(&self, ticket: u64, done: Index) -> Proposal {
        let cursor = ReaderCursor { name: self.name.clone(), index: done };
        Proposal { ticket, items: smallvec![Item::Fact(Fact::ReaderCursor(cursor))] }
    }
}
