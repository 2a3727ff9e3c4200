//! The proof that erasing a conversation is erasing it: with the site's keys everything there is on
//! the disk is decrypted, free pages of the database, every generation of the journal and every
//! key that stands in a slot, and all of it is searched. The control is the same site without the
//! erasure, where all of it is found.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use posthouse_crypto::family::{Family, Secret};
use posthouse_crypto::seal::key_file::{KeyFile, Kind, Opener, ROUNDS};
use posthouse_crypto::seal::{
    Aead, CHUNK_BYTES, KEYED_HEAD, Keys, PAGE_BYTES, PageKeys, Purpose, RecordKeys,
    SEALED_PAGE_BYTES, StreamReader,
};

use super::super::backup::{self, Repository, Retention};
use super::super::journal::frame;
use super::super::key::{self, Source};
use super::super::sealed::SealedDisk;
use super::super::storage::Folder;
use super::super::tables::{put_varint, take_varint};
use super::super::{Blobs, body_keys};
use super::*;
use crate::base::BlobId;
use crate::desk::Attachment;
use crate::wire::record::{self, RecordContent};

const TEXT: &[u8] = b"the words of one visitor";
const NAME: &[u8] = b"Visitor Nameless";
const FILE_TEXT: &[u8] = b"the content of a picture";
const OTHER: &[u8] = b"what somebody else wrote";
const PASSPHRASE: &str = "a passphrase for recovery\n";
const SHAPE: Shape = Shape { segments: 3, segment_bytes: 16 * 1024 };

fn masters(family: Family) -> Keys {
    Keys::new(family, vec![(1, Secret::new([7; 32]))]).unwrap()
}

