//! Looks a store over and repairs what can be repaired. `check` changes nothing: the database is
//! opened through an overlay. Both need a store that no process uses.

use std::sync::Arc;

use bytes::Bytes;
use redb::{ReadTransaction, ReadableDatabase, ReadableTable};

use super::Options;
use super::apply::{self, block_of};
use super::database::{self, Database};
use super::engine::{identity, recovered};
use super::fault::Fault;
use super::journal::Shape;
use super::journal::scan::{Found, scan};
use super::overlay::Overlay;
use super::row::LogRow;
use super::shared::JOURNAL_FILE;
use super::storage::{Disk, Folder};
use super::tables::{self, BLOCK};
use crate::base::code::{self, Code};
use crate::base::{Feed, Index, Position};
use crate::wire::decode_entry;

/// Findings of one check: enough to see what kind of damage it is.
const FINDINGS: usize = 100;

/// Something an operator should look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub code: Code,
    /// Where it is.
    pub place: String,
}

/// What a check saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkup {
    /// Empty: all is well.
    pub findings: Vec<Finding>,
    /// Entries in the database.
    pub entries: u64,
    pub conversations: u64,
    /// Items in the journal that the database has not yet.
    pub waiting: u64,
    /// The journal ends in an unfinished write, as after a power cut; the next start overwrites it.
    pub torn: bool,
}

/// What a repair did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repair {
    /// Last position that was kept, when the journal was damaged; what followed it is in `moved`.
    pub kept: Option<Position>,
    /// Files moved aside, to be looked at or thrown away by the operator.
    pub moved: Vec<String>,
    /// The database's free space and roots were rebuilt.
    pub rebuilt: bool,
    /// What is still wrong.
    pub left: Vec<Finding>,
}

/// Checks every checksum, every feed for holes, every key.
///
/// # Errors
/// The folder is in use or has no store, or the disk does not read.
pub fn check(options: &Options) -> Result<Checkup, Fault> {
    let _lock = options.lock()?;
    check_disk(&Folder::new(&options.dir), options.shape(), options.redb_cache_bytes)
}

/// Repairs what can be: a damaged journal is moved aside when what is whole of it is in the
/// database.
///
/// # Errors
/// As `check`, or the disk takes no writes.
pub fn repair(options: &Options) -> Result<Repair, Fault> {
    let _lock = options.lock()?;
    let disk = Arc::new(Folder::new(&options.dir));
    repair_disk(disk, options.shape(), options.redb_cache_bytes)
}

pub(super) fn check_disk(disk: &dyn Disk, shape: Shape, cache: usize) -> Result<Checkup, Fault> {
    let mut checkup = Checkup::default();
    let file = disk.open(database::FILE, false).map_err(Fault::disk("database"))?;
    let overlay = Overlay::new(file).map_err(Fault::disk("database"))?;
    let mut redb = match database::open_backend(Arc::new(overlay), cache) {
        Ok(redb) => redb,
        Err(Fault::DatabaseDamaged(what)) => {
            checkup.find(code::DATABASE_DAMAGED, what);
            return Ok(checkup);
        }
        Err(fault) => return Err(fault),
    };
    match redb.check_integrity() {
        Ok(true) => {}
        Ok(false) => checkup.find(code::DATABASE_DAMAGED, "page checksums".to_owned()),
        Err(error) => {
            checkup.find(code::DATABASE_DAMAGED, error.to_string());
            return Ok(checkup);
        }
    }
    let txn = redb.begin_read()?;
    let (epoch, applied) = identity(&txn)?;
    check_rows(&txn, &mut checkup)?;
    let journal = disk.open(JOURNAL_FILE, true).map_err(Fault::disk("journal"))?;
    match scan(journal.as_ref(), shape, epoch, applied) {
        Ok(found) => check_journal(&found, applied, &mut checkup),
        Err(Fault::Disk { what, source }) => return Err(Fault::Disk { what, source }),
        Err(fault) => checkup.find(fault.code(), fault.to_string()),
    }
    Ok(checkup)
}

