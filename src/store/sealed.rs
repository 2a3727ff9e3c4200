//! A sealed disk over another one: the database's pages are sealed one by one, the journal's
//! records by the journal with keys from here, and a small file counts the uses of the page key.
//!
//! Sealed pages lie one after the other, each 32 bytes longer than in the clear. A write that the
//! power cuts off tears the pages it wrote and no neighbour: the sector that two pages share is
//! written with the neighbour's own bytes, as the journal's last sector is.
//!
//! Page 0 is redb's header and stays in the clear: it holds no user data, and its flip must be
//! one sector. Its authenticator stands in the same sector, so that both are there or neither.
//!
//! | sector of page 0 | bytes |
//! |---|---|
//! | redb's header | 0..320 |
//! | HMAC of it | 320..352 |
//! | master, u16 big-endian | 352..354 |
//! | zeros | 354..512 |

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use posthouse_crypto::family::Family;
use posthouse_crypto::seal::{
    BadSeal, Budget, KeyId, Keys, Need, PAGE_BYTES, PAGE_WRITES_MOST, PageKeys, Purpose,
    RecordKeys, SEALED_PAGE_BYTES,
};
use posthouse_crypto::token::{NoRandomness, same};

use super::body_keys::{BodyKeys, Rewrapped};
use super::database;
use super::fault::Fault;
use super::storage::{Disk, Storage};

mod side;

use self::side::Batch;

/// Says that a store is sealed, and counts the uses of its page key.
pub const FILE: &str = "sealed";
/// Pages of a rotation on their way; empty outside of one.
pub const SIDE_FILE: &str = side::FILE;
const NEW_FILE: &str = "sealed.new";
const PAGE: u64 = PAGE_BYTES as u64;
const SEALED_PAGE: u64 = SEALED_PAGE_BYTES as u64;
const SECTOR: usize = 512;
/// redb's header: the only part of page 0 that it writes.
const HEADER: usize = 320;

/// A disk whose database and journal are sealed. Clones are the same disk.
#[derive(Clone, Debug)]
pub struct SealedDisk {
    disk: Arc<dyn Disk>,
    seal: Arc<Seal>,
    bodies: Arc<BodyKeys>,
}

/// True when the store on this disk was made sealed.
///
/// # Errors
/// The disk does not read.
pub fn is_sealed(disk: &dyn Disk) -> Result<bool, Fault> {
    disk.exists(FILE).map_err(Fault::disk("seal"))
}

impl SealedDisk {
    /// Opens a sealed store's disk, or seals one that has no store yet.
    ///
    /// # Errors
    /// There is a store that is not sealed, or it is sealed with other keys; the disk fails.
    pub fn open(disk: Arc<dyn Disk>, keys: Keys) -> Result<Self, Fault> {
        Self::with_bound(disk, keys, PAGE_WRITES_MOST)
    }

    /// As `open`, with another bound of the uses of a page key, for tests of the change of keys.
    ///
    /// # Errors
    /// As `open`.
    pub fn with_bound(disk: Arc<dyn Disk>, keys: Keys, most: u64) -> Result<Self, Fault> {
        let known = read_count(disk.as_ref(), &keys)?;
        let plain = disk.exists(database::FILE).map_err(Fault::disk("seal"))?;
        if known.is_none() && plain {
            return Err(Fault::NotSealed);
        }
        let newest = keys.newest();
        let count = match known {
            Some(count) if count.master == newest => count,
            Some(_) | None => Count { master: newest, number: 0, reserved: 0 },
        };
        let random = |fault: NoRandomness| Fault::disk("random")(io::Error::other(fault));
        let seal = Seal {
            pages: PageKeys::new(keys.clone(), count.number).map_err(random)?,
            records: Arc::new(RecordKeys::new(&keys, Purpose::Record).map_err(random)?),
            state: Mutex::new(State { count, budget: Budget::with_most(count.reserved, most) }),
            keys: RwLock::new(keys),
            pending: RwLock::default(),
            most,
        };
        if known != Some(count) {
            seal.keep(disk.as_ref(), count).map_err(Fault::disk("seal"))?;
        }
        if plain {
            seal.replay(disk.as_ref())?;
        }
        let bodies = Arc::new(BodyKeys::open(Arc::clone(&disk), &seal.keys())?);
        Ok(Self { disk, seal: Arc::new(seal), bodies })
    }

