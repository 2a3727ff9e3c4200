//! A token bucket and a backoff, pure: how often somebody may knock, and how long to wait before
//! knocking again.

use super::chance::Chance;
use super::time::Tick;

/// How fast a bucket refills and how much it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Takes a second, in the long run.
    pub per_second: u32,
    /// Takes at once after a silence.
    pub burst: u32,
}

/// Allows `burst` takes at once and `per_second` in the long run. Counts thousandths, so that a
/// slow rate refills evenly.
#[derive(Clone, Copy, Debug)]
pub struct TokenBucket {
    thousandths: u64,
    refilled: Tick,
}

impl TokenBucket {
    /// A full bucket.
    #[must_use]
    pub fn full(rate: Rate, now: Tick) -> Self {
        Self { thousandths: u64::from(rate.burst) * 1000, refilled: now }
    }

    /// Takes one, or says how many milliseconds are missing.
    ///
    /// # Errors
    /// The time until there is one to take.
    pub fn take(&mut self, rate: Rate, now: Tick) -> Result<(), u64> {
        self.refill(rate, now);
        if let Some(left) = self.thousandths.checked_sub(1000) {
            self.thousandths = left;
            return Ok(());
        }
        Err((1000 - self.thousandths).div_ceil(u64::from(rate.per_second.max(1))))
    }

    /// Whether it is full again: nothing is lost by forgetting it.
    #[must_use]
    pub fn is_full(&self, rate: Rate, now: Tick) -> bool {
        let mut copy = *self;
        copy.refill(rate, now);
        copy.thousandths >= u64::from(rate.burst) * 1000
    }

    fn refill(&mut self, rate: Rate, now: Tick) {
        let gained = now.since(self.refilled).saturating_mul(u64::from(rate.per_second));
        let most = u64::from(rate.burst) * 1000;
        self.thousandths = self.thousandths.saturating_add(gained).min(most);
        self.refilled = self.refilled.max(now);
    }
}

/// Doubling waits with full jitter ("Exponential Backoff and Jitter", AWS Architecture 2015): the
/// wait is anywhere between zero and the bound, so a thousand clients do not come back together.
#[derive(Clone, Debug)]
pub struct Backoff {
    least_ms: u64,
    most_ms: u64,
    bound_ms: u64,
}

impl Backoff {
    #[must_use]
    pub fn new(least_ms: u64, most_ms: u64) -> Self {
        Self { least_ms, most_ms, bound_ms: least_ms }
    }

    /// The next wait: at least one millisecond, at most the bound, which then doubles.
    pub fn next_ms(&mut self, chance: &mut dyn Chance) -> u64 {
        let wait = 1 + chance.below(self.bound_ms);
        self.bound_ms = self.bound_ms.saturating_mul(2).min(self.most_ms);
        wait
    }

    /// After a success the waits begin small again.
    pub fn reset(&mut self) {
        self.bound_ms = self.least_ms;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::chance::Seeded;

    const RATE: Rate = Rate { per_second: 2, burst: 3 };

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let mut bucket = TokenBucket::full(RATE, Tick(0));
        (0..3).for_each(|_| assert_eq!(bucket.take(RATE, Tick(0)), Ok(())));
        assert_eq!(bucket.take(RATE, Tick(0)), Err(500));
        assert_eq!(bucket.take(RATE, Tick(499)), Err(1));
        assert_eq!(bucket.take(RATE, Tick(500)), Ok(()));
        assert!(!bucket.is_full(RATE, Tick(1500)));
        assert!(bucket.is_full(RATE, Tick(2000)));
        let taken = (0..100).filter(|_| bucket.take(RATE, Tick(60_000)).is_ok()).count();
        assert_eq!(taken, 3, "a long silence does not save up more than the burst");
    }

    #[test]
    fn a_clock_that_stands_still_or_goes_back_gives_nothing_away() {
        let mut bucket = TokenBucket::full(RATE, Tick(1000));
        (0..3).for_each(|_| assert!(bucket.take(RATE, Tick(500)).is_ok()));
        assert!(bucket.take(RATE, Tick(1000)).is_err());
    }

    #[test]
    fn waits_grow_to_their_bound_and_spread() {
        let mut chance = Seeded::new(7);
        let mut backoff = Backoff::new(100, 1_000);
        let waits: Vec<u64> = (0..50).map(|_| backoff.next_ms(&mut chance)).collect();
        assert!(waits[0] <= 100 && waits.iter().all(|wait| (1..=1_000).contains(wait)));
        let late = &waits[10..];
        assert!(late.iter().any(|w| *w > 700) && late.iter().any(|w| *w < 300), "{late:?}");
        backoff.reset();
        assert!(backoff.next_ms(&mut chance) <= 100);
    }
}
