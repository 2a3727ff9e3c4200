//! Makes a backup: rows on one snapshot, then attachments, then the keys of conversations, so that
//! what was erased meanwhile stays erased. Invariant: the backup has its name only after it was
//! read back, opened as a store and checked; until then the folder is as it was for every reader.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::num::NonZeroU32;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use posthouse_crypto::seal::CHUNK_BYTES;
use posthouse_crypto::seal::key_file::{KeyFile, Opener};
use redb::ReadableTableMetadata as _;

use super::super::body_keys::COPIED;
use super::super::fault::Fault;
use super::super::origin::Standing;
use super::super::reader::Reader;
use super::super::swap;
use super::super::walk::behind;
use super::super::{blobs, key, tables};
use super::manifest::{BlobLine, FORMAT, Head, Line, Lines, ListWriter};
use super::repository::Repository;
use super::restore::{self, Scratch};
use super::{Made, Stop, rows};
use crate::base::limits::{BACKUP_ATTEMPTS, WALK_ROWS};
use crate::base::{BlobId, Epoch, Position, Wall};
use crate::wire::record::read_record;

/// The site that a backup is made of.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    pub reader: &'a Reader,
    pub data: &'a Path,
    /// What opens the keys of a sealed site.
    pub source: Option<&'a key::Source>,
    pub cache_bytes: usize,
}

/// Makes a backup of a store that may be written to meanwhile.
///
/// # Errors
/// The folder is not within reach, full, or another site's; the copy is not sound; or it was
/// stopped. The earlier backups are as they were.
pub fn create(site: Site<'_>, home: &Repository, now: Wall, stop: Stop<'_>) -> Result<Made, Fault> {
    let scratch = Scratch::begin(site.data)?;
    let name = next_name(home, now)?;
    own(site, home)?;
    let mut rewritten = BTreeSet::new();
    let mut attempt = 0;
    loop {
        attempt += 1;
        let tried = Draft::write(site, home, (&name, now), stop, &rewritten).and_then(|made| {
            let restored = restore::verify(home, (&name, false), &scratch, site.cache_bytes, stop)?;
            Ok(Made { entries: restored.entries, ..made })
        });
        match tried {
            Ok(made) => {
                home.finish(&name)?;
                return Ok(made);
            }
            // Once more: a piece that was there is not what it was, or a file went meanwhile.
            Err(Fault::BackupBroken { file }) if attempt < BACKUP_ATTEMPTS => {
                tracing::warn!(file, "a file of the backups is not what was written");
                let piece = Path::new(&file).file_name().and_then(|name| name.to_str());
                rewritten.extend(piece.map(str::to_owned));
            }
            Err(Fault::BackupOvertaken) if attempt < BACKUP_ATTEMPTS => {}
            Err(fault) => {
                // What cannot be removed now is removed with the next good backup.
                let _ = home.forget(&name, false);
                return Err(fault);
            }
        }
    }
}

/// One more than the last, and the time for people to read.
fn next_name(home: &Repository, now: Wall) -> Result<String, Fault> {
    let last = home.names()?.last().and_then(|name| super::number(name)).unwrap_or(0);
    Ok(super::name(last + 1, now.ms))
}

/// Refuses a folder with the backups of another site.
fn own(site: Site<'_>, home: &Repository) -> Result<(), Fault> {
    let ours = site.reader.shared.epochs();
    let ours: Vec<String> = ours.iter().map(Epoch::to_string).collect();
    let (mut any, mut known) = (false, false);
    for name in home.names()? {
        let Ok((head, _)) = Lines::open(home, &name, true) else { continue };
        any = true;
        known |= ours.contains(&head.epoch);
    }
    if any && !known { Err(Fault::BackupForeign) } else { Ok(()) }
}

/// A backup that is being written.
struct Draft<'a> {
    site: Site<'a>,
    home: &'a Repository,
    stop: Stop<'a>,
    rewritten: &'a BTreeSet<String>,
    list: ListWriter<'a>,
    made: Made,
}