    /// The newest master.
    #[must_use]
    pub fn newest(&self) -> KeyId {
        self.seal.keys().newest()
    }

    /// How many masters open what lies on the disk.
    #[must_use]
    pub fn masters(&self) -> usize {
        self.seal.keys().ids().count()
    }

    /// Goes on with other masters while the store runs: one was added, or old ones are dropped.
    /// Everything that is written from now on is sealed by the newest.
    ///
    /// # Errors
    /// The disk takes no writes; the masters are as they were.
    pub fn renew(&self, keys: &Keys) -> Result<(), Fault> {
        let seal = &self.seal;
        let mut state = seal.lock();
        let mut count = state.count;
        if count.master != keys.newest() {
            count = Count { master: keys.newest(), number: 0, reserved: 0 };
            keep(self.disk.as_ref(), count, keys).map_err(Fault::disk("seal"))?;
            *state = State { count, budget: Budget::with_most(0, seal.most) };
        }
        seal.pages.renew(keys.clone(), count.number).map_err(|fault| lost(&fault))?;
        seal.records.renew(keys);
        self.bodies.renew(keys);
        *seal.keys.write().unwrap_or_else(PoisonError::into_inner) = keys.clone();
        Ok(())
    }

    /// Seals up to 256 pages from page `first` on with the newest master, those that it has not
    /// sealed yet, and makes them durable. The database's writes wait meanwhile, its reads do not.
    ///
    /// # Errors
    /// The disk fails. What was begun is finished before the database's next write.
    pub fn reseal(&self, first: u64) -> Result<Resealed, Fault> {
        let file = self.disk.open(database::FILE, false).map_err(Fault::disk("database"))?;
        let mut state = self.seal.lock();
        let step = Step { disk: self.disk.as_ref(), file: file.as_ref(), seal: &self.seal };
        step.run(&mut state, first).map_err(Fault::disk("database"))
    }

    /// Has the newest master wrap the keys of some conversations, from slot `first` on.
    ///
    /// # Errors
    /// The disk fails.
    pub fn rewrap(&self, first: u64) -> Result<Rewrapped, Fault> {
        self.bodies.rewrap(first)
    }

    /// Gives the room of the side file back, after the last step.
    ///
    /// # Errors
    /// The disk takes no writes.
    pub fn resealed(&self) -> Result<(), Fault> {
        let _state = self.seal.lock();
        if self.seal.pending().is_empty() {
            side::empty(self.disk.as_ref()).map_err(Fault::disk("seal"))?;
        }
        Ok(())
    }
}

/// What a step of a rotation did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resealed {
    /// Where the next step begins; `None` at the end.
    pub next: Option<u64>,
    /// Pages of the database.
    pub pages: u64,
    /// Pages that open with no key: what a power cut tore and nothing needs, or damage.
    pub unreadable: u64,
}

/// One step of a rotation.
struct Step<'a> {
    disk: &'a dyn Disk,
    file: &'a dyn Storage,
    seal: &'a Seal,
}

impl Step<'_> {
    fn run(&self, state: &mut State, first: u64) -> io::Result<Resealed> {
        self.seal.settle(self.disk, self.file)?;
        let pages = self.file.length()? / SEALED_PAGE;
        if first == 0 && pages > 0 {
            // One sector: it is there or not.
            self.seal.write_header(self.file, &self.seal.header(self.file)?)?;
            self.file.sync()?;
        }
        let end = pages.min(first + side::PAGES_MOST as u64);
        let next = (end < pages).then_some(end);
        let (old, unreadable) = self.old(first.max(1), end)?;
        if !old.is_empty() {
            let batch = self.sealed(state, &old)?;
            // The side file names the header that is durable.
            self.file.sync()?;
            side::write(self.disk, self.file, &batch)?;
            self.seal.hold(batch);
            self.seal.settle(self.disk, self.file)?;
        }
        Ok(Resealed { next, pages, unreadable })
    }

    /// The pages in the clear that an old master sealed. A page that was never written is zeros.
    fn old(&self, first: u64, end: u64) -> io::Result<(Vec<(u64, Page)>, u64)> {
        let (mut old, mut unreadable) = (Vec::new(), 0);
        let count = usize::try_from(end.saturating_sub(first)).unwrap_or(0);
        let mut sealed = vec![0; count * SEALED_PAGE_BYTES];
        self.file.read_at(&mut sealed, first * SEALED_PAGE)?;
        for (at, sealed) in (first..).zip(sealed.as_chunks::<SEALED_PAGE_BYTES>().0) {
            if self.seal.pages.is_newest(sealed) || sealed.iter().all(|byte| *byte == 0) {
                continue;
            }
            let mut page = Box::new([0; PAGE_BYTES]);
            match self.seal.pages.open(at, sealed, &mut page) {
                Ok(()) => old.push((at, page)),
                Err(BadSeal) => unreadable += 1,
            }
        }
        Ok((old, unreadable))
    }

    fn sealed(&self, state: &mut State, old: &[(u64, Page)]) -> io::Result<Batch> {
        self.seal.count(state, self.disk, old.len() as u64)?;
        let mut sealed = Vec::new();
        let mut batch = Batch::new();
        for (at, page) in old {
            sealed.clear();
            self.seal.pages.seal(*at, page.as_slice(), &mut sealed).map_err(io::Error::other)?;
            let page = sealed.as_slice().try_into().map_err(io::Error::other)?;
            batch.insert(*at, Box::new(page));
        }
        Ok(batch)
    }
}

