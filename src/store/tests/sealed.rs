//! A sealed store: nothing readable on the disk, every changed byte noticed, keys that change.

use posthouse_crypto::family::{Family, Secret};
use posthouse_crypto::seal::{KeyId, Keys, SEALED_PAGE_BYTES};

use super::super::sealed::{self, SealedDisk};
use super::super::storage::Disk;
use super::*;
use crate::base::chance::{Chance, Seeded};

const FAMILIES: [Family; 2] = [Family::National, Family::International];
const WORDS: &str = "a sentence that can be recognised";
/// The database is read from the disk, not from a cache.
const COLD: Layout = Layout { cache_bytes: 0, ..LAYOUT };

pub(super) fn keys(family: Family, ids: &[KeyId]) -> Keys {
    let master = |id: &KeyId| (*id, Secret::new([u8::try_from(*id).unwrap(); 32]));
    Keys::new(family, ids.iter().map(master).collect()).unwrap()
}

pub(super) fn open(disk: &SimDisk, keys: &Keys, most: u64) -> Result<Bench, Fault> {
    let sealed = SealedDisk::with_bound(Arc::new(disk.clone()), keys.clone(), most)?;
    let engine = Engine::open(Arc::new(sealed), COLD)?;
    Ok(Bench { reader: engine.reader(), disk: disk.clone(), engine })
}

/// Twenty entries in the database and four in the journal.
pub(super) fn history(disk: &SimDisk, keys: &Keys) -> Vec<String> {
    let mut bench = open(disk, keys, u64::MAX).unwrap();
    bench.write([opened(7)]);
    (1..20).for_each(|at| drop(bench.write([text(7, at, &format!("{WORDS} {at}"))])));
    bench.checkpoint();
    (20..24).for_each(|at| drop(bench.write([text(7, at, &format!("{WORDS} {at}"))])));
    let texts = bench.texts(Feed::Site);
    assert_eq!(texts.len(), 24);
    drop(bench);
    disk.kill();
    texts
}

fn holds_words(disk: &SimDisk) -> bool {
    let part = &WORDS.as_bytes()[..12];
    ["journal", "store.redb", sealed::FILE]
        .into_iter()
        .filter_map(|name| disk.content(name))
        .any(|bytes| bytes.windows(part.len()).any(|window| window == part))
}

#[test]
fn a_sealed_store_reads_the_same_and_shows_nothing_on_the_disk() {
    for family in FAMILIES {
        let disk = SimDisk::new(5);
        let texts = history(&disk, &keys(family, &[1]));
        assert!(!holds_words(&disk));
        assert_eq!(open(&disk, &keys(family, &[1]), u64::MAX).unwrap().texts(Feed::Site), texts);
    }
    // The control: a plain store shows the words, in both files.
    let mut bench = bench();
    bench.write([opened(7), text(7, 1, WORDS)]);
    assert!(holds_words(&bench.disk));
}

#[test]
fn other_keys_and_a_store_of_the_other_kind_are_refused() {
    let disk = SimDisk::new(5);
    let right = keys(Family::National, &[1]);
    history(&disk, &right);
    let refused = |keys: &Keys| open(&disk, keys, u64::MAX).map(|_| ());
    let other = keys(Family::National, &[2]);
    assert!(matches!(refused(&other), Err(Fault::Tampered { what: "seal" })));
    let family = keys(Family::International, &[1]);
    assert!(matches!(refused(&family), Err(Fault::Tampered { what: "seal" })));
    assert!(sealed::is_sealed(&disk).unwrap());
    let plain = bench();
    drop((plain.engine, plain.reader));
    let taken = SealedDisk::open(Arc::new(plain.disk), right);
    assert!(matches!(taken, Err(Fault::NotSealed)));
}

