//! A plain store becomes a sealed one and a plain one again: nothing is lost, nothing comes back,
//! and what is sealed is nowhere to be read.

use std::fs;
use std::path::Path;

use posthouse_crypto::family::Family;

use super::super::audit::{AuditKeys, AuditLog, FOLDER, verify};
use super::super::{Converted, key, seal, unseal};
use super::backup::{Desk, at, texts, write};
use super::*;

const WORDS: &[u8] = b"what was said as number";

fn holds(dir: &Path, words: &[u8]) -> bool {
    fs::read_dir(dir).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return holds(&path, words);
        }
        fs::read(&path).unwrap().windows(words.len()).any(|bytes| bytes == words)
    })
}

/// Everything a reader sees.
fn seen(desk: &Desk) -> (Vec<Vec<String>>, Vec<Vec<u8>>, crate::base::Epoch) {
    let engine = desk.open();
    let reader = engine.reader();
    let feeds = [1, 2, 3].map(|c| Feed::Full(ConversationId(c)));
    let said = [Feed::Site, feeds[0], feeds[1], feeds[2]].map(|feed| texts(&reader, feed));
    let files = [0x51, 0x52].map(|id| desk.file(&desk.data, &reader, id));
    (said.into(), files.into(), reader.epoch())
}

fn audited(desk: &Desk, keys: &AuditKeys, record: &str) {
    let (mut log, opened) = AuditLog::open(&desk.data, keys.clone(), at(9), None).unwrap();
    assert_eq!(opened, Default::default(), "the log goes on");
    log.append(&[format!("{{\"what\":\"{record}\"}}")], at(9)).unwrap();
    log.sign(at(9)).unwrap();
    let (_, located) = verify(&desk.data.join(FOLDER), keys, &[]).unwrap();
    assert!(located.is_empty(), "{located:?}");
}

#[test]
fn a_store_is_sealed_and_opened_again_with_nothing_lost() {
    for family in [Family::National, Family::International] {
        let mut desk = Desk::new(&format!("seal-{}", family.name()), family, false);
        let mut engine = desk.open();
        desk.fill(&mut engine, 500);
        drop(engine);
        audited(&desk, &AuditKeys::of_folder(&desk.data, family).unwrap(), "plain");
        let plain = seen(&desk);
        assert!(holds(&desk.data, WORDS));

        let options = desk.options(&desk.data);
        let passphrase = desk.base.join("site");
        fs::write(&passphrase, "the passphrase of the site\n").unwrap();
        let source = key::Source::Passphrase(passphrase);
        let sealed = seal(&options, &source, family, at(9)).unwrap();
        let done = Converted::Done { entries: 505, conversations: 3, attachments: 2 };
        assert_eq!(sealed, done);
        assert_eq!(seal(&options, &source, family, at(9)).unwrap(), Converted::Nothing);
        assert!(!holds(&desk.data, WORDS));
        desk.source = Some(source.clone());
        assert_eq!(seen(&desk), plain);
        let file = key::open(&desk.data, &source).unwrap();
        audited(&desk, &AuditKeys::of_file(&file).unwrap(), "sealed");
        // Each conversation has a key of its own: erasing one destroys it.
        let mut engine = desk.open();
        write(&mut engine, [text(1, 90_000, "sealed from now on"), erased(2, 90_001)]);
        let bodies = fs::read(desk.data.join("bodies")).unwrap();
        let zeroed = bodies.chunks(64).skip(1).filter(|slot| **slot == [0; 64]).count();
        assert_eq!(zeroed, 1);
        drop(engine);
        let erased = seen(&desk);
        assert!(erased.0[2].iter().all(|text| ["deleted", "erased"].contains(&text.as_str())));

        let opened = unseal(&options, &source).unwrap();
        let done = Converted::Done { entries: 507, conversations: 3, attachments: 2 };
        assert_eq!(opened, done);
        assert_eq!(unseal(&options, &source).unwrap(), Converted::Nothing);
        desk.source = None;
        assert_eq!(seen(&desk), erased, "what was erased stays erased");
        audited(&desk, &AuditKeys::of_folder(&desk.data, family).unwrap(), "plain again");
        assert!(!desk.data.join("keys").exists() && !desk.data.join("bodies").exists());
    }
}

#[test]
fn a_store_that_is_used_or_not_sound_is_left_alone() {
    let desk = Desk::new("seal-not", Family::International, false);
    let mut engine = desk.open();
    desk.fill(&mut engine, 20);
    drop(engine);
    let options = desk.options(&desk.data);
    let source = &desk.recovery;
    let lock = options.lock().unwrap();
    let used = seal(&options, source, Family::International, at(9));
    assert!(matches!(used, Err(Fault::InUse)));
    drop(lock);
    let file = desk.data.join(blobs::name(crate::base::BlobId(0x51)));
    let whole = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    let unsound = seal(&options, source, Family::International, at(9)).unwrap();
    assert!(matches!(unsound, Converted::Unsound(found) if found.len() == 1));
    fs::write(&file, whole).unwrap();
    assert_eq!(texts(&desk.open().reader(), Feed::Site).len(), 25);
    assert!(!desk.data.join("keys").exists() && !desk.data.join("staging").exists());
}