pub(super) fn repair_disk(
    disk: Arc<dyn Disk>,
    shape: Shape,
    cache: usize,
) -> Result<Repair, Fault> {
    let mut repair = Repair::default();
    let file = disk.open(database::FILE, false).map_err(Fault::disk("database"))?;
    let mut redb = database::open_backend(file, cache)?;
    repair.rebuilt = !redb.check_integrity()?;
    drop(redb);
    let none = |_: &redb::WriteTransaction| Ok(());
    let database = Database::open(Arc::clone(&disk), cache, none)?;
    let (epoch, applied) = database.read(identity)?;
    let journal = disk.open(JOURNAL_FILE, true).map_err(Fault::disk("journal"))?;
    let damaged = match scan(journal.as_ref(), shape, epoch, applied) {
        Ok(found) if found.damage.is_none() => None,
        Ok(found) => Some(keep_whole(&database, &found, applied)?),
        Err(Fault::ForeignJournal) => Some(applied),
        Err(fault) => return Err(fault),
    };
    drop((journal, database));
    if let Some(kept) = damaged {
        let aside = free_name(disk.as_ref())?;
        disk.rename(JOURNAL_FILE, &aside).map_err(Fault::disk("journal"))?;
        repair.kept = Some(kept);
        repair.moved.push(aside);
    }
    repair.left = check_disk(disk.as_ref(), shape, cache)?.findings;
    Ok(repair)
}

/// Moves the items before the damage into the database; the last position kept.
fn keep_whole(database: &Database, found: &Found, applied: Position) -> Result<Position, Fault> {
    let items = recovered(found, applied)?;
    database.write(|txn| apply::apply(txn, &items))?;
    Ok(items.last().map_or(applied, |item| item.position))
}

fn free_name(disk: &dyn Disk) -> Result<String, Fault> {
    for number in 1..u32::MAX {
        let name = format!("{JOURNAL_FILE}.damaged-{number}");
        if !disk.exists(&name).map_err(Fault::disk("journal"))? {
            return Ok(name);
        }
    }
    Err(Fault::Full)
}

impl Checkup {
    fn find(&mut self, code: Code, place: String) {
        if self.findings.len() < FINDINGS {
            self.findings.push(Finding { code, place });
        }
    }
}

fn check_journal(found: &Found, applied: Position, checkup: &mut Checkup) {
    checkup.torn = found.torn.is_some();
    checkup.waiting = found.last.0.saturating_sub(applied.0);
    if let Some(damage) = found.damage {
        let fault = Fault::from(damage);
        checkup.find(fault.code(), fault.to_string());
    }
}

fn check_rows(txn: &ReadTransaction, checkup: &mut Checkup) -> Result<(), Fault> {
    let feeds = txn.open_table(tables::FEEDS)?;
    let keys = txn.open_table(tables::KEYS)?;
    let mut places: u64 = 0;
    for row in txn.open_table(tables::LOG)?.iter()? {
        let (position, row) = row?;
        let position = Position(position.value());
        checkup.entries += 1;
        let Ok(row) = LogRow::read(position, row.value()) else {
            checkup.find(code::ROW_DAMAGED, format!("position {}", position.0));
            continue;
        };
        places += row.places.len() as u64;
        for (feed, index) in &row.places {
            if feed_position(&feeds, *feed, *index)? != Some(position) {
                checkup.find(code::FEED_HOLE, format!("{feed:?} at {}", index.0));
            }
        }
        if !key_stands(&keys, &row.bytes, position)? {
            checkup.find(code::ROW_DAMAGED, format!("key of position {}", position.0));
        }
    }
    let mut listed: u64 = 0;
    for block in feeds.iter()? {
        listed += tables::read_block(block?.1.value()).len() as u64;
    }
    if listed != places && checkup.findings.is_empty() {
        checkup.find(code::FEED_HOLE, format!("{listed} places for {places} entries"));
    }
    for row in txn.open_table(tables::CONVERSATIONS)?.iter()? {
        let (id, row) = row?;
        checkup.conversations += 1;
        if apply::read_conversation(row.value()).is_err() {
            checkup.find(code::ROW_DAMAGED, format!("conversation {:02x?}", id.value()));
        }
    }
    Ok(())
}

fn feed_position(
    feeds: &impl ReadableTable<&'static [u8], &'static [u8]>,
    feed: Feed,
    index: Index,
) -> Result<Option<Position>, Fault> {
    let key = tables::block_key(&tables::feed_key(feed), block_of(index));
    let block = feeds.get(key.as_slice())?.map(|block| tables::read_block(block.value()));
    let slot = usize::try_from(index.0.saturating_sub(1) % BLOCK).unwrap_or(usize::MAX);
    Ok(block.and_then(|block| block.get(slot).copied()))
}

/// True when the key of an entry, if it has one, leads to it.
fn key_stands(
    keys: &impl ReadableTable<&'static [u8], u64>,
    bytes: &Bytes,
    position: Position,
) -> Result<bool, Fault> {
    let Ok(entry) = decode_entry(bytes) else { return Ok(false) };
    let Some(conversation) = entry.conversation.filter(|_| entry.key.0 != 0) else {
        return Ok(true);
    };
    let key = tables::message_key(entry.key, conversation, entry.author.who);
    Ok(keys.get(key.as_slice())?.is_some_and(|found| found.value() == position.0))
}
