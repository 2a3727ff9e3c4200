//! The audit log at the start of a desk: what its files and the site's own log know of each other.
//! Each keeps a mark of the other, so that an older copy of one of them is found.

use std::path::Path;
use std::sync::Arc;

use super::audit::Audit;
use super::deed::{Deed, Doer, Trace};
use super::desk::Desk;
use crate::base::{Clock, Position};
use crate::store::audit::{self, AuditKeys, AuditLog, Older, Opened};
use crate::store::{AuditNote, Fault, Reader};

/// What is to be written down before anything else.
pub(super) struct Told {
    opened: Opened,
    /// The site's log ends before an act that the audit log tells of.
    store: Option<Older>,
    /// Where the site's log ends.
    durable: Position,
    /// Lines of an earlier life that the log may not have.
    owed: Vec<AuditNote>,
}

/// Which of the two was found to be an older copy at the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Aged {
    pub audit: bool,
    pub store: bool,
}

/// Opens the log and starts its owner.
///
/// # Errors
/// The disk, or the store of the signing key, does not answer.
pub(super) fn open(
    data: &Path,
    (keys, days): (AuditKeys, u32),
    clock: &Arc<dyn Clock>,
    reader: &Reader,
) -> Result<(Audit, Told), Fault> {
    let (head, owed) = reader.audit_notes()?;
    let durable = reader.stats().durable;
    let folder = data.join(audit::FOLDER);
    let (log, opened) = AuditLog::open(data, keys.clone(), clock.wall(), head.as_deref())?;
    let known = audit::last_position(&folder).map_err(fault)?;
    let known = known.filter(|known| *known > durable.0);
    let store = known.map(|known| Older { known, found: durable.0 });
    let aged = Aged { audit: opened.older.is_some(), store: store.is_some() };
    let audit = Audit::start(log, Arc::clone(clock), days, (keys, folder, aged));
    let audit = audit.map_err(fault)?;
    Ok((audit, Told { opened, store, durable, owed }))
}

fn fault(source: std::io::Error) -> Fault {
    Fault::Disk { what: "audit log", source }
}

impl Told {
    /// A log that was changed is no reason not to answer visitors.
    pub async fn tell(self, desk: &Desk) -> Result<(), Fault> {
        let Self { opened, store, durable, owed } = self;
        let ends = |Older { known, found }| format!("ends with {found}, {known} is known");
        let lines = [
            opened.torn.then(|| ("audit.torn", String::new())),
            opened.broken.then(|| ("audit.broken", String::new())),
            opened.older.map(|older| ("audit.older", ends(older))),
            store.map(|older| ("store.older", ends(older))),
        ];
        for (what, about) in lines.into_iter().flatten() {
            tracing::warn!(what, about, "the audit log and the site's log");
            let trace = Trace { act: None, position: Some(durable) };
            // What the disk does not take is written when it does.
            let _ = desk.audit_traced(Deed::new(Doer::Desk, what, about), trace).await;
        }
        desk.catch_up(owed).await
    }
}
