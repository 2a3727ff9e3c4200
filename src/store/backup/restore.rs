//! Reads a backup back: into a scratch folder, to see that it is good, or into a folder that takes
//! a site's place. Invariant: what was read is what was written, piece by piece, or the backup is
//! refused with the file that is not.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use posthouse_crypto::seal::key_file::{KeyFile, Opener};

use super::super::check::check_disk;
use super::super::database::Database;
use super::super::engine::{Engine, Layout};
use super::super::fault::Fault;
use super::super::journal::Shape;
use super::super::sealed::SealedDisk;
use super::super::shared::{JOURNAL_FILE, stored_head};
use super::super::storage::{Disk, Folder, FolderLock};
use super::super::swap::{self, Staging};
use super::super::{blobs, body_keys, key, origin, tables};
use super::create::go_on;
use super::manifest::{Head, Line, Lines};
use super::repository::Repository;
use super::{Stop, rows};
use crate::base::limits::BACKUP_SCRATCH_SEGMENT_BYTES;
use crate::base::{BlobId, Epoch, Feed};

/// The scratch folder, in the data folder: what a plain site holds is readable in it.
const SCRATCH: &str = "backup.scratch";
/// The journal of a scratch store, which takes nothing.
const SHAPE: Shape = Shape { segments: 2, segment_bytes: BACKUP_SCRATCH_SEGMENT_BYTES };

/// What a backup held.
#[derive(Debug)]
pub struct Restored {
    pub head: Head,
    pub entries: u64,
    pub bytes: u64,
    pub attachments: u64,
    /// Attachments that the site did not have when the backup was made.
    pub missing: u64,
    /// The site's secrets, of a sealed site.
    keys: Option<KeyFile>,
}

/// A folder for one verification; removed at its end.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    _lock: FolderLock,
}

impl Scratch {
    /// Makes the folder; what an earlier one left is removed.
    ///
    /// # Errors
    /// Another process verifies; the disk takes no writes.
    pub fn begin(data: &Path) -> Result<Self, Fault> {
        let path = data.join(SCRATCH);
        let make = |path: &Path| {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
            FolderLock::take(path)
        };
        let lock = make(&path).map_err(Fault::disk("scratch folder"))?.ok_or(Fault::BackupRuns)?;
        let scratch = Self { path, _lock: lock };
        scratch.store().map(|_| scratch)
    }

