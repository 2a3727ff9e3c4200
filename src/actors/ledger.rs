//! Appends whose caller waits: settings, sign-ins, passwords, attachments.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use smallvec::SmallVec;
use tokio::sync::oneshot;

use super::ticket::{Owner, ticket};
use crate::base::code;
use crate::desk::Refusal;
use crate::fabric::Fabric;
use crate::store::{Item, Outcome, Proposal, Written};

type Wait = oneshot::Sender<Result<SmallVec<[Arc<Written>; 2]>, Refusal>>;

/// The appends in flight that somebody awaits.
#[derive(Debug)]
pub struct Ledger {
    fabric: Fabric,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    by_number: HashMap<u64, Wait>,
}

impl Ledger {
    pub fn new(fabric: Fabric) -> Self {
        Self { fabric, waiting: Mutex::default() }
    }

    #[must_use]
    pub fn fabric(&self) -> &Fabric {
        &self.fabric
    }

    /// Appends one batch and returns when it is durable.
    pub async fn append(
        &self,
        items: SmallVec<[Item; 2]>,
    ) -> Result<SmallVec<[Arc<Written>; 2]>, Refusal> {
        let (sender, receiver) = oneshot::channel();
        let number = {
            let mut waiting = self.lock();
            waiting.next += 1;
            let number = waiting.next;
            waiting.by_number.insert(number, sender);
            number
        };
        let proposal = Proposal { ticket: ticket(Owner::Ledger, number), items };
        if let Err(refusal) = self.fabric.append(proposal) {
            self.lock().by_number.remove(&number);
            return Err(refusal);
        }
        receiver.await.unwrap_or(Err(Refusal::new(code::GOING_AWAY)))
    }

    /// Hands an outcome to its caller.
    pub fn settle(&self, number: u64, outcome: Outcome) {
        let wait = self.lock().by_number.remove(&number);
        if let Some(wait) = wait {
            // A caller that went away needs no answer; the append stays what it is.
            let _ = wait.send(outcome.result);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
