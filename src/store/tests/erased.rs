//! Erased conversations: what readers see, what is left on the disk, and that no failure leaves
//! half of an erasure.

use posthouse_crypto::family::{Family, Secret};
use posthouse_crypto::seal::Keys;

use super::super::body_keys;
use super::super::sealed::SealedDisk;
use super::super::storage::Disk;
use super::super::words::{BlobRow, ListQuery, Scope};
use super::*;
use crate::base::BlobId;
use crate::desk::Attachment;

const WORDS: &str = "a sentence that can be recognised";
const C: ConversationId = ConversationId(7);
const TEAM: Feed = Feed::Team(TeamId(1));

fn keys() -> Keys {
    Keys::new(Family::National, vec![(1, Secret::new([7; 32]))]).unwrap()
}

fn disk_of(disk: &SimDisk, sealed: bool) -> Arc<dyn Disk> {
    let plain: Arc<dyn Disk> = Arc::new(disk.clone());
    if sealed { Arc::new(SealedDisk::open(plain, keys()).unwrap()) } else { plain }
}

fn try_open(disk: &SimDisk, sealed: bool) -> Result<Bench, Fault> {
    let plain: Arc<dyn Disk> = Arc::new(disk.clone());
    let over = if sealed { Arc::new(SealedDisk::open(plain, keys())?) } else { plain };
    let engine = Engine::open(over, LAYOUT)?;
    Ok(Bench { reader: engine.reader(), disk: disk.clone(), engine })
}

fn open(disk: &SimDisk, sealed: bool) -> Bench {
    let bench = try_open(disk, sealed).unwrap();
    while bench.engine.shared().grow().unwrap() {}
    bench
}

fn said(c: u128, key: u128) -> Item {
    let body = Body::Message(Content::Text(format!("{WORDS} {key}").into()));
    item(c, key, VISITOR, body, &[TEAM])
}

fn blob(c: u128, id: u128) -> Item {
    let attachment = Attachment {
        name: format!("{WORDS}.png").into(),
        size: 4,
        ..Attachment::named(BlobId(id))
    };
    Item::Fact(Fact::Blob(BlobRow {
        id: BlobId(id),
        conversation: Some(ConversationId(c)),
        attachment,
        hash: [3; 32],
        at: Wall { ms: 5, trusted: true },
        key: None,
    }))
}

/// Two conversations, one entry after the other.
fn history(bench: &mut Bench) {
    bench.write([opened(7), said(7, 1), blob(7, 1)]);
    bench.write([opened(8), said(8, 2), blob(8, 2)]);
    bench.write([said(7, 3)]);
}

fn list(bench: &Bench) -> Vec<ConversationId> {
    let query = ListQuery { scope: Scope::All, state: None, before_ms: u64::MAX, limit: 10 };
    bench.reader.conversations(query).unwrap().iter().map(|row| row.id).collect()
}

fn assert_erased(bench: &Bench, hint: &str) {
    let gone = ["deleted", "deleted", "deleted", "erased"];
    assert_eq!(bench.texts(Feed::Full(C)), gone, "{hint}");
    assert_eq!(bench.texts(Feed::Public(C)), gone[..3], "{hint}");
    let other = format!("{WORDS} 2");
    assert_eq!(bench.texts(TEAM), ["deleted", other.as_str(), "deleted", "erased"], "{hint}");
    assert_eq!(bench.texts(Feed::Full(ConversationId(8))), ["opened", other.as_str()], "{hint}");
    let page = bench.reader.page(Feed::Full(C), Index(0), 10, usize::MAX).unwrap();
    for paged in &page.entries[..3] {
        let entry = decode_entry(&paged.bytes).unwrap();
        assert_eq!((&*entry.author.name, entry.author.who), ("", VISITOR), "{hint}");
        assert_eq!(entry.at.ms, 1_000 + entry.key.0 as u64, "{hint}");
    }
    let row = bench.reader.conversation(C).unwrap().unwrap();
    let expected = Conversation {
        id: C,
        inbox: InboxId(1),
        team: TeamId(1),
        visitor: VisitorId(9),
        state: State::Erased,
        last_ms: row.last_ms,
        public_index: Index(3),
        full_index: Index(4),
        max_key: MessageKey(9),
        position: row.position,
        ..Conversation::default()
    };
    assert_eq!(row, expected, "{hint}");
    assert_eq!(list(bench), [ConversationId(8)], "{hint}");
    // The sender's retry finds the original place; nobody can tell any more what was said.
    let prior = bench.reader.prior(C, VISITOR, MessageKey(1)).unwrap().unwrap();
    assert_eq!((prior.body_hash, prior.index, prior.at.ms), (None, Index(2), 1_001), "{hint}");
    let other = bench.reader.prior(ConversationId(8), VISITOR, MessageKey(2)).unwrap().unwrap();
    assert_eq!(other.body_hash, Some([2; 16]), "{hint}");
}

