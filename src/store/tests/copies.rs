//! A folder that is put back from a copy: another epoch, and nothing of the copy lost (R5).

use super::*;
use crate::base::Epoch;

const C: ConversationId = ConversationId(7);

fn open(disk: &SimDisk, chance: u128) -> Result<Engine, Fault> {
    Engine::open(Arc::new(disk.clone()), Layout { chance: chance << 64 | chance, ..LAYOUT })
}

/// Five entries, three of them in the database; the copy is taken there, two more follow.
fn history() -> (SimDisk, super::super::sim::Copy, Epoch) {
    let mut bench = bench();
    bench.write([opened(7), text(7, 1, "one"), text(7, 2, "two")]);
    bench.checkpoint();
    bench.write([text(7, 3, "three")]);
    bench.write([text(7, 4, "four")]);
    let copy = bench.disk.copy();
    bench.write([text(7, 5, "given up"), text(7, 6, "given up")]);
    let epoch = bench.reader.epoch();
    (bench.disk, copy, epoch)
}

fn texts(engine: Engine, disk: &SimDisk) -> Vec<String> {
    let reader = engine.reader();
    Bench { disk: disk.clone(), engine, reader }.texts(Feed::Full(C))
}

#[test]
fn a_copy_begins_another_epoch_and_keeps_what_it_holds() {
    let (disk, copy, epoch) = history();
    disk.put_back(&copy);
    let mut engine = open(&disk, 8).unwrap();
    let reader = engine.reader();
    let fresh = reader.epoch();
    assert_ne!(fresh, epoch);
    assert!(reader.prior(C, VISITOR, MessageKey(4)).unwrap().is_some(), "keys stay for ever");
    assert!(reader.prior(C, VISITOR, MessageKey(5)).unwrap().is_none());
    let written = engine.commit([propose(1, [text(7, 7, "another five")])]);
    assert!(written[0].result.is_ok());
    drop((engine, reader));
    for _ in 0..2 {
        disk.power_cut();
        let engine = open(&disk, 9).unwrap();
        assert_eq!(engine.reader().epoch(), fresh, "it is settled here now");
        assert_eq!(texts(engine, &disk), ["opened", "one", "two", "three", "four", "another five"]);
    }
}

#[test]
fn the_same_files_keep_their_epoch_and_what_nobody_can_see_is_said_by_the_operator() {
    let (disk, copy, epoch) = history();
    disk.power_cut();
    let engine = open(&disk, 8).unwrap();
    assert_eq!(engine.reader().epoch(), epoch);
    drop(engine);
    // The control: a machine that was set back shows the very same files.
    disk.roll_back(&copy);
    let engine = open(&disk, 9).unwrap();
    assert_eq!(engine.reader().epoch(), epoch);
    let fresh = engine.renew_epoch(Epoch(10)).unwrap();
    disk.kill();
    let engine = open(&disk, 11).unwrap();
    assert_eq!((engine.reader().epoch(), fresh), (Epoch(10), Epoch(10)));
    assert_eq!(texts(engine, &disk), ["opened", "one", "two", "three", "four"]);
}

#[test]
fn a_store_of_before_notes_its_files_and_keeps_its_epoch() {
    let (disk, _, epoch) = history();
    let engine = open(&disk, 8).unwrap();
    let forget = |txn: &redb::WriteTransaction| {
        txn.open_table(super::super::tables::META)?.remove("origin")?;
        Ok(())
    };
    engine.shared().database.write(forget).unwrap();
    drop(engine);
    disk.kill();
    assert_eq!(open(&disk, 9).unwrap().reader().epoch(), epoch);
    disk.put_back(&disk.copy());
    assert_ne!(open(&disk, 10).unwrap().reader().epoch(), epoch);
}

#[test]
fn the_power_may_go_at_any_moment_of_the_change() {
    let mut cuts = 0;
    for operation in 1.. {
        let (disk, copy, epoch) = history();
        disk.put_back(&copy);
        disk.cut_after(operation);
        let first = open(&disk, 8).map(|engine| engine.reader().epoch());
        let cut = disk.is_dead();
        disk.power_cut();
        let engine = open(&disk, 9).unwrap_or_else(|fault| panic!("cut {operation}: {fault}"));
        let second = engine.reader().epoch();
        assert_ne!(second, epoch, "cut {operation}");
        assert_eq!(texts(engine, &disk), ["opened", "one", "two", "three", "four"]);
        disk.kill();
        assert_eq!(open(&disk, 10).unwrap().reader().epoch(), second, "cut {operation}");
        if !cut {
            assert_eq!(first.unwrap(), second);
            break;
        }
        cuts += 1;
    }
    assert!(cuts > 5, "{cuts}");
}

