//! The real clocks; the only place that asks the system for the time.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::base::{Clock, Tick, Wall};

/// The time below which a clock was never set: this program did not exist (2026-01-01 UTC).
const FLOOR_MS: u64 = 1_767_225_600_000;

/// The machine's clocks; ticks count from the making of this value.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl Default for SystemClock {
    #[allow(clippy::disallowed_methods)] // The one real clock.
    fn default() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn tick(&self) -> Tick {
        Tick(u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    #[allow(clippy::disallowed_methods)] // The one real clock.
    fn wall(&self) -> Wall {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        Wall { ms, trusted: ms >= FLOOR_MS }
    }
}
