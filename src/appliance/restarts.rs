//! When a desk that ended is started again, and when it has ended too often. Times in, times out.

use std::collections::VecDeque;
use std::time::Duration;

/// The ends of the last minutes.
#[derive(Debug, Default)]
pub struct Restarts {
    ends: VecDeque<Duration>,
    safe: bool,
}

/// So many ends within `WINDOW` are a loop.
const LOOP: usize = 5;
const WINDOW: Duration = Duration::from_secs(300);
/// The first pause; it doubles with each end in the window, up to `PAUSE_MOST`.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MOST: Duration = Duration::from_secs(30);

impl Restarts {
    /// The desk ended at `now`; how long to wait before the next start.
    pub fn ended(&mut self, now: Duration) -> Duration {
        self.ends.push_back(now);
        while self.ends.front().is_some_and(|end| *end + WINDOW < now) {
            self.ends.pop_front();
        }
        let before = u32::try_from(self.ends.len() - 1).unwrap_or(u32::MAX).min(8);
        self.safe |= self.ends.len() >= LOOP;
        (PAUSE * (1 << before)).min(PAUSE_MOST)
    }

    /// Whether the desk is run without its settings. Only the next start of the machine ends that.
    #[must_use]
    pub fn is_safe_mode(&self) -> bool {
        self.safe
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_a_loop_leads_to_safe_mode() {
        let mut restarts = Restarts::default();
        let mut now = Duration::ZERO;
        let mut pauses = Vec::new();
        for end in 0..8 {
            assert_eq!(restarts.is_safe_mode(), end >= LOOP);
            let pause = restarts.ended(now);
            pauses.push(pause.as_secs());
            now += pause;
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30, 30]);
    }

    #[test]
    fn ends_that_lie_far_apart_are_no_loop() {
        let mut restarts = Restarts::default();
        for end in 0..20u32 {
            let pause = restarts.ended(WINDOW * end / 3);
            assert!(pause <= PAUSE * 8, "{pause:?}");
        }
        assert!(!restarts.is_safe_mode());
    }
}
