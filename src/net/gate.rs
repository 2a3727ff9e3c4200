//! Who gets in: places for connections, taken from descriptors and memory, and a pace per address.
//! Invariant: every accepted socket holds a place or is closed.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::base::{Counters, Rate, Tick, TokenBucket, limits};
use crate::config::Network;

/// How many connections are held at a time, and how many more are answered «full».
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ceiling {
    pub connections: usize,
    /// Beyond the ceiling this many get a page that says so; the rest are closed at once.
    pub spare: usize,
}

impl Ceiling {
    /// From the descriptors of the process, the memory it may use, and the operator's own number.
    #[must_use]
    pub fn reckon(descriptors: u64, memory_bytes: u64, asked: Option<u32>) -> Self {
        // With very few descriptors a quarter of them is all that the rest of the house can spare.
        let sockets = descriptors.saturating_sub(limits::RESERVED_DESCRIPTORS).max(descriptors / 4);
        let held = memory_bytes / 2 / limits::CONNECTION_BYTES;
        let most = sockets.min(held).max(1);
        let connections = asked.map_or(most, |asked| sockets.min(u64::from(asked)).max(1));
        let spare = (descriptors / 16).clamp(2, 16);
        let whole = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        Self { connections: whole(connections), spare: whole(spare) }
    }

    /// What this machine allows; raises the soft limit of descriptors to the hard one.
    #[must_use]
    pub fn of_machine(asked: Option<u32>) -> Self {
        Self::reckon(raise_descriptors(), memory_bytes(), asked)
    }
}

/// Raises the soft limit of open files to the hard one; answers what holds now.
#[must_use]
pub fn raise_descriptors() -> u64 {
    let now = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: now.maximum, maximum: now.maximum };
    let raised = setrlimit(Resource::Nofile, wanted).is_ok();
    let holds = if raised { now.maximum } else { now.current };
    holds.unwrap_or(1 << 20)
}

/// The machine's memory, or the least limit of a control group.
fn memory_bytes() -> u64 {
    let machine = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let kib = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        Some(kib.trim().trim_end_matches("kB").trim().parse::<u64>().ok()? * 1024)
    });
    let group = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        .iter()
        .filter_map(|path| std::fs::read_to_string(path).ok()?.trim().parse::<u64>().ok());
    machine.into_iter().chain(group).min().unwrap_or(512 << 20)
}

/// Lets connections in.
pub(super) struct Gate {
    places: Arc<Places>,
    spare: Arc<Places>,
    proxies: RwLock<Arc<[Network]>>,
    rate: Option<Rate>,
    knockers: Mutex<HashMap<u128, TokenBucket>>,
    counters: Arc<Counters>,
}

/// Places that are taken, and how many there may be: the second number can be changed. Fewer places
/// than are taken close nobody; they are not given again.
#[derive(Debug)]
struct Places {
    taken: AtomicUsize,
    most: AtomicUsize,
}

impl Places {
    fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { taken: AtomicUsize::new(0), most: AtomicUsize::new(most) })
    }

    fn take(self: &Arc<Self>) -> Option<Taken> {
        let most = self.most.load(Ordering::Relaxed);
        let one_more = |taken: usize| (taken < most).then_some(taken + 1);
        let taken = self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        taken.is_ok().then(|| Taken(Arc::clone(self)))
    }
}

/// Gives its place back.
struct Taken(Arc<Places>);

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection's right to be open.
pub(super) struct Place {
    _taken: Taken,
    counters: Arc<Counters>,
    /// A spare place: only to say that the house is full.
    pub(super) spare: bool,
}

/// Why a socket was closed at the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TurnedAway {
    TooFast,
    Full,
}

impl Gate {
    pub(super) fn new(
        ceiling: Ceiling,
        proxies: Vec<Network>,
        rate: Option<Rate>,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            places: Places::new(ceiling.connections),
            spare: Places::new(ceiling.spare),
            proxies: RwLock::new(proxies.into()),
            rate,
            knockers: Mutex::new(HashMap::new()),
            counters,
        }
    }

    /// From now on these proxies are trusted and so many connections held.
    pub(super) fn set(&self, ceiling: Ceiling, proxies: Vec<Network>) {
        self.places.most.store(ceiling.connections, Ordering::Relaxed);
        self.spare.most.store(ceiling.spare, Ordering::Relaxed);
        *self.proxies.write().unwrap_or_else(PoisonError::into_inner) = proxies.into();
    }

    /// Whether plain HTTP of this peer is served: it is on this machine, or a proxy that is
    /// trusted.
    pub(super) fn trusts(&self, address: IpAddr) -> bool {
        let loopback = address.to_canonical().is_loopback();
        let proxies = || Arc::clone(&self.proxies.read().unwrap_or_else(PoisonError::into_inner));
        loopback || proxies().iter().any(|network| network.contains(address))
    }

    pub(super) fn enter(&self, address: IpAddr, now: Tick) -> Result<Place, TurnedAway> {
        let place = self.admit(address, now);
        match place {
            Ok(_) => self.counters.accepted.one(),
            Err(_) => self.counters.turned_away.one(),
        }
        place
    }

    fn admit(&self, address: IpAddr, now: Tick) -> Result<Place, TurnedAway> {
        if !self.trusts(address) && !self.paced(address, now) {
            return Err(TurnedAway::TooFast);
        }
        let own = self.places.take();
        let spare = own.is_none();
        let taken = own.or_else(|| self.spare.take()).ok_or(TurnedAway::Full)?;
        self.counters.sockets.up();
        Ok(Place { _taken: taken, counters: Arc::clone(&self.counters), spare })
    }

    fn paced(&self, address: IpAddr, now: Tick) -> bool {
        let Some(rate) = self.rate else { return true };
        let mut knockers = self.knockers.lock().unwrap_or_else(PoisonError::into_inner);
        let key = neighbourhood(address);
        if knockers.len() >= limits::KNOCKERS && !knockers.contains_key(&key) {
            knockers.retain(|_, bucket| !bucket.is_full(rate, now));
            if knockers.len() >= limits::KNOCKERS {
                knockers.clear();
            }
        }
        let bucket = knockers.entry(key).or_insert_with(|| TokenBucket::full(rate, now));
        bucket.take(rate, now).is_ok()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.counters.sockets.down();
    }
}

