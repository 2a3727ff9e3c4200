//! Backups: what comes back is what was there, whatever is written meanwhile; a copy that is not
//! whole is refused with its file; the power, a full disk and foreign hands leave the earlier ones.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use posthouse_crypto::family::Family;

use super::super::backup::{self, Made, Repository, Retention, Scratch, Target};
use super::super::key::{self, Source};
use super::super::storage::{Disk, Storage};
use super::*;
use crate::base::{BlobId, Epoch};
use crate::desk::Attachment;

static GO_ON: AtomicBool = AtomicBool::new(false);
const CACHE: usize = 1 << 20;
const FILE: &[u8] = b"the bytes of a file";
const SHAPE: Shape = Shape { segments: 3, segment_bytes: 64 * 1024 };

pub(in crate::store) fn at(ms: u64) -> Wall {
    Wall { ms, trusted: true }
}

/// A site on a real disk, with a folder of backups beside it.
pub(in crate::store) struct Desk {
    pub base: PathBuf,
    pub data: PathBuf,
    pub source: Option<Source>,
    pub recovery: Source,
    pub family: Family,
}

impl Desk {
    pub fn new(name: &str, family: Family, sealed: bool) -> Self {
        let base = std::env::temp_dir().join(format!("posthouse-{name}-{}", std::process::id()));
        drop(fs::remove_dir_all(&base));
        fs::create_dir_all(base.join("data/tls")).unwrap();
        fs::write(base.join("data/tls/ca.key"), "an authority's key").unwrap();
        fs::write(base.join("data/lock"), "").unwrap();
        let passphrase = |name: &str| {
            let path = base.join(name);
            fs::write(&path, format!("the passphrase of {name}\n")).unwrap();
            Source::Passphrase(path)
        };
        let source = sealed.then(|| passphrase("site"));
        let recovery = passphrase("recovery");
        Self { data: base.join("data"), source, recovery, family, base }
    }

    pub fn options(&self, data: &Path) -> Options {
        let keys = self
            .source
            .as_ref()
            .and_then(|source| key::open_or_make(data, source, self.family, at(1)).unwrap().keys());
        let segment_bytes = SHAPE.segment_bytes;
        Options { segments: 3, segment_bytes, keys, ..Options::new(data.to_owned()) }
    }

    pub fn open_at(&self, data: &Path) -> Engine {
        let options = self.options(data);
        let layout = Layout { shape: SHAPE, ..options.layout().unwrap() };
        let engine = Engine::open(options.disk().unwrap(), layout).unwrap();
        while engine.shared().grow().unwrap() {}
        engine
    }

    pub fn open(&self) -> Engine {
        self.open_at(&self.data)
    }

    pub fn repository(&self) -> Repository {
        let folder = self.base.join("backups");
        Repository::open_or_make(&folder, &self.recovery, self.family, at(1)).unwrap()
    }

    pub fn site<'a>(&'a self, reader: &'a Reader) -> backup::Site<'a> {
        let source = self.source.as_ref();
        backup::Site { reader, data: &self.data, source, cache_bytes: CACHE }
    }

    pub fn create(&self, engine: &Engine, home: &Repository, ms: u64) -> Result<Made, Fault> {
        while engine.shared().checkpoint().unwrap() {}
        backup::create(self.site(&engine.reader()), home, at(ms), &GO_ON)
    }

    pub fn verify(&self, home: &Repository, name: &str) -> Result<backup::Restored, Fault> {
        let scratch = Scratch::begin(&self.data).unwrap();
        backup::verify(home, (name, true), &scratch, CACHE, &GO_ON)
    }

    pub fn restore(&self, home: &Repository, name: &str) -> (PathBuf, Epoch) {
        let data = self.base.join("restored");
        drop(fs::remove_dir_all(&data));
        let source = self.source.as_ref();
        let target = Target { data: &data, source, beside: false, cache_bytes: CACHE };
        let (_, epoch, former) = backup::restore(home, name, target, &GO_ON).unwrap();
        assert_eq!(former, None);
        (data, epoch)
    }

