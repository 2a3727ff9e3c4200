//! A disk that fails on purpose: power cuts that lose, tear and reorder what was not synced,
//! errors, full disks, a sync that lies. Everything follows from one seed.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::storage::{Disk, Storage};
use crate::base::chance::{Chance, Seeded};

/// What a write to a power-failing disk keeps or loses as a whole (ATA and NVMe logical block).
const SECTOR: usize = 512;

/// Faults that last until they are taken away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    pub write: Option<io::ErrorKind>,
    pub sync: Option<io::ErrorKind>,
    /// Making a file longer.
    pub grow: Option<io::ErrorKind>,
    pub read: Option<io::ErrorKind>,
    /// `sync` says yes and does nothing.
    pub lying_sync: bool,
    /// The same for this file alone.
    pub lying_file: Option<&'static str>,
    /// The one file that is concerned; `None`: all are.
    pub only: Option<&'static str>,
}

impl Faults {
    fn of(self, name: &str) -> Self {
        let concerns = self.only.is_none_or(|only| only == name);
        if concerns { self } else { Self::default() }
    }
}

/// A folder of simulated files; clones are the same disk.
#[derive(Clone)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

struct State {
    files: BTreeMap<String, SimFile>,
    chance: Seeded,
    faults: Faults,
    /// Writes, syncs and length changes until the power goes.
    cut_after: Option<u64>,
    dead: bool,
    /// Counts power cuts: handles of an earlier life are dead.
    life: u64,
    operations: u64,
    files_made: u64,
}

/// The files of a disk as they were at one moment.
#[derive(Clone)]
pub struct Copy(BTreeMap<String, SimFile>);

#[derive(Clone, Default)]
struct SimFile {
    /// Numbers the files that were ever made: an inode.
    made: u64,
    durable: Vec<u8>,
    /// What reads see: the page cache.
    live: Vec<u8>,
    pending: Vec<Change>,
    /// Syncs that failed: every handle is told of one that came after it was opened, as by Linux.
    failed: u64,
}

#[derive(Clone)]
enum Change {
    Write {
        offset: usize,
        bytes: Vec<u8>,
        /// The write itself made the file longer: what of it is left may do so again.
        grows: bool,
    },
    Length(usize),
}

/// How much of the pending changes a power cut leaves.
enum Mercy {
    Nothing,
    Everything,
    Changes,
    Sectors,
    First(usize),
}

impl SimDisk {
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let state = State {
            files: BTreeMap::new(),
            chance: Seeded::new(seed),
            faults: Faults::default(),
            cut_after: None,
            dead: false,
            life: 0,
            operations: 0,
            files_made: 0,
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    pub fn set_faults(&self, faults: Faults) {
        self.lock().faults = faults;
    }

    /// The power goes at the `operations`-th write, sync or length change from now; everything
    /// fails from then on, until `power_cut`.
    pub fn cut_after(&self, operations: u64) {
        self.lock().cut_after = Some(operations);
    }

    /// Writes, syncs and length changes so far.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.lock().operations
    }

    /// The power goes now (or went) and comes back: of what was not synced only some is left.
    pub fn power_cut(&self) {
        let mut state = self.lock();
        let State { files, chance, .. } = &mut *state;
        for file in files.values_mut() {
            file.lose(chance);
            file.live.clone_from(&file.durable);
        }
        state.life += 1;
        state.dead = false;
        state.cut_after = None;
    }

    /// The process is killed: its handles are dead, the page cache lives on.
    pub fn kill(&self) {
        let mut state = self.lock();
        state.life += 1;
        state.dead = false;
        state.cut_after = None;
    }

    /// A copy of the files as a power cut at this moment leaves them.
    #[must_use]
    pub fn copy(&self) -> Copy {
        let mut state = self.lock();
        let State { files, chance, .. } = &mut *state;
        let mut files = files.clone();
        for file in files.values_mut() {
            file.lose(chance);
            file.live.clone_from(&file.durable);
        }
        Copy(files)
    }

    /// The copy takes the place of what is there while no process runs: new files with old bytes.
    pub fn put_back(&self, copy: &Copy) {
        self.roll_back(copy);
        let mut state = self.lock();
        let State { files, files_made, .. } = &mut *state;
        for file in files.values_mut() {
            *files_made += 1;
            file.made = *files_made;
        }
    }

