//! Backups of the running desk: on a blocking thread, beside everything else. Invariant: one that
//! is under way ends soon when the desk drains.

use std::path::PathBuf;

use posthouse_crypto::family::Family;

use super::desk::Desk;
use crate::store::Fault;
use crate::store::backup::{self, Made, Repository, Retention, Site};
use crate::store::key::Source;

/// What a backup is made with.
#[derive(Clone, Debug)]
pub struct BackupPlan {
    pub data: PathBuf,
    /// What opens the keys of a sealed site.
    pub source: Option<Source>,
    pub family: Family,
    pub cache_bytes: usize,
    pub folder: PathBuf,
    pub recovery: Source,
    pub keep: Retention,
    /// Whether a folder without backups is made one that has them.
    pub first: bool,
}

impl Desk {
    /// Makes a backup of what is acknowledged by now, and takes old ones away. `turn` is held until
    /// it is done, also when nobody waits for it any more.
    ///
    /// # Errors
    /// See [`backup::create`].
    pub async fn back_up(
        &self,
        plan: BackupPlan,
        turn: impl Send + 'static,
    ) -> Result<Made, Fault> {
        self.flushed().await.map_err(|_| Fault::BackupStopped)?;
        let desk = self.clone();
        let work = move || {
            let made = desk.make(&plan);
            drop(turn);
            made
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(made) => made,
            Err(stopped) if stopped.is_panic() => std::panic::resume_unwind(stopped.into_panic()),
            Err(_stopping) => Err(Fault::BackupStopped),
        }
    }

    fn make(&self, plan: &BackupPlan) -> Result<Made, Fault> {
        let now = self.clock().wall();
        let home = if plan.first {
            Repository::open_or_make(&plan.folder, &plan.recovery, plan.family, now)?
        } else {
            Repository::open(&plan.folder, &plan.recovery)?
        };
        let site = Site {
            reader: self.0.reads.reader(),
            data: &plan.data,
            source: plan.source.as_ref(),
            cache_bytes: plan.cache_bytes,
        };
        let made = backup::create(site, &home, now, &self.0.draining)?;
        backup::note(&plan.data, &made)?;
        // The new one is good all the same; the next one tries again.
        match backup::prune(&home, plan.keep, now) {
            Ok(gone) => tracing::info!(name = made.name, written = made.written, gone, "backup"),
            Err(fault) => tracing::warn!(code = fault.code().0, %fault, "old backups stay"),
        }
        Ok(made)
    }
}
