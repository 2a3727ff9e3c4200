//! Turns a plain store into a sealed one and back, while no process uses it: the other store is
//! made beside the old one, looked over, and takes its place. Invariant: entries, indices, keys of
//! messages and the epoch stay; until the other store is whole the old one is as it was.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use posthouse_crypto::family::Family;
use posthouse_crypto::seal::key_file::{KeyFile, Kind, ROUNDS};
use redb::ReadTransaction;

use super::audit::{self, AuditSecrets};
use super::backup::rows;
use super::blobs::{self, Blobs};
use super::body_keys::BodyKeys;
use super::check::{Finding, check_disk};
use super::database::{self, Database};
use super::engine::Engine;
use super::envelope::{EntryRecord, Sealing, read_row, write_fact, write_row};
use super::fault::Fault;
use super::row::{self, LogRow};
use super::sealed::{self, SealedDisk};
use super::shared::JOURNAL_FILE;
use super::storage::{Disk, Folder};
use super::swap::{self, Staging};
use super::words::{BlobRow, Fact};
use super::{Options, apply, key, tables};
use crate::base::{ConversationId, Position, Wall};
use crate::desk::State;
use crate::wire::decode_entry;
use crate::wire::record::read_record;

/// How a change ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Converted {
    /// The store is what was asked for already.
    Nothing,
    Done {
        entries: u64,
        conversations: u64,
        attachments: u64,
    },
    /// The store is not sound; nothing was changed.
    Unsound(Vec<Finding>),
}

/// Seals a plain store: every conversation gets a key of its own. `source` opens its keys from then
/// on.
///
/// # Errors
/// The folder is in use, there is no room, or the disk fails.
pub fn seal(
    options: &Options,
    source: &key::Source,
    family: Family,
    now: Wall,
) -> Result<Converted, Fault> {
    let _lock = options.lock()?;
    let folder = Folder::new(&options.dir);
    if sealed::is_sealed(&folder)? {
        return Ok(Converted::Nothing);
    }
    let mut file = source.with(|opener| KeyFile::new(family, opener, ROUNDS))?;
    file.add(Kind::Master, "", now.ms)?;
    // The audit log goes on with the secrets that it has.
    match audit::secrets(&options.dir)?.filter(|secrets| secrets.family == family) {
        Some(AuditSecrets { root, signer, .. }) => {
            file.take(Kind::AuditRoot, "", now.ms, root)?;
            file.take(Kind::AuditSigner, "", now.ms, signer)?;
        }
        None => {
            file.add(Kind::AuditRoot, "", now.ms)?;
            file.add(Kind::AuditSigner, "", now.ms)?;
        }
    }
    let keys = file.keys();
    let finish = |new: &Path| key::save_as(&new.join(key::FILE), file, source);
    convert(options, &Options { keys, ..options.clone() }, finish)
}

/// Writes a sealed store in the clear. What was erased stays erased.
///
/// # Errors
/// As `seal`.
pub fn unseal(options: &Options, source: &key::Source) -> Result<Converted, Fault> {
    let _lock = options.lock()?;
    if !sealed::is_sealed(&Folder::new(&options.dir))? {
        return Ok(Converted::Nothing);
    }
    let file = key::open(&options.dir, source)?;
    let secret = |kind| file.newest(kind).map(|entry| entry.secret.clone());
    let secrets = secret(Kind::AuditRoot).zip(secret(Kind::AuditSigner));
    let family = file.family();
    let finish = |new: &Path| match secrets {
        Some((root, signer)) => audit::keep_secrets(new, &AuditSecrets { family, root, signer }),
        None => Ok(()),
    };
    let from = Options { keys: file.keys(), ..options.clone() };
    convert(&from, &Options { keys: None, ..options.clone() }, finish)
}