    /// The whole machine is set back: the very same files, as they were. Nobody can see that from
    /// the inside.
    pub fn roll_back(&self, copy: &Copy) {
        self.kill();
        self.lock().files.clone_from(&copy.0);
    }

    /// True after the power went during an operation.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.lock().dead
    }

    /// Changes bytes that are durable: a disk that gives back other bytes than were written.
    pub fn damage(&self, name: &str, offset: usize, flip: u8) {
        if let Some(file) = self.lock().files.get_mut(name) {
            for image in [&mut file.durable, &mut file.live] {
                if let Some(byte) = image.get_mut(offset) {
                    *byte ^= flip;
                }
            }
        }
    }

    /// The bytes of a file as reads see them.
    #[must_use]
    pub fn content(&self, name: &str) -> Option<Vec<u8>> {
        self.lock().files.get(name).map(|file| file.live.clone())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SimDisk")
    }
}

impl State {
    fn alive(&self, life: u64) -> io::Result<()> {
        if self.dead || self.life != life {
            return Err(io::Error::other("the power is off"));
        }
        Ok(())
    }

    /// Counts an operation; true when the power goes during it.
    fn spend(&mut self) -> bool {
        self.operations += 1;
        match &mut self.cut_after {
            None => false,
            Some(0 | 1) => {
                self.dead = true;
                true
            }
            Some(left) => {
                *left -= 1;
                false
            }
        }
    }
}

impl SimFile {
    fn flush(&mut self) {
        for change in self.pending.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    /// Linux marks the pages clean: they may or may not be on the disk, and never will be. The
    /// file's length is metadata, which outlives the error.
    fn fail_sync(&mut self, chance: &mut Seeded) {
        self.durable.resize(self.live.len(), 0);
        self.pending.retain(|change| matches!(change, Change::Write { .. }));
        self.lose(chance);
    }

    /// Some of the pending changes reach the disk, the others are gone.
    fn lose(&mut self, chance: &mut Seeded) {
        let mercy = match chance.below(8) {
            0 => Mercy::Nothing,
            1 => Mercy::Everything,
            2 | 3 => Mercy::Changes,
            4 | 5 => Mercy::Sectors,
            _ => {
                let all = self.pending.len() as u64 + 1;
                Mercy::First(usize::try_from(chance.below(all)).unwrap_or(0))
            }
        };
        for (at, change) in self.pending.drain(..).enumerate() {
            let keep = match mercy {
                Mercy::Nothing => false,
                Mercy::Everything | Mercy::Sectors => true,
                Mercy::Changes => chance.below(2) == 0,
                Mercy::First(count) => at < count,
            };
            if !keep {
                continue;
            }
            if matches!(mercy, Mercy::Sectors) {
                change.apply_torn(&mut self.durable, chance);
            } else {
                change.apply(&mut self.durable);
            }
        }
    }
}

impl Change {
    fn apply(&self, image: &mut Vec<u8>) {
        match self {
            Self::Length(length) => image.resize(*length, 0),
            Self::Write { offset, bytes, grows } => {
                let end = offset + bytes.len();
                if image.len() < end && *grows {
                    image.resize(end, 0);
                }
                // A change of length that was lost hides what was written behind the old end.
                let end = end.min(image.len());
                if *offset < end {
                    image[*offset..end].copy_from_slice(&bytes[..end - offset]);
                }
            }
        }
    }

    /// Applies some sectors only; a change of length may be lost.
    fn apply_torn(&self, image: &mut Vec<u8>, chance: &mut Seeded) {
        match self {
            Self::Length(_) => {
                if chance.below(2) == 0 {
                    self.apply(image);
                }
            }
            Self::Write { offset, bytes, grows } => {
                let mut at = *offset;
                let end = offset + bytes.len();
                while at < end {
                    let next = ((at / SECTOR + 1) * SECTOR).min(end);
                    if chance.below(2) == 0 {
                        let piece = bytes[at - offset..next - offset].to_vec();
                        Self::Write { offset: at, bytes: piece, grows: *grows }.apply(image);
                    }
                    at = next;
                }
            }
        }
    }
}

impl Disk for SimDisk {
    fn open(&self, name: &str, create: bool) -> io::Result<Arc<dyn Storage>> {
        let mut state = self.lock();
        let life = state.life;
        state.alive(life)?;
        if !state.files.contains_key(name) {
            if !create {
                return Err(io::ErrorKind::NotFound.into());
            }
            if let Some(kind) = state.faults.grow {
                return Err(kind.into());
            }
            state.files_made += 1;
            let file = SimFile { made: state.files_made, ..SimFile::default() };
            state.files.insert(name.to_owned(), file);
        }
        let seen = AtomicU64::new(state.files.get(name).map_or(0, |file| file.failed));
        Ok(Arc::new(Handle { disk: self.clone(), name: name.to_owned(), life, seen }))
    }

