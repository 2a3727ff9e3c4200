//! A file over a disk that takes no writes: what is written stays in memory, so that the database
//! can be opened and read. Nothing of it is ever durable, and no transaction is committed on it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::storage::Storage;

const PAGE: u64 = 4096;

#[derive(Debug)]
pub struct Overlay {
    file: Arc<dyn Storage>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    length: u64,
    pages: BTreeMap<u64, Box<[u8]>>,
}

impl Overlay {
    /// # Errors
    /// The file's length cannot be read.
    pub fn new(file: Arc<dyn Storage>) -> io::Result<Self> {
        let length = file.length()?;
        Ok(Self { file, state: Mutex::new(State { length, pages: BTreeMap::new() }) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The page as the file has it, zeros behind its end.
    fn page(&self, number: u64) -> io::Result<Box<[u8]>> {
        let mut page = empty();
        let start = number * PAGE;
        let there = self.file.length()?.saturating_sub(start).min(PAGE);
        let there = usize::try_from(there).unwrap_or(0);
        self.file.read_at(&mut page[..there], start)?;
        Ok(page)
    }
}

fn empty() -> Box<[u8]> {
    vec![0; usize::try_from(PAGE).unwrap_or(0)].into_boxed_slice()
}

/// The pieces of a range by page: page, first byte in it, range of the piece in the whole.
fn pieces(
    offset: u64,
    length: usize,
) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let here = offset + at as u64;
        let within = usize::try_from(here % PAGE).unwrap_or(0);
        let step = (usize::try_from(PAGE).unwrap_or(0) - within).min(length - at);
        let piece = (here / PAGE, within, at..at + step);
        at += step;
        (step > 0).then_some(piece)
    })
}

impl Storage for Overlay {
    fn length(&self) -> io::Result<u64> {
        Ok(self.lock().length)
    }

    fn read_at(&self, out: &mut [u8], offset: u64) -> io::Result<()> {
        let state = self.lock();
        if offset + out.len() as u64 > state.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for (number, within, piece) in pieces(offset, out.len()) {
            let length = piece.len();
            match state.pages.get(&number) {
                Some(page) => out[piece].copy_from_slice(&page[within..within + length]),
                None => out[piece].copy_from_slice(&self.page(number)?[within..within + length]),
            }
        }
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.lock();
        for (number, within, piece) in pieces(offset, bytes.len()) {
            let page = match state.pages.entry(number) {
                Entry::Occupied(there) => there.into_mut(),
                // What is written over as a whole need not be readable.
                Entry::Vacant(free) if piece.len() as u64 == PAGE => free.insert(empty()),
                Entry::Vacant(free) => free.insert(self.page(number)?),
            };
            page[within..within + piece.len()].copy_from_slice(&bytes[piece]);
        }
        state.length = state.length.max(offset + bytes.len() as u64);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.lock().length = len;
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}
