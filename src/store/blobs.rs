//! Attachments as files: `blobs/xx/<id>`, where `xx` are the last two digits of the id; in a sealed
//! store each is sealed with a key of its own. Invariant: a file has its name only when it is whole
//! and synced; what was not finished is removed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use posthouse_crypto::family::Family;
use posthouse_crypto::hash::Sha256;
use posthouse_crypto::seal::{
    self, BadSeal, CHUNK_BYTES, HEAD_BYTES, KEYED_HEAD, Keys, Purpose, RecordKeys, StreamReader,
    StreamWriter,
};
use posthouse_crypto::token::NoRandomness;

use super::Fault;
use crate::base::BlobId;
use crate::wire::{BlobRow, FileKey};

pub(super) const WHAT: &str = "attachment";
/// A chunk as it lies on the disk: with its tag.
const SEALED_CHUNK: usize = CHUNK_BYTES + 16;

/// Where an attachment lies in the data folder.
#[must_use]
pub fn name(id: BlobId) -> String {
    let name = id.to_string();
    format!("blobs/{}/{name}", &name[30..])
}

/// The folder of attachments.
#[derive(Clone, Debug)]
pub struct Blobs {
    data: PathBuf,
    wrap: Option<Wrap>,
}

/// What wraps the attachments' own keys.
#[derive(Clone, Debug)]
struct Wrap {
    family: Family,
    keys: Arc<RecordKeys>,
    /// Held from the wrapping of a key until the file has its name: a rotation that begins later
    /// finds the file.
    naming: Arc<RwLock<()>>,
}

/// A file that is being written; dropped before `finish` it is removed.
#[derive(Debug)]
pub struct NewBlob {
    id: BlobId,
    blobs: Blobs,
    file: File,
    /// Boxed: an expanded key is large, and uploads wait in futures.
    seal: Option<Box<Chunks>>,
    hash: Sha256,
    size: u64,
    finished: bool,
}

/// A sealed stream that waits for the rest of a chunk.
#[derive(Debug)]
struct Chunks {
    writer: StreamWriter,
    /// The key is kept elsewhere.
    keyed: bool,
    chunk: Vec<u8>,
}

/// An attachment that is read, in any order.
#[derive(Debug)]
pub struct KeptBlob {
    file: File,
    seal: Option<Box<StreamReader>>,
    /// Bytes before the first chunk.
    head: u64,
    size: u64,
}

impl Blobs {
    /// The attachments of the store in this data folder, sealed when there are keys.
    ///
    /// # Errors
    /// No randomness to seal with.
    pub fn of(data: &Path, keys: Option<&Keys>) -> Result<Self, Fault> {
        let wrap = match keys {
            Some(keys) => {
                let records = RecordKeys::new(keys, Purpose::Wrap).map_err(no_randomness)?;
                let naming = Arc::default();
                Some(Wrap { family: keys.family(), keys: Arc::new(records), naming })
            }
            None => None,
        };
        Ok(Self { data: data.to_owned(), wrap })
    }