    pub fn upload(&self, engine: &mut Engine, c: Option<u128>, id: u128) {
        let blobs = self.options(&self.data).blobs().unwrap();
        let mut blob = match c {
            Some(_) => blobs.create(BlobId(id)).unwrap(),
            None => blobs.create_for_site(BlobId(id)).unwrap(),
        };
        blob.write(FILE).unwrap();
        blob.write(&id.to_be_bytes()).unwrap();
        let (size, key) = (blob.size(), blob.key());
        let hash = blob.finish().unwrap();
        let attachment = Attachment { size, ..Attachment::named(BlobId(id)) };
        let conversation = c.map(ConversationId);
        let row = BlobRow { id: BlobId(id), conversation, attachment, hash, at: at(5), key };
        write(engine, [Item::Fact(Fact::Blob(row))]);
    }

    pub fn file(&self, data: &Path, reader: &Reader, id: u128) -> Vec<u8> {
        let row = reader.blob(BlobId(id)).unwrap().unwrap();
        let blobs = self.options(data).blobs().unwrap();
        blobs.open(&row).unwrap().read(0, u64::MAX).unwrap()
    }

    /// Three conversations, files, a recall and an erasure.
    pub fn fill(&self, engine: &mut Engine, entries: u128) {
        write(engine, [opened(1)]);
        write(engine, [opened(2)]);
        write(engine, [opened(3)]);
        for key in 1..=entries {
            let words = format!("what was said as number {key}");
            while engine.commit([propose(1, [text(1 + key % 3, key, &words)])])[0].result.is_err() {
                while engine.shared().checkpoint().unwrap() {}
            }
        }
        self.upload(engine, Some(1), 0x51);
        self.upload(engine, None, 0x52);
        write(engine, [recalled(1, 1_000_000, 3, 2), erased(3, 1_000_001)]);
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.base));
    }
}

pub(in crate::store) fn write(engine: &mut Engine, items: impl IntoIterator<Item = Item>) {
    assert!(engine.commit([propose(1, items)]).remove(0).result.is_ok());
}