#[test]
fn an_erased_conversation_is_tombstones_wherever_its_entries_are() {
    for sealed in [false, true] {
        for checkpoints in 0..8 {
            let hint = format!("sealed {sealed}, checkpoints {checkpoints:b}");
            let mut bench = open(&SimDisk::new(3), sealed);
            history(&mut bench);
            if checkpoints & 1 != 0 {
                bench.checkpoint();
            }
            assert_eq!(bench.texts(Feed::Public(C))[1], format!("{WORDS} 1"), "the control");
            bench.write([erased(7, 9)]);
            assert_erased(&bench, &hint);
            if checkpoints & 2 != 0 {
                bench.checkpoint();
                assert_erased(&bench, &hint);
            }
            if checkpoints & 4 != 0 {
                let disk = bench.disk.clone();
                drop((bench.engine, bench.reader));
                disk.power_cut();
                bench = open(&disk, sealed);
                assert_erased(&bench, &hint);
            }
            bench.checkpoint();
            assert_erased(&bench, &hint);
            assert_eq!(bench.reader.blob(BlobId(1)).unwrap(), None, "{hint}");
            assert_eq!(bench.reader.blob_bytes(Some(C)).unwrap(), 0, "{hint}");
            assert!(bench.reader.blob(BlobId(2)).unwrap().is_some(), "{hint}");
            let disk = bench.disk.clone();
            drop((bench.engine, bench.reader));
            let over = disk_of(&disk, sealed);
            let looked = super::super::check::check_disk(
                over.as_ref(),
                LAYOUT.shape,
                LAYOUT.cache_bytes,
                None,
            );
            assert_eq!(looked.unwrap().findings, [], "{hint}");
        }
    }
}

#[test]
fn nothing_comes_after_an_erasure_not_even_an_upload_that_was_under_way() {
    for sealed in [false, true] {
        let mut bench = open(&SimDisk::new(3), sealed);
        history(&mut bench);
        let outcomes = bench.engine.commit([propose(1, [erased(7, 9)]), propose(2, [blob(7, 5)])]);
        let codes: Vec<_> =
            outcomes.iter().map(|o| o.result.as_ref().err().map(|r| r.code)).collect();
        assert_eq!(codes, [None, Some(code::ERASED)]);
        for checkpoint in [false, true] {
            if checkpoint {
                bench.checkpoint();
            }
            let refused = bench.engine.commit([propose(3, [blob(7, 6)])]).remove(0);
            assert_eq!(refused.result.unwrap_err().code, code::ERASED);
        }
        bench.write([blob(8, 6)]);
        assert_erased(&bench, "places of what was refused are given again");
    }
}

#[test]
fn files_go_with_their_conversation_and_others_stay() {
    let disk = SimDisk::new(3);
    for id in [1, 2] {
        let file = disk.open(&super::super::blobs::name(BlobId(id)), true).unwrap();
        file.write_at(b"file", 0).unwrap();
        file.sync().unwrap();
    }
    let mut bench = open(&disk, true);
    history(&mut bench);
    bench.write([erased(7, 9)]);
    assert!(bench.engine.shared().flush_wanted(), "the database is to have it at once");
    bench.checkpoint();
    let there = |id| disk.exists(&super::super::blobs::name(BlobId(id))).unwrap();
    assert_eq!((there(1), there(2)), (false, true));
}

