//! Which files a store lives in, and which epochs its history has. A copy of the files is not the
//! files: what both hold after the copy was taken differs, so the one that is opened in the other's
//! place gets an epoch of its own (delivery contract R5).

use redb::{ReadTransaction, ReadableTable, Table, WriteTransaction};

use super::apply::last_slot;
use super::engine::FORMAT;
use super::fault::Fault;
use super::tables;
use crate::base::{Epoch, Index, Position};

/// Files whose place on the disk tells a folder from its copies.
pub const FILES: [&str; 3] =
    [super::database::FILE, super::shared::JOURNAL_FILE, super::storage::LOCK_FILE];

/// Epochs that are remembered: a journal of a few segments cannot hold frames of so many.
const FORMER: usize = 64;
const FORMER_BYTES: usize = 24;

/// An epoch that ended, and the last index of the site feed that was written in it.
pub type Former = (Epoch, Index);

/// What the database says of itself.
#[derive(Clone, Debug)]
pub struct Standing {
    pub format: u32,
    pub epoch: Epoch,
    /// Oldest first.
    pub former: Vec<Former>,
    pub applied: Position,
    /// The last slot that a conversation has.
    pub slots: u64,
    /// The files it was in when this was written; `None` before the first start is over.
    pub origin: Option<u128>,
}

impl Standing {
    /// # Errors
    /// The table is damaged, or the format is newer than this program.
    pub fn read(txn: &ReadTransaction) -> Result<Self, Fault> {
        let meta = txn.open_table(tables::META)?;
        let value = |name: &str| -> Result<Option<Vec<u8>>, Fault> {
            Ok(meta.get(name)?.map(|value| value.value().to_vec()))
        };
        let format = value("format")?.and_then(|f| Some(u32::from_be_bytes(f.try_into().ok()?)));
        let epoch = value("epoch")?.and_then(|epoch| Epoch::from_bytes(&epoch));
        let applied = value("applied")?.and_then(|a| Some(u64::from_be_bytes(a.try_into().ok()?)));
        let (Some(format), Some(epoch), Some(applied)) = (format, epoch, applied) else {
            return Err(Fault::DatabaseDamaged("the meta table".to_owned()));
        };
        if format > FORMAT {
            return Err(Fault::NewerFormat { found: format, known: FORMAT });
        }
        let former = read_former(&value("former")?.unwrap_or_default());
        let origin = value("origin")?.and_then(|o| Some(u128::from_be_bytes(o.try_into().ok()?)));
        let slots = last_slot(&meta)?;
        Ok(Self { format, epoch, former, applied: Position(applied), slots, origin })
    }

    /// Every epoch that a segment of the journal may carry.
    #[must_use]
    pub fn epochs(&self) -> Vec<Epoch> {
        self.former.iter().map(|(epoch, _)| *epoch).chain([self.epoch]).collect()
    }
}

/// Notes the files that the store is in, and that this program wrote to it.
///
/// # Errors
/// The disk fails.
pub fn settle(txn: &WriteTransaction, origin: u128) -> Result<(), Fault> {
    let mut meta = txn.open_table(tables::META)?;
    meta.insert("origin", origin.to_be_bytes().as_slice())?;
    meta.insert("format", FORMAT.to_be_bytes().as_slice())?;
    Ok(())
}

/// Forgets which files the store was in: it keeps its epoch at the next start, in whatever files.
///
/// # Errors
/// The disk fails.
pub fn forget(txn: &WriteTransaction) -> Result<(), Fault> {
    txn.open_table(tables::META)?.remove("origin")?;
    Ok(())
}

/// Begins another epoch behind this index of the site feed. One transaction, so that a crash leaves
/// the one or the other; segments of the old one stay readable.
///
/// # Errors
/// The disk fails.
pub fn renew(txn: &WriteTransaction, epoch: Epoch, ended: Index) -> Result<(), Fault> {
    let mut meta = txn.open_table(tables::META)?;
    let mut former = get(&meta, "former")?;
    former.extend_from_slice(&get(&meta, "epoch")?);
    former.extend_from_slice(&ended.0.to_be_bytes());
    let old = former.len().saturating_sub(FORMER * FORMER_BYTES);
    meta.insert("former", &former[old..])?;
    meta.insert("epoch", epoch.to_bytes().as_slice())?;
    Ok(())
}

fn get(meta: &Table<'_, &'static str, &'static [u8]>, name: &str) -> Result<Vec<u8>, Fault> {
    Ok(meta.get(name)?.map(|value| value.value().to_vec()).unwrap_or_default())
}

fn read_former(bytes: &[u8]) -> Vec<Former> {
    let one = |bytes: &[u8]| {
        let (epoch, ended) = bytes.split_at(16);
        Some((Epoch::from_bytes(epoch)?, Index(u64::from_be_bytes(ended.try_into().ok()?))))
    };
    bytes.chunks_exact(FORMER_BYTES).filter_map(one).collect()
}
