//! Backups: when the operator asks for one, and by the clock whenever the folder is there.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;

use super::control::Line;
use super::house::{family, key_source};
use super::operator::{No, Operator};
use super::upkeep::{pulse, telling};
use crate::actors::{BackupPlan, Deed, Doer};
use crate::base::code;
use crate::base::limits::{BACKUP_AGAIN_MS, BACKUP_LOOK_MS};
use crate::base::{Tick, Wall};
use crate::config::Config;
use crate::store::backup::{self, Made, Repository, Retention};
use crate::store::key::Source;

const HOUR_MS: u64 = 3_600_000;

impl Operator {
    /// Makes a backup now; a folder without backups becomes one that has them. Where the
    /// configuration says nothing, the command may.
    pub(super) async fn create_backup(
        &self,
        folder: Option<PathBuf>,
        passphrase: Option<PathBuf>,
        rows: &mpsc::Sender<Line>,
    ) -> Result<Value, No> {
        let mut config = Config::clone(&self.config.borrow());
        config.backup.folder = folder.or(config.backup.folder);
        config.backup.passphrase_file = passphrase.or(config.backup.passphrase_file);
        let making = self.back_up(&config, true);
        let made = telling(rows, &mut pulse(), 0, making).await??;
        serde_json::to_value(made).map_err(|error| No::of(code::CLI_SYSTEM, error.to_string()))
    }

    async fn back_up(&self, config: &Config, first: bool) -> Result<Made, No> {
        let plan = plan(config, first)?;
        let busy = No::of(code::CLI_WALK_RUNS, String::new());
        let turn = Arc::clone(&self.walks).try_acquire_owned().map_err(|_| busy)?;
        let made = self.desk.back_up(plan, turn).await;
        made.map_err(|fault| No::of(fault.code(), fault.to_string()))
    }
}

/// Makes a backup whenever one is due and its folder is there, for ever.
pub(super) async fn keep(operator: Operator) {
    let mut again = Tick(0);
    loop {
        tokio::time::sleep(Duration::from_millis(BACKUP_LOOK_MS)).await;
        let config = Arc::clone(&operator.config.borrow());
        let clock = Arc::clone(operator.desk.clock());
        if clock.tick() < again || !is_due(&config, clock.wall()) {
            continue;
        }
        let (result, about) = match operator.back_up(&config, false).await {
            Ok(made) => (Ok(()), made.name),
            // A command is at it: the next look is soon enough.
            Err(no) if no.is(code::CLI_WALK_RUNS) => continue,
            Err(no) => {
                let (code, about) = no.parts();
                tracing::warn!(code = code.0, about, "no backup");
                again = clock.tick().after(BACKUP_AGAIN_MS);
                (Err(code), about)
            }
        };
        let deed = Deed { result, ..Deed::new(Doer::Desk, "backup.create", about) };
        // What the disk does not take is written when it does.
        let _ = operator.desk.audit(deed).await;
    }
}

fn is_due(config: &Config, now: Wall) -> bool {
    let Some(folder) = config.backup.folder.as_ref() else { return false };
    let every_ms = u64::from(config.backup.every_hours) * HOUR_MS;
    let due = backup::last(&config.data)
        // One of the future: the clock was set back.
        .is_none_or(|last| now.ms >= last.saturating_add(every_ms) || now.ms + every_ms < last);
    due && Repository::is_there(folder)
}

fn plan(config: &Config, first: bool) -> Result<BackupPlan, No> {
    let missing = |key: &str| No::of(code::CONFIG_MISSING, key.to_owned());
    let backup = &config.backup;
    let folder = backup.folder.clone().ok_or_else(|| missing("backup.folder"))?;
    let recovery = backup.passphrase_file.clone();
    let recovery = recovery.ok_or_else(|| missing("backup.passphrase_file"))?;
    Ok(BackupPlan {
        data: config.data.clone(),
        source: key_source(config),
        family: family(config),
        cache_bytes: config.store.redb_cache_bytes(),
        folder,
        recovery: Source::Passphrase(recovery),
        keep: Retention {
            most: usize::try_from(backup.keep).unwrap_or(usize::MAX),
            days: backup.keep_days,
        },
        first,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_is_due_by_the_clock_and_when_its_folder_is_there() {
        let base = std::env::temp_dir().join(format!("posthouse-due-{}", std::process::id()));
        let (data, folder) = (base.join("data"), base.join("medium"));
        for path in [&data, &folder] {
            std::fs::create_dir_all(path).unwrap();
        }
        let mut config = Config { data: data.clone(), ..Config::default() };
        let at = |hours: u64| Wall { ms: hours * HOUR_MS, trusted: true };
        assert!(!is_due(&config, at(100)), "nobody asked for any");
        config.backup.folder = Some(folder.clone());
        assert!(!is_due(&config, at(100)), "an empty folder: the medium is not plugged in");
        std::fs::write(folder.join("keys"), "").unwrap();
        assert!(is_due(&config, at(100)));
        let made = Made { name: "x".to_owned(), at_ms: at(100).ms, ..Made::default() };
        backup::note(&data, &made).unwrap();
        assert!(!is_due(&config, at(123)) && is_due(&config, at(124)));
        assert!(!is_due(&config, at(99)) && is_due(&config, at(70)), "a clock that was set back");
        std::fs::remove_dir_all(&base).unwrap();
    }
}
