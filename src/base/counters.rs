//! What the house counts: plain atomics that every room may raise and `/metrics` reads.
//! Architecture invariant: counting never waits, and nothing is ever decided by a counter.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::code::Code;
use super::peer::Family;

/// A number that only rises.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    pub fn one(&self) {
        self.add(1);
    }

    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Relaxed);
    }

    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A number that rises and falls; every `up` has its `down`.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    pub fn up(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    pub fn down(&self) {
        self.0.fetch_sub(1, Relaxed);
    }

    pub fn set(&self, n: u64) {
        self.0.store(n, Relaxed);
    }

    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Upper bounds of the latency buckets in microseconds; the last bucket has none.
pub const BOUNDS_US: [u64; 15] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 10_000_000,
];

/// How long something took, in microseconds.
#[derive(Debug, Default)]
pub struct Latency {
    buckets: [AtomicU64; BOUNDS_US.len() + 1],
    sum_us: AtomicU64,
}

impl Latency {
    pub fn observe(&self, us: u64) {
        let bucket = BOUNDS_US.iter().position(|bound| us <= *bound).unwrap_or(BOUNDS_US.len());
        self.buckets[bucket].fetch_add(1, Relaxed);
        self.sum_us.fetch_add(us, Relaxed);
    }

    /// Observations per bucket (not cumulative), and the sum of all in microseconds.
    #[must_use]
    pub fn get(&self) -> ([u64; BOUNDS_US.len() + 1], u64) {
        let buckets = std::array::from_fn(|at| self.buckets[at].load(Relaxed));
        (buckets, self.sum_us.load(Relaxed))
    }
}

/// Sides of the code table (its thousands) and codes per side that are counted one by one.
const SIDES: usize = 9;
const CODES: usize = 200;

/// Answers with a code, by code.
#[derive(Debug)]
pub struct Refusals(Box<[AtomicU64]>);

impl Default for Refusals {
    fn default() -> Self {
        Self((0..SIDES * CODES).map(|_| AtomicU64::new(0)).collect())
    }
}

impl Refusals {
    fn of(&self, code: Code) -> Option<&AtomicU64> {
        let (side, number) = (usize::from(code.0 / 1000), usize::from(code.0 % 1000));
        (number < CODES).then(|| self.0.get(side * CODES + number))?
    }

    #[must_use]
    pub fn get(&self, code: Code) -> u64 {
        self.of(code).map_or(0, |count| count.load(Relaxed))
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident: $kind:ty,)*) => {
        /// Everything that is counted; one of it per process, shared by `Arc`.
        #[derive(Debug, Default)]
        pub struct Counters {
            $($(#[$doc])* pub $name: $kind,)*
        }
    };
}

counters! {
    /// Sockets that are open.
    sockets: Gauge,
    /// Sockets accepted since the start.
    accepted: Count,
    /// Sockets turned away at accept: no permit, or their address came too fast.
    turned_away: Count,
    /// TLS handshakes under way.
    handshakes: Gauge,
    /// TLS handshakes that failed.
    handshakes_failed: Count,
    /// TLS handshakes that were finished, by family.
    handshakes_international: Count,
    handshakes_rfc8998: Count,
    handshakes_tlcp: Count,
    /// WebSocket connections that are open, of visitors and of agents.
    visitor_connections: Gauge,
    agent_connections: Gauge,
    /// Frames received from and sent to clients.
    frames_in: Count,
    frames_out: Count,
    /// Messages and log entries that became durable.
    messages: Count,
    entries: Count,
    /// Journal batches synced.
    commits: Count,
    /// One journal append with its sync.
    commit: Latency,
    /// From the arrival of a command to the hand-over of its entry to the followers' outboxes.
    delivery: Latency,
    /// Bytes written to the journal.
    journal_bytes: Count,
    /// Entries in the journal that the database does not hold yet.
    journal_backlog: Gauge,
    /// Checkpoints of the journal into the database.
    checkpoints: Count,
    checkpoint: Latency,
    /// Size of the database file in bytes.
    store_bytes: Gauge,
    /// Faults of the disk that the store met.
    store_faults: Count,
    /// 1 while the store takes nothing new.
    store_read_only: Gauge,
    /// Proposals waiting for the writer, commands waiting in the shards, bytes waiting in outboxes.
    writer_queue: Gauge,
    shard_queue: Gauge,
    outbox_bytes: Gauge,
    /// Conversations in memory, and those waiting for an agent.
    conversations_open: Gauge,
    conversations_queued: Gauge,
    /// Agents who take conversations now.
    agents_online: Gauge,
    /// HTTP requests answered.
    requests: Count,
    /// Attachments stored and their bytes.
    uploads: Count,
    upload_bytes: Count,
    /// Sign-ins that worked, and passwords that did not.
    sign_ins: Count,
    bad_passwords: Count,
    /// Hashes computed to check passwords.
    password_hashes: Count,
    /// Refusals and faults answered, by code.
    refusals: Refusals,
}

impl Counters {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts a handshake that was finished.
    pub fn shaken(&self, family: Family) {
        match family {
            Family::International => self.handshakes_international.one(),
            Family::Rfc8998 => self.handshakes_rfc8998.one(),
            Family::Tlcp => self.handshakes_tlcp.one(),
        }
    }

    /// Counts an answer with this code.
    pub fn refused(&self, code: Code) {
        if let Some(count) = self.refusals.of(code) {
            count.fetch_add(1, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::code;

    #[test]
    fn an_observation_lands_in_the_first_bucket_that_holds_it() {
        let latency = Latency::default();
        for us in [0, 100, 101, 10_000_000, 10_000_001] {
            latency.observe(us);
        }
        let (buckets, sum) = latency.get();
        assert_eq!((buckets[0], buckets[1]), (2, 1));
        assert_eq!((buckets[14], buckets[15]), (1, 1));
        assert_eq!(sum, 20_000_202);
    }

    #[test]
    fn every_code_of_the_table_is_counted() {
        let counters = Counters::new();
        for row in code::table() {
            counters.refused(row.code);
            assert_eq!(counters.refusals.get(row.code), 1, "{}", row.name);
        }
        counters.refused(Code(u16::MAX));
    }
}
