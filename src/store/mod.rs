//! The durable edge: a journal in front of redb; one writer thread, one checkpointer.
//! Architecture invariant: nothing is acknowledged or shown before the sync that holds it returned.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::sync::Arc;

mod apply;
pub mod audit;
mod audit_notes;
pub mod backup;
pub mod blobs;
pub mod body_keys;
mod check;
mod convert;
mod database;
pub mod engine;
mod envelope;
pub mod fault;
mod grants;
pub mod journal;
pub mod key;
mod lists;
mod origin;
mod overlay;
mod reader;
mod row;
pub mod sealed;
mod shared;
#[doc(hidden)]
pub mod sim;
mod site_reader;
pub mod storage;
mod swap;
mod tables;
mod tail;
#[cfg(test)]
mod tests;
mod threads;
mod walk;
mod words;
mod writer;

pub use blobs::{Blobs, KeptBlob, NewBlob};
pub use check::{Checkup, Finding, LiveCheck, Repair, check, repair};
pub use convert::{Converted, seal, unseal};
pub use fault::Fault;
pub use reader::Reader;
pub use sealed::{Resealed, SealedDisk};
pub use site_reader::SiteReader;
pub use swap::is_open as is_changing;
pub use threads::{Answer, More, Sink, Writer};
pub use words::*;

use posthouse_crypto::seal::Keys;

use self::storage::Disk;
use crate::base::limits::{self, JOURNAL_SEGMENT_BYTES, JOURNAL_SEGMENTS, REDB_CACHE_BYTES};
use crate::base::{Clock, Epoch, Index};

/// Where a store is and how it is laid out.
#[derive(Clone, Debug)]
pub struct Options {
    /// The data folder; made when it is absent.
    pub dir: PathBuf,
    pub segments: u32,
    pub segment_bytes: u64,
    pub redb_cache_bytes: usize,
    /// Least time between two commits: a floor for memory cards; 0 = none.
    pub min_commit_interval_ms: u64,
    /// Keys of a sealed store; `None` for a plain one.
    pub keys: Option<Keys>,
}

impl Options {
    #[must_use]
    pub fn new(dir: PathBuf) -> Self {
        Self {
            dir,
            segments: JOURNAL_SEGMENTS,
            segment_bytes: JOURNAL_SEGMENT_BYTES,
            redb_cache_bytes: REDB_CACHE_BYTES,
            min_commit_interval_ms: 0,
            keys: None,
        }
    }

    fn layout(&self) -> Result<engine::Layout, Fault> {
        let random = || getrandom::u64().map_err(|e| Fault::disk("random")(e.into()));
        Ok(engine::Layout {
            shape: self.shape(),
            cache_bytes: self.redb_cache_bytes,
            chance: u128::from(random()?) << 64 | u128::from(random()?),
        })
    }

    fn shape(&self) -> journal::Shape {
        journal::Shape { segments: self.segments, segment_bytes: self.segment_bytes }
    }

    /// The folder, sealed when there are keys.
    fn disk(&self) -> Result<Arc<dyn Disk>, Fault> {
        let folder = Arc::new(storage::Folder::new(&self.dir));
        match &self.keys {
            Some(keys) => Ok(Arc::new(SealedDisk::open(folder, keys.clone())?)),
            None if sealed::is_sealed(folder.as_ref())? => Err(Fault::Sealed),
            None => Ok(folder),
        }
    }

    /// Where attachments lie.
    ///
    /// # Errors
    /// No randomness to seal with.
    pub fn blobs(&self) -> Result<Blobs, Fault> {
        Blobs::of(&self.dir, self.keys.as_ref())
    }

    /// Takes the folder's lock, and ends a change of its files that the power cut off.
    fn lock(&self) -> Result<storage::FolderLock, Fault> {
        match std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.dir) {
            Err(error) if !self.dir.is_dir() => return Err(Fault::disk("data folder")(error)),
            Err(_) | Ok(()) => {}
        }
        let lock = storage::FolderLock::take(&self.dir).map_err(Fault::disk("lock"))?;
        let lock = lock.ok_or(Fault::InUse)?;
        swap::finish(&self.dir)?;
        Ok(lock)
    }
}

/// Opens the store, recovers it and starts its threads. `sink` is called on the writer's thread
/// with the outcomes of a batch, in the order of positions, after readers can see what was written.
///
/// # Errors
/// The folder is in use, the disk fails, or something that was durable cannot be read.
pub fn open(
    options: &Options,
    clock: Arc<dyn Clock>,
    sink: Sink,
) -> Result<(Writer, Reader), Fault> {
    let lock = options.lock()?;
    let engine = engine::Engine::open(options.disk()?, options.layout()?)?;
    let reader = engine.reader();
    let interval = options.min_commit_interval_ms;
    let writer = Writer::start(engine, Some(lock), clock, interval, sink)?;
    Ok((writer, reader))
}

/// Begins another epoch in a folder that was put back from a copy, so that no client goes on from a
/// place of the history that was given up. `open` does it by itself when it can see that the files
/// are others; a virtual machine that was set back, or a snapshot of a volume, cannot be seen.
///
/// # Errors
/// The folder is in use, or the disk fails.
pub fn restored(options: &Options) -> Result<Epoch, Fault> {
    let _lock = options.lock()?;
    let engine = engine::Engine::open(options.disk()?, options.layout()?)?;
    engine.renew_epoch(Epoch(options.layout()?.chance.max(1)))
}

/// Hands every entry of a store that no process uses to `take`, in the order of the log.
///
/// # Errors
/// The folder is in use, the disk fails, or a row is damaged.
pub fn dump(options: &Options, mut take: impl FnMut(DumpRow)) -> Result<(), Fault> {
    let _lock = options.lock()?;
    let reader = engine::Engine::open(options.disk()?, options.layout()?)?.reader();
    let mut after = Index(0);
    loop {
        let rows = reader.dump(after, limits::PAGE_ENTRIES)?;
        if rows.is_empty() {
            return Ok(());
        }
        after.0 += rows.len() as u64;
        rows.into_iter().for_each(&mut take);
    }
}
