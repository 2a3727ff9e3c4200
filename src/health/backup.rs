//! Whether the last good backup is as new as the schedule wants it.

use super::{Check, Issue, Probe};
use crate::base::Text;
use crate::base::code;

pub const CHECK: Check = Check { id: "backup", title: Text { en: "Backups", zh: "备份" }, run };

/// A process that runs for so long had time for its first backup.
const FIRST_MS: u64 = 60 * 60 * 1000;

fn run(probe: &Probe) -> Vec<Issue> {
    let Some(backup) = &probe.backup else { return Vec::new() };
    let overdue = |about: String| vec![Issue::new(code::BACKUP_OVERDUE, about)];
    match backup.last_ms {
        None if probe.up_ms.is_some_and(|up| up < FIRST_MS) => Vec::new(),
        None => overdue(backup.folder.clone()),
        // A clock that is not set knows no age.
        Some(_) if !probe.now.trusted => Vec::new(),
        // Half an interval is left for one that takes long or is tried again.
        Some(last) if probe.now.ms.saturating_sub(last) > backup.every_ms / 2 * 3 => {
            let hours = probe.now.ms.saturating_sub(last) / 3_600_000;
            overdue(format!("{}: {hours} h", backup.folder))
        }
        Some(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::probe::Backup;
    use super::*;

    #[test]
    fn a_backup_that_is_older_than_its_schedule_or_was_never_made_is_told() {
        let now = Probe::sound().now.ms;
        const HOUR: u64 = 3_600_000;
        let with = |last_ms: Option<u64>| {
            let backup = Backup { folder: "/b".to_owned(), every_ms: 24 * HOUR, last_ms };
            Probe { backup: Some(backup), ..Probe::sound() }
        };
        assert_eq!(run(&with(Some(now - 30 * HOUR))), []);
        let old = run(&with(Some(now - 37 * HOUR)));
        assert_eq!((old[0].code, old[0].about.as_str()), (code::BACKUP_OVERDUE, "/b: 37 h"));
        assert!(!old[0].is_fault());
        assert_eq!(run(&with(None)).len(), 1);
        assert_eq!(run(&Probe { up_ms: Some(5), ..with(None) }), [], "it may still come");
        let mut unset = with(Some(0));
        unset.now.trusted = false;
        assert_eq!(run(&unset), []);
        assert_eq!(run(&Probe::sound()), [], "nobody asked for backups");
    }
}
