//! What keeps a running store in order: a check in small steps, and a journal that leaves damaged
//! bytes behind.

use std::time::Duration;

use tokio::sync::oneshot;

use super::desk::Desk;
use crate::base::code;
use crate::base::limits::{BUSY_RETRY_MS, FLUSH_MS, WALK_REST};
use crate::desk::Refusal;
use crate::store::LiveCheck;

impl Desk {
    /// A check of the store as it is now, to be carried on by `step_check`.
    #[must_use]
    pub fn begin_check(&self) -> LiveCheck {
        LiveCheck::new(self.0.reads.reader(), self.0.blobs.clone())
    }

    /// One step of a check and a rest after it, so that the check is never in anybody's way. True
    /// when there is more to look at.
    ///
    /// # Errors
    /// The disk does not read, or the desk is stopping.
    pub async fn step_check(&self, mut check: LiveCheck) -> Result<(LiveCheck, bool), Refusal> {
        let begun = self.clock().tick();
        let (check, more) = self
            .0
            .reads
            .run(move |reader| {
                let more = check.step(reader)?;
                Ok((check, more))
            })
            .await?;
        let took_ms = self.clock().tick().since(begun).max(1);
        if more {
            tokio::time::sleep(Duration::from_millis(took_ms) * WALK_REST).await;
        }
        Ok((check, more))
    }

    /// Has the journal go on in a fresh segment, and the database take everything before it out of
    /// memory: whatever the older segments hold, nothing needs it any more.
    ///
    /// # Errors
    /// The disk takes nothing; `JOURNAL_FULL` when no segment is free.
    pub async fn renew_journal(&self) -> Result<(), Refusal> {
        // What the database takes first makes room for a fresh segment.
        self.flushed().await?;
        let (answer, answered) = oneshot::channel();
        // A caller that went away needs no answer.
        let taken = self.0.ledger.fabric().renew(Box::new(move |done| drop(answer.send(done))));
        if !taken {
            return Err(Refusal::busy(BUSY_RETRY_MS));
        }
        match answered.await {
            Ok(Ok(())) => self.flushed().await,
            Ok(Err(fault)) => {
                tracing::warn!(code = fault.code().0, %fault, "the journal was not renewed");
                Err(Refusal::new(fault.code()))
            }
            Err(_) => Err(Refusal::new(code::GOING_AWAY)),
        }
    }

    /// Waits until the database has what is durable now.
    pub(super) async fn flushed(&self) -> Result<(), Refusal> {
        let to = self.0.ledger.fabric().flush();
        let deadline = self.clock().tick().after(FLUSH_MS);
        while self.stats().applied < to {
            if self.clock().tick() >= deadline {
                return Err(Refusal::new(code::DISK_FAULT));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}
