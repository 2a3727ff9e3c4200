//! The audit log for whoever reads it over the network. Invariant: only whoever has the right sees
//! a line, and who verified, exported, or tried to read without the right is written down.

use std::net::IpAddr;
use std::path::PathBuf;

use bytes::Bytes;
use posthouse_crypto::audit::Head;
use tokio::sync::OwnedSemaphorePermit;

use super::deed::{Deed, Doer};
use super::desk::Desk;
use crate::base::{AgentId, code};
use crate::desk::Refusal;
use crate::store::Fault;
use crate::store::audit::{self, Found};

pub use crate::store::audit::{Page as AuditPage, Query as AuditQuery, Row as AuditRow};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Who asks, and from where.
pub type Asker = (AgentId, IpAddr);

/// What a verification found.
#[derive(Clone, Debug)]
pub struct Verified {
    /// Number of the last record; the chain was followed up to it.
    pub last: u64,
    /// Number of the record before the first that is kept.
    pub before: u64,
    /// Number of the last record that a signed head covers.
    pub signed: u64,
    /// When the newest head that the site's log knows was signed.
    pub head_ms: Option<u64>,
    pub findings: Vec<Found>,
}

/// An export on its way: files, a piece each.
#[derive(Debug)]
pub struct Export {
    paths: std::vec::IntoIter<PathBuf>,
    _turn: OwnedSemaphorePermit,
}

impl Desk {
    /// The newest lines that fit a question.
    ///
    /// # Errors
    /// `DENIED`, or the disk does not read.
    pub async fn audit_page(&self, by: Asker, query: AuditQuery) -> Result<AuditPage, Refusal> {
        self.may_audit(by, "audit.read").await?;
        let folder = self.0.audit.folder.clone();
        self.0.reads.run(move |_| audit::page(&folder, &query).map_err(unread)).await
    }

    /// The newest signed head that the site's log knows.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn audit_head(&self) -> Result<Option<String>, Refusal> {
        Ok(self.0.reads.run(|reader| reader.audit_notes()).await?.0)
    }

    /// Verifies the log with its keys and with the head that the site's log knows.
    ///
    /// # Errors
    /// `DENIED`, busy with another one, or the disk does not read.
    pub async fn verify_audit(&self, by: Asker) -> Result<Verified, Refusal> {
        const WHAT: &str = "audit.verify";
        self.may_audit(by, WHAT).await?;
        let _turn = self.audit_turn()?;
        let known = self.audit_head().await?.and_then(|text| Head::from_text(&text).ok());
        let (folder, keys) = (self.0.audit.folder.clone(), self.0.audit.keys.clone());
        let signer = keys.public();
        let known = known.filter(|(_, key)| *key == signer).map(|(head, _)| head);
        let kept: Vec<Head> = known.into_iter().collect();
        let verify = move |_: &_| audit::verify(&folder, &keys, &kept).map_err(unread);
        let (verdict, located) = self.0.reads.run(verify).await?;
        let about = format!("{} lines, {} findings", verdict.last, located.len());
        self.audit(Deed::new(Doer::Agent(by.0), WHAT, about).from(by.1)).await?;
        Ok(Verified {
            last: verdict.last,
            before: verdict.before,
            signed: verdict.signed,
            head_ms: known.map(|head| head.at_ms),
            findings: located.iter().map(audit::Located::words).collect(),
        })
    }

    /// Begins an export that verifies by itself; it ends with a fresh signed head.
    ///
    /// # Errors
    /// `DENIED`, busy with another one, or the disk takes nothing.
    pub async fn export_audit(&self, by: Asker, days: Option<u32>) -> Result<Export, Refusal> {
        const WHAT: &str = "audit.export";
        self.may_audit(by, WHAT).await?;
        let turn = self.audit_turn()?;
        let about = days.map_or_else(|| "all".to_owned(), |days| format!("{days} days"));
        self.audit(Deed::new(Doer::Agent(by.0), WHAT, about).from(by.1)).await?;
        self.sign_audit().await?;
        let now = self.clock().wall();
        let since_ms = days.map_or(0, |days| now.ms.saturating_sub(u64::from(days) * DAY_MS));
        let folder = self.0.audit.folder.clone();
        let pieces = move |_: &_| audit::pieces(&folder, since_ms).map_err(unread);
        let paths = self.0.reads.run(pieces).await?.into_iter();
        Ok(Export { paths, _turn: turn })
    }

    /// The next piece of an export; `None` at its end.
    ///
    /// # Errors
    /// The disk does not read.
    pub async fn export_piece(&self, export: &mut Export) -> Result<Option<Bytes>, Refusal> {
        let Some(path) = export.paths.next() else { return Ok(None) };
        let lines = move |_: &_| audit::whole_lines(&path).map_err(unread);
        let lines = self.0.reads.run(lines).await?;
        Ok(Some((lines.join("\n") + "\n").into()))
    }

    async fn may_audit(&self, (by, from): Asker, what: &'static str) -> Result<(), Refusal> {
        match self.site().may_audit(by) {
            Ok(()) => Ok(()),
            Err(refusal) => {
                let deed = Deed::new(Doer::Agent(by), what, "").from(from);
                self.refused(deed, refusal).await
            }
        }
    }

    fn audit_turn(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        let turn = std::sync::Arc::clone(&self.0.audit.turn).try_acquire_owned();
        turn.map_err(|_| Refusal { code: code::BUSY, retry_after_ms: 1_000 })
    }
}

fn unread(source: std::io::Error) -> Fault {
    Fault::Disk { what: "audit log", source }
}
