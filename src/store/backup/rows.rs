//! The rows of the database as pieces: where a piece ends follows from the rows' keys, so that what
//! did not change makes the same pieces again. Invariant: rows come out as they went in.
//!
//! A piece is rows of one table in the order of their keys: length of the key (varint), key, length
//! of the value (varint), value. Both as the database has them; its own numbers are little-endian.

use redb::{
    Key, ReadTransaction, ReadableTable as _, TableDefinition, TableError, TableHandle as _, Value,
    WriteTransaction,
};
use xxhash_rust::xxh3::xxh3_64;

use super::super::fault::Fault;
use super::super::tables::{self, put_varint, take_varint};
use crate::base::limits::{BACKUP_CUT_ROWS, BACKUP_PIECE_LEAST, BACKUP_PIECE_MOST};

/// Takes the name of a table and a piece of it.
type Take<'a> = dyn FnMut(&'static str, &[u8]) -> Result<(), Fault> + 'a;

/// Hands over every row of a snapshot in pieces, table after table.
///
/// # Errors
/// The disk does not read, or what `take` returns.
pub fn read(txn: &ReadTransaction, take: &mut Take<'_>) -> Result<(), Fault> {
    // Conversations first: who rewrites rows knows their slots before their entries come.
    table(txn, tables::META, "meta", take)?;
    table(txn, tables::CONVERSATIONS, "conversations", take)?;
    table(txn, tables::SLOTS, "slots", take)?;
    table(txn, tables::LOG, "log", take)?;
    table(txn, tables::FEEDS, "feeds", take)?;
    table(txn, tables::KEYS, "keys", take)?;
    table(txn, tables::LISTS, "lists", take)?;
    table(txn, tables::MARKS, "marks", take)?;
    table(txn, tables::SITE, "site", take)?;
    table(txn, tables::SIGN_INS, "sign_ins", take)?;
    table(txn, tables::SECRETS, "secrets", take)?;
    table(txn, tables::CURSORS, "cursors", take)?;
    table(txn, tables::AUDIT, "audit", take)?;
    table(txn, tables::BLOBS, "blobs", take)?;
    table(txn, tables::BLOB_BYTES, "blob_bytes", take)
}

/// Writes the rows of a piece.
///
/// # Errors
/// The disk takes no writes, or these are no rows of that table.
pub fn write(txn: &WriteTransaction, table: &str, piece: &[u8]) -> Result<(), Fault> {
    match table {
        "meta" => insert(txn, tables::META, piece),
        "conversations" => insert(txn, tables::CONVERSATIONS, piece),
        "slots" => insert(txn, tables::SLOTS, piece),
        "log" => insert(txn, tables::LOG, piece),
        "feeds" => insert(txn, tables::FEEDS, piece),
        "keys" => insert(txn, tables::KEYS, piece),
        "lists" => insert(txn, tables::LISTS, piece),
        "marks" => insert(txn, tables::MARKS, piece),
        "site" => insert(txn, tables::SITE, piece),
        "sign_ins" => insert(txn, tables::SIGN_INS, piece),
        "secrets" => insert(txn, tables::SECRETS, piece),
        "cursors" => insert(txn, tables::CURSORS, piece),
        "audit" => insert(txn, tables::AUDIT, piece),
        "blobs" => insert(txn, tables::BLOBS, piece),
        "blob_bytes" => insert(txn, tables::BLOB_BYTES, piece),
        other => Err(Fault::DatabaseDamaged(format!("a table {other}"))),
    }
}

/// The rows of a piece: key and value.
pub struct Rows<'a>(pub &'a [u8]);

impl<'a> Rows<'a> {
    fn part(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(take_varint(&mut self.0)?).ok()?;
        let (part, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(part)
    }
}

impl<'a> Iterator for Rows<'a> {
    type Item = Result<(&'a [u8], &'a [u8]), Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let row = self.part().and_then(|key| Some((key, self.part()?)));
        Some(row.ok_or_else(|| Fault::DatabaseDamaged("a piece of rows".to_owned())))
    }
}

/// Appends a row to a piece.
pub fn push(piece: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    for part in [key, value] {
        put_varint(piece, part.len() as u64);
        piece.extend_from_slice(part);
    }
}

fn table<K: Key + 'static, V: Value + 'static>(
    txn: &ReadTransaction,
    definition: TableDefinition<'_, K, V>,
    name: &'static str,
    take: &mut Take<'_>,
) -> Result<(), Fault> {
    debug_assert_eq!(definition.name(), name);
    let table = match txn.open_table(definition) {
        // A store of an older version has not every table yet.
        Err(TableError::TableDoesNotExist(_)) => return Ok(()),
        table => table?,
    };
    let mut piece = Vec::new();
    for row in table.iter()? {
        let (key, value) = row?;
        let (key, value) = (key.value(), value.value());
        let key = K::as_bytes(&key);
        push(&mut piece, key.as_ref(), V::as_bytes(&value).as_ref());
        let cut = xxh3_64(key.as_ref()).is_multiple_of(BACKUP_CUT_ROWS);
        if (cut && piece.len() >= BACKUP_PIECE_LEAST) || piece.len() >= BACKUP_PIECE_MOST {
            take(name, &piece)?;
            piece.clear();
        }
    }
    if piece.is_empty() { Ok(()) } else { take(name, &piece) }
}

fn insert<K: Key + 'static, V: Value + 'static>(
    txn: &WriteTransaction,
    definition: TableDefinition<'_, K, V>,
    piece: &[u8],
) -> Result<(), Fault> {
    let mut table = txn.open_table(definition)?;
    for row in Rows(piece) {
        let (key, value) = row?;
        let fits = |width: Option<usize>, part: &[u8]| width.is_none_or(|w| w == part.len());
        if !fits(K::fixed_width(), key) || !fits(V::fixed_width(), value) {
            return Err(Fault::DatabaseDamaged(format!("a row of {}", definition.name())));
        }
        table.insert(K::from_bytes(key), V::from_bytes(value))?;
    }
    Ok(())
}
