//! Time as a value: rooms are handed the time and never ask for it.

/// Milliseconds of a monotonic clock; its zero is the start of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick(pub u64);

impl Tick {
    /// A deadline that never comes.
    pub const NEVER: Self = Self(u64::MAX);

    #[must_use]
    pub fn after(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to `self`; 0 when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Milliseconds since 1970-01-01 UTC. For display only: wall clocks never order anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wall {
    pub ms: u64,
    /// False while the machine's clock is not set (a board without a clock chip after power-on).
    pub trusted: bool,
}

/// Where the shells take the time from: the real clocks, or a simulated one.
pub trait Clock: Send + Sync {
    fn tick(&self) -> Tick;
    fn wall(&self) -> Wall;
}