pub(in crate::store) fn texts(reader: &Reader, feed: Feed) -> Vec<String> {
    let page = reader.page(feed, Index(0), 10_000, usize::MAX).unwrap();
    page.entries.iter().map(|entry| show(&entry.bytes)).collect()
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

const FAMILIES: [Family; 2] = [Family::National, Family::International];

#[test]
fn what_comes_back_is_what_was_there_and_begins_another_epoch() {
    for family in FAMILIES {
        for sealed in [false, true] {
            let desk = Desk::new(&format!("back-{}-{sealed}", family.name()), family, sealed);
            let home = desk.repository();
            let mut engine = desk.open();
            desk.fill(&mut engine, 100);
            let reader = engine.reader();
            let made = desk.create(&engine, &home, 5_000).unwrap();
            assert_eq!((made.attachments, made.missing), (2, 0));
            let feeds = [1, 2, 3].map(|c| Feed::Full(ConversationId(c)));
            let before: Vec<Vec<String>> =
                [Feed::Site, feeds[0], feeds[1], feeds[2]].map(|feed| texts(&reader, feed)).into();
            write(&mut engine, [text(1, 5_000, "after the backup")]);
            let (data, epoch) = desk.restore(&home, &made.name);
            let mut other = desk.open_at(&data);
            let again = other.reader();
            assert_eq!(again.epoch(), epoch);
            assert_ne!(again.epoch(), reader.epoch());
            let after: Vec<Vec<String>> =
                [Feed::Site, feeds[0], feeds[1], feeds[2]].map(|feed| texts(&again, feed)).into();
            assert_eq!(after, before);
            for id in [0x51, 0x52] {
                let file = desk.file(&data, &again, id);
                assert_eq!(file, desk.file(&desk.data, &reader, id));
                assert!(file.starts_with(FILE));
            }
            let authority = fs::read_to_string(data.join("tls/ca.key")).unwrap();
            assert_eq!(authority, "an authority's key");
            let prior = |reader: &Reader, key| {
                reader.prior(ConversationId(1), VISITOR, MessageKey(key)).unwrap().is_some()
            };
            assert!(prior(&again, 3) && !prior(&again, 5_000), "keys stay, later ones do not");
            write(&mut other, [text(1, 6_000, "it goes on")]);
            drop(other);
            let again = desk.open_at(&data).reader();
            assert_eq!(again.epoch(), epoch, "it is settled");
            assert_eq!(texts(&again, Feed::Site).last().unwrap(), "it goes on");
            let words = b"what was said";
            let plain = files(&desk.base.join("backups")).iter().any(|path| {
                fs::read(path).unwrap().windows(words.len()).any(|bytes| bytes == words)
            });
            assert!(!plain, "a backup of a plain site is sealed, too");
        }
    }
}

#[test]
fn a_backup_that_is_made_while_everybody_writes_is_one_moment_of_the_log() {
    let desk = Desk::new("moment", Family::International, true);
    let home = desk.repository();
    let mut engine = desk.open();
    desk.fill(&mut engine, 3_000);
    while engine.shared().checkpoint().unwrap() {}
    let reader = engine.reader();
    let made = std::thread::scope(|scope| {
        let made = scope.spawn(|| backup::create(desk.site(&reader), &home, at(5), &GO_ON));
        let mut key = 10_000;
        while !made.is_finished() {
            write(&mut engine, [text(1, key, "meanwhile"), text(2, key, "meanwhile")]);
            if key % 50 == 0 {
                while engine.shared().checkpoint().unwrap() {}
            }
            key += 1;
        }
        assert!(key > 10_050, "{key}: the writer never waited");
        made.join().unwrap().unwrap()
    });
    let (data, _) = desk.restore(&home, &made.name);
    let (all, copy) =
        (texts(&reader, Feed::Site), texts(&desk.open_at(&data).reader(), Feed::Site));
    assert_eq!(copy.as_slice(), &all[..copy.len()], "a beginning of the log, without a hole");
    assert!(copy.len() >= 3_005 && copy.len() < all.len());
}

#[test]
fn what_did_not_change_is_not_written_twice() {
    let desk = Desk::new("again", Family::International, true);
    let home = desk.repository();
    let mut engine = desk.open();
    desk.fill(&mut engine, 4_000);
    let first = desk.create(&engine, &home, 5).unwrap();
    assert!(first.written > 900_000, "{first:?}");
    let second = desk.create(&engine, &home, 6).unwrap();
    assert_eq!(second.bytes, first.bytes);
    // The secrets are sealed anew each time.
    assert!(second.written < 1_000, "{second:?}");
    desk.upload(&mut engine, Some(2), 0x99);
    write(&mut engine, [text(2, 9_000, "one more")]);
    let third = desk.create(&engine, &home, 7).unwrap();
    assert_eq!(third.attachments, 3);
    assert!(third.written < first.bytes / 2, "{third:?} of {}", first.bytes);
    for made in [&first, &second, &third] {
        desk.verify(&home, &made.name).unwrap();
    }
}

/// Each file cut off, changed, put in another's place, taken from elsewhere, or missing.
#[test]
fn a_backup_that_is_not_what_was_written_is_refused_with_its_file() {
    let desk = Desk::new("broken", Family::National, true);
    let home = desk.repository();
    let mut engine = desk.open();
    desk.fill(&mut engine, 50);
    let name = desk.create(&engine, &home, 5).unwrap().name;
    let other = Desk::new("broken-other", Family::National, true);
    let mut engine = other.open();
    other.fill(&mut engine, 50);
    let foreign = other.create(&engine, &other.repository(), 5).unwrap().name;
    assert_eq!(foreign, name);
    let folder = desk.base.join("backups");
    let all: Vec<PathBuf> =
        files(&folder).into_iter().filter(|path| !path.ends_with("keys")).collect();
    let refused = |what: &str, path: &Path| match desk.verify(&home, &name) {
        Err(Fault::BackupBroken { file }) => {
            assert_eq!(file, path.display().to_string(), "{what}");
        }
        other => panic!("{what} {}: {other:?}", path.display()),
    };
    desk.verify(&home, &name).unwrap();
    let mut kinds = 0;
    for (at, path) in all.iter().enumerate() {
        let whole = fs::read(path).unwrap();
        let mut bad = |what: &str, bytes: Option<Vec<u8>>| {
            match bytes {
                Some(bytes) => fs::write(path, bytes).unwrap(),
                None => fs::remove_file(path).unwrap(),
            }
            refused(what, path);
            fs::write(path, &whole).unwrap();
            kinds += 1;
        };
        for place in [0, 9, 40, 90, whole.len() - 1] {
            let mut changed = whole.clone();
            changed[place] ^= 4;
            bad("changed", Some(changed));
        }
        for end in [0, 20, whole.len() / 2, whole.len() - 1] {
            bad("cut off", Some(whole[..end].to_vec()));
        }
        bad("longer", Some([&whole[..], b"x"].concat()));
        bad("another one's", Some(fs::read(&all[(at + 1) % all.len()]).unwrap()));
        bad("missing", None);
    }
    let list = folder.join("backups").join(&name);
    let whole = fs::read(&list).unwrap();
    fs::copy(other.base.join("backups/backups").join(&name), &list).unwrap();
    refused("of another site", &list);
    fs::write(&list, whole).unwrap();
    desk.verify(&home, &name).unwrap();
    assert!(kinds > 150, "{kinds}");
}

#[test]
fn a_folder_of_another_site_and_another_passphrase_are_refused() {
    let desk = Desk::new("mine", Family::International, false);
    let (home, mut engine) = (desk.repository(), desk.open());
    desk.fill(&mut engine, 10);
    let made = desk.create(&engine, &home, 5).unwrap();
    let other = Desk::new("theirs", Family::International, false);
    let theirs = other.open();
    assert!(matches!(other.create(&theirs, &home, 6), Err(Fault::BackupForeign)));
    let folder = desk.base.join("backups");
    let passphrase = desk.base.join("wrong");
    fs::write(&passphrase, "a passphrase of somebody\n").unwrap();
    let wrong = Repository::open(&folder, &Source::Passphrase(passphrase));
    assert_eq!(wrong.unwrap_err().code(), code::KEY_FAULT);
    let empty = Repository::open(&desk.base.join("nowhere"), &desk.recovery);
    assert_eq!(empty.unwrap_err().code(), code::BACKUP_ABSENT);
    // A site that was put back from these backups goes on with them.
    let (data, _) = desk.restore(&home, &made.name);
    let engine = desk.open_at(&data);
    let reader = engine.reader();
    let site = backup::Site { data: &data, ..desk.site(&reader) };
    backup::create(site, &home, at(9), &GO_ON).unwrap();
}

#[test]
fn a_folder_with_a_site_is_not_restored_over_unasked() {
    let desk = Desk::new("beside", Family::International, true);
    let (home, mut engine) = (desk.repository(), desk.open());
    desk.fill(&mut engine, 10);
    let made = desk.create(&engine, &home, 5).unwrap();
    write(&mut engine, [text(1, 77, "given up")]);
    drop(engine);
    let source = desk.source.as_ref();
    let mut target = Target { data: &desk.data, source, beside: false, cache_bytes: CACHE };
    let refused = backup::restore(&home, &made.name, target, &GO_ON);
    assert_eq!(refused.unwrap_err().code(), code::RESTORE_OCCUPIED);
    assert_eq!(texts(&desk.open().reader(), Feed::Site).last().unwrap(), "given up");
    target.beside = true;
    let (_, _, former) = backup::restore(&home, &made.name, target, &GO_ON).unwrap();
    assert_ne!(texts(&desk.open().reader(), Feed::Site).last().unwrap(), "given up");
    assert!(former.unwrap().join("store.redb").exists(), "the old one is kept");
    target.source = None;
    let refused = backup::restore(&home, &made.name, target, &GO_ON);
    assert_eq!(refused.unwrap_err().code(), code::STORE_SEALED);
}

#[test]
fn the_power_may_go_at_any_moment_and_the_earlier_backups_stay_good() {
    let desk = Desk::new("power", Family::International, false);
    let mut engine = desk.open();
    desk.fill(&mut engine, 60);
    while engine.shared().checkpoint().unwrap() {}
    let reader = engine.reader();
    let (mut cuts, mut step) = (0, 1);
    loop {
        let disk = SimDisk::new(step);
        let path = Path::new("medium");
        backup::make(&disk, path, &desk.recovery, desk.family, at(1)).unwrap();
        let open = || Repository::of(Arc::new(disk.clone()), path, &desk.recovery).unwrap();
        let home = open();
        let first = backup::create(desk.site(&reader), &home, at(5), &GO_ON).unwrap();
        write(&mut engine, [text(1, u128::from(100_000 + step), "later")]);
        while engine.shared().checkpoint().unwrap() {}
        disk.cut_after(step);
        let second = backup::create(desk.site(&reader), &home, at(6), &GO_ON);
        let cut = disk.is_dead();
        disk.power_cut();
        let home = open();
        desk.verify(&home, &first.name).unwrap_or_else(|fault| panic!("cut {step}: {fault}"));
        assert_eq!(home.names().unwrap().len(), 1 + usize::from(second.is_ok()), "cut {step}");
        let third = backup::create(desk.site(&reader), &home, at(7), &GO_ON).unwrap();
        desk.verify(&home, &third.name).unwrap();
        if !cut {
            break;
        }
        cuts += 1;
        step += 2;
    }
    assert!(cuts > 8, "{cuts}");
}

#[test]
fn a_full_medium_is_told_and_harms_nobody() {
    let desk = Desk::new("full", Family::International, true);
    let mut engine = desk.open();
    desk.fill(&mut engine, 60);
    while engine.shared().checkpoint().unwrap() {}
    let disk = SimDisk::new(3);
    let path = Path::new("medium");
    backup::make(&disk, path, &desk.recovery, desk.family, at(1)).unwrap();
    let home = Repository::of(Arc::new(disk.clone()), path, &desk.recovery).unwrap();
    let first = backup::create(desk.site(&engine.reader()), &home, at(5), &GO_ON).unwrap();
    write(&mut engine, [text(1, 70_000, "more")]);
    while engine.shared().checkpoint().unwrap() {}
    disk.set_faults(Faults { grow: Some(ErrorKind::StorageFull), ..Faults::default() });
    let full = backup::create(desk.site(&engine.reader()), &home, at(6), &GO_ON).unwrap_err();
    assert_eq!(full.code(), code::BACKUP_FULL, "{full}");
    assert!(!full.passing(), "no fault of the store's own disk");
    write(&mut engine, [text(1, 70_001, "the desk goes on")]);
    assert!(!engine.reader().stats().read_only);
    while engine.shared().checkpoint().unwrap() {}
    desk.verify(&home, &first.name).unwrap();
    assert_eq!(home.names().unwrap(), [first.name]);
    disk.set_faults(Faults::default());
    backup::create(desk.site(&engine.reader()), &home, at(7), &GO_ON).unwrap();
    let stopped = backup::create(desk.site(&engine.reader()), &home, at(8), &AtomicBool::new(true));
    assert_eq!(stopped.unwrap_err().code(), code::BACKUP_STOPPED);
}

/// A piece that rotted on the medium is written again from the site that still has it.
#[test]
fn a_piece_that_rotted_is_mended_by_the_next_backup() {
    let desk = Desk::new("rot", Family::International, true);
    let (home, mut engine) = (desk.repository(), desk.open());
    desk.fill(&mut engine, 60);
    let first = desk.create(&engine, &home, 5).unwrap();
    for path in files(&desk.base.join("backups/objects")) {
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, &bytes).unwrap();
        if desk.verify(&home, &first.name).is_ok() {
            continue;
        }
        let made = desk.create(&engine, &home, 6);
        // The secrets of the first one are sealed anew, not mended.
        let made = made.unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
        desk.verify(&home, &made.name).unwrap();
        bytes.last_mut().map(|byte| *byte ^= 1).unwrap();
        fs::write(&path, &bytes).unwrap();
    }
}

