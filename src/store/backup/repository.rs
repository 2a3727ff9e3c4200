//! The folder that backups lie in: pieces, named by a keyed hash of what they hold, and for each
//! backup the list of its pieces. Invariant: a file has its name only when it is whole and synced;
//! a file that was changed, moved, cut off or belongs to another folder does not open.
//!
//! | path | content |
//! |---|---|
//! | `keys` | a key file that the recovery passphrase opens; its master wraps all other keys |
//! | `objects/xx/NAME` | a piece, sealed as an attachment is; `xx` are the first digits of NAME |
//! | `backups/NAME` | the list of a backup, sealed likewise; see `manifest` |
//! | `*.new` | not finished |

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use posthouse_crypto::family::{Family, Secret};
use posthouse_crypto::hash::Hash;
use posthouse_crypto::seal::key_file::{KeyFault, KeyFile, Kind, Opener, ROUNDS};
use posthouse_crypto::seal::{
    CHUNK_BYTES, HEAD_BYTES, Purpose, RecordKeys, StreamReader, StreamWriter, plain_bytes,
};
use posthouse_crypto::token::{NoRandomness, hex};
use zeroize::Zeroizing;

use super::super::fault::Fault;
use super::super::key::Source;
use super::super::storage::{Disk, Folder, Storage};
use crate::base::Wall;
use crate::base::limits::BACKUP_PIECE_MOST;

const KEYS: &str = "keys";
const NEW: &str = ".new";
const LISTS: &str = "backups";
/// A chunk as it lies on the disk: with its tag.
const SEALED_CHUNK: usize = CHUNK_BYTES + 16;

/// The folder, opened.
pub struct Repository {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    family: Family,
    wrap: RecordKeys,
    /// Names pieces, and is the root of the passphrase of the site's secrets.
    naming: Secret,
}

impl Repository {
    /// Opens a folder that has backups.
    ///
    /// # Errors
    /// There is none, it is not within reach, or the passphrase is another one.
    pub fn open(path: &Path, source: &Source) -> Result<Self, Fault> {
        Self::of(Arc::new(Folder::new(path)), path, source)
    }

    /// Opens the folder, or makes it ready for a first backup.
    ///
    /// # Errors
    /// As `open`.
    pub fn open_or_make(
        path: &Path,
        source: &Source,
        family: Family,
        now: Wall,
    ) -> Result<Self, Fault> {
        if !path.is_dir() {
            std::fs::create_dir_all(path).map_err(Fault::target(path))?;
        }
        let disk: Arc<dyn Disk> = Arc::new(Folder::new(path));
        make(disk.as_ref(), path, source, family, now)?;
        Self::of(disk, path, source)
    }

    /// True when backups were made into this folder, and it is there: a medium that is not
    /// plugged in leaves an empty folder behind.
    #[must_use]
    pub fn is_there(path: &Path) -> bool {
        path.join(KEYS).exists()
    }

    pub(in crate::store) fn of(
        disk: Arc<dyn Disk>,
        path: &Path,
        source: &Source,
    ) -> Result<Self, Fault> {
        let at = |what| Fault::target(&path.join(what));
        if !disk.exists(KEYS).map_err(at(KEYS))? {
            return Err(Fault::BackupAbsent { path: path.display().to_string() });
        }
        let bytes = read_whole(disk.as_ref(), KEYS).map_err(at(KEYS))?;
        let file = source.with(|opener| KeyFile::open(&bytes, opener))?;
        let keys = file.keys().ok_or(KeyFault::NoKeyFile)?;
        let naming = keys.secret(keys.newest(), Purpose::Clear);
        Ok(Self {
            disk,
            path: path.to_owned(),
            family: file.family(),
            wrap: RecordKeys::new(&keys, Purpose::Wrap).map_err(no_randomness)?,
            naming: naming.map_err(|_| KeyFault::NoKeyFile)?,
        })
    }

