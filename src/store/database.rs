//! The redb file: opening, reopening after a failure, and a read-only way in when the disk takes no
//! writes. redb closes a handle at its first I/O error, so the handle in use is replaced as a
//! whole.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use redb::{Durability, ReadTransaction, ReadableDatabase, StorageBackend, WriteTransaction};

use super::fault::Fault;
use super::overlay::Overlay;
use super::storage::{Disk, Storage};

pub const FILE: &str = "store.redb";
const NEW_FILE: &str = "store.redb.new";

#[derive(Debug)]
pub struct Database {
    disk: Arc<dyn Disk>,
    cache_bytes: usize,
    current: RwLock<Arc<Handle>>,
    /// A read failed on the handle in use: redb has closed it.
    broken: AtomicBool,
}

#[derive(Debug)]
struct Handle {
    redb: redb::Database,
    /// Set when another handle takes over: this one must not touch the file any more.
    revoked: Arc<AtomicBool>,
    writable: bool,
}

impl Database {
    /// Opens the file; `first` fills one that is made now. On a full or failing disk it is opened
    /// for reading only.
    ///
    /// # Errors
    /// The file is damaged, cannot be made, or cannot be read.
    pub fn open(
        disk: Arc<dyn Disk>,
        cache_bytes: usize,
        first: impl FnOnce(&WriteTransaction) -> Result<(), Fault>,
    ) -> Result<Self, Fault> {
        if !disk.exists(FILE).map_err(Fault::disk("database"))? {
            create(disk.as_ref(), cache_bytes, first)?;
        }
        let handle = open_handle(disk.as_ref(), cache_bytes)?;
        Ok(Self {
            disk,
            cache_bytes,
            current: RwLock::new(Arc::new(handle)),
            broken: AtomicBool::new(false),
        })
    }

    /// False when the disk took no writes at the last opening.
    #[must_use]
    pub fn writable(&self) -> bool {
        self.handle().writable
    }

    /// Replaces a handle that a failed read closed. Only the one who writes may call this: nothing
    /// is written to the file meanwhile.
    ///
    /// # Errors
    /// As `open`.
    pub fn mend(&self) -> Result<(), Fault> {
        if self.broken.load(Ordering::Acquire) {
            self.reopen()?;
            self.broken.store(false, Ordering::Release);
        }
        Ok(())
    }

    /// Replaces the handle; the old one is cut off from the file first.
    ///
    /// # Errors
    /// As `open`.
    pub fn reopen(&self) -> Result<(), Fault> {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        current.revoked.store(true, Ordering::Release);
        *current = Arc::new(open_handle(self.disk.as_ref(), self.cache_bytes)?);
        Ok(())
    }

    /// Runs `work` on a snapshot; once more when the handle was replaced meanwhile.
    ///
    /// # Errors
    /// What `work` returns, or the snapshot cannot be taken.
    pub fn read<T>(&self, work: impl Fn(&ReadTransaction) -> Result<T, Fault>) -> Result<T, Fault> {
        let handle = self.handle();
        let done = handle.redb.begin_read().map_err(Fault::from).and_then(|txn| work(&txn));
        match done {
            Err(fault) if fault.passing() || matches!(fault, Fault::Tampered { .. }) => {
                let next = self.handle();
                if Arc::ptr_eq(&handle, &next) {
                    self.broken.store(true, Ordering::Release);
                    return Err(fault);
                }
                work(&next.redb.begin_read()?)
            }
            other => other,
        }
    }

    /// Runs `work` in one durable transaction that quick repair can recover.
    ///
    /// # Errors
    /// What `work` returns, or the disk takes no writes.
    pub fn write<T>(
        &self,
        work: impl FnOnce(&WriteTransaction) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let handle = self.handle();
        if !handle.writable {
            let source = io::ErrorKind::ReadOnlyFilesystem.into();
            return Err(Fault::Disk { what: "database", source });
        }
        handle.write(work)
    }

    fn handle(&self) -> Arc<Handle> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Handle {
    fn write<T>(
        &self,
        work: impl FnOnce(&WriteTransaction) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let mut txn = self.redb.begin_write()?;
        txn.set_durability(Durability::Immediate).map_err(redb::Error::from)?;
        txn.set_quick_repair(true);
        let done = work(&txn)?;
        txn.commit()?;
        Ok(done)
    }
}

/// Makes the file under another name: redb cannot open one whose making was cut off.
fn create(
    disk: &dyn Disk,
    cache_bytes: usize,
    first: impl FnOnce(&WriteTransaction) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let file = disk.open(NEW_FILE, true).map_err(Fault::disk("database"))?;
    file.set_len(0).map_err(Fault::disk("database"))?;
    let handle = open_redb(Arc::clone(&file), cache_bytes, true)?;
    handle.write(first)?;
    drop(handle);
    file.sync().map_err(Fault::disk("database"))?;
    disk.rename(NEW_FILE, FILE).map_err(Fault::disk("database"))
}

fn open_handle(disk: &dyn Disk, cache_bytes: usize) -> Result<Handle, Fault> {
    let file = disk.open(FILE, false).map_err(Fault::disk("database"))?;
    match open_redb(Arc::clone(&file), cache_bytes, true) {
        Err(fault) if fault.passing() && file.length().is_ok_and(|length| length > 0) => {
            let overlay = Overlay::new(file).map_err(Fault::disk("database"))?;
            open_redb(Arc::new(overlay), cache_bytes, false)
        }
        other => other,
    }
}

fn open_redb(file: Arc<dyn Storage>, cache_bytes: usize, writable: bool) -> Result<Handle, Fault> {
    let revoked = Arc::new(AtomicBool::new(false));
    let backend = Backend { file, revoked: Arc::clone(&revoked) };
    let redb = builder(cache_bytes).create_with_backend(backend)?;
    Ok(Handle { redb, revoked, writable })
}

fn builder(cache_bytes: usize) -> redb::Builder {
    let mut builder = redb::Builder::new();
    builder.set_cache_size(cache_bytes);
    builder
}

/// A bare handle, for looking over and repairing.
pub(super) fn open_backend(
    file: Arc<dyn Storage>,
    cache_bytes: usize,
) -> Result<redb::Database, Fault> {
    let backend = Backend { file, revoked: Arc::default() };
    Ok(builder(cache_bytes).create_with_backend(backend)?)
}

/// Lets redb use a `Storage`.
#[derive(Debug)]
struct Backend {
    file: Arc<dyn Storage>,
    revoked: Arc<AtomicBool>,
}

impl Backend {
    fn file(&self) -> io::Result<&dyn Storage> {
        if self.revoked.load(Ordering::Acquire) {
            return Err(io::Error::other("another handle took over"));
        }
        Ok(self.file.as_ref())
    }
}

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.file()?.length()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file()?.read_at(out, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file()?.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file()?.sync()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.file()?.write_at(data, offset)
    }
}
