//! The keys of conversations, of sealed stores only: one slot each in the file `bodies`.
//! Invariant: a slot is given to one conversation in its life, and once it is zeroed and synced
//! nothing that its key sealed can be opened by anybody.
//!
//! | slot 0 | bytes | |
//! |---|---|---|
//! | magic | 0..8 | `phbodies` |
//! | format, zeros | 8..64 | u32 big-endian 1 |
//!
//! | slot 1, 2, 3 … | bytes | |
//! |---|---|---|
//! | sealed key | 0..32 | the slot's number (u64, big-endian) is associated data |
//! | tag, nonce, master | 32..64 | as behind a record |
//!
//! A slot lies in one sector, so a power cut leaves it as it was or as it became. It is written in
//! place and never by way of another file, which would leave the old bytes on the disk.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use posthouse_crypto::family::{Family, Secret};
use posthouse_crypto::seal::{Aead, Keys, Nonces, Purpose, RecordKeys};
use posthouse_crypto::token::{NoRandomness, fill_random};
use zeroize::Zeroizing;

use super::fault::Fault;
use super::storage::{Disk, Storage};
use crate::base::limits::{BODY_KEYS_CACHED, BODY_KEYS_DRAWN};

pub const FILE: &str = "bodies";
const SLOT: usize = 64;
const MAGIC: &[u8; 8] = b"phbodies";
const FORMAT: u32 = 1;
const WHAT: &str = "keys of conversations";
const TAG: usize = 16;
const NONCE: usize = 12;
/// Slots of one step of a rotation: 64 KiB.
const REWRAPPED: u64 = 1_024;
/// Slots of one part of a copy.
pub const COPIED: u64 = 16 * 1_024;
/// By how much sealing makes a text longer.
pub const TEXT_EXTRA: usize = TAG + NONCE;

/// The slots of one store, and a few of their keys in memory.
pub struct BodyKeys {
    disk: Arc<dyn Disk>,
    /// For reading; what is written goes through a newly opened file, whose errors are its own.
    file: Arc<dyn Storage>,
    family: Family,
    wrap: RecordKeys,
    nonces: Nonces,
    /// Held by who writes: a slot that is wrapped anew must not bring an erased one back.
    writes: Mutex<Writes>,
    cache: Mutex<Cache>,
}

/// What the last writes came to.
#[derive(Default)]
struct Writes {
    /// A rotation's write failed: what is read may stand in memory only.
    unsure: bool,
}

/// What a step of a rotation did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rewrapped {
    /// Where the next step begins; `None` at the end.
    pub next: Option<u64>,
    /// Slots that open with no master.
    pub unreadable: u64,
}

/// What became of sealed bytes.
#[derive(Debug)]
pub enum Text {
    Plain(Vec<u8>),
    /// The key was destroyed.
    Erased,
    /// The slot is neither zero nor authentic, or its key is not the one that sealed.
    Damaged,
}

/// The key in a slot.
#[derive(Clone, Debug)]
pub enum SlotKey {
    Live(Arc<Aead>),
    Erased,
    Damaged,
}

/// Keys that were used lately, in two generations: the older one is dropped when the younger is
/// full.
#[derive(Default)]
struct Cache {
    young: HashMap<u64, Arc<Aead>>,
    old: HashMap<u64, Arc<Aead>>,
    /// Counts erasures: what was read before one must not be kept after it.
    erasures: u64,
}

impl BodyKeys {
    /// Opens the file, or makes it for a store that has none.
    ///
    /// # Errors
    /// The disk fails, or the file is another one or of a newer format.
    pub fn open(disk: Arc<dyn Disk>, keys: &Keys) -> Result<Self, Fault> {
        let file = disk.open(FILE, true).map_err(Fault::disk(WHAT))?;
        let length = file.length().map_err(Fault::disk(WHAT))?;
        let mut head = [0; SLOT];
        if length >= SLOT as u64 {
            file.read_at(&mut head, 0).map_err(Fault::disk(WHAT))?;
        }
        if head == [0; SLOT] {
            head[..8].copy_from_slice(MAGIC);
            head[8..12].copy_from_slice(&FORMAT.to_be_bytes());
            file.write_at(&head, 0).and_then(|()| file.sync()).map_err(Fault::disk(WHAT))?;
        }
        let format = u32::from_be_bytes([head[8], head[9], head[10], head[11]]);
        if !head.starts_with(MAGIC) {
            return Err(Fault::Tampered { what: WHAT });
        }
        if format > FORMAT {
            return Err(Fault::NewerFormat { found: format, known: FORMAT });
        }
        Ok(Self {
            disk,
            file,
            family: keys.family(),
            wrap: RecordKeys::new(keys, Purpose::Body).map_err(no_randomness)?,
            nonces: Nonces::new().map_err(no_randomness)?,
            writes: Mutex::default(),
            cache: Mutex::default(),
        })
    }

