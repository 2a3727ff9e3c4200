//! Looks a store over and repairs what can be repaired. `check` changes nothing: the database is
//! opened through an overlay. Both need a store that no process uses; a running one is looked over
//! by `LiveCheck`.

use std::sync::Arc;

use redb::ReadableDatabase;

use super::Options;
use super::apply;
use super::blobs::Blobs;
use super::body_keys::BodyKeys;
use super::database::{self, Database};
use super::engine::{doomed, recovered};
use super::fault::Fault;
use super::journal::Shape;
use super::journal::scan::{Found, scan};
use super::origin::Standing;
use super::overlay::Overlay;
use super::reader::Reader;
use super::shared::{JOURNAL_FILE, Shared};
use super::storage::Disk;
use super::walk::Walk;
use crate::base::Position;
use crate::base::code::{self, Code};

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
    pub attachments: u64,
    /// Items in the journal that the database has not yet.
    pub waiting: u64,
    /// The journal ends in an unfinished write, as after a power cut; the next start overwrites it.
    pub torn: bool,
    /// The checksums of the database's pages were verified: only when no process uses the store.
    pub pages: bool,
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
    /// The journal of a running store goes on in a fresh segment, its entries are in the database.
    pub renewed: bool,
    /// What is still wrong.
    pub left: Vec<Finding>,
}

/// Checks every checksum, every feed for holes, every key.
///
/// # Errors
/// The folder is in use or has no store, or the disk does not read.
pub fn check(options: &Options) -> Result<Checkup, Fault> {
    let _lock = options.lock()?;
    let (disk, blobs) = (options.disk()?, Some(options.blobs()?));
    check_disk(disk.as_ref(), options.shape(), options.redb_cache_bytes, blobs)
}

/// Repairs what can be: a damaged journal is moved aside when what is whole of it is in the
/// database.
///
/// # Errors
/// As `check`, or the disk takes no writes.
pub fn repair(options: &Options) -> Result<Repair, Fault> {
    let _lock = options.lock()?;
    let (disk, blobs) = (options.disk()?, Some(options.blobs()?));
    repair_disk(disk, options.shape(), options.redb_cache_bytes, blobs)
}

