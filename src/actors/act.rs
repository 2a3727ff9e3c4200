//! Acts that the audit log must not miss. Invariant: the line that an act owes is in one batch with
//! the act, so a crash leaves both or neither; the next start writes what is owed, as late.

use std::collections::BTreeSet;

use posthouse_crypto::token;
use smallvec::SmallVec;

use super::deed::{Deed, Trace, late, record, unfinished};
use super::desk::Desk;
use crate::base::limits::AUDIT_SETTLED;
use crate::base::{Position, Wall};
use crate::desk::Refusal;
use crate::store::{AuditNote, Fact, Fault, Item, audit};

type Items = SmallVec<[Item; 2]>;

/// A line that is owed.
#[derive(Clone, Copy, Debug)]
pub struct Owed {
    act: u64,
    position: Position,
}

impl Desk {
    /// Appends what an act makes with the line that it owes, and writes the line.
    ///
    /// # Errors
    /// The journal takes nothing, and nothing has changed; or `AUDIT_BEHIND`, and it has.
    pub(super) async fn act(&self, deed: Deed, items: Items) -> Result<(), Refusal> {
        match self.owe(&deed, record, items).await {
            Ok(owed) => self.pay(owed, deed).await,
            Err(refusal) => self.refused(deed, refusal).await,
        }
    }

    /// Writes down that an act was refused.
    pub(super) async fn refused<T>(&self, deed: Deed, refusal: Refusal) -> Result<T, Refusal> {
        let refused = Err(refusal);
        self.audit(deed.ended(&refused)).await?;
        refused
    }

    /// Keeps the line of an act that begins and whose end no batch can hold; should the process
    /// end before [`Desk::pay`], the line says that it was left unfinished.
    ///
    /// # Errors
    /// The journal takes nothing.
    pub async fn begin(&self, deed: &Deed) -> Result<Owed, Refusal> {
        self.owe(deed, unfinished, SmallVec::new()).await
    }

    /// Appends what an act makes with the line that it owes.
    pub(super) async fn owe(
        &self,
        deed: &Deed,
        line: fn(&Deed, &str, Wall, Trace) -> String,
        mut items: Items,
    ) -> Result<Owed, Refusal> {
        let act = number()?;
        let trace = Trace { act: Some(act), position: None };
        let text = line(deed, &self.doer(deed), self.clock().wall(), trace);
        items.push(note(act, text));
        // The next batch tells the log which lines are durable, so that no write is made for it.
        let settled = self.take_paid();
        items.extend(settled.into_iter().map(|act| note(act, String::new())));
        let written = self.0.ledger.append(items).await?;
        let position = written.last().map(|written| written.position).unwrap_or_default();
        Ok(Owed { act, position })
    }

    /// Writes the line that an act owes.
    ///
    /// # Errors
    /// `AUDIT_BEHIND`.
    pub async fn pay(&self, owed: Owed, deed: Deed) -> Result<(), Refusal> {
        let Owed { act, position } = owed;
        let trace = Trace { act: Some(act), position: Some(position) };
        self.audit_traced(deed, trace).await?;
        self.0.audit.settling().paid.push(act);
        Ok(())
    }

    fn take_paid(&self) -> Vec<u64> {
        let mut settling = self.0.audit.settling();
        let most = settling.paid.len().min(AUDIT_SETTLED);
        settling.paid.drain(..most).collect()
    }

    /// Tells the site's log which lines and which head the audit log has. What it does not take
    /// now, the next start sees.
    pub(super) async fn settle(&self) {
        let head = self.0.audit.settling().head.take();
        let mut items: Items = head.into_iter().map(|head| note(audit::HEAD, head)).collect();
        items.extend(self.take_paid().into_iter().map(|act| note(act, String::new())));
        if !items.is_empty()
            && let Err(refusal) = self.append(items).await
        {
            tracing::debug!(code = refusal.code.0, "the audit log's head is not kept");
        }
    }

    /// Writes the lines that acts of an earlier life owe and that the log does not have.
    pub(super) async fn catch_up(&self, owed: Vec<AuditNote>) -> Result<(), Fault> {
        let acts: BTreeSet<u64> = owed.iter().map(|note| note.act).collect();
        let folder = self.0.audit.folder.clone();
        let there = blocking(move || audit::acts_in(&folder, &acts)).await?;
        for AuditNote { act, text } in owed {
            if !there.contains(&act) {
                tracing::warn!(act, "an audit line that a crash had kept out is written");
                let line = late(&text, self.clock().wall()).unwrap_or(text);
                if self.0.audit.line(line).await.is_err() {
                    // Still owed; the next start tries again.
                    continue;
                }
            }
            self.0.audit.settling().paid.push(act);
        }
        Ok(())
    }
}

async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, Fault> {
    match tokio::task::spawn_blocking(read).await {
        Ok(read) => read.map_err(|source| Fault::Disk { what: "audit log", source }),
        Err(stopped) => std::panic::resume_unwind(stopped.into_panic()),
    }
}

fn note(act: u64, text: String) -> Item {
    Item::Fact(Fact::AuditNote(AuditNote { act, text }))
}

/// Random, so that no two lives give the same.
fn number() -> Result<u64, Refusal> {
    let mut bytes = [0; 8];
    token::fill_random(&mut bytes).map_err(|_| Refusal::busy(1_000))?;
    Ok(u64::from_be_bytes(bytes).max(audit::HEAD + 1))
}