#[test]
fn old_backups_go_and_take_what_only_they_had() {
    let desk = Desk::new("prune", Family::International, true);
    let (home, mut engine) = (desk.repository(), desk.open());
    desk.fill(&mut engine, 30);
    const DAY: u64 = 86_400_000;
    let mut made = Vec::new();
    for day in 1..=6 {
        write(&mut engine, [text(1, u128::from(9_000 + day), "another day")]);
        made.push(desk.create(&engine, &home, day * DAY).unwrap().name);
    }
    let objects = || files(&desk.base.join("backups/objects")).len();
    let before = objects();
    let keep = |most, days| Retention { most, days };
    assert_eq!(backup::prune(&home, keep(4, 100), at(7 * DAY)).unwrap(), 2);
    assert!(objects() < before);
    assert_eq!(home.names().unwrap(), made[2..]);
    let unset = Wall { trusted: false, ..at(700 * DAY) };
    assert_eq!(backup::prune(&home, keep(4, 1), unset).unwrap(), 0, "nobody knows the time");
    assert_eq!(backup::prune(&home, keep(4, 2), at(7 * DAY)).unwrap(), 2);
    assert_eq!(backup::prune(&home, keep(1, 1), at(700 * DAY)).unwrap(), 1);
    assert_eq!(home.names().unwrap(), made[5..], "the newest one stays");
    desk.verify(&home, &made[5]).unwrap();
    // While a list does not open nothing is collected.
    let list = desk.base.join("backups/backups").join(&made[5]);
    let whole = fs::read(&list).unwrap();
    fs::write(&list, b"x").unwrap();
    let left = objects();
    assert_eq!(backup::prune(&home, keep(1, 1), at(700 * DAY)).unwrap(), 0);
    assert_eq!(objects(), left);
    fs::write(&list, whole).unwrap();
    desk.verify(&home, &made[5]).unwrap();
}