    /// Whether the store is sealed.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.wrap.is_some()
    }

    /// Where an attachment lies.
    #[must_use]
    pub fn path(&self, id: BlobId) -> PathBuf {
        self.data.join(name(id))
    }

    /// Length of an attachment in the clear; `None` when there is no file that could be one.
    #[must_use]
    pub fn size(&self, row: &BlobRow) -> Option<u64> {
        let length = fs::metadata(self.path(row.id)).ok()?.len();
        match (&self.wrap, &row.key) {
            (None, _) => Some(length),
            (Some(_), None) => seal::plain_bytes(length, HEAD_BYTES),
            (Some(_), Some(_)) => seal::plain_bytes(length, KEYED_HEAD.len()),
        }
    }

    /// Opens an attachment.
    ///
    /// # Errors
    /// There is none, the disk does not read, or it was changed.
    pub fn open(&self, row: &BlobRow) -> Result<KeptBlob, Fault> {
        let open = || {
            let file = File::open(self.path(row.id))?;
            let length = file.metadata()?.len();
            let Some(wrap) = &self.wrap else {
                return Ok(KeptBlob { file, seal: None, head: 0, size: length });
            };
            let (reader, head) = match &row.key {
                Some(FileKey(key)) => {
                    let mut head = [0; KEYED_HEAD.len()];
                    file.read_exact_at(&mut head, 0)?;
                    if head != *KEYED_HEAD {
                        return Err(broken());
                    }
                    (StreamReader::with_key(wrap.family, key), head.len())
                }
                None => {
                    let reader = || {
                        let mut head = [0; HEAD_BYTES];
                        file.read_exact_at(&mut head, 0)?;
                        let place = row.id.to_bytes();
                        StreamReader::open(wrap.family, &wrap.keys, &place, &head)
                            .map_err(|_| broken())
                    };
                    // Once more: a rotation may write the head at this moment.
                    (reader().or_else(|_| reader())?, HEAD_BYTES)
                }
            };
            let size = seal::plain_bytes(length, head).ok_or_else(broken)?;
            Ok(KeptBlob { file, seal: Some(Box::new(reader)), head: head as u64, size })
        };
        open().map_err(Fault::disk(WHAT))
    }

    /// Removes an attachment that no row came to name.
    ///
    /// # Errors
    /// The disk does not take it.
    pub fn remove(&self, id: BlobId) -> Result<(), Fault> {
        fs::remove_file(self.path(id)).map_err(Fault::disk(WHAT))
    }

    /// Begins a file of a conversation under a name of its own. In a sealed store its key is kept
    /// nowhere but in the row that `key` is put into, so that it goes with the conversation's.
    ///
    /// # Errors
    /// The disk does not take it.
    pub fn create(&self, id: BlobId) -> Result<NewBlob, Fault> {
        self.begin(id, KEYED_HEAD)
    }

    /// Begins a file of the site's own, which keeps its key in its head.
    ///
    /// # Errors
    /// The disk does not take it.
    pub fn create_for_site(&self, id: BlobId) -> Result<NewBlob, Fault> {
        self.begin(id, &[0; HEAD_BYTES])
    }

    /// The head names the site's own file, whose name is known at its end.
    fn begin(&self, id: BlobId, head: &[u8]) -> Result<NewBlob, Fault> {
        let path = self.unfinished(id);
        let open = || {
            fs::create_dir_all(path.parent().unwrap_or(&self.data))?;
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)
        };
        let file = open().map_err(Fault::disk(WHAT))?;
        let (blobs, hash) = (self.clone(), Sha256::default());
        let mut blob = NewBlob { id, blobs, file, seal: None, hash, size: 0, finished: false };
        if let Some(wrap) = &self.wrap {
            let writer = StreamWriter::begin(wrap.family).map_err(no_randomness)?;
            blob.file.write_all(head).map_err(Fault::disk(WHAT))?;
            let keyed = head == KEYED_HEAD;
            blob.seal = Some(Box::new(Chunks { writer, keyed, chunk: Vec::new() }));
        }
        Ok(blob)
    }

    /// Goes on with other masters: one was added, or old ones are dropped.
    pub fn renew(&self, keys: &Keys) {
        if let Some(wrap) = &self.wrap {
            let _named = wrap.naming.write().unwrap_or_else(PoisonError::into_inner);
            wrap.keys.renew(keys);
        }
    }

    /// Has the newest master wrap the keys of the site's own files whose ids end in these two
    /// digits; returns how many do not open. Those of conversations stand in their rows. A head
    /// lies in one sector: it is the old or the new one.
    ///
    /// # Errors
    /// The disk fails.
    pub fn rewrap(&self, digits: u8) -> Result<u64, Fault> {
        let Some(wrap) = &self.wrap else { return Ok(0) };
        let work = || {
            let mut unreadable = 0;
            let found = match fs::read_dir(self.data.join(format!("blobs/{digits:02x}"))) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
                found => found?,
            };
            for found in found {
                let found = found?;
                let Some(id) = found.file_name().to_str().and_then(BlobId::from_hex) else {
                    continue;
                };
                let file = OpenOptions::new().read(true).write(true).open(found.path())?;
                let mut kind = [0; KEYED_HEAD.len()];
                if file.read_exact_at(&mut kind, 0).is_ok() && kind == *KEYED_HEAD {
                    continue;
                }
                let mut head = [0; HEAD_BYTES];
                let read = file.read_exact_at(&mut head, 0);
                let former = head;
                match read.map(|()| seal::rewrap(&wrap.keys, &id.to_bytes(), &mut head)) {
                    Ok(Ok(true)) => {
                        let written = file.write_all_at(&head, 0).and_then(|()| file.sync_data());
                        if written.is_err() {
                            // A head that may not be on the disk must not be read from the cache
                            // as done, or the next pass would leave it out.
                            let _ = file.write_all_at(&former, 0);
                        }
                        written?;
                    }
                    Ok(Ok(false)) => {}
                    Ok(Err(BadSeal)) => unreadable += 1,
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => unreadable += 1,
                    Err(error) => return Err(error),
                }
            }
            Ok(unreadable)
        };
        work().map_err(Fault::disk(WHAT))
    }

    fn unfinished(&self, id: BlobId) -> PathBuf {
        self.path(id).with_extension("new")
    }
}