fn convert(
    from: &Options,
    to: &Options,
    finish: impl FnOnce(&Path) -> Result<(), Fault>,
) -> Result<Converted, Fault> {
    // What the journal has goes into the database first.
    let engine = Engine::open(from.disk()?, from.layout()?)?;
    while engine.shared().checkpoint()? {}
    drop(engine);
    let (disk, cache) = (from.disk()?, from.redb_cache_bytes);
    let checkup = check_disk(disk.as_ref(), from.shape(), cache, Some(from.blobs()?))?;
    if !checkup.findings.is_empty() {
        return Ok(Converted::Unsound(checkup.findings));
    }
    swap::room(&from.dir, size(&from.dir)?)?;
    let staging = Staging::begin(&from.dir)?;
    let to = Options { dir: staging.path(), ..to.clone() };
    let folder: Arc<dyn Disk> = Arc::new(Folder::new(&to.dir));
    let other: Arc<dyn Disk> = match &to.keys {
        Some(keys) => Arc::new(SealedDisk::open(folder, keys.clone())?),
        None => folder,
    };
    other.open(JOURNAL_FILE, true).map_err(Fault::disk("journal"))?;
    let database = Database::open(Arc::clone(&other), cache, tables::create)?;
    let source = Database::open(Arc::clone(&disk), cache, |_| Ok(()))?;
    source.read(|txn| {
        let mut writing = Writing {
            from: disk.bodies(),
            to: other.bodies(),
            files: (from.blobs()?, to.blobs()?),
            database: &database,
            slots: 0,
            drawn: 0,
        };
        rows::read(txn, &mut |table, piece| writing.piece(table, piece))?;
        writing.end()
    })?;
    drop((source, database, disk));
    finish(&to.dir)?;
    let seen = check_disk(other.as_ref(), to.shape(), cache, Some(to.blobs()?))?;
    let same = (seen.entries, seen.conversations, seen.attachments)
        == (checkup.entries, checkup.conversations, checkup.attachments);
    if let Some(finding) = seen.findings.first() {
        return Err(Fault::DatabaseDamaged(format!("{}: {}", finding.code.name(), finding.place)));
    }
    if !same {
        return Err(Fault::DatabaseDamaged("rows that were not written anew".to_owned()));
    }
    drop(other);
    let names = [&swap::STORE[..], &[audit::KEY_FILE]].concat();
    staging.commit(&names, false)?;
    let (entries, conversations) = (seen.entries, seen.conversations);
    Ok(Converted::Done { entries, conversations, attachments: seen.attachments })
}

/// Room for the other store: as much as the old one takes, and a tenth more for seals.
fn size(data: &Path) -> Result<u64, Fault> {
    fn below(path: &Path) -> std::io::Result<u64> {
        let mut sum = 0;
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let found = entry.metadata()?;
            sum += if found.is_dir() { below(&entry.path())? } else { found.len() };
        }
        Ok(sum)
    }
    let blobs: PathBuf = data.join("blobs");
    let files = if blobs.is_dir() { below(&blobs) } else { Ok(0) };
    let rows = fs::metadata(data.join(database::FILE)).map(|found| found.len());
    let bytes = files.and_then(|files| Ok(files + rows?)).map_err(Fault::disk("data folder"))?;
    Ok(bytes + bytes / 10)
}

/// The other store, while its rows are written.
struct Writing<'a> {
    from: Option<Arc<BodyKeys>>,
    to: Option<Arc<BodyKeys>>,
    /// Attachments of the old and of the other one.
    files: (Blobs, Blobs),
    database: &'a Database,
    /// The last slot that a conversation has, and the last one with a key.
    slots: u64,
    drawn: u64,
}