type Page = Box<[u8; PAGE_BYTES]>;

fn lost(fault: &BadSeal) -> Fault {
    Fault::Disk { what: "seal", source: io::Error::other(*fault) }
}

impl Disk for SealedDisk {
    fn open(&self, name: &str, create: bool) -> io::Result<Arc<dyn Storage>> {
        let file = self.disk.open(name, create)?;
        if !name.starts_with(database::FILE) {
            return Ok(file);
        }
        let (disk, seal) = (Arc::clone(&self.disk), Arc::clone(&self.seal));
        Ok(Arc::new(Pages { disk, file, seal }))
    }

    fn exists(&self, name: &str) -> io::Result<bool> {
        self.disk.exists(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn origin(&self, names: &[&str]) -> io::Result<u128> {
        self.disk.origin(names)
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        self.disk.list(folder)
    }

    fn bodies(&self) -> Option<Arc<BodyKeys>> {
        Some(Arc::clone(&self.bodies))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }

    fn records(&self) -> Option<Arc<RecordKeys>> {
        Some(Arc::clone(&self.seal.records))
    }

    fn sealed(&self) -> Option<&SealedDisk> {
        Some(self)
    }
}

#[derive(Debug)]
struct Seal {
    keys: RwLock<Keys>,
    pages: PageKeys,
    records: Arc<RecordKeys>,
    /// Locked by whoever writes to the database.
    state: Mutex<State>,
    /// Pages of a step that are durable in the side file, and may be half written in their places.
    pending: RwLock<Batch>,
    /// Uses of a page key.
    most: u64,
}

#[derive(Debug)]
struct State {
    count: Count,
    budget: Budget,
}

/// Which page key seals, and how many of its uses may have happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Count {
    master: KeyId,
    number: u16,
    reserved: u64,
}

impl Seal {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keys(&self) -> RwLockReadGuard<'_, Keys> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn pending(&self) -> RwLockReadGuard<'_, Batch> {
        self.pending.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Pages that are read from here until they are durable in their places.
    fn hold(&self, batch: Batch) {
        *self.pending.write().unwrap_or_else(PoisonError::into_inner) = batch;
    }

    /// Ends a step that was cut off, when the disk takes writes; its pages can be read at any rate.
    fn replay(&self, disk: &dyn Disk) -> Result<(), Fault> {
        let file = disk.open(database::FILE, false).map_err(Fault::disk("database"))?;
        let mut batch = side::read(disk, file.as_ref()).map_err(Fault::disk("seal"))?;
        let pages = file.length().map_err(Fault::disk("database"))? / SEALED_PAGE;
        let mut page = [0; PAGE_BYTES];
        batch.retain(|at, sealed| *at < pages && self.pages.open(*at, sealed, &mut page).is_ok());
        self.hold(batch);
        match self.settle(disk, file.as_ref()).map_err(Fault::disk("database")) {
            Err(fault) if !fault.passing() => Err(fault),
            Err(_) | Ok(()) => Ok(()),
        }
    }

    /// Writes what is pending in its places. Before that the database writes nothing.
    fn settle(&self, disk: &dyn Disk, file: &dyn Storage) -> io::Result<()> {
        {
            let pending = self.pending();
            if pending.is_empty() {
                return Ok(());
            }
            side::put(file, &pending)?;
        }
        side::clear(disk)?;
        self.hold(Batch::new());
        Ok(())
    }