/// The power goes at every single operation of an erasure and of what follows from it. Afterwards
/// all of the conversation is there or nothing of it, and nothing when it was acknowledged.
#[test]
fn a_power_cut_at_any_moment_leaves_the_whole_conversation_or_nothing() {
    for sealed in [false, true] {
        let (mut whole, mut gone) = (0, 0);
        for cut in 1..60 {
            let disk = SimDisk::new(cut);
            let mut bench = open(&disk, sealed);
            history(&mut bench);
            if cut % 2 == 0 {
                bench.checkpoint();
            }
            disk.cut_after(cut / 2);
            let outcome = bench.engine.commit([propose(1, [erased(7, 9)])]).pop();
            let acked = outcome.is_some_and(|outcome| outcome.result.is_ok());
            let _ = bench.engine.shared().checkpoint();
            drop((bench.engine, bench.reader));
            disk.power_cut();
            let bench = open(&disk, sealed);
            let texts = bench.texts(Feed::Full(C));
            if texts.len() == 4 {
                assert_erased(&bench, "after the cut");
                gone += 1;
            } else {
                assert!(!acked, "acknowledged and there: cut {cut}");
                let expected = ["opened", &format!("{WORDS} 1"), &format!("{WORDS} 3")];
                assert_eq!(texts, expected, "cut {cut}");
                whole += 1;
            }
            if sealed {
                let slots = disk.content(body_keys::FILE).unwrap();
                let zero = slots[64..128].iter().all(|byte| *byte == 0);
                assert_eq!(zero, texts.len() == 4, "cut {cut}: the key of the first conversation");
            }
        }
        assert!(whole > 0 && gone > 5, "{whole} whole, {gone} gone");
    }
}

/// An erasure that is durable while its key cannot be destroyed is not told to anybody, and nothing
/// is written after it, until it can.
#[test]
fn an_erasure_is_told_when_its_key_is_destroyed_and_not_before() {
    let disk = SimDisk::new(3);
    let mut bench = open(&disk, true);
    history(&mut bench);
    let only = Some(body_keys::FILE);
    disk.set_faults(Faults { sync: Some(ErrorKind::Other), only, ..Faults::default() });
    let outcomes = bench.engine.commit([propose(1, [erased(7, 9)]), propose(2, [said(8, 10)])]);
    assert!(outcomes.is_empty(), "{outcomes:?}");
    assert!(bench.reader.stats().read_only);
    assert_eq!(bench.texts(Feed::Full(C))[1], format!("{WORDS} 1"), "nothing is shown either");
    let refused = bench.engine.commit([propose(3, [said(8, 11)])]).remove(0);
    assert_eq!(refused.result.unwrap_err().code, code::READ_ONLY);
    assert!(bench.engine.heal().is_err());
    assert!(bench.engine.unparked().is_empty());
    disk.set_faults(Faults::default());
    bench.engine.heal().unwrap();
    let told: Vec<u64> = bench.engine.unparked().iter().map(|outcome| outcome.ticket).collect();
    assert_eq!(told, [1, 2]);
    assert_eq!(bench.texts(Feed::Full(C)), ["deleted", "deleted", "deleted", "erased"]);
    assert_eq!(bench.texts(Feed::Full(ConversationId(8))).len(), 3);
    bench.write([said(8, 12)]);
    bench.checkpoint();
    assert_eq!(bench.reopened_sealed().texts(Feed::Full(C))[3], "erased");
}

impl Bench {
    fn reopened_sealed(self) -> Self {
        let disk = self.disk.clone();
        drop((self.engine, self.reader));
        disk.power_cut();
        open(&disk, true)
    }
}

/// What a failed batch put on the disk was sealed with a key that nobody gets afterwards: when the
/// disk works again, and after a power cut.
#[test]
fn a_key_that_a_failed_batch_used_is_given_to_nobody_else() {
    for cut in [false, true] {
        let disk = SimDisk::new(3);
        let mut bench = open(&disk, true);
        bench.write([opened(7), said(7, 1)]);
        let slot = |n: usize| disk.content(body_keys::FILE).unwrap()[n * 64..(n + 1) * 64].to_vec();
        let used = slot(2);
        let only = Some("journal");
        disk.set_faults(Faults { sync: Some(ErrorKind::Other), only, ..Faults::default() });
        let failed = bench.engine.commit([propose(1, [opened(8), said(8, 2)])]).remove(0);
        assert!(failed.result.is_err());
        disk.set_faults(Faults::default());
        if cut {
            bench = bench.reopened_sealed();
        } else {
            // Until a new segment voids the batch it may be there after all.
            assert_eq!(slot(2), used);
            bench.engine.heal().unwrap();
            assert_eq!(slot(2), [0; 64], "destroyed");
        }
        bench.write([opened(9), said(9, 3)]);
        assert_ne!(slot(2), used);
        assert_eq!(bench.texts(Feed::Full(ConversationId(9)))[1], format!("{WORDS} 3"));
    }
}

