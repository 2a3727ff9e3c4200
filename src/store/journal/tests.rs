//! The journal on a simulated disk: what is found, what is torn, what is damage.
#![allow(clippy::cast_possible_truncation)] // small numbers

use bytes::Bytes;

use super::scan::{Damage, scan};
use super::*;
use crate::store::sim::{Faults, SimDisk};
use crate::store::storage::Disk;

const SHAPE: Shape = Shape { segments: 3, segment_bytes: 8192 };
const EPOCH: Epoch = Epoch(7);

struct Bench {
    disk: SimDisk,
    journal: Journal,
}

fn room(applied: u64) -> Room {
    Room { applied: Position(applied), allocated: SHAPE.segments }
}

fn open(disk: &SimDisk) -> Arc<dyn Storage> {
    let file = disk.open("journal", true).unwrap();
    while grow(file.as_ref(), SHAPE).unwrap() < SHAPE.segments {}
    file
}

fn found(disk: &SimDisk, applied: u64) -> Found {
    scan(open(disk).as_ref(), SHAPE, &[EPOCH], Position(applied), None).unwrap()
}

fn bench() -> Bench {
    let disk = SimDisk::new(1);
    let journal = Journal::resume(open(&disk), SHAPE, EPOCH, &found(&disk, 0), 1, None);
    Bench { disk, journal }
}

impl Bench {
    /// Commits one batch of single-item frames of `bytes` bytes.
    fn commit(&mut self, items: u64, bytes: usize, applied: u64) -> Result<(), Fault> {
        for at in 0..items {
            let position = Position(self.journal.durable().0 + 1 + at);
            self.journal.stage(position, 1, &vec![position.0 as u8; bytes]);
        }
        self.journal.commit(room(applied))
    }

    fn bodies(&self, applied: u64) -> Vec<u64> {
        let found = found(&self.disk, applied);
        assert_eq!(found.damage, None);
        let each = |(header, _): &(Header, Bytes)| header.position.0..=header.last().0;
        found.frames.iter().flat_map(each).collect()
    }
}

#[test]
fn what_was_committed_is_found_in_order() {
    let mut bench = bench();
    bench.commit(3, 100, 0).unwrap();
    bench.commit(2, 100, 0).unwrap();
    assert_eq!(bench.bodies(0), [1, 2, 3, 4, 5]);
    let found = found(&bench.disk, 3);
    assert_eq!((found.last, found.frames.len()), (Position(5), 1));
}

#[test]
fn small_bodies_share_a_frame_and_a_body_is_never_split() {
    let mut bench = bench();
    bench.journal.stage(Position(1), 2, &[1; 100]);
    bench.journal.stage(Position(3), 1, &[2; 100]);
    bench.journal.commit(room(0)).unwrap();
    let frames = found(&bench.disk, 0).frames;
    assert_eq!(frames.len(), 1);
    assert_eq!(frames[0].0.items, 3);
}

#[test]
fn a_full_ring_is_full_until_the_database_has_the_oldest_segment() {
    let mut bench = bench();
    while bench.commit(1, 3000, 0).is_ok() {}
    let durable = bench.journal.durable().0;
    assert_eq!(durable, 6);
    assert!(matches!(bench.commit(1, 3000, 1), Err(Fault::Full)));
    bench.commit(1, 3000, 2).unwrap();
    assert_eq!(bench.bodies(2), [3, 4, 5, 6, 7]);
}

#[test]
fn a_failed_sync_fences_the_segment_and_the_batch_is_not_found_later() {
    let mut bench = bench();
    bench.commit(1, 100, 0).unwrap();
    bench.disk.set_faults(Faults { sync: Some(std::io::ErrorKind::Other), ..Faults::default() });
    assert!(bench.commit(1, 200, 0).is_err());
    assert!(bench.journal.probe(room(0)).is_err());
    assert_eq!(bench.journal.durable(), Position(1));
    bench.disk.set_faults(Faults::default());
    bench.journal.probe(room(0)).unwrap();
    bench.commit(1, 300, 0).unwrap();
    bench.disk.power_cut();
    let found = found(&bench.disk, 0);
    assert_eq!(found.frames.len(), 2);
    assert_eq!(found.frames[1].1.len(), 300);
}

#[test]
fn a_torn_last_batch_is_forgotten() {
    let mut bench = bench();
    bench.commit(1, 100, 0).unwrap();
    let at = FIRST_FRAME + frame::span(100);
    bench.commit(4, 600, 0).unwrap();
    bench.disk.damage("journal", at + 700, 1);
    let found = found(&bench.disk, 0);
    assert_eq!(found.damage, None);
    assert_eq!(found.last, Position(1));
    assert_eq!(found.torn, Some(at as u64));
}

#[test]
fn a_bad_frame_before_a_later_batch_is_damage() {
    let mut bench = bench();
    bench.commit(1, 100, 0).unwrap();
    let at = FIRST_FRAME + frame::span(100);
    bench.commit(1, 100, 0).unwrap();
    bench.commit(1, 100, 0).unwrap();
    bench.disk.damage("journal", at + 60, 1);
    let damage = found(&bench.disk, 0).damage;
    assert_eq!(damage, Some(Damage { offset: at as u64, position: Position(2) }));
    assert_eq!(found(&bench.disk, 3).damage, None, "the database has it all");
}

#[test]
fn a_lost_segment_header_is_damage() {
    let mut bench = bench();
    for _ in 0..3 {
        bench.commit(1, 3000, 0).unwrap();
    }
    assert_eq!(bench.journal.segments[1].1, Position(3));
    bench.disk.damage("journal", SHAPE.segment_bytes as usize + 1, 1);
    let offset = SHAPE.segment_bytes + FIRST_FRAME as u64;
    assert_eq!(found(&bench.disk, 0).damage, Some(Damage { offset, position: Position(3) }));
}

#[test]
fn a_damaged_older_segment_is_damage() {
    let mut bench = bench();
    for _ in 0..4 {
        bench.commit(1, 3000, 0).unwrap();
    }
    bench.disk.damage("journal", FIRST_FRAME + 100, 1);
    assert!(found(&bench.disk, 0).damage.is_some());
    assert_eq!(bench.bodies(2), [3, 4]);
}

#[test]
fn another_stores_journal_is_refused() {
    let mut bench = bench();
    bench.commit(1, 100, 0).unwrap();
    let file = open(&bench.disk);
    let other = scan(file.as_ref(), SHAPE, &[Epoch(8)], Position(0), None);
    assert!(matches!(other, Err(Fault::ForeignJournal)));
}