    /// A fresh folder for a store.
    fn store(&self) -> Result<PathBuf, Fault> {
        let path = self.path.join("store");
        let make = || {
            if path.exists() {
                fs::remove_dir_all(&path)?;
            }
            fs::DirBuilder::new().mode(0o700).create(&path)
        };
        make().map_err(Fault::disk("scratch folder")).map(|()| path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left is removed by the next one.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Reads a backup back into the scratch folder, opens it as a store and checks it.
///
/// # Errors
/// `BACKUP_BROKEN` with the file, `BACKUP_UNSOUND` with what the check found.
pub fn verify(
    home: &Repository,
    (name, finished): (&str, bool),
    scratch: &Scratch,
    cache_bytes: usize,
    stop: Stop<'_>,
) -> Result<Restored, Fault> {
    let dir = scratch.store()?;
    room(home, (name, finished), &dir, |line| matches!(line, Line::Rows { .. }))?;
    let reading = Reading { home, stop, dir: &dir, whole: false, cache_bytes, disk: None };
    let mut restored = reading.run((name, finished))?;
    let disk = open_disk(&dir, restored.keys.as_ref())?;
    let chance = u128::from(getrandom::u64().map_err(|e| Fault::disk("random")(e.into()))?);
    let layout = Layout { shape: SHAPE, cache_bytes, chance };
    drop(Engine::open(Arc::clone(&disk), layout)?);
    let checkup = check_disk(disk.as_ref(), SHAPE, cache_bytes, None)?;
    if let Some(finding) = checkup.findings.first() {
        let about = format!("{}: {}", finding.code.name(), finding.place);
        return Err(Fault::BackupUnsound { about });
    }
    restored.entries = checkup.entries;
    drop(disk);
    scratch.store()?;
    Ok(restored)
}

/// Where a backup is restored to.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    pub data: &'a Path,
    /// What is to open the site's keys from now on.
    pub source: Option<&'a key::Source>,
    /// Keep the site that is there, in a folder beside the new one.
    pub beside: bool,
    pub cache_bytes: usize,
}

/// Puts a backup into the data folder, with an epoch of its own; until it is whole the folder is as
/// it was. Returns where the former site is kept.
///
/// # Errors
/// The folder is in use or has a site; the backup is broken; there is no room.
pub fn restore(
    home: &Repository,
    name: &str,
    target: Target<'_>,
    stop: Stop<'_>,
) -> Result<(Restored, Epoch, Option<PathBuf>), Fault> {
    let lock = || {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(target.data)?;
        FolderLock::take(target.data)
    };
    let _lock = lock().map_err(Fault::disk("lock"))?.ok_or(Fault::InUse)?;
    swap::finish(target.data)?;
    let occupied = swap::STORE.iter().any(|name| target.data.join(name).exists());
    if occupied && !target.beside {
        return Err(Fault::RestoreOccupied { path: target.data.display().to_string() });
    }
    let (head, _) = Lines::open(home, name, true)?;
    match (head.sealed, target.source) {
        (true, None) => return Err(Fault::Sealed),
        (false, Some(_)) => return Err(Fault::NotSealed),
        (true, Some(_)) | (false, None) => {}
    }
    let staging = Staging::begin(target.data)?;
    let dir = staging.path();
    room(home, (name, true), &dir, |_| true)?;
    let cache_bytes = target.cache_bytes;
    let reading = Reading { home, stop, dir: &dir, whole: true, cache_bytes, disk: None };
    let mut restored = reading.run((name, true))?;
    let epoch = settle(&dir, &restored, cache_bytes)?;
    let disk = open_disk(&dir, restored.keys.as_ref())?;
    let checkup = check_disk(disk.as_ref(), SHAPE, cache_bytes, None)?;
    if let Some(finding) = checkup.findings.first() {
        let about = format!("{}: {}", finding.code.name(), finding.place);
        return Err(Fault::BackupUnsound { about });
    }
    drop(disk);
    restored.entries = checkup.entries;
    if let (Some(keys), Some(source)) = (restored.keys.take(), target.source) {
        key::save_as(&dir.join(key::FILE), keys, source)?;
    }
    let names = [&swap::STORE[..], &swap::BESIDE].concat();
    let former = staging.commit(&names, target.beside)?;
    Ok((restored, epoch, former))
}

/// Gives the store in a folder another epoch, and forgets which files it was in.
fn settle(dir: &Path, restored: &Restored, cache_bytes: usize) -> Result<Epoch, Fault> {
    let disk = open_disk(dir, restored.keys.as_ref())?;
    disk.open(JOURNAL_FILE, true).map_err(Fault::disk("journal"))?;
    let database = Database::open(disk, cache_bytes, |_| Ok(()))?;
    let ended = stored_head(&database, Feed::Site)?;
    let mut fresh = [0; 16];
    getrandom::fill(&mut fresh).map_err(|error| Fault::disk("random")(error.into()))?;
    let epoch = Epoch(u128::from_be_bytes(fresh).max(1));
    database.write(|txn| {
        origin::renew(txn, epoch, ended)?;
        origin::forget(txn)
    })?;
    Ok(epoch)
}

/// Refuses when the disk has not the room for these lines and half as much again.
fn room(
    home: &Repository,
    list: (&str, bool),
    dir: &Path,
    counts: impl Fn(&Line) -> bool,
) -> Result<(), Fault> {
    let (_, mut lines) = Lines::open(home, list.0, list.1)?;
    let mut bytes = 0;
    while let Some(line) = lines.next()? {
        if counts(&line) {
            bytes += super::manifest::bytes_of(&line);
        }
    }
    swap::room(dir, bytes + bytes / 2)
}

fn open_disk(dir: &Path, keys: Option<&KeyFile>) -> Result<Arc<dyn Disk>, Fault> {
    let folder: Arc<dyn Disk> = Arc::new(Folder::new(dir));
    match keys.and_then(KeyFile::keys) {
        Some(keys) => Ok(Arc::new(SealedDisk::open(folder, keys)?)),
        None => Ok(folder),
    }
}

/// A backup that is being read.
struct Reading<'a> {
    home: &'a Repository,
    stop: Stop<'a>,
    dir: &'a Path,
    /// Files are written, too; otherwise they are only read.
    whole: bool,
    cache_bytes: usize,
    disk: Option<(Arc<dyn Disk>, Database)>,
}

impl Reading<'_> {
    fn run(mut self, (name, finished): (&str, bool)) -> Result<Restored, Fault> {
        let (head, mut lines) = Lines::open(self.home, name, finished)?;
        let mut restored =
            Restored { head, entries: 0, bytes: 0, attachments: 0, missing: 0, keys: None };
        let mut bodies = 0;
        while let Some(line) = lines.next()? {
            go_on(self.stop)?;
            match line {
                Line::Backup(_) => return Err(self.home.broken_list(name)),
                Line::Secrets { piece } => restored.keys = Some(self.secrets(&piece)?),
                Line::Rows { table, piece, .. } => {
                    let bytes = self.home.small(&piece)?;
                    let sealed = restored.head.sealed && restored.keys.is_none();
                    if sealed {
                        return Err(self.home.broken_list(name));
                    }
                    let (_, database) = self.store(restored.keys.as_ref())?;
                    database.write(|txn| rows::write(txn, &table, &bytes))?;
                }
                Line::Blob(line) => {
                    let id = BlobId::from_hex(&line.id);
                    let id = id.ok_or_else(|| self.home.broken_list(name))?;
                    self.file(&blobs::name(id), &line.piece)?;
                    restored.attachments += 1;
                }
                Line::Missing { .. } => restored.missing += 1,
                Line::Bodies { piece, .. } => bodies = self.bodies(&piece, bodies)?,
                Line::File { path, piece, .. } => {
                    if !is_inside(&path) {
                        return Err(self.home.broken_list(name));
                    }
                    self.file(&path, &piece)?;
                }
                Line::End { bytes, .. } => restored.bytes = bytes,
            }
        }
        if self.whole {
            self.settle_files()?;
        }
        Ok(restored)
    }

