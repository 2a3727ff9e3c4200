//! Check and repair of the store of a running desk: what can be seen and mended while it runs, and
//! what to type for the rest.

use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior};

use super::control::Line;
use super::operator::{No, Operator, gone, send};
use crate::base::code;
use crate::base::limits::TELL_MS;
use crate::store::{Checkup, Finding, Repair};

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
            let seen = checkup.entries;
            telling(rows, &mut pulse(), seen, self.desk.renew_journal()).await??;
            repair.renewed = true;
            checkup = self.look_over(rows).await?;
        }
        repair.left = checkup.findings;
        Ok(repair_row(&repair, &self.config.borrow().data, true))
    }

    async fn look_over(&self, rows: &mpsc::Sender<Line>) -> Result<Checkup, No> {
        let (mut check, mut more, mut pulse) = (self.desk.begin_check(), true, pulse());
        while more {
            let (seen, step) = (check.entries(), self.desk.step_check(check));
            (check, more) = telling(rows, &mut pulse, seen, step).await??;
        }
        Ok(check.finish())
    }
}

/// When a command hears how far its work is: at once, so that it knows that somebody listens, and
/// then by time, because a busy disk reads few entries a minute.
pub(super) fn pulse() -> Interval {
    let mut pulse = tokio::time::interval(Duration::from_millis(TELL_MS));
    pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pulse
}

/// Does some work while the command hears at each pulse that `entries` were seen; ends it when the
/// command went away.
pub(super) async fn telling<T>(
    rows: &mpsc::Sender<Line>,
    pulse: &mut Interval,
    entries: u64,
    work: impl Future<Output = T>,
) -> Result<T, No> {
    let mut work = pin!(work);
    loop {
        tokio::select! {
            biased;
            _ = pulse.tick() => send(rows, json!({ "entries": entries })).await?,
            () = rows.closed() => return Err(gone()),
            done = &mut work => return Ok(done),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_long_step_is_told_of_by_time_and_ends_when_nobody_listens() {
        let (rows, mut rows_of) = mpsc::channel(64);
        let work = tokio::time::sleep(Duration::from_millis(TELL_MS * 5 / 2));
        assert!(telling(&rows, &mut pulse(), 7, work).await.is_ok());
        let mut told = 0;
        while let Ok(row) = rows_of.try_recv() {
            assert!(matches!(&row, Line::Row(row) if row["entries"] == 7), "{row:?}");
            told += 1;
        }
        assert_eq!(told, 3, "at once and twice by time");
        drop(rows_of);
        assert!(telling(&rows, &mut pulse(), 7, std::future::pending::<()>()).await.is_err());
    }
}
