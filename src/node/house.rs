//! The desk without its listeners: store, actors, counters. `serve` puts sockets in front of it;
//! commands use it as it is when no server runs.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use posthouse_crypto::family::Family;

use super::Fault;
use super::clock::SystemClock;
use crate::actors::{self, Desk, Running};
use crate::base::limits::JOURNAL_SEGMENTS;
use crate::base::{Clock, Counters, Private, Wall, code};
use crate::config::{Config, Profile};
use crate::store;
use crate::store::key::Source;

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
        store: sealed_options(config, clock.wall())?,
        shards: std::thread::available_parallelism()
            .map_or(1, |cores| u8::try_from(cores.get()).unwrap_or(u8::MAX)),
        claim_code,
        endpoints: config.endpoints.clone(),
        national: config.crypto.profile == Profile::National,
    };
    let running = actors::start(setting).await?;
    Ok(House { desk: running.desk.clone(), counters, clock, running })
}

/// Where and how the store of a configuration lies, with the keys of a sealed site; those are made
/// when the folder has no store yet.
///
/// # Errors
/// The keys do not open, or the folder was made without any.
pub fn sealed_options(config: &Config, now: Wall) -> Result<store::Options, Fault> {
    let mut options = store_options(config);
    if let Some(source) = key_source(config) {
        make_folder(&config.data)?;
        let family = match config.crypto.profile {
            Profile::National => Family::National,
            Profile::International | Profile::Both => Family::International,
        };
        let file = store::key::open_or_make(&config.data, &source, family, now)?;
        options.keys = file.keys();
    }
    Ok(options)
}

/// What opens the site's keys; `None` for a site that is not sealed.
#[must_use]
pub fn key_source(config: &Config) -> Option<Source> {
    let key = &config.crypto.key;
    match (&key.passphrase_file, &key.agent_socket, &key.agent_key) {
        (Some(path), _, _) => Some(Source::Passphrase(path.clone())),
        (None, Some(socket), Some(label)) => {
            Some(Source::Agent { socket: socket.clone(), label: label.clone() })
        }
        (None, _, _) => None,
    }
}

/// Where and how the store of a configuration lies, without keys.
fn store_options(config: &Config) -> store::Options {
    store::Options {
        dir: config.data.clone(),
        segments: JOURNAL_SEGMENTS,
        segment_bytes: config.store.journal_segment_bytes(),
        redb_cache_bytes: config.store.redb_cache_bytes(),
        min_commit_interval_ms: u64::from(config.store.min_commit_interval_ms),
        keys: None,
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