    fn exists(&self, name: &str) -> io::Result<bool> {
        Ok(self.lock().files.contains_key(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.lock();
        let file = state.files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.files.insert(to.to_owned(), file);
        Ok(())
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let prefix = format!("{folder}/");
        let state = self.lock();
        let names = state.files.keys().filter_map(|name| name.strip_prefix(&prefix));
        Ok(names.filter(|name| !name.contains('/')).map(str::to_owned).collect())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.lock().files.remove(name);
        Ok(())
    }

    fn origin(&self, names: &[&str]) -> io::Result<u128> {
        let state = self.lock();
        let made = names.iter().map(|name| state.files.get(*name).map_or(0, |file| file.made));
        Ok(made.fold(1, |all, made| all << 40 | u128::from(made)))
    }
}

#[derive(Debug)]
struct Handle {
    disk: SimDisk,
    name: String,
    life: u64,
    /// Failed syncs that this handle was told of.
    seen: AtomicU64,
}

impl Handle {
    /// Runs `work` on the file and tells it whether the power goes during this operation.
    fn change(
        &self,
        work: impl FnOnce(&mut SimFile, &mut Seeded, &Faults, bool) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut state = self.disk.lock();
        state.alive(self.life)?;
        let cut = state.spend();
        let faults = state.faults.of(&self.name);
        let State { files, chance, .. } = &mut *state;
        let file = files.get_mut(&self.name).ok_or(io::ErrorKind::NotFound)?;
        work(file, chance, &faults, cut)?;
        if cut { Err(io::Error::other("the power is off")) } else { Ok(()) }
    }
}

/// The fault that a write up to `end` meets.
fn write_fault(faults: &Faults, end: usize, file: &SimFile) -> io::Result<()> {
    let grows = end > file.live.len();
    match faults.write.or(faults.grow.filter(|_| grows)) {
        Some(kind) => Err(kind.into()),
        None => Ok(()),
    }
}

impl Storage for Handle {
    fn length(&self) -> io::Result<u64> {
        let state = self.disk.lock();
        state.alive(self.life)?;
        Ok(state.files.get(&self.name).map_or(0, |file| file.live.len() as u64))
    }

    fn read_at(&self, out: &mut [u8], offset: u64) -> io::Result<()> {
        let state = self.disk.lock();
        state.alive(self.life)?;
        if let Some(kind) = state.faults.of(&self.name).read {
            return Err(kind.into());
        }
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let live = state.files.get(&self.name).map(|file| file.live.as_slice());
        let bytes = live.and_then(|live| live.get(start..start.saturating_add(out.len())));
        out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        self.change(|file, _, faults, _| {
            let end = offset + bytes.len();
            write_fault(faults, end, file)?;
            let grows = end > file.live.len();
            let write = Change::Write { offset, bytes: bytes.to_vec(), grows };
            write.apply(&mut file.live);
            file.pending.push(write);
            Ok(())
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let length = usize::try_from(len).unwrap_or(usize::MAX);
        self.change(|file, _, faults, _| {
            write_fault(faults, length, file)?;
            let change = Change::Length(length);
            change.apply(&mut file.live);
            file.pending.push(change);
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.change(|file, chance, faults, cut| {
            if let Some(kind) = faults.sync {
                file.fail_sync(chance);
                file.failed += 1;
                self.seen.store(file.failed, Ordering::Relaxed);
                return Err(kind.into());
            }
            if self.seen.swap(file.failed, Ordering::Relaxed) < file.failed {
                return Err(io::Error::other("a sync through another handle failed"));
            }
            let lies = faults.lying_sync || faults.lying_file == Some(self.name.as_str());
            if !cut && !lies {
                file.flush();
            }
            Ok(())
        })
    }
}