    /// Fills the slots behind `highest`, the last one that a conversation has, with fresh keys, and
    /// returns the last of them. What stood there is gone: a batch that was cut off may have sealed
    /// with it.
    ///
    /// # Errors
    /// The disk fails; or the file is shorter than it was.
    pub fn draw(&self, highest: u64) -> Result<u64, Fault> {
        let _writing = self.writing();
        let file = self.disk.open(FILE, false).map_err(Fault::disk(WHAT))?;
        let first = highest + 1;
        if file.length().map_err(Fault::disk(WHAT))? < at(first) {
            return Err(Fault::Tampered { what: WHAT });
        }
        let last = highest + BODY_KEYS_DRAWN;
        let mut slots = Vec::with_capacity(SLOT * 256);
        for slot in first..=last {
            let mut key = Secret::default();
            fill_random(&mut *key).map_err(no_randomness)?;
            let start = slots.len();
            slots.extend_from_slice(&*key);
            self.wrap.seal(&slot.to_be_bytes(), &mut slots, start).map_err(no_randomness)?;
        }
        let write = || {
            file.write_at(&slots, at(first))?;
            file.set_len(at(last + 1))?;
            file.sync()
        };
        write().map_err(Fault::disk(WHAT))?;
        Ok(last)
    }

    /// Destroys the keys in these slots: when this returns they are nowhere.
    ///
    /// # Errors
    /// The disk fails; some may stand there still.
    pub fn erase(&self, slots: &[u64]) -> Result<(), Fault> {
        if slots.is_empty() {
            return Ok(());
        }
        let writing = self.writing();
        let write = || {
            let file = self.disk.open(FILE, false)?;
            for slot in slots {
                file.write_at(&[0; SLOT], at(*slot))?;
            }
            file.sync()
        };
        write().map_err(Fault::disk(WHAT))?;
        drop(writing);
        let mut cache = self.cache();
        cache.erasures += 1;
        for slot in slots {
            cache.young.remove(slot);
            cache.old.remove(slot);
        }
        Ok(())
    }

    /// Goes on with other masters: one was added, or old ones are dropped.
    pub fn renew(&self, keys: &Keys) {
        self.wrap.renew(keys);
    }

    /// Has the newest master wrap the keys of up to 1 024 slots from `first` on; what they sealed
    /// stays as it is. In place, sector by sector: a slot has the old wrapping or the new one.
    ///
    /// # Errors
    /// The disk fails.
    pub fn rewrap(&self, first: u64) -> Result<Rewrapped, Fault> {
        let mut writing = self.writing();
        let first = first.max(1);
        let file = self.disk.open(FILE, false).map_err(Fault::disk(WHAT))?;
        let end = file.length().map_err(Fault::disk(WHAT))? / SLOT as u64;
        let last = end.min(first + REWRAPPED);
        let count = usize::try_from(last.saturating_sub(first)).unwrap_or(0);
        let mut slots = vec![[0; SLOT]; count];
        file.read_at(slots.as_flattened_mut(), at(first)).map_err(Fault::disk(WHAT))?;
        let (mut changed, mut unreadable) = (false, 0);
        for (slot, bytes) in (first..).zip(&mut slots) {
            if *bytes == [0; SLOT] || self.wrap.is_newest(bytes.as_slice()) {
                continue;
            }
            let place = slot.to_be_bytes();
            let mut fresh = Zeroizing::new(*bytes);
            if self.wrap.open(&place, &mut *fresh).is_err() {
                unreadable += 1;
                continue;
            }
            self.wrap.seal_within(&place, &mut *fresh).map_err(no_randomness)?;
            *bytes = *fresh;
            changed = true;
        }
        if changed || writing.unsure {
            let write = || {
                file.write_at(slots.as_flattened(), at(first))?;
                file.sync()
            };
            let written = write();
            writing.unsure |= written.is_err();
            written.map_err(Fault::disk(WHAT))?;
        }
        Ok(Rewrapped { next: (last < end).then_some(last), unreadable })
    }

