//! The desk without its listeners: store, actors, counters. `serve` puts sockets in front of it;
//! commands use it as it is when no server runs.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use super::Fault;
use super::clock::SystemClock;
use crate::actors::{self, Desk, Running};
use crate::base::limits::JOURNAL_SEGMENTS;
use crate::base::{Clock, Counters, Private, code};
use crate::config::{Config, Profile};
use crate::store;

/// The running desk.
pub struct House {
    pub desk: Desk,
    pub counters: Arc<Counters>,
    pub clock: Arc<dyn Clock>,
    running: Running,
}

/// The runtime that everything runs on: a thread for each core.
///
/// # Errors
/// The system gives no threads.
pub fn runtime() -> Result<tokio::runtime::Runtime, Fault> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Fault::new(code::CLI_SYSTEM, error))
}

/// Opens the store in the data folder and starts the actors on the current runtime. `claim_code` is
/// what a person must enter to claim a new site; without it only the operator can.
///
/// # Errors
/// The folder cannot be made, is in use, or its store is not readable.
pub async fn build(config: &Config, claim_code: Option<Private>) -> Result<House, Fault> {
    make_folder(&config.data)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let counters = Arc::new(Counters::new());
    let setting = actors::Setting {
        clock: Arc::clone(&clock),
        counters: Arc::clone(&counters),
        store: store_options(config),
        shards: std::thread::available_parallelism()
            .map_or(1, |cores| u8::try_from(cores.get()).unwrap_or(u8::MAX)),
        claim_code,
        endpoints: config.endpoints.clone(),
        national: config.crypto.profile == Profile::National,
    };
    let running = actors::start(setting).await?;
    Ok(House { desk: running.desk.clone(), counters, clock, running })
}

/// Where and how the store of a configuration lies.
#[must_use]
pub fn store_options(config: &Config) -> store::Options {
    store::Options {
        dir: config.data.clone(),
        segments: JOURNAL_SEGMENTS,
        segment_bytes: config.store.journal_segment_bytes(),
        redb_cache_bytes: config.store.redb_cache_bytes(),
        min_commit_interval_ms: u64::from(config.store.min_commit_interval_ms),
    }
}

impl House {
    /// Sends every connection away, makes everything durable and closes the store.
    pub async fn close(self, retry_after_ms: u32, patience_ms: u64) {
        self.running.drain(retry_after_ms, patience_ms).await;
    }

    /// The same when no connection was ever taken.
    pub async fn close_at_once(self) {
        self.close(0, 0).await;
    }
}

/// The data folder, readable by its owner alone.
fn make_folder(path: &Path) -> Result<(), Fault> {
    if path.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| Fault::file(path, &error))
}