impl KeptBlob {
    /// Length in the clear.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Some bytes from `from` on, at most `most` and 64 KiB; none at the end.
    ///
    /// # Errors
    /// The disk does not read, or the bytes were changed.
    pub fn read(&self, from: u64, most: u64) -> Result<Vec<u8>, Fault> {
        let left = most.min(self.size.saturating_sub(from)).min(CHUNK_BYTES as u64);
        let left = usize::try_from(left).unwrap_or(CHUNK_BYTES);
        if left == 0 {
            return Ok(Vec::new());
        }
        let read = || match &self.seal {
            None => {
                let mut bytes = vec![0; left];
                self.file.read_exact_at(&mut bytes, from).map(|()| bytes)
            }
            Some(reader) => {
                let (number, mut chunk) = self.chunk_at(from, reader)?;
                let start = usize::try_from(from - number * CHUNK_BYTES as u64).unwrap_or(0);
                let end = (start + left).min(chunk.len());
                chunk.truncate(end);
                Ok(chunk.split_off(start.min(end)))
            }
        };
        read().map_err(Fault::disk(WHAT))
    }

    /// The chunk that holds this byte, in the clear, and its number.
    fn chunk_at(&self, from: u64, reader: &StreamReader) -> io::Result<(u64, Vec<u8>)> {
        let number = from / CHUNK_BYTES as u64;
        let last = (self.size - 1) / CHUNK_BYTES as u64;
        let mut sealed = vec![0; SEALED_CHUNK];
        if number == last {
            let rest = usize::try_from(self.size - last * CHUNK_BYTES as u64).unwrap_or(0);
            sealed.truncate(rest + SEALED_CHUNK - CHUNK_BYTES);
        }
        let at = self.head + number * SEALED_CHUNK as u64;
        self.file.read_exact_at(&mut sealed, at)?;
        let counted = u32::try_from(number).map_err(|_| broken())?;
        let opened = reader.chunk(counted, number == last, &mut sealed);
        let length = opened.map_err(|_| broken())?.len();
        sealed.truncate(length);
        Ok((number, sealed))
    }
}

impl NewBlob {
    #[must_use]
    pub fn id(&self) -> BlobId {
        self.id
    }

    /// Bytes so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// What the row must keep to open the file.
    #[must_use]
    pub fn key(&self) -> Option<FileKey> {
        let chunks = self.seal.as_ref().filter(|chunks| chunks.keyed)?;
        Some(FileKey(chunks.writer.key().clone()))
    }