/// What the snapshot said.
struct Snapshot {
    standing: Standing,
    blobs: u64,
}

/// A file in the folder of backups.
struct Piece {
    name: String,
    bytes: u64,
    changed_ns: u64,
}

impl<'a> Draft<'a> {
    fn write(
        site: Site<'a>,
        home: &'a Repository,
        (name, now): (&str, Wall),
        stop: Stop<'a>,
        rewritten: &'a BTreeSet<String>,
    ) -> Result<Made, Fault> {
        let shared = &site.reader.shared;
        let sealed = shared.keys.is_some();
        let head = |standing: &Standing| Head {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            at_ms: now.ms,
            trusted: now.trusted,
            epoch: standing.epoch.to_string(),
            position: standing.applied.0,
            sealed,
        };
        let earlier = home.names()?;
        let (mut draft, snapshot) = shared.database.read(|txn| {
            let standing = Standing::read(txn)?;
            let list = ListWriter::begin(home, name, head(&standing))?;
            let made = Made { name: name.to_owned(), at_ms: now.ms, ..Made::default() };
            let made = Made { position: standing.applied.0, ..made };
            let mut draft = Draft { site, home, stop, rewritten, list, made };
            if sealed {
                draft.secrets()?;
            }
            let blobs = txn.open_table(tables::BLOBS)?.len()?;
            rows::read(txn, &mut |table, piece| {
                let name = draft.small(piece)?;
                let bytes = piece.len() as u64;
                draft.list.push(&Line::Rows { table: table.to_owned(), piece: name, bytes })
            })?;
            Ok((draft, Snapshot { standing, blobs }))
        })?;
        draft.attachments(&snapshot, earlier.last().map(String::as_str))?;
        draft.bodies(&snapshot)?;
        for folder in swap::BESIDE {
            draft.files(folder)?;
        }
        draft.made.bytes = draft.list.bytes();
        draft.list.finish()?;
        Ok(draft.made)
    }

    /// The site's key file, locked by the folder's own key instead of what locks it on this
    /// machine. No key is added or dropped while a backup is made.
    fn secrets(&mut self) -> Result<(), Fault> {
        let source = self.site.source.ok_or(Fault::Sealed)?;
        let mut file: KeyFile = key::open(self.site.data, source)?;
        let secret = self.home.secret();
        // A secret of 256 bits needs no stretching.
        let relocked = file.relock(Opener::Passphrase(secret.as_bytes()), NonZeroU32::MIN);
        relocked.map_err(Fault::Key)?;
        let bytes = file.to_bytes().map_err(|fault| Fault::Key(fault.into()))?;
        let piece = self.small(&bytes)?;
        self.list.push(&Line::Secrets { piece })
    }

    fn attachments(&mut self, snapshot: &Snapshot, earlier: Option<&str>) -> Result<(), Fault> {
        let mut earlier = Earlier::open(self.home, earlier);
        let (mut after, mut seen) = (None, 0);
        loop {
            let (page, last) = self.page(&after)?;
            for (id, position) in page {
                if position > snapshot.standing.applied {
                    continue;
                }
                seen += 1;
                self.attachment(id, &mut earlier)?;
            }
            if last.is_none() {
                break;
            }
            after = last;
        }
        // Of a sealed site the key is gone, which is copied later; of a plain one the rows that
        // were copied would name a file that is not there.
        if seen < snapshot.blobs && self.site.reader.shared.keys.is_none() {
            return Err(Fault::BackupOvertaken);
        }
        Ok(())
    }

