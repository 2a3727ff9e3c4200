//! A running store is looked over, and a damaged journal is left behind.

use super::super::check::LiveCheck;
use super::*;

fn look(bench: &Bench) -> Checkup {
    let mut check = LiveCheck::of(&bench.reader, None);
    while check.step(&bench.reader).unwrap() {}
    check.finish()
}

fn damage(bench: &Bench, file: &str, needle: &[u8]) {
    let content = bench.disk.content(file).unwrap();
    let at = content.windows(needle.len()).position(|bytes| bytes == needle).unwrap();
    bench.disk.damage(file, at, 1);
}

#[test]
fn a_sound_store_is_looked_over_while_it_is_written_to() {
    let mut bench = bench();
    bench.write([opened(7), text(7, 1, "one")]);
    for key in 2..=1_500 {
        bench.write([text(7, key, "a text")]);
        if key % 100 == 0 {
            bench.checkpoint();
        }
    }
    let mut check = LiveCheck::of(&bench.reader, None);
    let (mut steps, mut key) = (0, 10_000);
    while check.step(&bench.reader).unwrap() {
        steps += 1;
        bench.write([text(7, key, "meanwhile"), recalled(7, key + 1, 2, 3)]);
        bench.checkpoint();
        key += 2;
    }
    assert!(steps > 5, "{steps}");
    let checkup = check.finish();
    assert_eq!(checkup.findings, []);
    assert_eq!((checkup.entries, checkup.conversations, checkup.pages), (1_501, 1, false));
}

#[test]
fn a_row_that_is_damaged_is_named_while_the_store_runs() {
    let mut bench = bench();
    bench.write([opened(7), text(7, 1, "a text that is easy to find")]);
    bench.checkpoint();
    let Bench { disk, engine, reader } = bench;
    drop((engine, reader));
    // Without a cache every read comes from the disk.
    let small = Layout { cache_bytes: 0, ..LAYOUT };
    let engine = Engine::open(Arc::new(disk.clone()), small).unwrap();
    let bench = Bench { reader: engine.reader(), disk, engine };
    assert_eq!(look(&bench).findings, []);
    damage(&bench, "store.redb", b"easy to find");
    let found = look(&bench).findings;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].code, found[0].place.as_str()), (code::ROW_DAMAGED, "position 2"));
}

#[test]
fn a_damaged_journal_is_found_and_left_behind_with_everything_kept() {
    let mut bench = bench();
    for key in 1..=5 {
        bench.write([text(7, key, &format!("text {key}"))]);
    }
    damage(&bench, "journal", b"text 2");
    let found = look(&bench).findings;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].code, code::JOURNAL_DAMAGED);
    assert!(found[0].place.contains("position 2"), "{found:?}");
    // The control: a store that is stopped now does not open again.
    let copy = bench.disk.copy();
    bench.engine.heal().unwrap();
    bench.checkpoint();
    assert_eq!(look(&bench).findings, []);
    bench.write([text(7, 6, "text 6")]);
    let bench = bench.reopened();
    let expected: Vec<String> = (1..=6).map(|key| format!("text {key}")).collect();
    assert_eq!(bench.texts(Feed::Full(ConversationId(7))), expected);
    bench.disk.roll_back(&copy);
    let opened = Engine::open(Arc::new(bench.disk.clone()), LAYOUT);
    assert!(matches!(opened, Err(Fault::JournalDamaged { position: 2, .. })));
}