    /// The slots from `first` on as they lie on the disk, up to `last` and at most 16 384: one MiB.
    ///
    /// # Errors
    /// The disk does not read.
    pub fn copy(&self, first: u64, last: u64) -> Result<Vec<u8>, Fault> {
        // Nobody changes one meanwhile.
        let _writing = self.writing();
        let count = last.saturating_add(1).saturating_sub(first).min(COPIED);
        let mut slots = vec![0; usize::try_from(count).unwrap_or(0) * SLOT];
        self.file.read_at(&mut slots, at(first)).map_err(Fault::disk(WHAT))?;
        Ok(slots)
    }

    /// The key in a slot.
    ///
    /// # Errors
    /// The disk does not read.
    pub fn key(&self, slot: u64) -> Result<SlotKey, Fault> {
        let erasures = {
            let mut cache = self.cache();
            if let Some(key) = cache.find(slot) {
                return Ok(SlotKey::Live(key));
            }
            cache.erasures
        };
        let mut found = self.read_slot(slot)?;
        if matches!(found, SlotKey::Damaged) {
            // Once more when nobody writes: it may have been read in the middle of a change.
            let _writing = self.writing();
            found = self.read_slot(slot)?;
        }
        let SlotKey::Live(key) = found else { return Ok(found) };
        let mut cache = self.cache();
        if cache.erasures == erasures {
            cache.keep(slot, Arc::clone(&key));
        }
        Ok(SlotKey::Live(key))
    }

    fn read_slot(&self, slot: u64) -> Result<SlotKey, Fault> {
        let mut sealed = Zeroizing::new([0; SLOT]);
        match self.file.read_at(&mut *sealed, at(slot)) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Ok(SlotKey::Damaged);
            }
            other => other.map_err(Fault::disk(WHAT))?,
        }
        if *sealed == [0; SLOT] {
            return Ok(SlotKey::Erased);
        }
        let opened = self.wrap.open(&slot.to_be_bytes(), &mut *sealed);
        Ok(match opened.ok().and_then(|key| key.first_chunk().copied()) {
            Some(key) => SlotKey::Live(Arc::new(Aead::new(self.family, &Secret::new(key)))),
            None => SlotKey::Damaged,
        })
    }

    /// Seals what `out` holds from `start` on with a conversation's key; `place` is needed to open
    /// it. False when the key is not there: nothing was changed.
    ///
    /// # Errors
    /// The disk does not read, or the system has no randomness.
    pub fn seal(
        &self,
        slot: u64,
        place: &[u8],
        out: &mut Vec<u8>,
        start: usize,
    ) -> Result<bool, Fault> {
        let SlotKey::Live(key) = self.key(slot)? else { return Ok(false) };
        let nonce = self.nonces.take(1).map_err(no_randomness)?;
        let tag = key.seal(&nonce, place, &mut out[start..]);
        out.extend_from_slice(&tag);
        out.extend_from_slice(&nonce);
        Ok(true)
    }

    /// Opens what `seal` made.
    ///
    /// # Errors
    /// The disk does not read.
    pub fn open_text(&self, slot: u64, place: &[u8], sealed: &[u8]) -> Result<Text, Fault> {
        let key = match self.key(slot)? {
            SlotKey::Live(key) => key,
            SlotKey::Erased => return Ok(Text::Erased),
            SlotKey::Damaged => return Ok(Text::Damaged),
        };
        let parts = sealed.split_last_chunk::<NONCE>().and_then(|(rest, nonce)| {
            let (text, tag) = rest.split_last_chunk::<TAG>()?;
            Some((text.to_vec(), tag, nonce))
        });
        let Some((mut text, tag, nonce)) = parts else { return Ok(Text::Damaged) };
        Ok(match key.open(nonce, place, &mut text, tag) {
            Ok(()) => Text::Plain(text),
            Err(_) => Text::Damaged,
        })
    }

    fn writing(&self) -> MutexGuard<'_, Writes> {
        self.writes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cache {
    fn find(&mut self, slot: u64) -> Option<Arc<Aead>> {
        if let Some(key) = self.young.get(&slot) {
            return Some(Arc::clone(key));
        }
        let key = self.old.remove(&slot)?;
        self.keep(slot, Arc::clone(&key));
        Some(key)
    }

    fn keep(&mut self, slot: u64, key: Arc<Aead>) {
        if self.young.len() >= BODY_KEYS_CACHED / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(slot, key);
    }
}

impl fmt::Debug for BodyKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

fn at(slot: u64) -> u64 {
    slot * SLOT as u64
}

fn no_randomness(fault: NoRandomness) -> Fault {
    Fault::disk("random")(io::Error::other(fault))
}