fn words(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn message(c: u128, key: u128, words: String) -> Item {
    let body = Body::Message(Content::Text(words.into()));
    item(c, key, VISITOR, body, &[Feed::Team(TeamId(1))])
}

/// A site of three conversations through several lives, with a file, rows that were written again
/// and again, and journal segments that were begun anew; `erase`: the first one is erased then.
struct Site {
    dir: PathBuf,
    keys: Keys,
    /// The key of the first conversation before anything was erased, and its file as it was.
    key: Vec<u8>,
    file: Vec<u8>,
}

impl Site {
    fn new(name: &str, family: Family, erase: bool) -> Self {
        let dir = std::env::temp_dir().join(format!("posthouse-{name}-{}", std::process::id()));
        drop(fs::remove_dir_all(&dir));
        fs::create_dir_all(&dir).unwrap();
        let mut site = Self { dir, keys: masters(family), key: Vec::new(), file: Vec::new() };
        site.first_life();
        site.key = site.raw_key(1).expect("the first conversation has the first slot");
        site.file = fs::read(site.blobs().path(BlobId(0x51))).unwrap();
        if erase {
            site.erase();
        }
        site
    }

    fn erase(&self) {
        let mut engine = self.open();
        assert!(commit(&mut engine, [erased(1, 5_000)]));
        while engine.shared().checkpoint().unwrap() {}
        assert!(!self.blobs().path(BlobId(0x51)).exists());
    }

    /// Makes a backup into a folder of this name beside the site's, which it returns.
    fn back_up(&self, folder: &str, ms: u64) -> Repository {
        let (path, at) = (self.beside(folder), Wall { ms, trusted: true });
        let source = self.recovery();
        let file = self.dir.join(key::FILE);
        if !file.exists() {
            let one = |opener: Opener<'_>| KeyFile::new(self.keys.family(), opener, ROUNDS);
            let mut keys = one(Opener::Passphrase(PASSPHRASE.trim_end().as_bytes())).unwrap();
            keys.take(Kind::Master, "", 1, Secret::new([7; 32])).unwrap();
            fs::write(file, keys.to_bytes().unwrap()).unwrap();
        }
        let home = Repository::open_or_make(&path, &source, self.keys.family(), at).unwrap();
        let engine = self.open();
        while engine.shared().checkpoint().unwrap() {}
        let reader = engine.reader();
        let (data, source) = (self.dir.as_path(), Some(&source));
        let of = backup::Site { reader: &reader, data, source, cache_bytes: 1 << 20 };
        backup::create(of, &home, at, &AtomicBool::new(false)).unwrap();
        home
    }

    fn beside(&self, name: &str) -> PathBuf {
        self.dir.with_extension(name)
    }

    fn recovery(&self) -> Source {
        let path = self.beside("passphrase");
        fs::write(&path, PASSPHRASE).unwrap();
        Source::Passphrase(path)
    }

    /// Everything that who has the masters and the recovery passphrase can get out of a folder of
    /// backups.
    fn everything_in(&self, folder: &str) -> Found {
        let path = self.beside(folder);
        let file = key::open_file(&path.join("keys"), &self.recovery()).unwrap();
        let wrap = RecordKeys::new(&file.keys().unwrap(), Purpose::Wrap).unwrap();
        let mut found = Found::default();
        for path in files(&path).iter().filter(|path| !path.ends_with("keys")) {
            let bytes = fs::read(path).unwrap();
            let (head, mut chunks) = bytes.split_first_chunk().unwrap();
            let place = path.file_name().unwrap().as_encoded_bytes();
            let reader = StreamReader::open(file.family(), &wrap, place, head).unwrap();
            let (mut plain, mut number) = (Vec::new(), 0);
            while !chunks.is_empty() {
                let (chunk, rest) = chunks.split_at(chunks.len().min(CHUNK_BYTES + 16));
                let mut chunk = chunk.to_vec();
                plain.extend_from_slice(reader.chunk(number, rest.is_empty(), &mut chunk).unwrap());
                (chunks, number) = (rest, number + 1);
            }
            found.plain.extend([bytes, plain]);
        }
        assert!(found.plain.len() > 16, "{} files", found.plain.len() / 2);
        let bodies = found.plain.iter().filter(|plain| plain.starts_with(b"phbodies")).cloned();
        for bodies in bodies.collect::<Vec<_>>() {
            for slot in 1..bodies.len() as u64 / 64 {
                if let Some(key) = self.opened_slot(&bodies, slot) {
                    found.take(slot, key, self.keys.family());
                }
            }
        }
        found.unseal();
        self.file_keys(&mut found);
        found
    }

    fn open(&self) -> Engine {
        let folder = Arc::new(Folder::new(&self.dir));
        let sealed = SealedDisk::open(folder, self.keys.clone()).unwrap();
        let chance = u128::from(getrandom::u64().unwrap()) << 64 | 9;
        let layout = Layout { shape: SHAPE, cache_bytes: 1 << 20, chance };
        let engine = Engine::open(Arc::new(sealed), layout).unwrap();
        while engine.shared().grow().unwrap() {}
        engine
    }

    fn blobs(&self) -> Blobs {
        Blobs::of(&self.dir, Some(&self.keys)).unwrap()
    }

    fn first_life(&self) {
        let mut engine = self.open();
        let profile = Profile { name: words(NAME).into(), ..Profile::default() };
        let body =
            Body::Opened { inbox: InboxId(1), team: TeamId(1), visitor: VisitorId(9), profile };
        assert!(commit(&mut engine, [item(1, 0, VISITOR, body, &[]), self.upload()]));
        for key in 1..240 {
            let c = 1 + key % 3;
            let said = if c == 1 { words(TEXT) } else { words(OTHER) };
            // A full ring waits for the database, as the threads do.
            while !commit(&mut engine, [message(c, key, format!("{said} {key}"))]) {
                while engine.shared().checkpoint().unwrap() {}
            }
            if key % 60 == 0 {
                while engine.shared().checkpoint().unwrap() {}
            }
            if key % 100 == 0 {
                drop(engine);
                engine = self.open();
            }
        }
        assert!(commit(&mut engine, [recalled(1, 1_000, 3, 3)]));
        while engine.shared().checkpoint().unwrap() {}
        // The last entries are in the journal only.
        assert!(commit(&mut engine, [message(1, 1_001, words(TEXT))]));
    }

    fn upload(&self) -> Item {
        let mut blob = self.blobs().create(BlobId(0x51)).unwrap();
        blob.write(FILE_TEXT).unwrap();
        let key = blob.key();
        let hash = blob.finish().unwrap();
        let attachment = Attachment {
            name: format!("{}.png", words(TEXT)).into(),
            size: FILE_TEXT.len() as u64,
            ..Attachment::named(BlobId(0x51))
        };
        let at = Wall { ms: 5, trusted: true };
        let conversation = Some(ConversationId(1));
        let row = BlobRow { id: BlobId(0x51), conversation, attachment, hash, at, key };
        Item::Fact(Fact::Blob(row))
    }

    /// What stands in a slot, with the masters; `None` when nothing opens there.
    fn raw_key(&self, slot: u64) -> Option<Vec<u8>> {
        self.opened_slot(&fs::read(self.dir.join(body_keys::FILE)).unwrap(), slot)
    }

    fn opened_slot(&self, bytes: &[u8], slot: u64) -> Option<Vec<u8>> {
        let at = usize::try_from(slot).unwrap() * 64;
        let mut sealed = bytes.get(at..at + 64)?.to_vec();
        let wrap = RecordKeys::new(&self.keys, Purpose::Body).unwrap();
        wrap.open(&slot.to_be_bytes(), &mut sealed).ok().map(|key| key.to_vec())
    }

    /// Everything that who has the masters can get out of the folder.
    fn everything(&self) -> Found {
        let mut found = Found::default();
        for path in files(&self.dir) {
            found.plain.push(fs::read(path).unwrap());
        }
        self.pages(&mut found);
        self.frames(&mut found);
        let bytes = fs::read(self.dir.join(body_keys::FILE)).unwrap();
        for slot in 1..bytes.len() as u64 / 64 {
            if let Some(key) = self.raw_key(slot) {
                found.take(slot, key, self.keys.family());
            }
        }
        found.unseal();
        self.file_keys(&mut found);
        found
    }

    /// Every page of the database, used or free.
    fn pages(&self, found: &mut Found) {
        let pages = PageKeys::new(self.keys.clone(), 0).unwrap();
        let bytes = fs::read(self.dir.join("store.redb")).unwrap();
        let mut opened = 0;
        for (at, sealed) in bytes.chunks_exact(SEALED_PAGE_BYTES).enumerate().skip(1) {
            let mut page = [0; PAGE_BYTES];
            if pages.open(at as u64, sealed.first_chunk().unwrap(), &mut page).is_ok() {
                found.plain.push(page.to_vec());
                opened += 1;
            }
        }
        assert!(opened > 30, "{opened} pages");
    }

    /// Every frame in any segment, whatever generation it is of and whatever stands around it.
    fn frames(&self, found: &mut Found) {
        let records = RecordKeys::new(&self.keys, Purpose::Record).unwrap();
        let bytes = fs::read(self.dir.join("journal")).unwrap();
        let mut generations = std::collections::BTreeSet::new();
        for at in (0..bytes.len()).step_by(frame::ALIGN) {
            let Some(header) = frame::check(&bytes[at..]) else { continue };
            let whole = &bytes[at..at + frame::HEADER + header.length as usize];
            found.plain.push(frame::open(whole, Some(&records)).unwrap().to_vec());
            generations.insert(header.generation);
        }
        assert!(generations.len() > 2, "{generations:?}");
    }

    /// The keys of files that were found open the file, also one that was removed.
    fn file_keys(&self, found: &mut Found) {
        let mut opened = Vec::new();
        for plain in &found.plain {
            let Ok(row) = record::decode_blob(plain) else { continue };
            let Some(key) = row.key else { continue };
            let reader = StreamReader::with_key(self.keys.family(), &key.0);
            let mut chunk = self.file[KEYED_HEAD.len()..].to_vec();
            if let Ok(text) = reader.chunk(0, true, &mut chunk) {
                opened.push(text.to_vec());
            }
        }
        found.plain.extend(opened);
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.dir));
        drop(fs::remove_dir_all(self.beside("backups")));
        drop(fs::remove_file(self.beside("passphrase")));
    }
}