#[test]
fn an_attachment_that_the_site_lost_does_not_keep_it_from_being_backed_up() {
    for sealed in [false, true] {
        let desk = Desk::new(&format!("lost-{sealed}"), Family::International, sealed);
        let (home, mut engine) = (desk.repository(), desk.open());
        desk.fill(&mut engine, 10);
        fs::remove_file(desk.data.join(blobs::name(BlobId(0x51)))).unwrap();
        let made = desk.create(&engine, &home, 5).unwrap();
        assert_eq!((made.attachments, made.missing), (1, 1));
    }
}

/// A medium at whose first piece something happens.
struct Meddling {
    disk: SimDisk,
    act: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl std::fmt::Debug for Meddling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Meddling")
    }
}

impl Disk for Meddling {
    fn open(&self, name: &str, create: bool) -> std::io::Result<Arc<dyn Storage>> {
        if create && name.starts_with("objects") {
            let act = self.act.lock().unwrap().take();
            act.into_iter().for_each(|act| act());
        }
        self.disk.open(name, create)
    }

    fn exists(&self, name: &str) -> std::io::Result<bool> {
        self.disk.exists(name)
    }

    fn rename(&self, from: &str, to: &str) -> std::io::Result<()> {
        self.disk.rename(from, to)
    }

    fn list(&self, folder: &str) -> std::io::Result<Vec<String>> {
        self.disk.list(folder)
    }

