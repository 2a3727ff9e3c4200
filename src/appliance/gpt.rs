//! The partition table (UEFI specification 2.10, section 5.3): the data partition takes what is
//! free behind it. Power may fail at any write: the backup table is written first, so one of the
//! two always describes the old partition or the new one, and doing it again finishes the work.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

/// What a table is read from and written to.
pub trait Disk {
    /// # Errors
    /// The disk's.
    fn read(&self, offset: u64, into: &mut [u8]) -> io::Result<()>;
    /// # Errors
    /// The disk's.
    fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// # Errors
    /// The disk's.
    fn sync(&mut self) -> io::Result<()>;
}

impl Disk for File {
    fn read(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.read_exact_at(into, offset)
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

/// Bytes of a block; the disks of boards and PCs that UEFI starts from have no other.
const BLOCK: u64 = 512;
const BLOCK_BYTES: usize = 512;
const HEADER: usize = 92;
const ENTRY: usize = 128;
/// Entries of a table; more would be a damaged header.
const ENTRIES: u32 = 128;
/// Partitions end where a MiB does.
const ALIGN: u64 = 2048;

/// A header with its entries, both with the right checksums.
#[derive(Clone)]
struct Table {
    header: [u8; HEADER],
    entries: Vec<u8>,
}

impl Table {
    fn read(disk: &dyn Disk, at: u64) -> io::Result<Option<Self>> {
        let mut header = [0; HEADER];
        disk.read(at * BLOCK, &mut header)?;
        let table = Self { header, entries: Vec::new() };
        let (count, size) = (table.u32(80), table.u32(84));
        let right = &header[..8] == b"EFI PART"
            && table.u32(12) == 92
            && table.u64(24) == at
            && (1..=ENTRIES).contains(&count)
            && size == 128
            && table.u32(16) == table.header_checksum();
        if !right {
            return Ok(None);
        }
        let mut entries = vec![0; count as usize * ENTRY];
        let Some(offset) = table.u64(72).checked_mul(BLOCK) else { return Ok(None) };
        match disk.read(offset, &mut entries) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        let whole = crc32(&entries) == table.u32(88);
        Ok(whole.then_some(Self { header, entries }))
    }

    fn u32(&self, at: usize) -> u32 {
        u32::try_from(number(&self.header, at, 4)).unwrap_or_default()
    }

    fn u64(&self, at: usize) -> u64 {
        number(&self.header, at, 8)
    }

    fn set(&mut self, at: usize, value: u64) {
        self.header[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }

    fn header_checksum(&self) -> u32 {
        let mut header = self.header;
        header[16..20].fill(0);
        crc32(&header)
    }

    /// Blocks that the entries take.
    fn entry_blocks(&self) -> u64 {
        (self.entries.len() as u64).div_ceil(BLOCK)
    }

    /// Writes it as the table at `own`, which names its twin at `other`.
    fn write(&mut self, disk: &mut dyn Disk, own: u64, other: u64) -> io::Result<()> {
        let entries = if own < other { own + 1 } else { own - self.entry_blocks() };
        self.set(24, own);
        self.set(32, other);
        self.set(72, entries);
        let entries_checksum = crc32(&self.entries);
        self.header[88..92].copy_from_slice(&entries_checksum.to_le_bytes());
        let checksum = self.header_checksum();
        self.header[16..20].copy_from_slice(&checksum.to_le_bytes());
        let mut block = [0; BLOCK_BYTES];
        block[..HEADER].copy_from_slice(&self.header);
        disk.write(entries * BLOCK, &self.entries)?;
        disk.write(own * BLOCK, &block)?;
        disk.sync()
    }

    /// First and last block of partition `number` (from 1); `None` when there is none.
    fn partition(&self, number_of: u32) -> Option<(u64, u64)> {
        let at = (number_of.checked_sub(1)? as usize).checked_mul(ENTRY)?;
        let entry = self.entries.get(at..at + ENTRY)?;
        let used = entry[..16].iter().any(|byte| *byte != 0);
        used.then(|| (number(entry, 32, 8), number(entry, 40, 8)))
    }
}

/// Lets partition `number` reach to the end of a disk of `blocks` blocks; whether something was
/// written. A partition that another one follows is left alone.
///
/// # Errors
/// The disk's, or `InvalidData`: neither table can be read, or there is no such partition.
pub fn grow(disk: &mut dyn Disk, blocks: u64, number: u32) -> io::Result<bool> {
    let invalid = |what| io::Error::new(io::ErrorKind::InvalidData, what);
    let end = blocks.checked_sub(1).ok_or_else(|| invalid("no disk"))?;
    let first = Table::read(disk, 1)?;
    let backup = Table::read(disk, end)?;
    let (first_is_good, backup_is_good) = (first.is_some(), backup.is_some());
    let mut table = first.or(backup).ok_or_else(|| invalid("no partition table"))?;
    let partition = table.partition(number).ok_or_else(|| invalid("no such partition"))?;
    let usable = end.checked_sub(table.entry_blocks() + 1).ok_or_else(|| invalid("too small"))?;
    let last = ((usable + 1) / ALIGN * ALIGN).saturating_sub(1);
    let others = (1..=ENTRIES).filter(|n| *n != number).filter_map(|n| table.partition(n));
    let followed = others.into_iter().any(|(start, _)| start > partition.1);
    let grows = last > partition.1 && !followed;
    let twins = table.u64(if first_is_good { 32 } else { 24 }) == end;
    if !grows && twins && first_is_good && backup_is_good {
        return Ok(false);
    }
    if grows {
        let at = (number as usize - 1) * ENTRY + 40;
        table.entries[at..at + 8].copy_from_slice(&last.to_le_bytes());
    }
    table.set(48, usable);
    table.write(disk, end, 1)?;
    table.write(disk, 1, end)?;
    Ok(true)
}

fn number(bytes: &[u8], at: usize, length: usize) -> u64 {
    bytes[at..at + length].iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// CRC-32 of ISO 3309, as the specification asks for.
fn crc32(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ 0xEDB8_8320 } else { sum >> 1 };
        }
    }
    !sum
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: u64 = 100 * ALIGN;
    const NEW: u64 = 160 * ALIGN + 77;
    const START: u64 = 50 * ALIGN;

    /// A disk in memory. After `writes_left` writes the power fails: of the last one only the
    /// first `torn` bytes arrive.
    #[derive(Clone)]
    struct Memory {
        bytes: Vec<u8>,
        writes_left: usize,
        torn: usize,
    }

    impl Disk for Memory {
        fn read(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
            let from = usize::try_from(offset).map_err(io::Error::other)?;
            let bytes = self.bytes.get(from..from.saturating_add(into.len()));
            into.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        }

        fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
            let cut = self.writes_left == 0;
            let length = if cut { self.torn.min(bytes.len()) } else { bytes.len() };
            let from = offset as usize;
            self.bytes[from..from + length].copy_from_slice(&bytes[..length]);
            if cut {
                return Err(io::Error::other("power"));
            }
            self.writes_left -= 1;
            Ok(())
        }

        fn sync(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn entry(table: &mut Table, number: usize, first: u64, last: u64) {
        let entry = &mut table.entries[(number - 1) * ENTRY..number * ENTRY];
        entry[..16].fill(7);
        entry[32..40].copy_from_slice(&first.to_le_bytes());
        entry[40..48].copy_from_slice(&last.to_le_bytes());
    }

    /// An image of `OLD` blocks, copied to a disk of `NEW`.
    fn flashed() -> Memory {
        let bytes = vec![0; (NEW * BLOCK) as usize];
        let mut disk = Memory { bytes, writes_left: usize::MAX, torn: 0 };
        let mut header = [0; HEADER];
        header[..8].copy_from_slice(b"EFI PART");
        header[8..16].copy_from_slice(&[0, 0, 1, 0, 92, 0, 0, 0]);
        header[80..88].copy_from_slice(&[128, 0, 0, 0, 128, 0, 0, 0]);
        let mut table = Table { header, entries: vec![0; 128 * ENTRY] };
        entry(&mut table, 1, ALIGN, START - 1);
        entry(&mut table, 2, START, OLD - ALIGN - 1);
        table.write(&mut disk, OLD - 1, 1).unwrap();
        table.write(&mut disk, 1, OLD - 1).unwrap();
        disk
    }

    fn partition(disk: &Memory) -> Option<(u64, u64)> {
        let at = |block| Table::read(disk, block).unwrap();
        at(1).or_else(|| at(NEW - 1)).and_then(|table| table.partition(2))
    }

    #[test]
    fn the_partition_takes_the_whole_disk_and_both_tables_say_so() {
        let mut disk = flashed();
        assert!(grow(&mut disk, NEW, 2).unwrap());
        let (first, last) = partition(&disk).unwrap();
        assert_eq!(first, START);
        assert_eq!((last + 1) % ALIGN, 0);
        assert!(last + 34 < NEW && last + ALIGN + 34 >= NEW);
        let backup = Table::read(&disk, NEW - 1).unwrap().unwrap();
        assert_eq!(backup.partition(2), Some((first, last)));
        assert_eq!(backup.u64(32), 1);
        assert!(!grow(&mut disk, NEW, 2).unwrap(), "nothing is left to do");
    }

    #[test]
    fn a_cut_at_any_write_leaves_one_table_and_the_next_start_finishes() {
        let mut cuts = 0;
        for torn in [0, 1, 40, 100, 300, 511, 4_096, 10_000] {
            for writes_left in 0..4 {
                let mut disk = Memory { writes_left, torn, ..flashed() };
                grow(&mut disk, NEW, 2).unwrap_err();
                cuts += 1;
                let (first, last) = partition(&disk).expect("a table");
                assert_eq!(first, START);
                assert!(last == OLD - ALIGN - 1 || last + ALIGN + 34 >= NEW);
                disk.writes_left = usize::MAX;
                grow(&mut disk, NEW, 2).unwrap();
                assert!(!grow(&mut disk, NEW, 2).unwrap());
                assert!(partition(&disk).unwrap().1 + ALIGN + 34 >= NEW);
            }
        }
        assert_eq!(cuts, 32);
    }

    #[test]
    fn a_partition_that_another_follows_is_left_alone() {
        let mut disk = flashed();
        let mut table = Table::read(&disk, 1).unwrap().unwrap();
        entry(&mut table, 3, OLD, OLD + 9);
        table.write(&mut disk, 1, OLD - 1).unwrap();
        grow(&mut disk, NEW, 2).unwrap();
        assert_eq!(partition(&disk).unwrap().1, OLD - ALIGN - 1);
    }

    #[test]
    fn a_table_without_the_right_checksums_is_none() {
        for at in [512 + 16, 512 + 60, 1024 + 130] {
            let mut disk = flashed();
            disk.bytes[at] ^= 1;
            assert!(Table::read(&disk, 1).unwrap().is_none(), "byte {at}");
        }
        let mut disk = flashed();
        disk.bytes[512..1024].fill(0);
        assert_eq!(grow(&mut disk, NEW, 2).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }
}
