//! The files below the store: one small trait, the real disk behind it.
//! Invariant: journal and database touch a disk through these traits only, so that a simulated disk
//! can stand in their place.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use posthouse_crypto::seal::RecordKeys;
use xxhash_rust::xxh3::xxh3_128;

use super::body_keys::BodyKeys;
use super::sealed::SealedDisk;

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
    /// The keys that seal the journal's records, when the disk is sealed.
    fn records(&self) -> Option<Arc<RecordKeys>> {
        None
    }
    /// The disk itself, when it is sealed.
    fn sealed(&self) -> Option<&SealedDisk> {
        None
    }
    /// The keys of conversations, when the disk is sealed.
    fn bodies(&self) -> Option<Arc<BodyKeys>> {
        None
    }
    /// Names of the files in a folder; none when there is no such folder.
    fn list(&self, folder: &str) -> io::Result<Vec<String>>;
    /// Removes a file, when it is there, and makes that durable.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// A number that these very files have, and no copy of them.
    fn origin(&self, names: &[&str]) -> io::Result<u128>;
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
        let folder = path.parent().unwrap_or(&self.path);
        if fresh && !folder.is_dir() {
            fs::create_dir_all(folder)?;
            File::open(folder.parent().unwrap_or(&self.path))?.sync_all()?;
        }
        let opened =
            OpenOptions::new().read(true).write(true).create(create).truncate(false).open(&path);
        let file = match opened {
            Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => File::open(&path)?,
            other => other?,
        };
        if fresh {
            File::open(folder)?.sync_all()?;
        }
        Ok(Arc::new(RealFile(file)))
    }

    fn exists(&self, name: &str) -> io::Result<bool> {
        self.path.join(name).try_exists()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let path = self.path.join(to);
        fs::rename(self.path.join(from), &path)?;
        File::open(path.parent().unwrap_or(&self.path))?.sync_all()
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let found = match fs::read_dir(self.path.join(folder)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            found => found?,
        };
        let mut names = Vec::new();
        for entry in found {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                names.extend(entry.file_name().into_string().ok());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let path = self.path.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        }
        File::open(path.parent().unwrap_or(&self.path))?.sync_all()
    }

    /// Of each file the inode's number and birth, which `cp`, `tar`, `rsync` and a restore give
    /// anew. Nobody writes to the lock, so its change time tells when a copy was written over it in
    /// place. The device's number is left out: it may be another one after a reboot.
    fn origin(&self, names: &[&str]) -> io::Result<u128> {
        let mut words = Vec::new();
        for name in names {
            let file = match fs::metadata(self.path.join(name)) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            let born = file.created().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
            words.extend_from_slice(name.as_bytes());
            words.extend_from_slice(&file.ino().to_le_bytes());
            words.extend_from_slice(&born.map_or(0, |since| since.as_nanos()).to_le_bytes());
            if *name == LOCK_FILE {
                words.extend_from_slice(&file.ctime().to_le_bytes());
                words.extend_from_slice(&file.ctime_nsec().to_le_bytes());
            }
        }
        Ok(xxh3_128(&words))
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

/// Held by the process that has the folder open.
pub const LOCK_FILE: &str = "lock";

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
        let path = folder.join(LOCK_FILE);
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
