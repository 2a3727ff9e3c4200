//! Ends sign-ins whose time is over, so that their rows go. Through the log like everything: the
//! same items make the same rows, wherever they are replayed.

use std::time::Duration;

use super::desk::Desk;
use crate::base::limits::{SIGN_IN_KEPT_MS, SIGN_INS_AT_ONCE, SWEEP_FIRST_MS, SWEEP_MS, WALK_ROWS};
use crate::desk::Refusal;
use crate::store::{Fact, Item, SignIn};

/// Sweeps a minute after the start and then every hour, until the desk drains.
pub(super) async fn sweep(desk: Desk) {
    let mut drain = desk.0.drain.subscribe();
    let mut pause = SWEEP_FIRST_MS;
    loop {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(pause)) => {}
            _ = drain.wait_for(Option::is_some) => return,
        }
        pause = SWEEP_MS;
        match desk.sweep_sign_ins().await {
            Ok(0) => {}
            Ok(ended) => tracing::info!(ended, "sign-ins expired"),
            // A disk that takes nothing now is tried again in an hour.
            Err(refusal) => tracing::debug!(code = refusal.code.0, "sign-ins are not swept"),
        }
        // What the disk does not take now is written and signed the next time.
        let _ = desk.sign_audit().await;
    }
}

impl Desk {
    /// Ends the sign-ins that expired a day ago or earlier; returns how many. The table is read in
    /// slices. A clock that is not set ends nothing.
    ///
    /// # Errors
    /// The store cannot be read or takes nothing.
    pub async fn sweep_sign_ins(&self) -> Result<usize, Refusal> {
        let now = self.clock().wall();
        let before_ms = now.ms.saturating_sub(SIGN_IN_KEPT_MS);
        if !now.trusted {
            return Ok(0);
        }
        let (mut after, mut ended) = (None, 0);
        loop {
            let read = self
                .0
                .reads
                .run(move |reader| reader.expired_sign_ins(after.as_ref(), before_ms, WALK_ROWS));
            let (rows, last) = read.await?;
            ended += rows.len();
            self.end_sign_ins(rows).await?;
            if last.is_none() {
                return Ok(ended);
            }
            after = last;
        }
    }

    /// Ends these sign-ins, some at a time: a proposal must fit in one frame of the journal.
    pub(super) async fn end_sign_ins(&self, rows: Vec<SignIn>) -> Result<(), Refusal> {
        for some in rows.chunks(SIGN_INS_AT_ONCE) {
            self.append(some.iter().map(end).collect()).await?;
        }
        Ok(())
    }
}

/// The end of a sign-in, for the log.
pub(super) fn end(row: &SignIn) -> Item {
    Item::Fact(Fact::SignIn(SignIn { ended: true, ..row.clone() }))
}