    /// Counts `pages` uses of the page key, which may change for it.
    fn count(&self, state: &mut State, disk: &dyn Disk, pages: u64) -> io::Result<()> {
        loop {
            match state.budget.take(pages) {
                Need::Nothing => return Ok(()),
                Need::Reserve(reserved) => {
                    let count = Count { reserved, ..state.count };
                    self.keep(disk, count)?;
                    state.count = count;
                    state.budget.reserve(reserved);
                }
                Need::NewKey => {
                    let number = state.count.number.checked_add(1);
                    let number = number.ok_or_else(|| io::Error::other("65 536 page keys"))?;
                    self.pages.change(number).map_err(io::Error::other)?;
                    state.count = Count { number, reserved: 0, ..state.count };
                    state.budget = Budget::with_most(0, self.most);
                }
            }
        }
    }

    fn keep(&self, disk: &dyn Disk, count: Count) -> io::Result<()> {
        keep(disk, count, &self.keys())
    }

    /// The first sector, which holds redb's header, checked; zeros when it was never written.
    fn header(&self, file: &dyn Storage) -> io::Result<[u8; HEADER]> {
        let mut sector = [0; SECTOR];
        file.read_at(&mut sector, 0)?;
        let (header, rest) = sector.split_at(HEADER);
        let mut out = [0; HEADER];
        out.copy_from_slice(header);
        if sector == [0; SECTOR] {
            return Ok(out);
        }
        let master = KeyId::from_be_bytes([rest[32], rest[33]]);
        let mac = authenticator(&self.keys(), master, &[b"header", header]).map_err(broken)?;
        if same(&mac, &rest[..32]) { Ok(out) } else { Err(broken(BadSeal)) }
    }

    fn write_header(&self, file: &dyn Storage, header: &[u8; HEADER]) -> io::Result<()> {
        let master = self.keys().newest();
        let mut sector = [0; SECTOR];
        sector[..HEADER].copy_from_slice(header);
        let mac = authenticator(&self.keys(), master, &[b"header", header]).map_err(broken)?;
        sector[HEADER..HEADER + 32].copy_from_slice(&mac);
        sector[HEADER + 32..HEADER + 34].copy_from_slice(&master.to_be_bytes());
        file.write_at(&sector, 0)
    }
}

impl Count {
    const BYTES: usize = 64;
    const MAGIC: &[u8; 8] = b"phsealst";
    const FORMAT: u32 = 1;

    /// Magic, format (u32), family, zero, master and page key (u16), six zeros, uses (u64), HMAC of
    /// 32 bytes; big-endian.
    fn to_bytes(self, keys: &Keys) -> Result<Vec<u8>, BadSeal> {
        let mut out = Self::MAGIC.to_vec();
        out.extend_from_slice(&Self::FORMAT.to_be_bytes());
        out.extend_from_slice(&[keys.family().byte(), 0]);
        out.extend_from_slice(&self.master.to_be_bytes());
        out.extend_from_slice(&self.number.to_be_bytes());
        out.extend_from_slice(&[0; 6]);
        out.extend_from_slice(&self.reserved.to_be_bytes());
        let mac = authenticator(keys, self.master, &[b"count", &out])?;
        out.extend_from_slice(&mac);
        Ok(out)
    }

