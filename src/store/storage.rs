//! The files below the store: one small trait, the real disk behind it.
//! Invariant: journal and database touch a disk through these traits only, so that a simulated disk
//! can stand in their place.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One file. Writes are durable after `sync` only.
pub trait Storage: fmt::Debug + Send + Sync {
    fn length(&self) -> io::Result<u64>;
    /// Fills `out`; an error when the file ends before.
    fn read_at(&self, out: &mut [u8], offset: u64) -> io::Result<()>;
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    fn set_len(&self, len: u64) -> io::Result<()>;
    fn sync(&self) -> io::Result<()>;
}

/// A folder of such files.
pub trait Disk: fmt::Debug + Send + Sync {
    /// Opens the file, for reading only when the disk is read-only. `create` makes it when absent.
    fn open(&self, name: &str, create: bool) -> io::Result<Arc<dyn Storage>>;
    fn exists(&self, name: &str) -> io::Result<bool>;
    /// Renames a file and makes that durable.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
}

/// The data folder on a real disk.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }
}

impl Disk for Folder {
    fn open(&self, name: &str, create: bool) -> io::Result<Arc<dyn Storage>> {
        let path = self.path.join(name);
        let fresh = create && !path.try_exists()?;
        let opened =
            OpenOptions::new().read(true).write(true).create(create).truncate(false).open(&path);
        let file = match opened {
            Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => File::open(&path)?,
            other => other?,
        };
        if fresh {
            File::open(&self.path)?.sync_all()?;
        }
        Ok(Arc::new(RealFile(file)))
    }

    fn exists(&self, name: &str) -> io::Result<bool> {
        self.path.join(name).try_exists()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))?;
        File::open(&self.path)?.sync_all()
    }
}

#[derive(Debug)]
struct RealFile(File);

impl Storage for RealFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, out: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_exact_at(out, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

/// The lock of a data folder; held as long as the value lives.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// `Ok(None)` when another process holds it. A read-only folder is locked by its own
    /// descriptor.
    ///
    /// # Errors
    /// The folder cannot be opened.
    pub fn take(folder: &Path) -> io::Result<Option<Self>> {
        let path = folder.join("lock");
        let opened =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = match opened {
            Ok(file) => file,
            Err(error) if passing(&error) => File::open(folder)?,
            Err(error) => return Err(error),
        };
        match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// The disk is full, failing or read-only: reading may still work, and it may heal.
#[must_use]
pub fn passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::StorageFull)
        || error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error())
        || error.raw_os_error() == Some(rustix::io::Errno::DQUOT.raw_os_error())
}
