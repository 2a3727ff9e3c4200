//! Check and repair of the store of a running desk: what can be seen and mended while it runs, and
//! what to type for the rest.

use std::path::Path;

use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::control::Line;
use super::operator::{No, Operator, send};
use crate::base::code;
use crate::store::{Checkup, Finding, Repair};

/// Entries after which a command hears how far the check is; it may wait a minute for a word.
const TELL_EVERY: u64 = 16 * 1024;

impl Operator {
    pub(super) async fn check_store(&self, rows: &mpsc::Sender<Line>) -> Result<Value, No> {
        let _turn = self.alone()?;
        Ok(checkup_row(&self.look_over(rows).await?, true))
    }

    /// Mends a damaged journal: its entries are in memory still. All other damage needs a store
    /// that no process uses.
    pub(super) async fn repair_store(&self, rows: &mpsc::Sender<Line>) -> Result<Value, No> {
        let _turn = self.alone()?;
        let mut checkup = self.look_over(rows).await?;
        let mut repair = Repair::default();
        if checkup.findings.iter().any(is_in_journal) {
            self.desk.renew_journal().await?;
            repair.renewed = true;
            checkup = self.look_over(rows).await?;
        }
        repair.left = checkup.findings;
        Ok(repair_row(&repair, &self.config.borrow().data, true))
    }

    async fn look_over(&self, rows: &mpsc::Sender<Line>) -> Result<Checkup, No> {
        let (mut check, mut more, mut told) = (self.desk.begin_check(), true, 0);
        while more {
            (check, more) = self.desk.step_check(check).await?;
            if check.entries() >= told + TELL_EVERY || rows.is_closed() {
                told = check.entries();
                send(rows, json!({ "entries": told })).await?;
            }
        }
        Ok(check.finish())
    }
}

fn is_in_journal(finding: &Finding) -> bool {
    [code::JOURNAL_DAMAGED, code::FOREIGN_JOURNAL].contains(&finding.code)
}

/// What a check saw, as programs read it.
#[must_use]
pub fn checkup_row(checkup: &Checkup, running: bool) -> Value {
    json!({
        "findings": checkup.findings.iter().map(finding_row).collect::<Vec<_>>(),
        "entries": checkup.entries,
        "conversations": checkup.conversations,
        "attachments": checkup.attachments,
        "waiting": checkup.waiting,
        "torn": checkup.torn,
        "pages": checkup.pages,
        "running": running,
    })
}

/// What a repair did, as programs read it. `command` is what to type for the rest; null when there
/// is none.
#[must_use]
pub fn repair_row(repair: &Repair, data: &Path, running: bool) -> Value {
    let stopped = running && !repair.left.is_empty();
    json!({
        "kept": repair.kept.map(|position| position.0),
        "moved": repair.moved,
        "rebuilt": repair.rebuilt,
        "renewed": repair.renewed,
        "left": repair.left.iter().map(finding_row).collect::<Vec<_>>(),
        "running": running,
        "command": stopped.then(|| stopped_repair(data)),
    })
}

/// The repair that needs the service stopped.
#[must_use]
pub fn stopped_repair(data: &Path) -> String {
    let data = data.display();
    format!(
        "systemctl stop posthouse && posthouse store repair --data '{data}'; \
         systemctl start posthouse"
    )
}

fn finding_row(finding: &Finding) -> Value {
    json!({ "code": finding.code.0, "name": finding.code.name(), "place": finding.place })
}