    /// Some attachments with their positions, and where the next page begins.
    #[allow(clippy::type_complexity)] // read once, a line below
    fn page(
        &self,
        after: &Option<Vec<u8>>,
    ) -> Result<(Vec<(BlobId, Position)>, Option<Vec<u8>>), Fault> {
        self.site.reader.shared.database.read(|txn| {
            let (mut page, mut last) = (Vec::new(), None);
            let table = txn.open_table(tables::BLOBS)?;
            for row in table.range::<&[u8]>(behind(after))?.take(WALK_ROWS) {
                let (id, row) = row?;
                last = Some(id.value().to_vec());
                let record = read_record(Bytes::copy_from_slice(row.value()));
                page.extend(BlobId::from_bytes(id.value()).zip(record.ok().map(|r| r.position)));
            }
            Ok((page, last))
        })
    }

    fn attachment(&mut self, id: BlobId, earlier: &mut Earlier<'_>) -> Result<(), Fault> {
        let path = self.site.data.join(blobs::name(id));
        let known = earlier.find(id).filter(|line| !self.rewritten.contains(&line.piece));
        if let Some(line) = known
            && let Ok(found) = fs::metadata(&path)
            && (found.len(), changed_ns(&found)) == (line.bytes, line.changed_ns)
            && self.home.has(&line.piece)?
        {
            self.made.attachments += 1;
            return self.list.push(&Line::Blob(line));
        }
        if let Some(piece) = self.file(&path, true)? {
            let Piece { name, bytes, changed_ns } = piece;
            self.made.attachments += 1;
            let line = BlobLine { id: id.to_string(), piece: name, bytes, changed_ns };
            return self.list.push(&Line::Blob(line));
        }
        let stands = self.site.reader.shared.database.read(|txn| {
            Ok(txn.open_table(tables::BLOBS)?.get(id.to_bytes().as_slice())?.is_some())
        })?;
        match (stands, &self.site.reader.shared.keys) {
            (true, _) => {
                self.made.missing += 1;
                self.list.push(&Line::Missing { id: id.to_string() })
            }
            // Its conversation was erased meanwhile.
            (false, Some(_)) => Ok(()),
            (false, None) => Err(Fault::BackupOvertaken),
        }
    }

    /// The slots that conversations have, as they are now.
    fn bodies(&mut self, snapshot: &Snapshot) -> Result<(), Fault> {
        let Some(keys) = &self.site.reader.shared.keys else { return Ok(()) };
        let mut first = 0;
        while first <= snapshot.standing.slots {
            let bytes = keys.copy(first, snapshot.standing.slots)?;
            let piece = self.small(&bytes)?;
            self.list.push(&Line::Bodies { piece, bytes: bytes.len() as u64 })?;
            first += COPIED;
        }
        Ok(())
    }

    fn files(&mut self, folder: &str) -> Result<(), Fault> {
        let path = self.site.data.join(folder);
        let mut names = Vec::new();
        match fs::read_dir(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(Fault::disk("data folder")(error)),
            Ok(found) => {
                for entry in found {
                    let entry = entry.map_err(Fault::disk("data folder"))?;
                    let file = entry.file_type().is_ok_and(|kind| kind.is_file());
                    let name = entry.file_name().into_string().ok();
                    names.extend(name.filter(|name| file && !name.ends_with(".new")));
                }
            }
        }
        names.sort_unstable();
        for name in names {
            let Some(piece) = self.file(&path.join(&name), false)? else { continue };
            let path = format!("{folder}/{name}");
            self.list.push(&Line::File { path, piece: piece.name, bytes: piece.bytes })?;
        }
        Ok(())
    }

    /// A piece that is in memory.
    fn small(&mut self, bytes: &[u8]) -> Result<String, Fault> {
        self.go_on()?;
        let mut hash = self.home.hash();
        hash.update(bytes);
        let name = self.home.name(hash);
        if self.is_new(&name)? {
            let mut whole = Some(bytes.to_vec());
            let _same = self.home.put(&name, &mut || Ok(whole.take()))?;
            self.made.written += bytes.len() as u64;
        }
        Ok(name)
    }