#[cfg(test)]
mod tests {
    use super::super::sim::{Faults, SimDisk};
    use super::*;

    const FAMILIES: [Family; 2] = [Family::National, Family::International];

    fn masters(family: Family, ids: &[u16]) -> Keys {
        let master = |id: &u16| (*id, Secret::new([u8::try_from(*id).unwrap(); 32]));
        Keys::new(family, ids.iter().map(master).collect()).unwrap()
    }

    fn open(disk: &SimDisk, family: Family) -> BodyKeys {
        BodyKeys::open(Arc::new(disk.clone()), &masters(family, &[1])).unwrap()
    }

    fn sealed(keys: &BodyKeys, slot: u64) -> Vec<u8> {
        let mut out = b"head".to_vec();
        out.extend_from_slice(b"a text");
        assert!(keys.seal(slot, b"place", &mut out, 4).unwrap());
        assert_eq!(out.len(), 10 + TEXT_EXTRA);
        out.split_off(4)
    }

    fn read(keys: &BodyKeys, slot: u64, text: &[u8]) -> Text {
        keys.open_text(slot, b"place", text).unwrap()
    }

    #[test]
    fn a_text_opens_with_the_key_of_its_slot_in_its_place_only() {
        for family in FAMILIES {
            let disk = SimDisk::new(1);
            let keys = open(&disk, family);
            assert_eq!(keys.draw(0).unwrap(), BODY_KEYS_DRAWN);
            let text = sealed(&keys, 3);
            let again = open(&disk, family);
            assert!(matches!(read(&again, 3, &text), Text::Plain(plain) if plain == b"a text"));
            assert!(matches!(read(&again, 4, &text), Text::Damaged), "another key");
            let moved = again.open_text(3, b"plice", &text).unwrap();
            assert!(matches!(moved, Text::Damaged));
            for at in 0..text.len() {
                let mut changed = text.clone();
                changed[at] ^= 1;
                assert!(matches!(read(&again, 3, &changed), Text::Damaged), "byte {at}");
            }
        }
    }

    #[test]
    fn an_erased_key_is_nowhere_and_its_neighbours_stay() {
        let disk = SimDisk::new(1);
        let keys = open(&disk, Family::National);
        keys.draw(0).unwrap();
        let texts: Vec<Vec<u8>> = (1..=4).map(|slot| sealed(&keys, slot)).collect();
        keys.erase(&[2]).unwrap();
        for keys in [&keys, &open(&disk, Family::National)] {
            for (slot, text) in (1..).zip(&texts) {
                let erased = matches!(read(keys, slot, text), Text::Erased);
                assert_eq!(erased, slot == 2, "slot {slot}");
            }
            assert!(!keys.seal(2, b"place", &mut Vec::new(), 0).unwrap());
        }
    }

    #[test]
    fn a_slot_that_was_flipped_swapped_torn_or_cut_off_is_damage_of_its_own_conversation() {
        let disk = SimDisk::new(1);
        let keys = open(&disk, Family::International);
        keys.draw(0).unwrap();
        let texts: Vec<Vec<u8>> = (1..=3).map(|slot| sealed(&keys, slot)).collect();
        let file = disk.content(FILE).unwrap();
        let damaged = |what: &str, bytes: &[u8], expected: &[u64]| {
            let other = SimDisk::new(1);
            let storage = other.open(FILE, true).unwrap();
            storage.write_at(bytes, 0).unwrap();
            let keys = open(&other, Family::International);
            let found: Vec<u64> = (1..)
                .zip(&texts)
                .filter(|(slot, text)| matches!(read(&keys, *slot, text), Text::Damaged))
                .map(|(slot, _)| slot)
                .collect();
            assert_eq!(found, expected, "{what}");
        };
        damaged("as it was", &file, &[]);
        for byte in 0..SLOT {
            let mut changed = file.clone();
            changed[2 * SLOT + byte] ^= 4;
            damaged("flipped", &changed, &[2]);
        }
        let mut swapped = file.clone();
        swapped[SLOT..3 * SLOT].rotate_left(SLOT);
        damaged("swapped", &swapped, &[1, 2]);
        let mut torn = file.clone();
        torn[SLOT..SLOT + 32].fill(0);
        damaged("torn", &torn, &[1]);
        damaged("cut off", &file[..3 * SLOT + 10], &[3]);
    }