    fn from_bytes(bytes: &[u8; Self::BYTES], keys: &Keys) -> Result<Self, Fault> {
        let tampered = || Fault::Tampered { what: "seal" };
        let (said, mac) = bytes.split_at(32);
        let format = u32::from_be_bytes([said[8], said[9], said[10], said[11]]);
        if !said.starts_with(Self::MAGIC) {
            return Err(tampered());
        }
        if format > Self::FORMAT {
            return Err(Fault::NewerFormat { found: format, known: Self::FORMAT });
        }
        let master = KeyId::from_be_bytes([said[14], said[15]]);
        let known = authenticator(keys, master, &[b"count", said]).map_err(|_| tampered())?;
        if !same(&known, mac) || Family::from_byte(said[12]) != Some(keys.family()) {
            return Err(tampered());
        }
        let number = u16::from_be_bytes([said[16], said[17]]);
        let reserved = said.last_chunk::<8>().map_or(u64::MAX, |n| u64::from_be_bytes(*n));
        Ok(Self { master, number, reserved })
    }
}

fn keep(disk: &dyn Disk, count: Count, keys: &Keys) -> io::Result<()> {
    let bytes = count.to_bytes(keys).map_err(broken)?;
    let file = disk.open(NEW_FILE, true)?;
    file.set_len(bytes.len() as u64)?;
    file.write_at(&bytes, 0)?;
    file.sync()?;
    disk.rename(NEW_FILE, FILE)
}

fn read_count(disk: &dyn Disk, keys: &Keys) -> Result<Option<Count>, Fault> {
    if !is_sealed(disk)? {
        return Ok(None);
    }
    let mut bytes = [0; Count::BYTES];
    let file = disk.open(FILE, false).map_err(Fault::disk("seal"))?;
    file.read_at(&mut bytes, 0).map_err(Fault::disk("seal"))?;
    Count::from_bytes(&bytes, keys).map(Some)
}

/// Authenticates what stays in the clear.
fn authenticator(keys: &Keys, master: KeyId, parts: &[&[u8]]) -> Result<[u8; 32], BadSeal> {
    let key = keys.secret(master, Purpose::Clear)?;
    Ok(keys.family().hmac(&*key, parts))
}

fn broken(fault: BadSeal) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, fault)
}

/// The database's file: reads and writes pages in the clear.
#[derive(Debug)]
struct Pages {
    disk: Arc<dyn Disk>,
    file: Arc<dyn Storage>,
    seal: Arc<Seal>,
}

impl Pages {
    /// Opens page `first` and the ones behind it into whole pages.
    fn open(&self, first: u64, pages: &mut [[u8; PAGE_BYTES]]) -> io::Result<()> {
        let mut sealed = vec![0; pages.len() * SEALED_PAGE_BYTES];
        // Held while the file is read: a step writes only what stands here before.
        let pending = self.seal.pending();
        self.file.read_at(&mut sealed, first * SEALED_PAGE)?;
        let (sealed, _) = sealed.as_chunks::<SEALED_PAGE_BYTES>();
        for (at, (sealed, page)) in (first..).zip(sealed.iter().zip(pages)) {
            if at == 0 {
                page.fill(0);
                page[..HEADER].copy_from_slice(&self.seal.header(self.file.as_ref())?);
            } else {
                let sealed = pending.get(&at).map_or(sealed, |page| page.as_ref());
                self.seal.pages.open(at, sealed, page).map_err(broken)?;
            }
        }
        Ok(())
    }
}

impl Storage for Pages {
    fn length(&self) -> io::Result<u64> {
        Ok(self.file.length()? / SEALED_PAGE * PAGE)
    }

    fn read_at(&self, out: &mut [u8], offset: u64) -> io::Result<()> {
        if offset + out.len() as u64 > self.length()? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let within = usize::try_from(offset % PAGE).unwrap_or(0);
        if within == 0 && out.len().is_multiple_of(PAGE_BYTES) {
            return self.open(offset / PAGE, out.as_chunks_mut().0);
        }
        let count = (within + out.len()).div_ceil(PAGE_BYTES);
        let mut pages = vec![[0; PAGE_BYTES]; count];
        self.open(offset / PAGE, &mut pages)?;
        out.copy_from_slice(&pages.as_flattened()[within..within + out.len()]);
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.seal.lock();
        self.seal.settle(self.disk.as_ref(), self.file.as_ref())?;
        if offset == 0 {
            let header = bytes.try_into().map_err(|_| unaligned())?;
            return self.seal.write_header(self.file.as_ref(), header);
        }
        if !offset.is_multiple_of(PAGE) || !bytes.len().is_multiple_of(PAGE_BYTES) {
            return Err(unaligned());
        }
        let first = offset / PAGE;
        let mut sealed = Vec::new();
        let pages = (bytes.len() / PAGE_BYTES) as u64;
        self.seal.count(&mut state, self.disk.as_ref(), pages)?;
        self.seal.pages.seal(first, bytes, &mut sealed).map_err(io::Error::other)?;
        self.file.write_at(&sealed, first * SEALED_PAGE)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let _state = self.seal.lock();
        self.seal.settle(self.disk.as_ref(), self.file.as_ref())?;
        self.file.set_len(len.div_ceil(PAGE) * SEALED_PAGE)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }
}

fn unaligned() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "the database writes whole pages")
}