/// Flips bytes all over the database. Each time the store gives back what was written, or says that
/// something was changed; it never gives anything else, and it never panics.
#[test]
fn no_changed_byte_of_the_database_is_read_as_if_it_had_been_written() {
    let mut chance = Seeded::new(9);
    for family in FAMILIES {
        let disk = SimDisk::new(5);
        let keys = keys(family, &[1]);
        let texts = readable(history(&disk, &keys));
        let length = disk.content("store.redb").unwrap().len() as u64;
        let mut noticed = 0;
        for _ in 0..150 {
            let at = usize::try_from(chance.below(length)).unwrap();
            let flip = 1 << chance.below(8);
            disk.damage("store.redb", at, flip);
            match read_all(&disk, &keys) {
                Ok(read) => assert_eq!(read, texts, "byte {at}"),
                Err(fault) => {
                    assert_eq!(fault.code(), code::SEAL_BROKEN, "byte {at}: {fault}");
                    noticed += 1;
                }
            }
            disk.kill();
            disk.damage("store.redb", at, flip);
        }
        assert!(noticed > 10, "{noticed} of 150 were on the way of a reader");
        assert_eq!(read_all(&disk, &keys).unwrap(), texts, "put back");
        disk.kill();
    }
}

/// What a reader sees of these on a disk that takes no writes: the last batch is not shown, for
/// nobody could make sure that it is durable.
fn readable(mut texts: Vec<String>) -> Vec<String> {
    texts.pop();
    texts
}

/// Everything that a reader sees, without writing: what was damaged must not be written over.
fn read_all(disk: &SimDisk, keys: &Keys) -> Result<Vec<String>, Fault> {
    disk.set_faults(Faults { write: Some(ErrorKind::ReadOnlyFilesystem), ..Faults::default() });
    let read = open(disk, keys, u64::MAX).and_then(|bench| {
        let page = bench.reader.page(Feed::Site, Index(0), 1000, usize::MAX)?;
        Ok(page.entries.iter().map(|entry| show(&entry.bytes)).collect())
    });
    disk.set_faults(Faults::default());
    read
}

#[test]
fn pages_that_were_swapped_or_replaced_by_zeros_are_noticed() {
    let disk = SimDisk::new(5);
    let keys = keys(Family::National, &[1]);
    let texts = readable(history(&disk, &keys));
    let bytes = disk.content("store.redb").unwrap();
    let page = |at: usize| &bytes[at * SEALED_PAGE_BYTES..(at + 1) * SEALED_PAGE_BYTES];
    let used: Vec<usize> = (1..bytes.len() / SEALED_PAGE_BYTES)
        .filter(|at| page(*at).iter().any(|byte| *byte != 0))
        .collect();
    let put = |at: usize, new: &[u8]| {
        for (n, (old, new)) in page(at).iter().zip(new).enumerate() {
            disk.damage("store.redb", at * SEALED_PAGE_BYTES + n, old ^ new);
        }
    };
    let mut noticed = 0;
    for pair in used.windows(2) {
        for new in [page(pair[1]), &[0; SEALED_PAGE_BYTES]] {
            put(pair[0], new);
            match read_all(&disk, &keys) {
                Ok(read) => assert_eq!(read, texts),
                Err(fault) => {
                    assert_eq!(fault.code(), code::SEAL_BROKEN, "{fault}");
                    noticed += 1;
                }
            }
            disk.kill();
            let changed = disk.content("store.redb").unwrap();
            let here = pair[0] * SEALED_PAGE_BYTES;
            for n in 0..SEALED_PAGE_BYTES {
                disk.damage("store.redb", here + n, changed[here + n] ^ bytes[here + n]);
            }
        }
    }
    assert!(noticed > 4, "{noticed}");
    assert_eq!(read_all(&disk, &keys).unwrap(), texts);
}

