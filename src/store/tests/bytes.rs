//! Bytes that reach the disk for a message of 200 bytes, as a file system writes them: every page
//! of 4 KiB that was touched since the last sync, once. Its own journal is not in it.

use std::collections::BTreeSet;
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::super::storage::{Disk, Storage};
use super::*;
use crate::base::limits::{JOURNAL_SEGMENT_BYTES, JOURNAL_SEGMENTS};

const PAGE: u64 = 4096;
/// The design's ceilings: a commit for each message, and a commit for many.
const ALONE_BYTES: u64 = 6 * 1024;
const SHARED_BYTES: u64 = 1536;

#[derive(Debug)]
struct Counting {
    disk: SimDisk,
    written: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Counted {
    file: Arc<dyn Storage>,
    dirty: Mutex<BTreeSet<u64>>,
    written: Arc<AtomicU64>,
}

impl Disk for Counting {
    fn open(&self, name: &str, create: bool) -> io::Result<Arc<dyn Storage>> {
        let (file, written) = (self.disk.open(name, create)?, Arc::clone(&self.written));
        Ok(Arc::new(Counted { file, dirty: Mutex::default(), written }))
    }

    fn exists(&self, name: &str) -> io::Result<bool> {
        self.disk.exists(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        self.disk.list(folder)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }

    fn origin(&self, names: &[&str]) -> io::Result<u128> {
        self.disk.origin(names)
    }
}

impl Storage for Counted {
    fn length(&self) -> io::Result<u64> {
        self.file.length()
    }

    fn read_at(&self, out: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_at(out, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let last = (offset + bytes.len() as u64).div_ceil(PAGE);
        self.dirty.lock().unwrap().extend(offset / PAGE..last);
        self.file.write_at(bytes, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        let pages = std::mem::take(&mut *self.dirty.lock().unwrap()).len() as u64;
        self.written.fetch_add(pages * PAGE, Ordering::Relaxed);
        self.file.sync()
    }
}

fn message(number: u64) -> Proposal {
    let c = u128::from(number % 1_000 + 1) << 64;
    let key = MessageKey::new(1_700_000_000_000 + number / 8, u128::from(number) << 30);
    let words = "m".repeat(200);
    let body = Body::Message(Content::Text(words.as_str().into()));
    propose(number, [item(c, key.0, VISITOR, body, &[Feed::Team(TeamId(1))])])
}

/// Bytes for each of `messages` messages, `batch` of them in a commit; a checkpoint whenever the
/// store's own rule asks for one, and every `checkpoint` messages.
fn cost(messages: u64, batch: u64, checkpoint: u64) -> u64 {
    let written = Arc::new(AtomicU64::new(0));
    let disk = Counting { disk: SimDisk::new(1), written: Arc::clone(&written) };
    let shape = Shape { segments: JOURNAL_SEGMENTS, segment_bytes: JOURNAL_SEGMENT_BYTES };
    let layout = Layout { shape, cache_bytes: 32 * 1024 * 1024, ..LAYOUT };
    let mut engine = Engine::open(Arc::new(disk), layout).unwrap();
    while engine.shared().grow().unwrap() {}
    let before = written.load(Ordering::Relaxed);
    for first in (0..messages).step_by(usize::try_from(batch).unwrap()) {
        let outcomes = engine.commit((first..first + batch).map(message));
        assert!(outcomes.iter().all(|outcome| outcome.result.is_ok()));
        if engine.shared().due() || (first + batch) % checkpoint < batch {
            while engine.shared().checkpoint().unwrap() {}
        }
    }
    while engine.shared().checkpoint().unwrap() {}
    (written.load(Ordering::Relaxed) - before) / messages
}

#[test]
fn a_message_with_a_commit_of_its_own_writes_at_most_six_kilobytes() {
    // Ten a second: a checkpoint after half a minute has 300.
    let each = cost(12_000, 1, 300);
    assert!(each <= ALONE_BYTES, "{each} bytes");
}

#[test]
fn a_message_that_shares_its_commit_writes_at_most_one_and_a_half_kilobytes() {
    // 8 000 a second, 400 commits a second.
    let each = cost(60_000, 20, u64::MAX);
    assert!(each <= SHARED_BYTES, "{each} bytes");
}