pub(super) fn check_disk(
    disk: &dyn Disk,
    shape: Shape,
    cache: usize,
    blobs: Option<Blobs>,
) -> Result<Checkup, Fault> {
    let mut checkup = Checkup { pages: true, ..Checkup::default() };
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
    let standing = Standing::read(&txn)?;
    let applied = standing.applied;
    let mut walk = Walk::new(applied, blobs, disk.bodies());
    while walk.step(&txn)? {}
    checkup.take(walk.checkup);
    let journal = disk.open(JOURNAL_FILE, true).map_err(Fault::disk("journal"))?;
    let keys = disk.records();
    match scan(journal.as_ref(), shape, &standing.epochs(), applied, keys.as_deref()) {
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
    blobs: Option<Blobs>,
) -> Result<Repair, Fault> {
    let mut repair = Repair::default();
    let file = disk.open(database::FILE, false).map_err(Fault::disk("database"))?;
    let mut redb = database::open_backend(file, cache)?;
    repair.rebuilt = !redb.check_integrity()?;
    drop(redb);
    let none = |_: &redb::WriteTransaction| Ok(());
    let database = Database::open(Arc::clone(&disk), cache, none)?;
    let standing = database.read(Standing::read)?;
    let applied = standing.applied;
    let journal = disk.open(JOURNAL_FILE, true).map_err(Fault::disk("journal"))?;
    let keys = disk.records();
    let damaged = match scan(journal.as_ref(), shape, &standing.epochs(), applied, keys.as_deref())
    {
        Ok(found) if found.damage.is_none() => None,
        Ok(found) => Some(keep_whole(&database, &found, applied, disk.bodies().as_deref())?),
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
    repair.left = check_disk(disk.as_ref(), shape, cache, blobs)?.findings;
    Ok(repair)
}

/// Moves the items before the damage into the database; the last position kept.
fn keep_whole(
    database: &Database,
    found: &Found,
    applied: Position,
    keys: Option<&BodyKeys>,
) -> Result<Position, Fault> {
    let items = recovered(found, applied, keys)?;
    if let Some(keys) = keys {
        keys.erase(&doomed(&items))?;
    }
    database.write(|txn| apply::apply(txn, &items, keys))?;
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
    pub(super) fn find(&mut self, code: Code, place: String) {
        if self.findings.len() < FINDINGS {
            self.findings.push(Finding { code, place });
        }
    }

    /// Adds what a walk over the rows saw.
    fn take(&mut self, rows: Self) {
        (self.entries, self.conversations) = (rows.entries, rows.conversations);
        self.attachments = rows.attachments;
        rows.findings.into_iter().for_each(|finding| self.find(finding.code, finding.place));
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

/// A check of a running store in small steps, which reads snapshots and changes nothing. What it
/// cannot see is the checksums of the database's pages.
#[derive(Debug)]
pub struct LiveCheck {
    walk: Walk,
    rows_done: bool,
    /// Position that the last look at the journal could not read: the writer may have been in the
    /// middle of it.
    suspect: Option<Position>,
    looks: u32,
}

/// Looks at a journal that is written to meanwhile. Each may meet another batch half written; the
/// same position twice is damage.
const LOOKS: u32 = 10;

impl LiveCheck {
    #[must_use]
    pub fn new(reader: &Reader, blobs: Blobs) -> Self {
        Self::of(reader, Some(blobs))
    }

    pub(super) fn of(reader: &Reader, blobs: Option<Blobs>) -> Self {
        let walk = Walk::new(reader.shared.applied(), blobs, reader.shared.keys.clone());
        Self { walk, rows_done: false, suspect: None, looks: 0 }
    }

    /// Entries looked at so far.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.walk.checkup.entries
    }

    /// One slice of rows, or one look at the journal; true when there is more to do, after a pause.
    ///
    /// # Errors
    /// The disk does not read.
    pub fn step(&mut self, reader: &Reader) -> Result<bool, Fault> {
        if self.rows_done {
            return self.look_at_journal(&reader.shared);
        }
        let next = reader.shared.database.read(|txn| {
            let mut walk = self.walk.clone();
            let more = walk.step(txn)?;
            Ok((walk, more))
        });
        match next {
            Ok((walk, more)) => (self.walk, self.rows_done) = (walk, !more),
            Err(Fault::DatabaseDamaged(what)) => {
                self.walk.checkup.find(code::DATABASE_DAMAGED, what);
                self.rows_done = true;
            }
            Err(fault) => return Err(fault),
        }
        Ok(true)
    }

    fn look_at_journal(&mut self, shared: &Shared) -> Result<bool, Fault> {
        self.looks += 1;
        let (applied, durable) = (shared.applied(), shared.durable());
        self.walk.checkup.waiting = durable.0.saturating_sub(applied.0);
        let file = shared.disk.open(JOURNAL_FILE, false).map_err(Fault::disk("journal"))?;
        let (epochs, keys) = (shared.epochs(), shared.disk.records());
        let found = match scan(file.as_ref(), shared.shape, &epochs, applied, keys.as_deref()) {
            Ok(found) => found,
            Err(Fault::Disk { what, source }) => return Err(Fault::Disk { what, source }),
            Err(fault) => {
                self.walk.checkup.find(fault.code(), fault.to_string());
                return Ok(false);
            }
        };
        let short = (found.last < durable).then(|| found.last.next());
        let damage = found.damage;
        let Some(suspect) = damage.map(|damage| damage.position).or(short) else {
            return Ok(false);
        };
        if self.suspect.replace(suspect) != Some(suspect) || suspect <= shared.applied() {
            return Ok(self.looks < LOOKS);
        }
        let offset = damage.map_or(0, |damage| damage.offset);
        let fault = Fault::JournalDamaged { offset, position: suspect.0 };
        self.walk.checkup.find(fault.code(), fault.to_string());
        Ok(false)
    }

    #[must_use]
    pub fn finish(self) -> Checkup {
        self.walk.checkup
    }
}