/// Who changes a record of the journal can make its checksum right, for it needs no key: the seal
/// notices. The control: in a plain journal the changed record is read.
#[test]
fn a_changed_record_with_a_right_checksum_is_damage_in_a_sealed_journal_only() {
    use super::super::journal::frame;
    let forge = |disk: &SimDisk| {
        let bytes = disk.content("journal").unwrap();
        let at = super::super::journal::segment::FIRST_FRAME;
        let header = frame::check(&bytes[at..]).unwrap();
        let mut changed = bytes[at..at + header.span()].to_vec();
        let words = changed.windows(5).position(|window| window == b"words");
        changed[words.unwrap_or(frame::HEADER + 60)] ^= 1;
        frame::finish(&mut changed, &header, None).unwrap();
        for (n, (old, new)) in bytes[at..].iter().zip(&changed).enumerate() {
            disk.damage("journal", at + n, old ^ new);
        }
    };
    let disk = SimDisk::new(5);
    let keys = keys(Family::National, &[1]);
    let mut sealed = open(&disk, &keys, u64::MAX).unwrap();
    sealed.write([opened(7), text(7, 1, &"words ".repeat(20))]);
    drop(sealed);
    disk.kill();
    forge(&disk);
    let opened_again = open(&disk, &keys, u64::MAX).map(|_| ());
    assert!(matches!(opened_again, Err(Fault::JournalDamaged { position: 1, .. })));

    let mut plain = bench();
    plain.write([opened(7), text(7, 1, &"words ".repeat(20))]);
    let before = plain.texts(Feed::Site);
    forge(&plain.disk);
    let again = plain.reopened_after_kill();
    assert_ne!(again.texts(Feed::Site), before, "nothing notices");
}

#[test]
fn page_keys_change_before_their_bound_and_all_of_them_open() {
    let disk = SimDisk::new(5);
    let keys = keys(Family::National, &[1]);
    let mut seen = Vec::new();
    for round in 0..6 {
        let mut bench = open(&disk, &keys, 40).unwrap();
        if round == 0 {
            bench.write([opened(7)]);
        }
        for at in 0..5 {
            bench.write([text(7, 1 + round * 5 + at, WORDS)]);
            bench.checkpoint();
        }
        assert_eq!(bench.texts(Feed::Site).len() as u128, 1 + (round + 1) * 5);
        drop(bench);
        disk.kill();
        seen.push(disk.content(sealed::FILE).unwrap()[16..18].to_vec());
    }
    seen.dedup();
    assert!(seen.len() > 3, "{seen:?}");
    assert!(open(&disk, &keys, 40).is_ok());
}

#[test]
fn a_new_master_seals_what_is_written_and_the_old_one_opens_the_rest() {
    let disk = SimDisk::new(5);
    let texts = history(&disk, &keys(Family::National, &[1]));
    let mut bench = open(&disk, &keys(Family::National, &[1, 2]), u64::MAX).unwrap();
    assert_eq!(bench.texts(Feed::Site), texts);
    bench.write([text(7, 100, "after")]);
    bench.checkpoint();
    drop(bench);
    disk.kill();
    assert!(open(&disk, &keys(Family::National, &[1]), u64::MAX).is_err());
    let bench = open(&disk, &keys(Family::National, &[1, 2]), u64::MAX).unwrap();
    assert_eq!(bench.texts(Feed::Site).len(), texts.len() + 1);
    let file = disk.open("store.redb", false).unwrap();
    let mut sector = [0; 512];
    file.read_at(&mut sector, 0).unwrap();
    assert_eq!(sector[352..354], [0, 2]);
}

#[test]
fn a_check_and_a_repair_work_on_a_sealed_store() {
    let disk = SimDisk::new(5);
    let keys = keys(Family::International, &[1]);
    history(&disk, &keys);
    let sealed = || SealedDisk::open(Arc::new(disk.clone()), keys.clone()).unwrap();
    let looked =
        super::super::check::check_disk(&sealed(), LAYOUT.shape, LAYOUT.cache_bytes, None).unwrap();
    assert_eq!((looked.findings, looked.waiting), (vec![], 4));
    let repaired = super::super::check::repair_disk(
        Arc::new(sealed()),
        LAYOUT.shape,
        LAYOUT.cache_bytes,
        None,
    );
    assert_eq!(repaired.unwrap().left, []);
}