/// One customer of a provider: an IPv4 address, or an IPv6 /64.
fn neighbourhood(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(four) => u128::from(four.to_bits()),
        IpAddr::V6(six) => six.to_bits() >> 64 << 64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { per_second: 1, burst: 2 };

    fn gate(connections: usize, spare: usize) -> (Gate, Arc<Counters>) {
        let counters = Arc::new(Counters::new());
        let proxies = vec!["10.0.0.0/8".parse().unwrap()];
        let ceiling = Ceiling { connections, spare };
        (Gate::new(ceiling, proxies, Some(RATE), Arc::clone(&counters)), counters)
    }

    #[test]
    fn the_ceiling_follows_descriptors_and_memory() {
        let (gib, spare) = (1 << 30, 16);
        let reckon = |files, memory, asked| Ceiling::reckon(files, memory, asked);
        assert_eq!(reckon(20_000, 24 * gib, None), Ceiling { connections: 19_936, spare });
        assert_eq!(reckon(20_000, gib, None), Ceiling { connections: 8_192, spare });
        assert_eq!(reckon(64, gib, None), Ceiling { connections: 16, spare: 4 });
        assert_eq!(reckon(1024, gib, Some(100)), Ceiling { connections: 100, spare });
        assert_eq!(reckon(1024, gib, Some(5_000)).connections, 960);
        assert_eq!(reckon(0, 0, None), Ceiling { connections: 1, spare: 2 });
    }

    #[test]
    fn a_full_house_says_so_a_few_times_and_then_closes_the_door() {
        let (gate, counters) = gate(2, 1);
        let here = IpAddr::from([127, 0, 0, 1]);
        let one = gate.enter(here, Tick(0)).unwrap();
        let two = gate.enter(here, Tick(0)).unwrap();
        let spare = gate.enter(here, Tick(0)).unwrap();
        assert!(!one.spare && !two.spare && spare.spare);
        assert_eq!(gate.enter(here, Tick(0)).err(), Some(TurnedAway::Full));
        assert_eq!((counters.sockets.get(), counters.turned_away.get()), (3, 1));
        drop(one);
        assert!(!gate.enter(here, Tick(0)).unwrap().spare);
        drop(two);
        drop(spare);
        assert_eq!(counters.sockets.get(), 0);
    }

    #[test]
    fn the_ceiling_and_the_proxies_can_be_changed_while_the_house_is_open() {
        let (gate, _) = gate(2, 1);
        let here = IpAddr::from([127, 0, 0, 1]);
        let enter = || gate.enter(here, Tick(0)).unwrap();
        let held = [enter(), enter()];
        gate.set(Ceiling { connections: 1, spare: 1 }, Vec::new());
        assert!(enter().spare, "nobody is sent away, nobody new comes in");
        let [one, two] = held;
        drop(one);
        assert!(enter().spare);
        drop(two);
        let place = enter();
        assert!(!place.spare);
        gate.set(Ceiling { connections: 3, spare: 1 }, vec!["192.0.2.0/24".parse().unwrap()]);
        assert!(!enter().spare);
        assert!(gate.trusts("192.0.2.7".parse().unwrap()));
        assert!(!gate.trusts("10.0.0.1".parse().unwrap()), "trusted before");
    }

    #[test]
    fn an_address_that_knocks_too_fast_waits_and_others_do_not() {
        let (gate, _) = gate(100, 1);
        let at = |text: &str, tick| gate.enter(text.parse().unwrap(), Tick(tick)).err();
        assert_eq!([at("1.2.3.4", 0), at("::ffff:1.2.3.4", 0)], [None, None]);
        assert_eq!(at("1.2.3.4", 0), Some(TurnedAway::TooFast));
        assert_eq!(at("1.2.3.5", 0), None);
        assert_eq!(at("1.2.3.4", 1000), None);
        assert_eq!([at("2001:db8::1", 0), at("2001:db8::2", 0)], [None, None]);
        assert_eq!(at("2001:db8::3", 0), Some(TurnedAway::TooFast), "one /64 is one knocker");
        assert_eq!(at("2001:db8:0:1::3", 0), None);
        (0..10).for_each(|_| assert_eq!(at("10.1.1.1", 0), None, "a trusted proxy is many"));
        (0..10).for_each(|_| assert_eq!(at("127.0.0.9", 0), None));
    }

    #[test]
    fn the_memory_of_knockers_is_bounded() {
        let (gate, _) = gate(100, 1);
        for n in 0..20_000u32 {
            drop(gate.enter(IpAddr::from(n.to_be_bytes().map(|b| b | 1)), Tick(u64::from(n))));
            drop(gate.enter(IpAddr::from((0x0b00_0000 + n).to_be_bytes()), Tick(0)));
        }
        assert!(gate.knockers.lock().unwrap().len() <= limits::KNOCKERS);
    }
}