    /// A file as a piece; `None` when it is not there. What is added behind its end meanwhile is
    /// left out; `whole`: nothing may change meanwhile.
    fn file(&mut self, path: &Path, whole: bool) -> Result<Option<Piece>, Fault> {
        for _ in 0..BACKUP_ATTEMPTS {
            let file = match File::open(path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                file => file.map_err(Fault::disk("data folder"))?,
            };
            let found = file.metadata().map_err(Fault::disk("data folder"))?;
            let (bytes, changed) = (found.len(), changed_ns(&found));
            let mut hash = self.home.hash();
            let mut parts = Parts { file: &file, at: 0, end: bytes };
            while let Some(part) = parts.next()? {
                self.go_on()?;
                hash.update(&part);
            }
            let name = self.home.name(hash);
            let mut same = true;
            if self.is_new(&name)? {
                let mut parts = Parts { file: &file, at: 0, end: bytes };
                let stop = self.stop;
                same = self.home.put(&name, &mut || {
                    go_on(stop)?;
                    parts.next()
                })?;
                self.made.written += bytes;
            }
            let after = file.metadata().map_err(Fault::disk("data folder"))?;
            if same && (!whole || changed_ns(&after) == changed) {
                return Ok(Some(Piece { name, bytes, changed_ns: changed }));
            }
        }
        Err(Fault::BackupOvertaken)
    }

    fn is_new(&self, piece: &str) -> Result<bool, Fault> {
        Ok(self.rewritten.contains(piece) || !self.home.has(piece)?)
    }

    fn go_on(&self) -> Result<(), Fault> {
        go_on(self.stop)
    }
}

/// # Errors
/// `BACKUP_STOPPED` when it is to end.
pub(super) fn go_on(stop: &AtomicBool) -> Result<(), Fault> {
    if stop.load(Ordering::Relaxed) { Err(Fault::BackupStopped) } else { Ok(()) }
}

fn changed_ns(found: &fs::Metadata) -> u64 {
    let seconds = u64::try_from(found.mtime()).unwrap_or(0);
    let rest = u64::try_from(found.mtime_nsec()).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(rest)
}

/// The parts of a file up to a place.
struct Parts<'a> {
    file: &'a File,
    at: u64,
    end: u64,
}

impl Parts<'_> {
    fn next(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        let left = self.end.saturating_sub(self.at).min(CHUNK_BYTES as u64);
        if left == 0 {
            return Ok(None);
        }
        let mut part = vec![0; usize::try_from(left).unwrap_or(CHUNK_BYTES)];
        match self.file.read_exact_at(&mut part, self.at) {
            // It was cut off meanwhile.
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                return Err(Fault::BackupOvertaken);
            }
            read => read.map_err(Fault::disk("data folder"))?,
        }
        self.at += left;
        Ok(Some(part))
    }
}

/// The attachments of the backup before, read beside ours: both are in the order of the ids.
struct Earlier<'a> {
    lines: Option<Lines<'a>>,
    current: Option<(BlobId, BlobLine)>,
}

impl<'a> Earlier<'a> {
    /// One that does not read is as none.
    fn open(home: &'a Repository, name: Option<&str>) -> Self {
        let lines =
            name.and_then(|name| Lines::open(home, name, true).ok()).map(|(_, lines)| lines);
        Self { lines, current: None }
    }

    fn find(&mut self, id: BlobId) -> Option<BlobLine> {
        while self.current.as_ref().is_none_or(|(current, _)| *current < id) {
            let line = self.lines.as_mut().and_then(|lines| lines.next().ok().flatten());
            let Some(line) = line else {
                self.lines = None;
                return None;
            };
            if let Line::Blob(line) = line {
                self.current = BlobId::from_hex(&line.id).map(|id| (id, line));
            }
        }
        self.current.as_ref().filter(|(current, _)| *current == id).map(|(_, line)| line.clone())
    }
}