    /// # Errors
    /// The disk does not take it.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        match &mut self.seal {
            None => self.file.write_all(bytes),
            Some(chunks) => chunks.write(bytes, &mut self.file),
        }
        .map_err(Fault::disk(WHAT))?;
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Makes the file durable under its name; returns the SHA-256 of what is in it.
    ///
    /// # Errors
    /// The disk does not take it; the file is removed.
    pub fn finish(self) -> Result<[u8; 32], Fault> {
        let id = self.id;
        self.finish_as(id)
    }

    /// The same under another name; whatever had it is replaced.
    ///
    /// # Errors
    /// As `finish`.
    pub fn finish_as(mut self, id: BlobId) -> Result<[u8; 32], Fault> {
        self.settle(id)?;
        self.finished = true;
        Ok(self.hash.clone().finish())
    }

    fn settle(&mut self, id: BlobId) -> Result<(), Fault> {
        let naming = self.blobs.wrap.as_ref().map(|wrap| Arc::clone(&wrap.naming));
        let _naming =
            naming.as_ref().map(|lock| lock.read().unwrap_or_else(PoisonError::into_inner));
        if let (Some(chunks), Some(wrap)) = (&mut self.seal, &self.blobs.wrap) {
            chunks.put(true, &mut self.file).map_err(Fault::disk(WHAT))?;
            if !chunks.keyed {
                let head = chunks.writer.head(&wrap.keys, &id.to_bytes());
                let head = head.map_err(no_randomness)?;
                self.file.write_all_at(&head, 0).map_err(Fault::disk(WHAT))?;
            }
        }
        self.name(id).map_err(Fault::disk(WHAT))
    }

    fn name(&self, id: BlobId) -> io::Result<()> {
        self.file.sync_all()?;
        let path = self.blobs.path(id);
        fs::create_dir_all(path.parent().unwrap_or(&self.blobs.data))?;
        fs::rename(self.blobs.unfinished(self.id), &path)?;
        for folder in path.ancestors().skip(1).take(3) {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }
}

impl Chunks {
    /// Keeps the last chunk back, also when it is full: it may be the stream's last.
    fn write(&mut self, mut bytes: &[u8], file: &mut File) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.chunk.len() == CHUNK_BYTES {
                self.put(false, file)?;
            }
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK_BYTES - self.chunk.len()));
            self.chunk.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    fn put(&mut self, last: bool, file: &mut File) -> io::Result<()> {
        let sealed = self.writer.seal(&mut self.chunk, last);
        sealed.ok_or_else(|| io::Error::other("longer than 256 TiB"))?;
        file.write_all(&self.chunk)?;
        self.chunk.clear();
        Ok(())
    }
}

fn no_randomness(fault: NoRandomness) -> Fault {
    Fault::Disk { what: "random", source: io::Error::other(fault) }
}

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, BadSeal)
}