#[derive(Default)]
struct Found {
    plain: Vec<Vec<u8>>,
    /// Keys of conversations by slot.
    keys: BTreeMap<u64, Aead>,
}

impl Found {
    /// Two folders, or an old and a new backup, have the same slot.
    fn take(&mut self, slot: u64, key: Vec<u8>, family: Family) {
        self.plain.push(key.clone());
        let secret = Secret::new(key.try_into().unwrap());
        self.keys.insert(slot, Aead::new(family, &secret));
    }

    /// Opens what conversations' keys sealed, wherever in the plain bytes it stands.
    fn unseal(&mut self) {
        let mut opened = Vec::new();
        for plain in &self.plain {
            for at in 0..plain.len() {
                let found = self.sealed_field(plain, at);
                opened.extend(found.or_else(|| self.sealed_row(&plain[at..])));
            }
        }
        self.plain.extend(opened);
    }

    /// A `Sealed` of a record: of the attachment, or of an entry whose position stands before it.
    fn sealed_field(&self, plain: &[u8], at: usize) -> Option<Vec<u8>> {
        let mut rest = plain[at..].strip_prefix(&[0x52])?;
        let length = usize::try_from(take_varint(&mut rest)?).ok()?;
        let mut field = vec![0x52];
        put_varint(&mut field, length as u64);
        field.extend_from_slice(rest.get(..length)?);
        // Within a record of an attachment it reads as one, whatever it is of.
        let content = record::read_record(with_blob(&field).into()).ok()?.content;
        let RecordContent::SealedBlob { sealed, .. } = content else { return None };
        let before = at.saturating_sub(300)..at;
        let positions = before.filter(|at| plain[*at] == 8).filter_map(|at| {
            take_varint(&mut &plain[at + 1..])
                .map(|position| (b'e', position.to_be_bytes().to_vec()))
        });
        let mut places = positions.chain([(b'b', BlobId(0x51).to_bytes().to_vec())]);
        let open = |(kind, id): (u8, Vec<u8>)| {
            self.open(sealed.slot, &[&[kind][..], &id].concat(), &sealed.text)
        };
        places.find_map(open)
    }

