//! Who must wait before the next guess, pure. Every failure doubles the wait of its name and of its
//! address; a success clears the name, never the address.
//! Architecture invariant: bounded; a flood of names forgets the mildest first, not the worst.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::base::Tick;
use crate::base::limits::{LOCKOUT_FREE, LOCKOUT_KEPT, LOCKOUT_LONGEST_MS, LOCKOUT_SHORTEST_MS};

/// What a guess is counted against.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Against {
    /// A sign-in name, in lower case; cut off at the length of a name.
    Login(String),
    /// An IPv4 address, or the first 64 bits of an IPv6 address: one household.
    Address(IpAddr),
}

#[derive(Clone, Copy, Debug)]
struct Record {
    failures: u32,
    until: Tick,
    /// When it is forgotten.
    stale: Tick,
}

#[derive(Debug, Default)]
pub struct Lockout {
    records: BTreeMap<Against, Record>,
}

impl Against {
    #[must_use]
    pub fn login(login: &str) -> Self {
        Self::Login(login.chars().take(64).collect::<String>().to_lowercase())
    }

    #[must_use]
    pub fn address(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self::Address(IpAddr::V4(v4)),
            IpAddr::V6(v6) => {
                let network = v6.to_bits() >> 64 << 64;
                Self::Address(IpAddr::V6(network.into()))
            }
        }
    }
}

impl Lockout {
    /// How long this guess must wait, in milliseconds; 0 = it may be tried. A guess that may be
    /// tried counts as a failure until `succeeded` says otherwise, so that parallel guesses gain
    /// nothing.
    pub fn attempt(&mut self, now: Tick, against: &[Against]) -> u64 {
        let wait = against
            .iter()
            .filter_map(|name| self.records.get(name))
            .map(|record| record.until.since(now))
            .max()
            .unwrap_or(0);
        if wait == 0 {
            for name in against {
                self.failed(now, name);
            }
        }
        wait
    }

    /// The guess was right: its name is forgiven; an address keeps what it did to other names and
    /// gets this attempt back.
    pub fn succeeded(&mut self, now: Tick, against: &[Against]) {
        self.withdraw(now, against);
        for name in against {
            if !matches!(name, Against::Address(_)) {
                self.records.remove(name);
            }
        }
    }

    /// The guess was not judged (the desk was busy): it does not count.
    pub fn withdraw(&mut self, now: Tick, against: &[Against]) {
        for name in against {
            if let Some(record) = self.records.get_mut(name) {
                record.failures = record.failures.saturating_sub(1);
                record.until = now;
            }
        }
    }

    fn failed(&mut self, now: Tick, name: &Against) {
        if self.records.len() >= LOCKOUT_KEPT && !self.records.contains_key(name) {
            self.make_room(now);
        }
        let record = self.records.entry(name.clone()).or_insert(Record {
            failures: 0,
            until: now,
            stale: now,
        });
        if record.stale < now {
            record.failures = 0;
        }
        record.failures = record.failures.saturating_add(1);
        record.until = now.after(wait_ms(record.failures));
        record.stale = now.after(wait_ms(record.failures) + LOCKOUT_LONGEST_MS);
    }

    fn make_room(&mut self, now: Tick) {
        self.records.retain(|_, record| record.stale >= now);
        if self.records.len() >= LOCKOUT_KEPT {
            let mildest = self.records.iter().min_by_key(|(_, record)| record.failures);
            if let Some(name) = mildest.map(|(name, _)| name.clone()) {
                self.records.remove(&name);
            }
        }
    }
}

