//! Rotation of the masters of a store that is in use: afterwards the old master opens nothing.

use posthouse_crypto::family::Family;
use posthouse_crypto::seal::{
    KeyId, Keys, PAGE_BYTES, PageKeys, Purpose, RecordKeys, SEALED_PAGE_BYTES,
};

use super::super::journal::frame;
use super::super::journal::segment::FIRST_FRAME;
use super::super::sealed::SealedDisk;
use super::sealed::{history, keys, open};
use super::*;

/// Pages and frames on the disk that these keys open.
fn opened_by(disk: &SimDisk, keys: &Keys) -> (usize, usize) {
    let pages = PageKeys::new(keys.clone(), 0).unwrap();
    let bytes = disk.content("store.redb").unwrap();
    let mut page = [0; PAGE_BYTES];
    let sealed = bytes.as_chunks::<SEALED_PAGE_BYTES>().0;
    let mut opens = |(at, sealed)| pages.open(at, sealed, &mut page).is_ok();
    let pages = (0..).zip(sealed).filter(|page| opens(*page)).count();
    let records = RecordKeys::new(keys, Purpose::Record).unwrap();
    let bytes = disk.content("journal").unwrap();
    let frames = (FIRST_FRAME..bytes.len()).step_by(frame::ALIGN).filter(|at| {
        let header = frame::check(&bytes[*at..]);
        let span = header.map(|header| at + frame::HEADER + header.length as usize);
        span.is_some_and(|end| frame::open(&bytes[*at..end], Some(&records)).is_ok())
    });
    (pages, frames.count())
}

fn sealed(bench: &Bench) -> &SealedDisk {
    bench.engine.shared().disk.sealed().unwrap()
}

/// The whole pass, as the desk's task makes it, with messages in between.
fn rotate(bench: &mut Bench, new: &Keys, first_key: u128) {
    while bench.engine.shared().grow().unwrap() {}
    sealed(bench).renew(new).unwrap();
    let (mut key, mut begin) = (first_key, true);
    let mut says = |bench: &mut Bench| {
        bench.write([text(7, key, "meanwhile")]);
        key += 1;
    };
    loop {
        says(bench);
        bench.checkpoint();
        if !bench.engine.wipe(begin).unwrap() {
            break;
        }
        begin = false;
    }
    let mut next = Some(0);
    while let Some(first) = next {
        let step = sealed(bench).reseal(first).unwrap();
        assert_eq!(step.unreadable, 0);
        next = step.next;
        says(bench);
        bench.checkpoint();
    }
    sealed(bench).resealed().unwrap();
}

#[test]
fn after_a_rotation_the_old_master_opens_nothing_and_the_new_one_everything() {
    for family in [Family::National, Family::International] {
        let disk = SimDisk::new(5);
        let (old, both, new) = (keys(family, &[1]), keys(family, &[1, 2]), keys(family, &[2]));
        let before = history(&disk, &old);
        let mut bench = open(&disk, &old, u64::MAX).unwrap();
        let (pages, frames) = opened_by(&disk, &old);
        assert!(pages > 5 && frames > 3, "the control: {pages} pages, {frames} frames");
        assert_eq!(opened_by(&disk, &new), (0, 0));
        rotate(&mut bench, &both, 1_000);
        let texts = bench.texts(Feed::Site);
        assert!(texts.starts_with(&before) && texts.len() > before.len() + 3);
        assert_eq!(opened_by(&disk, &old), (0, 0));
        assert!(opened_by(&disk, &new).0 >= pages);
        assert_eq!(disk.content("resealing").unwrap_or_default(), b"");

        sealed(&bench).renew(&new).unwrap();
        bench.write([text(7, 2_000, "with the new one alone")]);
        bench.checkpoint();
        drop(bench);
        disk.kill();
        assert!(matches!(open(&disk, &old, u64::MAX), Err(Fault::Tampered { .. })));
        let again = open(&disk, &new, u64::MAX).unwrap();
        assert_eq!(again.texts(Feed::Site).len(), texts.len() + 1);
    }
}

#[test]
fn a_page_that_opens_with_no_key_is_counted_and_left_alone() {
    let disk = SimDisk::new(5);
    history(&disk, &keys(Family::National, &[1]));
    let bench = open(&disk, &keys(Family::National, &[1]), u64::MAX).unwrap();
    let ids: &[KeyId] = &[1, 2];
    sealed(&bench).renew(&keys(Family::National, ids)).unwrap();
    let length = disk.content("store.redb").unwrap().len();
    let last = length / SEALED_PAGE_BYTES - 1;
    let used = |at: &usize| {
        let bytes = disk.content("store.redb").unwrap();
        bytes[at * SEALED_PAGE_BYTES..][..SEALED_PAGE_BYTES].iter().any(|byte| *byte != 0)
    };
    let at = (1..=last).rev().find(used).unwrap();
    disk.damage("store.redb", at * SEALED_PAGE_BYTES + 9, 1);
    let damaged = disk.content("store.redb").unwrap()[at * SEALED_PAGE_BYTES..][..100].to_vec();
    let (mut next, mut unreadable) = (Some(0), 0);
    while let Some(first) = next {
        let step = sealed(&bench).reseal(first).unwrap();
        (next, unreadable) = (step.next, unreadable + step.unreadable);
    }
    assert_eq!(unreadable, 1);
    assert_eq!(disk.content("store.redb").unwrap()[at * SEALED_PAGE_BYTES..][..100], damaged);
}