    /// A hash for what is to be a piece.
    pub(super) fn hash(&self) -> Hash {
        Hash::new(self.family)
    }

    /// The name of a piece with this hash.
    pub(super) fn name(&self, hash: Hash) -> String {
        hex(&self.family.hmac(&*self.naming, &[b"piece", &hash.finish()]))
    }

    /// What opens the site's secrets in a backup of a sealed site.
    pub(super) fn secret(&self) -> Zeroizing<String> {
        Zeroizing::new(hex(&*self.family.derive(&self.naming, &[b"posthouse backup secrets 1"])))
    }

    pub(super) fn has(&self, piece: &str) -> Result<bool, Fault> {
        let path = object(piece);
        self.disk.exists(&path).map_err(self.at(&path))
    }

    /// Writes a piece whose name is known; `read` gives its bytes, none at the end. Nothing has the
    /// name when they were others.
    ///
    /// # Errors
    /// The disk takes no writes, or what `read` returns.
    pub(super) fn put(
        &self,
        piece: &str,
        read: &mut dyn FnMut() -> Result<Option<Vec<u8>>, Fault>,
    ) -> Result<bool, Fault> {
        let path = object(piece);
        let mut sink = self.sink(&path)?;
        let mut hash = self.hash();
        while let Some(bytes) = read()? {
            hash.update(&bytes);
            sink.write(&bytes)?;
        }
        if self.name(hash) != piece {
            return Ok(false);
        }
        sink.finish(piece)?;
        self.disk.rename(&fresh(&path), &path).map_err(self.at(&path))?;
        Ok(true)
    }

    /// Reads a piece from its beginning to its end and makes sure that it is the one of this name.
    ///
    /// # Errors
    /// `BACKUP_BROKEN` with the file; or what `take` returns.
    pub(super) fn read(
        &self,
        piece: &str,
        take: &mut dyn FnMut(&[u8]) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let path = object(piece);
        let mut opened = self.opened(&path, piece)?;
        let mut hash = self.hash();
        while let Some(bytes) = opened.next()? {
            hash.update(&bytes);
            take(&bytes)?;
        }
        if self.name(hash) == piece { Ok(()) } else { Err(self.broken(&path)) }
    }

    /// A piece that fits in memory.
    ///
    /// # Errors
    /// As `read`.
    pub(super) fn small(&self, piece: &str) -> Result<Vec<u8>, Fault> {
        let mut whole = Vec::new();
        self.read(piece, &mut |bytes| {
            if whole.len() + bytes.len() > 2 * BACKUP_PIECE_MOST {
                return Err(self.broken(&object(piece)));
            }
            whole.extend_from_slice(bytes);
            Ok(())
        })?;
        Ok(whole)
    }

    /// Names of the backups, oldest first.
    ///
    /// # Errors
    /// The folder is not within reach.
    pub fn names(&self) -> Result<Vec<String>, Fault> {
        let mut names = self.disk.list(LISTS).map_err(self.at(LISTS))?;
        names.retain(|name| super::number(name).is_some());
        names.sort_unstable();
        Ok(names)
    }

