//! How often a page key was used, kept across restarts. The store writes a number ahead of the use
//! to the disk, so that a crash can only make the count too high.

use std::sync::atomic::{AtomicU64, Ordering};

/// Writes under one page key. Below it 64-bit generations and GCM's bound hold with margin: 2^32
/// pages of 257 blocks leave a distinguisher an advantage of 2^-48 (SP 800-38D, 8.3; the birthday
/// bound of a 128-bit block).
pub const PAGE_WRITES_MOST: u64 = 1 << 32;

/// The count of one page key.
#[derive(Debug)]
pub struct Budget {
    used: AtomicU64,
    reserved: AtomicU64,
    most: u64,
}

/// What a use of the key needs first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing: the use is counted.
    Nothing,
    /// This number has to be durable, then [`Budget::reserve`] with it, then the use is tried
    /// again.
    Reserve(u64),
    /// A new key.
    NewKey,
}

impl Budget {
    /// Writes counted ahead at once: a file is written every 4 GiB of pages.
    const STEP: u64 = 1 << 20;

    /// `reserved`: the number that was made durable last; 0 for a new key.
    #[must_use]
    pub fn new(reserved: u64) -> Self {
        Self::with_most(reserved, PAGE_WRITES_MOST)
    }

    /// As [`Budget::new`], with another bound, at most the real one: for tests of the change of
    /// keys.
    #[must_use]
    pub fn with_most(reserved: u64, most: u64) -> Self {
        let most = most.min(PAGE_WRITES_MOST);
        Self { used: AtomicU64::new(reserved), reserved: AtomicU64::new(reserved), most }
    }

    /// Counts `pages` uses, or says what is needed first.
    pub fn take(&self, pages: u64) -> Need {
        let reserved = self.reserved.load(Ordering::Acquire);
        let taken = self.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, |used| {
            used.checked_add(pages).filter(|after| *after <= reserved)
        });
        match taken {
            Ok(_) => Need::Nothing,
            Err(used) => {
                let wanted = used.saturating_add(pages);
                if wanted > self.most {
                    return Need::NewKey;
                }
                Need::Reserve(wanted.saturating_add(Self::STEP).min(self.most))
            }
        }
    }

    /// Uses up to `number` may happen: it is durable.
    pub fn reserve(&self, number: u64) {
        self.reserved.fetch_max(number.min(self.most), Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_use_comes_before_its_number_is_durable_and_none_after_the_bound() {
        let budget = Budget::with_most(0, 10);
        assert_eq!(budget.take(1), Need::Reserve(10));
        budget.reserve(10);
        assert_eq!(budget.take(9), Need::Nothing);
        assert_eq!(budget.take(2), Need::NewKey);
        assert_eq!(budget.take(1), Need::Nothing);
        assert_eq!(budget.take(1), Need::NewKey);
        budget.reserve(100);
        assert_eq!(budget.take(1), Need::NewKey);
    }

    #[test]
    fn a_crash_makes_the_count_too_high_and_never_too_low() {
        let before = Budget::new(0);
        let Need::Reserve(number) = before.take(3) else { panic!("nothing was reserved") };
        before.reserve(number);
        assert_eq!(before.take(3), Need::Nothing);
        let after = Budget::new(number);
        assert!(matches!(after.take(1), Need::Reserve(next) if next > number));
        assert_eq!(Budget::new(PAGE_WRITES_MOST).take(1), Need::NewKey);
    }
}