impl Drop for NewBlob {
    fn drop(&mut self) {
        if !self.finished {
            // What cannot be removed now has no name that anything reads.
            let _ = fs::remove_file(self.blobs.unfinished(self.id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("posthouse-{name}-{}", std::process::id()))
    }

    fn keys() -> Keys {
        let master = posthouse_crypto::family::Secret::new([7; 32]);
        Keys::new(Family::National, vec![(1, master)]).unwrap()
    }

    /// The row of an attachment, as far as its file goes.
    fn row(id: BlobId, key: Option<FileKey>) -> BlobRow {
        BlobRow {
            id,
            conversation: None,
            attachment: crate::desk::Attachment::named(id),
            hash: [1; 32],
            at: crate::base::Wall::default(),
            key,
        }
    }

    fn whole(blob: &KeptBlob) -> Result<Vec<u8>, Fault> {
        let mut all = Vec::new();
        loop {
            let piece = blob.read(all.len() as u64, u64::MAX)?;
            if piece.is_empty() {
                return Ok(all);
            }
            all.extend(piece);
        }
    }

    #[test]
    fn a_file_has_its_name_when_it_is_whole() {
        let data = folder("blobs");
        let blobs = Blobs::of(&data, None).unwrap();
        let mut blob = blobs.create(BlobId(0xab)).unwrap();
        blob.write(b"one").unwrap();
        assert!(!blobs.path(BlobId(0xab)).exists());
        let hash = blob.finish().unwrap();
        assert_eq!(hash, posthouse_crypto::token::sha256(b"one"));
        assert_eq!(fs::read(blobs.path(BlobId(0xab))).unwrap(), b"one");
        assert_eq!(whole(&blobs.open(&row(BlobId(0xab), None)).unwrap()).unwrap(), b"one");

        let dropped = blobs.create(BlobId(0xcd)).unwrap();
        drop(dropped);
        assert!(!blobs.unfinished(BlobId(0xcd)).exists());
        fs::remove_dir_all(data).unwrap();
    }

    #[test]
    fn a_sealed_file_reads_the_same_and_shows_nothing_on_the_disk() {
        let data = folder("sealed-blobs");
        let blobs = Blobs::of(&data, Some(&keys())).unwrap();
        let lengths = [(1, 0), (2, 5), (3, CHUNK_BYTES), (4, 2 * CHUNK_BYTES + 77)];
        let cases = lengths
            .into_iter()
            .flat_map(|(id, length)| [(id, length, true), (id + 4, length, false)]);
        let mut rows = Vec::new();
        for (id, length, keyed) in cases {
            let plain: Vec<u8> = b"a known text. ".iter().copied().cycle().take(length).collect();
            let id = BlobId(id);
            let blob = if keyed { blobs.create(id) } else { blobs.create_for_site(id) };
            let mut blob = blob.unwrap();
            plain.chunks(1000).for_each(|piece| blob.write(piece).unwrap());
            let row = row(id, blob.key());
            assert_eq!(row.key.is_some(), keyed);
            let hash = blob.finish().unwrap();
            assert_eq!(hash, posthouse_crypto::token::sha256(&plain));
            let kept = blobs.open(&row).unwrap();
            assert_eq!((kept.size(), blobs.size(&row)), (length as u64, Some(length as u64)));
            assert_eq!(whole(&kept).unwrap(), plain);
            let disk = fs::read(blobs.path(id)).unwrap();
            rows.push(row);
            assert!(!disk.windows(12).any(|bytes| bytes == b"a known text"));
        }
        let kept = blobs.open(&rows[6]).unwrap();
        let from = CHUNK_BYTES as u64 - 4;
        assert_eq!(kept.read(from, 100).unwrap().len(), 4, "up to the chunk's end");
        assert_eq!(kept.read(from + 4, 100).unwrap().len(), 100);
        assert_eq!(kept.read(kept.size(), 100).unwrap(), b"");
        // Without its row, or with another's, nothing opens the file of a conversation.
        for key in [None, rows[0].key.clone(), rows[2].key.clone()] {
            let read = blobs.open(&row(rows[6].id, key)).and_then(|kept| whole(&kept));
            assert!(matches!(read, Err(Fault::Tampered { .. })));
        }
        fs::remove_dir_all(data).unwrap();
    }

    #[test]
    fn a_sealed_file_that_was_changed_cut_or_renamed_is_a_fault() {
        let data = folder("broken-blobs");
        let blobs = Blobs::of(&data, Some(&keys())).unwrap();
        let mut blob = blobs.create_for_site(BlobId(0x1ff)).unwrap();
        blob.write(&vec![7; CHUNK_BYTES + 100]).unwrap();
        blob.finish().unwrap();
        let path = blobs.path(BlobId(0x1ff));
        let disk = fs::read(&path).unwrap();
        let read = |id: BlobId| blobs.open(&row(id, None)).and_then(|kept| whole(&kept));
        assert_eq!(read(BlobId(0x1ff)).unwrap().len(), CHUNK_BYTES + 100);
        for at in [0, 40, HEAD_BYTES, HEAD_BYTES + SEALED_CHUNK, disk.len() - 1] {
            let mut changed = disk.clone();
            changed[at] ^= 1;
            fs::write(&path, changed).unwrap();
            assert!(matches!(read(BlobId(0x1ff)), Err(Fault::Tampered { .. })), "byte {at}");
        }
        fs::write(&path, &disk[..HEAD_BYTES + SEALED_CHUNK]).unwrap();
        assert!(matches!(read(BlobId(0x1ff)), Err(Fault::Tampered { .. })), "cut");
        fs::write(&path, &disk).unwrap();
        fs::rename(&path, blobs.path(BlobId(0x2ff))).unwrap();
        assert!(matches!(read(BlobId(0x2ff)), Err(Fault::Tampered { .. })), "another's name");
        fs::remove_dir_all(data).unwrap();
    }
}