    /// Begins the list of a backup, which has no name yet.
    pub(super) fn begin(&self, name: &str) -> Result<Sink<'_>, Fault> {
        self.sink(&list(name))
    }

    /// Opens the list of a backup, or of one that has no name yet.
    pub(super) fn open_list(&self, name: &str, finished: bool) -> Result<Opened<'_>, Fault> {
        let path = list(name);
        let path = if finished { path } else { fresh(&path) };
        self.opened(&path, name)
    }

    /// Gives a backup its name: from now on it is there.
    pub(super) fn finish(&self, name: &str) -> Result<(), Fault> {
        let path = list(name);
        self.disk.rename(&fresh(&path), &path).map_err(self.at(&path))
    }

    /// Takes the list of a backup away, finished or not; its pieces stay until they are collected.
    pub(super) fn forget(&self, name: &str, finished: bool) -> Result<(), Fault> {
        let path = list(name);
        let path = if finished { path } else { fresh(&path) };
        self.disk.remove(&path).map_err(self.at(&path))
    }

    /// Removes what no list names any more, and what was not finished; returns how many pieces.
    ///
    /// # Errors
    /// The folder takes no writes.
    pub(super) fn collect(&self, wanted: &dyn Fn(&str) -> bool) -> Result<usize, Fault> {
        let mut removed = 0;
        for name in self.disk.list(LISTS).map_err(self.at(LISTS))? {
            if name.ends_with(NEW) {
                let path = format!("{LISTS}/{name}");
                self.disk.remove(&path).map_err(self.at(&path))?;
            }
        }
        for first in 0..=u8::MAX {
            let folder = format!("objects/{first:02x}");
            for name in self.disk.list(&folder).map_err(self.at(&folder))? {
                if !wanted(&name) {
                    let path = format!("{folder}/{name}");
                    self.disk.remove(&path).map_err(self.at(&path))?;
                    removed += usize::from(!name.ends_with(NEW));
                }
            }
        }
        Ok(removed)
    }

    /// The fault for a file of the folder that is not what was written.
    pub(super) fn broken(&self, file: &str) -> Fault {
        Fault::BackupBroken { file: self.path.join(file).display().to_string() }
    }

    pub(super) fn broken_list(&self, name: &str) -> Fault {
        self.broken(&list(name))
    }

    fn at(&self, file: &str) -> impl FnOnce(io::Error) -> Fault + use<> {
        Fault::target(&self.path.join(file))
    }

    fn sink(&self, path: &str) -> Result<Sink<'_>, Fault> {
        let open = || {
            let file = self.disk.open(&fresh(path), true)?;
            file.set_len(0)?;
            Ok(file)
        };
        let file = open().map_err(self.at(path))?;
        let writer = StreamWriter::begin(self.family).map_err(no_randomness)?;
        let (path, chunk) = (path.to_owned(), Vec::new());
        Ok(Sink { home: self, file, path, writer, chunk, at: HEAD_BYTES as u64, size: 0 })
    }

    fn opened(&self, path: &str, place: &str) -> Result<Opened<'_>, Fault> {
        let open = || {
            let file = self.disk.open(path, false)?;
            let length = file.length()?;
            let mut head = [0; HEAD_BYTES];
            file.read_at(&mut head, 0)?;
            Ok((file, length, head))
        };
        let (file, length, head) = open().map_err(|error| self.unread(path, error))?;
        let reader = StreamReader::open(self.family, &self.wrap, place.as_bytes(), &head);
        let reader = reader.map_err(|_| self.broken(path))?;
        let size = plain_bytes(length, HEAD_BYTES).ok_or_else(|| self.broken(path))?;
        Ok(Opened { home: self, file, path: path.to_owned(), reader, size, next: 0 })
    }

    /// A file that is missing or too short is not what was written.
    fn unread(&self, path: &str, error: io::Error) -> Fault {
        let kinds = [io::ErrorKind::NotFound, io::ErrorKind::UnexpectedEof];
        if kinds.contains(&error.kind()) { self.broken(path) } else { self.at(path)(error) }
    }
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Repository").field("path", &self.path).finish_non_exhaustive()
    }
}

/// A file of the folder that is being written.
pub(super) struct Sink<'a> {
    home: &'a Repository,
    file: Arc<dyn Storage>,
    path: String,
    writer: StreamWriter,
    chunk: Vec<u8>,
    at: u64,
    size: u64,
}

