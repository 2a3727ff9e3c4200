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
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use posthouse_crypto::family::Family;
use posthouse_crypto::seal::{
    BadSeal, Budget, KeyId, Keys, Need, PAGE_BYTES, PAGE_WRITES_MOST, PageKeys, Purpose,
    RecordKeys, SEALED_PAGE_BYTES,
};
use posthouse_crypto::token::{NoRandomness, same};

use super::database;
use super::fault::Fault;
use super::storage::{Disk, Storage};

/// Says that a store is sealed, and counts the uses of its page key.
pub const FILE: &str = "sealed";
const NEW_FILE: &str = "sealed.new";
const PAGE: u64 = PAGE_BYTES as u64;
const SEALED_PAGE: u64 = SEALED_PAGE_BYTES as u64;
const SECTOR: usize = 512;
/// redb's header: the only part of page 0 that it writes.
const HEADER: usize = 320;

/// A disk whose database and journal are sealed.
#[derive(Debug)]
pub struct SealedDisk {
    disk: Arc<dyn Disk>,
    seal: Arc<Seal>,
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
            keys,
            most,
        };
        if known != Some(count) {
            seal.keep(disk.as_ref(), count).map_err(Fault::disk("seal"))?;
        }
        Ok(Self { disk, seal: Arc::new(seal) })
    }
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

    fn records(&self) -> Option<Arc<RecordKeys>> {
        Some(Arc::clone(&self.seal.records))
    }
}

#[derive(Debug)]
struct Seal {
    keys: Keys,
    pages: PageKeys,
    records: Arc<RecordKeys>,
    state: Mutex<State>,
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
    /// Counts `pages` uses of the page key, which may change for it; the guard keeps it.
    fn count(&self, disk: &dyn Disk, pages: u64) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match state.budget.take(pages) {
                Need::Nothing => return Ok(state),
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
        let bytes = count.to_bytes(&self.keys).map_err(broken)?;
        let file = disk.open(NEW_FILE, true)?;
        file.set_len(bytes.len() as u64)?;
        file.write_at(&bytes, 0)?;
        file.sync()?;
        disk.rename(NEW_FILE, FILE)
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
        let mac = authenticator(&self.keys, master, &[b"header", header]).map_err(broken)?;
        if same(&mac, &rest[..32]) { Ok(out) } else { Err(broken(BadSeal)) }
    }

    fn write_header(&self, file: &dyn Storage, header: &[u8; HEADER]) -> io::Result<()> {
        let master = self.keys.newest();
        let mut sector = [0; SECTOR];
        sector[..HEADER].copy_from_slice(header);
        let mac = authenticator(&self.keys, master, &[b"header", header]).map_err(broken)?;
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
        self.file.read_at(&mut sealed, first * SEALED_PAGE)?;
        let (sealed, _) = sealed.as_chunks::<SEALED_PAGE_BYTES>();
        for (at, (sealed, page)) in (first..).zip(sealed.iter().zip(pages)) {
            if at == 0 {
                page.fill(0);
                page[..HEADER].copy_from_slice(&self.seal.header(self.file.as_ref())?);
            } else {
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
        if offset == 0 {
            let header = bytes.try_into().map_err(|_| unaligned())?;
            return self.seal.write_header(self.file.as_ref(), header);
        }
        if !offset.is_multiple_of(PAGE) || !bytes.len().is_multiple_of(PAGE_BYTES) {
            return Err(unaligned());
        }
        let first = offset / PAGE;
        let mut sealed = Vec::new();
        let state = self.seal.count(self.disk.as_ref(), (bytes.len() / PAGE_BYTES) as u64)?;
        self.seal.pages.seal(first, bytes, &mut sealed).map_err(io::Error::other)?;
        drop(state);
        self.file.write_at(&sealed, first * SEALED_PAGE)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len.div_ceil(PAGE) * SEALED_PAGE)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }
}

fn unaligned() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "the database writes whole pages")
}