impl Writing<'_> {
    /// Rows of a table as they are to be in the other store.
    fn piece(&mut self, table: &'static str, piece: &[u8]) -> Result<(), Fault> {
        let piece = match table {
            "meta" => meta(piece)?,
            "slots" => return Ok(()),
            "conversations" => return self.conversations(piece),
            "log" => self.database.read(|txn| self.log(txn, piece))?,
            "blobs" => self.database.read(|txn| self.blobs(txn, piece))?,
            _same => piece.to_vec(),
        };
        self.database.write(|txn| rows::write(txn, table, &piece))
    }

    fn end(&self) -> Result<(), Fault> {
        self.database.write(|txn| {
            let slots = self.slots.to_be_bytes();
            txn.open_table(tables::META)?.insert("slots", slots.as_slice())?;
            Ok(())
        })
    }

    fn conversations(&mut self, piece: &[u8]) -> Result<(), Fault> {
        let (mut out, mut slots) = (Vec::new(), Vec::new());
        for row in rows::Rows(piece) {
            let (id, row) = row?;
            let conversation = read_row(row, self.from.as_deref())?;
            let mut slot = None;
            if let Some(keys) = self.to.as_ref().filter(|_| conversation.state != State::Erased) {
                self.slots += 1;
                if self.slots > self.drawn {
                    self.drawn = keys.draw(self.drawn)?;
                }
                slot = Some(self.slots);
                rows::push(&mut slots, id, &self.slots.to_le_bytes());
            }
            let sealing = Sealing { keys: self.to.as_deref(), slot };
            rows::push(&mut out, id, &write_row(&conversation, sealing)?);
        }
        self.database.write(|txn| {
            rows::write(txn, "slots", &slots)?;
            rows::write(txn, "conversations", &out)
        })
    }

    fn log(&self, txn: &ReadTransaction, piece: &[u8]) -> Result<Vec<u8>, Fault> {
        let slots = txn.open_table(tables::SLOTS)?;
        let (mut out, mut bytes) = (Vec::new(), Vec::new());
        for row in rows::Rows(piece) {
            let (key, row) = row?;
            let damaged = || Fault::DatabaseDamaged("a row of the log".to_owned());
            let position = u64::from_le_bytes(key.try_into().map_err(|_| damaged())?);
            let position = Position(position);
            let row = LogRow::read(position, row, self.from.as_deref())?;
            let entry = decode_entry(&row.bytes).map_err(|_| damaged())?;
            let slot = self.slot(&slots, entry.conversation)?;
            let record = EntryRecord {
                position,
                places: &row.places,
                bytes: &row.bytes,
                entry: &entry,
                body_hash: &row.body_hash.unwrap_or_default(),
            };
            row::write(&mut bytes, record, Sealing { keys: self.to.as_deref(), slot })?;
            rows::push(&mut out, key, &bytes);
        }
        Ok(out)
    }

    fn blobs(&self, txn: &ReadTransaction, piece: &[u8]) -> Result<Vec<u8>, Fault> {
        let slots = txn.open_table(tables::SLOTS)?;
        let mut out = Vec::new();
        for row in rows::Rows(piece) {
            let (key, row) = row?;
            let damaged = || Fault::DatabaseDamaged("an attachment's row".to_owned());
            let record = read_record(Bytes::copy_from_slice(row)).map_err(|_| damaged())?;
            let Fact::Blob(blob) = apply::read_fact(row, self.from.as_deref())? else {
                return Err(damaged());
            };
            let slot = self.slot(&slots, blob.conversation)?;
            let mut bytes = Vec::new();
            let fact = Fact::Blob(self.copy(blob)?);
            let sealing = Sealing { keys: self.to.as_deref(), slot };
            if write_fact(&mut bytes, record.position, &fact, sealing)? {
                rows::push(&mut out, key, &bytes);
            }
        }
        Ok(out)
    }

    /// Writes a file for the other store; its row says how it is opened there.
    fn copy(&self, row: BlobRow) -> Result<BlobRow, Fault> {
        let (from, to) = &self.files;
        let old = from.open(&row)?;
        let mut new = match row.conversation {
            Some(_) => to.create(row.id)?,
            None => to.create_for_site(row.id)?,
        };
        while new.size() < old.size() {
            let part = old.read(new.size(), u64::MAX)?;
            if part.is_empty() {
                break;
            }
            new.write(&part)?;
        }
        let key = new.key();
        if new.finish()? != row.hash {
            return Err(Fault::Tampered { what: blobs::WHAT });
        }
        Ok(BlobRow { key, ..row })
    }

    fn slot(
        &self,
        slots: &redb::ReadOnlyTable<&'static [u8], u64>,
        conversation: Option<ConversationId>,
    ) -> Result<Option<u64>, Fault> {
        let Some(id) = conversation.filter(|_| self.to.is_some()) else { return Ok(None) };
        Ok(slots.get(id.to_bytes().as_slice())?.map(|slot| slot.value()))
    }
}

/// The files are others, and slots are counted anew.
fn meta(piece: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::new();
    for row in rows::Rows(piece) {
        let (key, value) = row?;
        if ![b"origin".as_slice(), b"slots"].contains(&key) {
            rows::push(&mut out, key, value);
        }
    }
    Ok(out)
}