impl Sink<'_> {
    /// Keeps the last chunk back, also when it is full: it may be the last one.
    pub fn write(&mut self, mut bytes: &[u8]) -> Result<(), Fault> {
        self.size += bytes.len() as u64;
        while !bytes.is_empty() {
            if self.chunk.len() == CHUNK_BYTES {
                self.put(false)?;
            }
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK_BYTES - self.chunk.len()));
            self.chunk.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    /// Makes the file durable under the name that says that it is not finished.
    pub fn finish(mut self, place: &str) -> Result<(), Fault> {
        self.put(true)?;
        let head = self.writer.head(&self.home.wrap, place.as_bytes()).map_err(no_randomness)?;
        let write = || {
            self.file.write_at(&head, 0)?;
            self.file.sync()
        };
        write().map_err(self.home.at(&self.path))
    }

    fn put(&mut self, last: bool) -> Result<(), Fault> {
        let sealed = self.writer.seal(&mut self.chunk, last);
        let sealed = sealed.ok_or_else(|| io::Error::other("longer than 256 TiB"));
        let written = sealed.and_then(|()| self.file.write_at(&self.chunk, self.at));
        written.map_err(self.home.at(&self.path))?;
        self.at += self.chunk.len() as u64;
        self.chunk.clear();
        Ok(())
    }
}

/// A file of the folder that is read from its beginning.
pub(super) struct Opened<'a> {
    home: &'a Repository,
    file: Arc<dyn Storage>,
    path: String,
    reader: StreamReader,
    size: u64,
    next: u32,
}

impl Opened<'_> {
    /// The next part in the clear; `None` behind the end.
    pub fn next(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        let chunks = self.size.div_ceil(CHUNK_BYTES as u64).max(1);
        let number = u64::from(self.next);
        if number >= chunks {
            return Ok(None);
        }
        let last = number + 1 == chunks;
        let mut sealed = vec![0; SEALED_CHUNK];
        if last {
            let rest = self.size - number * CHUNK_BYTES as u64;
            sealed.truncate(usize::try_from(rest).unwrap_or(0) + SEALED_CHUNK - CHUNK_BYTES);
        }
        let at = HEAD_BYTES as u64 + number * SEALED_CHUNK as u64;
        let read = self.file.read_at(&mut sealed, at);
        read.map_err(|error| self.home.unread(&self.path, error))?;
        let opened = self.reader.chunk(self.next, last, &mut sealed);
        let length = opened.map_err(|_| self.home.broken(&self.path))?.len();
        sealed.truncate(length);
        self.next += 1;
        Ok(Some(sealed))
    }
}

/// Makes the key file, when there is none.
pub(in crate::store) fn make(
    disk: &dyn Disk,
    path: &Path,
    source: &Source,
    family: Family,
    now: Wall,
) -> Result<(), Fault> {
    if disk.exists(KEYS).map_err(Fault::target(path))? {
        return Ok(());
    }
    let mut file = source.with(|opener: Opener<'_>| KeyFile::new(family, opener, ROUNDS))?;
    file.add(Kind::Master, "", now.ms)?;
    let bytes = file.to_bytes().map_err(KeyFault::from)?;
    let write = || {
        let file = disk.open(&fresh(KEYS), true)?;
        file.set_len(0)?;
        file.write_at(&bytes, 0)?;
        file.sync()?;
        disk.rename(&fresh(KEYS), KEYS)
    };
    write().map_err(Fault::target(path))
}

fn read_whole(disk: &dyn Disk, name: &str) -> io::Result<Vec<u8>> {
    let file = disk.open(name, false)?;
    let length = usize::try_from(file.length()?).unwrap_or(usize::MAX);
    if length > BACKUP_PIECE_MOST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the file is too long"));
    }
    let mut bytes = vec![0; length];
    file.read_at(&mut bytes, 0).map(|()| bytes)
}

fn object(piece: &str) -> String {
    format!("objects/{}/{piece}", piece.get(..2).unwrap_or("00"))
}

fn list(name: &str) -> String {
    format!("{LISTS}/{name}")
}

fn fresh(path: &str) -> String {
    format!("{path}{NEW}")
}

fn no_randomness(fault: NoRandomness) -> Fault {
    Fault::disk("random")(io::Error::other(fault))
}