#[test]
fn many_copies_of_copies_can_be_opened() {
    let (disk, copy, epoch) = history();
    disk.put_back(&copy);
    let mut seen = vec![epoch];
    for round in 0..100 {
        let mut engine = open(&disk, 20 + round).unwrap();
        assert!(!seen.contains(&engine.reader().epoch()));
        seen.push(engine.reader().epoch());
        assert!(engine.commit([propose(1, [text(7, 100 + round, "x")])])[0].result.is_ok());
        drop(engine);
        disk.put_back(&disk.copy());
    }
    let engine = open(&disk, 200).unwrap();
    assert_eq!(engine.reader().head(Feed::Full(C)).unwrap(), Index(105));
}

#[test]
fn an_entry_keeps_its_idempotency_key_and_what_takes_a_lost_ones_place_has_another() {
    let (disk, copy, epoch) = history();
    let before = |index| (epoch, Index(index));
    {
        let engine = open(&disk, 8).unwrap();
        assert_eq!(SiteReader::key(&engine.reader(), Index(6)), before(6));
    }
    disk.put_back(&copy);
    let mut engine = open(&disk, 9).unwrap();
    let reader = engine.reader();
    assert!(engine.commit([propose(1, [text(7, 7, "another five")])])[0].result.is_ok());
    for index in 1..=5 {
        assert_eq!(SiteReader::key(&reader, Index(index)), before(index));
    }
    assert_eq!(SiteReader::key(&reader, Index(6)), (reader.epoch(), Index(6)));
}

#[test]
fn a_disk_that_takes_nothing_still_tells_another_epoch() {
    let (disk, copy, epoch) = history();
    disk.put_back(&copy);
    disk.set_faults(Faults { write: Some(ErrorKind::ReadOnlyFilesystem), ..Faults::default() });
    let engine = open(&disk, 8).unwrap();
    assert_ne!(engine.reader().epoch(), epoch);
    assert!(engine.reader().stats().read_only);
    disk.set_faults(Faults::default());
    let mut engine = engine;
    engine.heal().unwrap();
    assert!(engine.commit([propose(1, [text(7, 7, "healed")])])[0].result.is_ok());
    drop(engine);
    disk.kill();
    let engine = open(&disk, 9).unwrap();
    assert_ne!(engine.reader().epoch(), epoch);
    assert_eq!(texts(engine, &disk), ["opened", "one", "two", "three", "four", "healed"]);
}

#[test]
fn the_files_of_a_real_folder_are_told_from_copies_of_them() {
    let base = std::env::temp_dir().join(format!("posthouse-origin-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&base);
    let folder = base.join("a");
    let options = Options { segment_bytes: 64 * 1024, ..Options::new(folder.clone()) };
    let epoch = |options: &Options| {
        let _lock = options.lock().unwrap();
        let disk = Arc::new(storage::Folder::new(&options.dir));
        let layout = options.layout().unwrap();
        Engine::open(disk, layout).unwrap().reader().epoch()
    };
    let run = |words: &[&str]| {
        let mut command = std::process::Command::new(words[0]);
        let done = command.args(&words[1..]).current_dir(&base).status().unwrap();
        assert!(done.success(), "{words:?}");
    };
    let first = epoch(&options);
    assert_eq!(epoch(&options), first);
    run(&["mv", "a", "b"]);
    run(&["mv", "b", "a"]);
    assert_eq!(epoch(&options), first, "a move keeps the files");
    run(&["cp", "-a", "a", "copy"]);
    assert_eq!(epoch(&options), first, "copying away changes nothing here");
    run(&["sh", "-c", "rm -r a && cp -a copy a"]);
    let second = epoch(&options);
    assert_ne!(second, first, "a copy in the folder's place");
    assert_eq!(epoch(&options), second);
    run(&["sh", "-c", "rm -r copy && cp -a a copy"]);
    assert_eq!(epoch(&options), second);
    run(&["sh", "-c", "cp -a copy/. a/"]);
    let third = epoch(&options);
    assert_ne!(third, second, "a copy written over the files in place");
    run(&["sh", "-c", "tar -cf t.tar a && tar -xf t.tar"]);
    assert_ne!(epoch(&options), third, "an archive");
    std::fs::remove_dir_all(&base).unwrap();
}
