//! Where entries get their order. The single variant is `Local`: this machine's journal.

use crate::base::Position;
use crate::desk::Refusal;
use crate::store::{Answer, More, Proposal, Writer};

/// A cheap clone.
#[derive(Clone, Debug)]
pub enum Fabric {
    Local(Writer),
}

impl Fabric {
    /// Hands a proposal over; the outcome comes through the sink the store was opened with.
    ///
    /// # Errors
    /// `BUSY` or `READ_ONLY`: nothing of it was taken.
    pub fn append(&self, proposal: Proposal) -> Result<(), Refusal> {
        match self {
            Self::Local(writer) => writer.append(proposal),
        }
    }

    /// Least time between two commits from now on.
    pub fn set_commit_interval(&self, min_ms: u64) {
        match self {
            Self::Local(writer) => writer.set_commit_interval(min_ms),
        }
    }

    /// Has the journal go on in another segment; false when too much is waiting.
    pub fn renew(&self, answer: Answer) -> bool {
        match self {
            Self::Local(writer) => writer.renew(answer),
        }
    }

    /// Has some of the journal's older segments overwritten; false when too much is waiting.
    pub fn wipe(&self, begin: bool, answer: More) -> bool {
        match self {
            Self::Local(writer) => writer.wipe(begin, answer),
        }
    }

    /// Has what is durable by now moved into the database soon; returns the last position of it.
    #[must_use]
    pub fn flush(&self) -> Position {
        match self {
            Self::Local(writer) => writer.flush(),
        }
    }

    /// Calls back from where the order is given, without a sync; false when too much is waiting.
    pub fn probe(&self, answer: Box<dyn FnOnce() + Send>) -> bool {
        match self {
            Self::Local(writer) => writer.probe(answer),
        }
    }
}