#[test]
fn a_damaged_key_is_a_fault_of_its_own_conversation_and_found_by_a_check() {
    for checkpoint in [false, true] {
        let disk = SimDisk::new(3);
        let mut bench = open(&disk, true);
        history(&mut bench);
        if checkpoint {
            bench.checkpoint();
        }
        drop((bench.engine, bench.reader));
        disk.kill();
        disk.damage(body_keys::FILE, 64 + 5, 1);
        let mut bench = open(&disk, true);
        let fault = bench.reader.check_key(C).unwrap_err();
        assert!(matches!(fault, Fault::BodyKey { conversation: C }), "{fault}");
        assert_eq!(fault.code(), code::BODY_KEY_DAMAGED);
        assert!(bench.reader.check_key(ConversationId(8)).is_ok());
        assert_eq!(bench.texts(Feed::Full(ConversationId(8)))[1], format!("{WORDS} 2"));
        // What the database had of it is left; what only the journal had is not to be read.
        assert_eq!(list(&bench).len(), if checkpoint { 2 } else { 1 });
        let refused = bench.engine.commit([propose(1, [said(7, 20)])]).remove(0);
        assert_eq!(refused.result.unwrap_err().code, code::BODY_KEY_DAMAGED);
        bench.write([said(8, 21)]);
        bench.checkpoint();
        let looked = |disk: &SimDisk| {
            let over = disk_of(disk, true);
            super::super::check::check_disk(over.as_ref(), LAYOUT.shape, LAYOUT.cache_bytes, None)
        };
        let findings = looked(&disk).unwrap().findings;
        let codes: Vec<_> = findings.iter().map(|f| (f.code, f.place.clone())).collect();
        assert_eq!(codes, [(code::BODY_KEY_DAMAGED, format!("conversation {:032x}", 7))]);
        // It can be erased, which ends the finding.
        bench.write([erased(7, 9)]);
        bench.checkpoint();
        drop((bench.engine, bench.reader));
        assert_eq!(looked(&disk).unwrap().findings, []);
    }
}

#[test]
fn many_conversations_draw_keys_again_and_again() {
    let disk = SimDisk::new(3);
    let mut bench = open(&disk, true);
    for c in 1..=600_u128 {
        bench.write([said(c, c)]);
        if c % 100 == 0 {
            bench.checkpoint();
        }
    }
    let bench = bench.reopened_sealed();
    for c in [1, 255, 256, 257, 600] {
        assert_eq!(bench.texts(Feed::Full(ConversationId(c))), [format!("{WORDS} {c}")]);
    }
    let length = disk.content(body_keys::FILE).unwrap().len();
    assert_eq!(length, (1 + 600 + 256) * 64, "drawn anew behind the last one");
}

#[test]
fn a_store_of_the_first_format_opens_and_is_of_this_one_afterwards() {
    let mut bench = open(&SimDisk::new(3), false);
    history(&mut bench);
    bench.checkpoint();
    let as_before = |txn: &redb::WriteTransaction| -> Result<(), Fault> {
        let mut meta = txn.open_table(super::super::tables::META)?;
        meta.insert("format", 1_u32.to_be_bytes().as_slice())?;
        meta.remove("slots")?;
        txn.delete_table(super::super::tables::SLOTS)?;
        Ok(())
    };
    bench.engine.shared().database.write(as_before).unwrap();
    let mut bench = bench.reopened();
    let read = |txn: &redb::ReadTransaction| super::super::origin::Standing::read(txn);
    assert_eq!(bench.engine.shared().database.read(read).unwrap().format, 2);
    bench.write([erased(7, 9)]);
    bench.checkpoint();
    assert_erased(&bench, "after the first format");
}