    #[test]
    fn a_draw_renews_what_nobody_has_and_leaves_the_rest() {
        let disk = SimDisk::new(1);
        let keys = open(&disk, Family::National);
        keys.draw(0).unwrap();
        let (kept, lost) = (sealed(&keys, 5), sealed(&keys, 6));
        let again = open(&disk, Family::National);
        assert_eq!(again.draw(5).unwrap(), 5 + BODY_KEYS_DRAWN);
        assert!(matches!(read(&again, 5, &kept), Text::Plain(_)));
        assert!(matches!(read(&again, 6, &lost), Text::Damaged), "what a torn batch sealed");
        let length = disk.content(FILE).unwrap().len() as u64;
        assert_eq!(length, at(6 + BODY_KEYS_DRAWN));
        assert!(again.draw(5 + BODY_KEYS_DRAWN).is_ok());
        let short = again.draw(1 << 20);
        assert!(matches!(short, Err(Fault::Tampered { what: WHAT })), "a file that lost its end");
    }

    #[test]
    fn a_rotation_wraps_every_key_anew_and_brings_none_back() {
        let disk = SimDisk::new(1);
        let keys = open(&disk, Family::National);
        keys.draw(0).unwrap();
        keys.draw(BODY_KEYS_DRAWN).unwrap();
        let texts = [1, 2, 300].map(|slot| (slot, sealed(&keys, slot)));
        keys.erase(&[2]).unwrap();
        keys.renew(&masters(Family::National, &[1, 2]));
        let mut next = Some(0);
        while let Some(first) = next {
            let step = keys.rewrap(first).unwrap();
            assert_eq!(step.unreadable, 0);
            next = step.next;
        }
        let only_new = masters(Family::National, &[2]);
        let after = BodyKeys::open(Arc::new(disk.clone()), &only_new).unwrap();
        for (slot, text) in &texts {
            let found = read(&after, *slot, text);
            let expected = if *slot == 2 {
                matches!(found, Text::Erased)
            } else {
                matches!(found, Text::Plain(_))
            };
            assert!(expected, "slot {slot}");
        }
        let old = read(&open(&disk, Family::National), 1, &texts[0].1);
        assert!(matches!(old, Text::Damaged), "the old master opens none of it");
        disk.damage(FILE, 5 * SLOT, 1);
        after.renew(&masters(Family::National, &[2, 3]));
        assert_eq!(after.rewrap(0).unwrap().unreadable, 1);
    }

    /// What a failed sync left in memory looks done; it is written again all the same.
    #[test]
    fn a_rotation_whose_sync_failed_is_durable_when_it_is_done() {
        for seed in 0..20 {
            let disk = SimDisk::new(seed);
            let keys = open(&disk, Family::National);
            keys.draw(0).unwrap();
            let text = sealed(&keys, 9);
            keys.renew(&masters(Family::National, &[1, 2]));
            disk.set_faults(Faults { sync: Some(io::ErrorKind::Other), ..Faults::default() });
            assert!(keys.rewrap(0).is_err());
            disk.set_faults(Faults::default());
            assert_eq!(keys.rewrap(0).unwrap(), Rewrapped { next: None, unreadable: 0 });
            disk.power_cut();
            let only_new = masters(Family::National, &[2]);
            let after = BodyKeys::open(Arc::new(disk.clone()), &only_new).unwrap();
            assert!(matches!(read(&after, 9, &text), Text::Plain(_)), "seed {seed}");
        }
    }

    #[test]
    fn an_erasure_whose_sync_fails_is_told_and_the_next_one_works() {
        let disk = SimDisk::new(1);
        let keys = open(&disk, Family::National);
        keys.draw(0).unwrap();
        let text = sealed(&keys, 1);
        disk.set_faults(Faults { sync: Some(io::ErrorKind::Other), ..Faults::default() });
        assert!(keys.erase(&[1]).is_err());
        disk.set_faults(Faults::default());
        keys.erase(&[1]).unwrap();
        disk.power_cut();
        assert!(matches!(read(&open(&disk, Family::National), 1, &text), Text::Erased));
    }

    #[test]
    fn many_keys_are_used_and_few_are_kept() {
        let disk = SimDisk::new(1);
        let keys = open(&disk, Family::National);
        let last = keys.draw(0).unwrap();
        let mut drawn = last;
        while drawn <= BODY_KEYS_CACHED as u64 {
            drawn = keys.draw(drawn).unwrap();
        }
        for slot in 1..=drawn {
            assert!(matches!(keys.key(slot).unwrap(), SlotKey::Live(_)));
        }
        let cache = keys.cache();
        assert!(cache.young.len() + cache.old.len() <= BODY_KEYS_CACHED);
    }
}