    /// The sealed part of a conversation's row.
    fn sealed_row(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let (head, rest) = bytes.split_first_chunk::<13>()?;
        let slot = u64::from_be_bytes(head[1..9].try_into().unwrap());
        let length = u32::from_be_bytes(head[9..].try_into().unwrap()) as usize;
        if head[0] != 0 || !self.keys.contains_key(&slot) {
            return None;
        }
        let (_, sealed) = rest.split_at_checked(length)?;
        // Its end is not written there; what follows is another row, a key or nothing.
        let next = [None, Some(&0), Some(&16)];
        let ends = (28..=sealed.len().min(600)).filter(|end| next.contains(&sealed.get(*end)));
        { ends }.find_map(|end| {
            (1..=3_u128).find_map(|c| {
                let place = [&b"c"[..], &ConversationId(c).to_bytes()].concat();
                self.open(slot, &place, &sealed[..end])
            })
        })
    }

    fn open(&self, slot: u64, place: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let key = self.keys.get(&slot)?;
        let (rest, nonce) = sealed.split_last_chunk::<12>()?;
        let (text, tag) = rest.split_last_chunk::<16>()?;
        let mut text = text.to_vec();
        key.open(nonce, place, &mut text, tag).ok().map(|()| text)
    }

    fn holds(&self, needle: &[u8]) -> bool {
        self.plain.iter().any(|plain| plain.windows(needle.len()).any(|bytes| bytes == needle))
    }
}

/// A record of an attachment with this field behind it.
fn with_blob(field: &[u8]) -> Vec<u8> {
    let row = BlobRow {
        id: BlobId(1),
        conversation: None,
        attachment: Attachment::named(BlobId(1)),
        hash: [0; 32],
        at: Wall::default(),
        key: None,
    };
    let mut out = Vec::new();
    record::write_fact_record(&mut out, Position(1), &Fact::Blob(row));
    out.extend_from_slice(field);
    out
}

fn commit(engine: &mut Engine, items: impl IntoIterator<Item = Item>) -> bool {
    engine.commit([propose(1, items)]).remove(0).result.is_ok()
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

fn is_found(name: &str, family: Family, erase: bool) -> [bool; 5] {
    let site = Site::new(name, family, erase);
    let found = site.everything();
    [TEXT, NAME, FILE_TEXT, site.key.as_slice(), OTHER].map(|needle| found.holds(needle))
}

#[test]
fn after_an_erasure_the_keys_of_the_site_find_neither_the_text_nor_its_key() {
    for (name, family) in [("proof-n", Family::National), ("proof-i", Family::International)] {
        let others = [false, false, false, false, true];
        assert_eq!(is_found(name, family, true), others, "text, name, file, key; and others'");
    }
}

/// The control: the search finds what is there.
#[test]
fn without_an_erasure_the_keys_of_the_site_find_it_all() {
    for (name, family) in [("control-n", Family::National), ("control-i", Family::International)] {
        assert_eq!(is_found(name, family, false), [true; 5], "text, name, file, key; and others'");
    }
}

/// What is found in a folder of backups. `before`: one was made before the erasure, too; `keep`: so
/// many are kept then.
fn is_backed_up(name: &str, family: Family, before: bool, erase: bool, keep: usize) -> [bool; 5] {
    let site = Site::new(name, family, false);
    if before {
        site.back_up("backups", 1);
    }
    if erase {
        site.erase();
    }
    let home = site.back_up("backups", 2);
    let retention = Retention { most: keep, days: 1_000 };
    backup::prune(&home, retention, Wall { ms: 3, trusted: true }).unwrap();
    let found = site.everything_in("backups");
    [TEXT, NAME, FILE_TEXT, site.key.as_slice(), OTHER].map(|needle| found.holds(needle))
}

#[test]
fn a_backup_made_after_an_erasure_holds_neither_the_text_nor_its_key() {
    let others = [false, false, false, false, true];
    for (name, family) in [("kept-n", Family::National), ("kept-i", Family::International)] {
        assert_eq!(is_backed_up(name, family, false, true, 9), others, "text, name, file, key");
    }
    let family = Family::International;
    let pruned = is_backed_up("kept-gone", family, true, true, 1);
    assert_eq!(pruned, others, "retention ends what the older one held");
}

/// The controls: a backup without the erasure, and one from before it, hold it all.
#[test]
fn without_an_erasure_or_before_it_a_backup_holds_it_all() {
    for (name, family) in [("held-n", Family::National), ("held-i", Family::International)] {
        assert_eq!(is_backed_up(name, family, false, false, 9), [true; 5]);
    }
    assert_eq!(is_backed_up("held-old", Family::International, true, true, 9), [true; 5]);
}
