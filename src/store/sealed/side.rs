//! The side file: sealed pages that are about to be written in their places, so that a power cut in
//! the middle leaves each page whole somewhere. Invariant: it is durable before a page is
//! overwritten, and void before the database writes again.
//!
//! | side file, big-endian | bytes |
//! |---|---|
//! | magic `phreseal`, format u32 1, number of pages u32 | 0..16 |
//! | XXH3-64 of the database's first sector, XXH3-64 of the pages below | 16..32 |
//! | pages: number u64, sealed page | 32.. |

use std::collections::BTreeMap;
use std::io;

use posthouse_crypto::seal::SEALED_PAGE_BYTES;
use xxhash_rust::xxh3::xxh3_64;

use super::super::storage::{Disk, Storage};
use super::{SEALED_PAGE, SECTOR};

pub const FILE: &str = "resealing";
const MAGIC: &[u8; 12] = b"phreseal\0\0\0\x01";
const HEAD: usize = 32;
const RECORD: usize = 8 + SEALED_PAGE_BYTES;
/// Most pages of one side file.
pub const PAGES_MOST: usize = 256;

/// Pages as they are to lie on the disk, by number.
pub type Batch = BTreeMap<u64, Box<[u8; SEALED_PAGE_BYTES]>>;

/// Makes the pages durable beside the database.
///
/// # Errors
/// The disk takes no writes.
pub fn write(disk: &dyn Disk, database: &dyn Storage, pages: &Batch) -> io::Result<()> {
    let mut out = vec![0; HEAD];
    for (number, page) in pages {
        out.extend_from_slice(&number.to_be_bytes());
        out.extend_from_slice(page.as_slice());
    }
    let count = u32::try_from(pages.len()).map_err(io::Error::other)?;
    let sum = xxh3_64(&out[HEAD..]);
    out[..12].copy_from_slice(MAGIC);
    out[12..16].copy_from_slice(&count.to_be_bytes());
    out[16..24].copy_from_slice(&first_sector(database)?.to_be_bytes());
    out[24..HEAD].copy_from_slice(&sum.to_be_bytes());
    let file = disk.open(FILE, true)?;
    file.write_at(&out, 0)?;
    file.sync()
}

/// The pages of a step that was cut off; none when the file is void, torn, or of another state of
/// the database, as when one of the two files was put back from a copy.
///
/// # Errors
/// The disk does not read.
pub fn read(disk: &dyn Disk, database: &dyn Storage) -> io::Result<Batch> {
    if !disk.exists(FILE)? {
        return Ok(Batch::new());
    }
    let file = disk.open(FILE, false)?;
    let length = usize::try_from(file.length()?).unwrap_or(0).min(HEAD + PAGES_MOST * RECORD);
    let mut bytes = vec![0; length];
    file.read_at(&mut bytes, 0)?;
    let Some((head, pages)) = bytes.split_first_chunk::<HEAD>() else { return Ok(Batch::new()) };
    let count = u32::from_be_bytes([head[12], head[13], head[14], head[15]]) as usize;
    let pages = count.checked_mul(RECORD).and_then(|length| pages.get(..length));
    let Some(pages) = pages.filter(|_| head.starts_with(MAGIC)) else { return Ok(Batch::new()) };
    let sums = [first_sector(database)?.to_be_bytes(), xxh3_64(pages).to_be_bytes()];
    if head[16..] != *sums.as_flattened() {
        return Ok(Batch::new());
    }
    let one = |record: &[u8; RECORD]| {
        let (number, page) = record.split_first_chunk()?;
        Some((u64::from_be_bytes(*number), Box::new(page.try_into().ok()?)))
    };
    Ok(pages.as_chunks().0.iter().filter_map(one).collect())
}

/// Writes the pages in their places and makes them durable.
///
/// # Errors
/// The disk takes no writes.
pub fn put(database: &dyn Storage, pages: &Batch) -> io::Result<()> {
    let mut run: Vec<u8> = Vec::new();
    let mut start = 0;
    for (number, page) in pages {
        if start + (run.len() / SEALED_PAGE_BYTES) as u64 != *number {
            database.write_at(&run, start * SEALED_PAGE)?;
            run.clear();
            start = *number;
        }
        run.extend_from_slice(page.as_slice());
    }
    database.write_at(&run, start * SEALED_PAGE)?;
    database.sync()
}

/// Makes the side file void.
///
/// # Errors
/// The disk takes no writes.
pub fn clear(disk: &dyn Disk) -> io::Result<()> {
    let file = disk.open(FILE, true)?;
    file.write_at(&[0; HEAD], 0)?;
    file.sync()
}

/// Gives the side file's room back at the end of a rotation.
///
/// # Errors
/// The disk takes no writes.
pub fn empty(disk: &dyn Disk) -> io::Result<()> {
    if disk.exists(FILE)? {
        let file = disk.open(FILE, true)?;
        file.set_len(0)?;
        file.sync()?;
    }
    Ok(())
}

/// Names a state of the database: its header changes with every commit.
fn first_sector(database: &dyn Storage) -> io::Result<u64> {
    let mut sector = [0; SECTOR];
    database.read_at(&mut sector, 0)?;
    Ok(xxh3_64(&sector))
}