/// The wait after so many failures: nothing for the first few, then doubling.
fn wait_ms(failures: u32) -> u64 {
    match failures.checked_sub(LOCKOUT_FREE + 1) {
        None => 0,
        Some(over) => {
            let doubled = LOCKOUT_SHORTEST_MS.checked_shl(over.min(32)).unwrap_or(u64::MAX);
            doubled.min(LOCKOUT_LONGEST_MS)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails(lockout: &mut Lockout, now: Tick, against: &[Against], times: u32) {
        let mut now = now;
        for _ in 0..times {
            now = now.after(lockout.attempt(now, against));
            lockout.attempt(now, against);
        }
    }

    #[test]
    fn the_first_guesses_are_free_and_the_wait_then_doubles_up_to_its_ceiling() {
        let mut lockout = Lockout::default();
        let name = [Against::login("Li")];
        let mut now = Tick(5);
        for _ in 0..LOCKOUT_FREE {
            assert_eq!(lockout.attempt(now, &name), 0);
        }
        assert_eq!(lockout.attempt(now, &name), 0);
        let mut expected = LOCKOUT_SHORTEST_MS;
        for _ in 0..30 {
            let wait = lockout.attempt(now, &name);
            assert_eq!(wait, expected.min(LOCKOUT_LONGEST_MS));
            now = now.after(wait);
            assert_eq!(lockout.attempt(now, &name), 0);
            expected = expected.saturating_mul(2);
        }
    }

    #[test]
    fn names_are_locked_whatever_their_case_and_forgiven_by_a_success() {
        let mut lockout = Lockout::default();
        fails(&mut lockout, Tick(0), &[Against::login("admin")], LOCKOUT_FREE + 2);
        assert!(lockout.attempt(Tick(0), &[Against::login("ADMIN")]) > 0);
        assert_eq!(lockout.attempt(Tick(0), &[Against::login("other")]), 0);
        lockout.succeeded(Tick(0), &[Against::login("Admin")]);
        assert_eq!(lockout.attempt(Tick(0), &[Against::login("admin")]), 0);
    }

    #[test]
    fn an_address_that_guesses_many_names_is_locked_and_a_success_does_not_clear_it() {
        let mut lockout = Lockout::default();
        let address = Against::address("10.0.0.9".parse().unwrap());
        for n in 0..LOCKOUT_FREE + 1 {
            let both = [Against::login(&format!("name{n}")), address.clone()];
            assert_eq!(lockout.attempt(Tick(0), &both), 0);
        }
        let own = [Against::login("mine"), address.clone()];
        let wait = lockout.attempt(Tick(0), &own);
        assert!(wait > 0);
        let later = Tick(0).after(wait);
        assert_eq!(lockout.attempt(later, &own), 0);
        lockout.succeeded(later, &own);
        assert_eq!(lockout.attempt(later, std::slice::from_ref(&address)), 0);
        assert!(lockout.attempt(later, &[address]) > 0);
    }

    #[test]
    fn one_ipv6_household_is_one_address() {
        let one = Against::address("2001:db8::1".parse().unwrap());
        assert_eq!(one, Against::address("2001:db8::ffff".parse().unwrap()));
        assert_ne!(one, Against::address("2001:db8:0:1::1".parse().unwrap()));
        let mapped = Against::address("::ffff:10.0.0.1".parse().unwrap());
        assert_eq!(mapped, Against::address("10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn a_flood_of_names_neither_grows_without_end_nor_frees_the_worst() {
        let mut lockout = Lockout::default();
        fails(&mut lockout, Tick(0), &[Against::login("victim")], LOCKOUT_FREE + 3);
        for n in 0..LOCKOUT_KEPT + 200 {
            lockout.attempt(Tick(1), &[Against::login(&format!("n{n}"))]);
        }
        assert!(lockout.records.len() <= LOCKOUT_KEPT);
        assert!(lockout.attempt(Tick(1), &[Against::login("victim")]) > 0);
    }

    #[test]
    fn failures_are_forgotten_after_a_quiet_time() {
        let mut lockout = Lockout::default();
        let name = [Against::login("li")];
        fails(&mut lockout, Tick(0), &name, LOCKOUT_FREE + 3);
        let quiet = Tick(0).after(4 * LOCKOUT_LONGEST_MS);
        for _ in 0..LOCKOUT_FREE {
            assert_eq!(lockout.attempt(quiet, &name), 0);
        }
    }
}