    fn remove(&self, name: &str) -> std::io::Result<()> {
        self.disk.remove(name)
    }

    fn origin(&self, names: &[&str]) -> std::io::Result<u128> {
        self.disk.origin(names)
    }
}

#[test]
fn what_is_erased_while_a_backup_is_made_does_not_come_back_with_it() {
    for sealed in [false, true] {
        let desk = Desk::new(&format!("meanwhile-{sealed}"), Family::International, sealed);
        let mut engine = desk.open();
        desk.fill(&mut engine, 60);
        while engine.shared().checkpoint().unwrap() {}
        let reader = engine.reader();
        let said = texts(&reader, Feed::Full(ConversationId(1)));
        assert!(said.iter().any(|text| text.starts_with("what was said")));
        let act = move || {
            write(&mut engine, [erased(1, 2_000_000)]);
            while engine.shared().checkpoint().unwrap() {}
        };
        let (disk, path) = (SimDisk::new(1), Path::new("medium"));
        backup::make(&disk, path, &desk.recovery, desk.family, at(1)).unwrap();
        let medium = Meddling { disk, act: Mutex::new(Some(Box::new(act))) };
        let home = Repository::of(Arc::new(medium), path, &desk.recovery).unwrap();
        let made = backup::create(desk.site(&reader), &home, at(5), &GO_ON).unwrap();
        let (data, _) = desk.restore(&home, &made.name);
        let copy = texts(&desk.open_at(&data).reader(), Feed::Full(ConversationId(1)));
        // A plain store's rows were copied again, a sealed one's lost their key.
        assert_eq!(copy.len(), said.len() + usize::from(!sealed));
        let gone = ["deleted", "erased"];
        assert!(copy.iter().all(|text| gone.contains(&text.as_str())), "{copy:?}");
        assert!(!data.join(blobs::name(BlobId(0x51))).exists());
    }
}