    fn secrets(&self, piece: &str) -> Result<KeyFile, Fault> {
        let (bytes, secret) = (self.home.small(piece)?, self.home.secret());
        Ok(KeyFile::open(&bytes, Opener::Passphrase(secret.as_bytes()))?)
    }

    fn store(&mut self, keys: Option<&KeyFile>) -> Result<&(Arc<dyn Disk>, Database), Fault> {
        if self.disk.is_none() {
            let disk = open_disk(self.dir, keys)?;
            let database = Database::open(Arc::clone(&disk), self.cache_bytes, tables::create)?;
            self.disk = Some((disk, database));
        }
        self.disk.as_ref().ok_or(Fault::Full)
    }

    /// Writes slots where the file ends so far.
    fn bodies(&self, piece: &str, at: u64) -> Result<u64, Fault> {
        let bytes = self.home.small(piece)?;
        let write = || {
            let file = Folder::new(self.dir).open(body_keys::FILE, true)?;
            file.write_at(&bytes, at)?;
            file.sync()
        };
        write().map_err(Fault::disk("keys of conversations"))?;
        Ok(at + bytes.len() as u64)
    }

    fn file(&self, path: &str, piece: &str) -> Result<(), Fault> {
        if !self.whole {
            return self.home.read(piece, &mut |_| go_on(self.stop));
        }
        let path = self.dir.join(path);
        let open = || {
            fs::create_dir_all(path.parent().unwrap_or(self.dir))?;
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)
        };
        let mut file = open().map_err(Fault::disk("data folder"))?;
        self.home.read(piece, &mut |bytes| {
            go_on(self.stop)?;
            file.write_all(bytes).map_err(Fault::disk("data folder"))
        })?;
        file.sync_all().map_err(Fault::disk("data folder"))
    }

    /// Makes the names of files durable.
    fn settle_files(&self) -> Result<(), Fault> {
        swap::sync_tree(self.dir).map_err(Fault::disk("data folder"))
    }
}

/// A file of a folder that is copied file by file, and no way out of it.
fn is_inside(path: &str) -> bool {
    let mut parts = Path::new(path).components();
    let folder = parts.next().is_some_and(|part| {
        swap::BESIDE.iter().any(|folder| part == Component::Normal(folder.as_ref()))
    });
    folder && matches!(parts.next(), Some(Component::Normal(_))) && parts.next().is_none()
}
