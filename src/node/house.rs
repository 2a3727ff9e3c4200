//! The desk without its listeners: store, actors, counters. `serve` puts sockets in front of it;
//! commands use it as it is when no server runs.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use posthouse_crypto::family::Family;
use posthouse_crypto::seal::key_file::KeyFile;

use super::Fault;
use super::clock::SystemClock;
use crate::actors::{self, Desk, Running};
use crate::base::limits::JOURNAL_SEGMENTS;
use crate::base::{Clock, Counters, Private, Wall, code};
use crate::config::{Config, Profile};
use crate::store;
use crate::store::audit::AuditKeys;
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
    let keys = key_file(config, clock.wall())?;
    let setting = actors::Setting {
        clock: Arc::clone(&clock),
        counters: Arc::clone(&counters),
        audit: audit_keys(config, keys.as_ref())?,
        audit_days: config.audit.keep_days,
        store: store::Options {
            keys: keys.as_ref().and_then(KeyFile::keys),
            ..plain_options(config)
        },
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
    let keys = key_file(config, now)?;
    Ok(store::Options { keys: keys.and_then(|file| file.keys()), ..plain_options(config) })
}

/// The site's keys, made when the folder has no store yet; `None` for a site that is not sealed.
///
/// # Errors
/// As [`sealed_options`].
pub fn key_file(config: &Config, now: Wall) -> Result<Option<KeyFile>, Fault> {
    let Some(source) = key_source(config) else { return Ok(None) };
    make_folder(&config.data)?;
    Ok(Some(store::key::open_or_make(&config.data, &source, family(config), now)?))
}

/// What chains and signs the audit log: of the site's keys, else of a file beside the log.
///
/// # Errors
/// The key file has none, or the disk fails.
pub fn audit_keys(config: &Config, keys: Option<&KeyFile>) -> Result<AuditKeys, Fault> {
    match keys {
        Some(file) => Ok(AuditKeys::of_file(file).map_err(store::Fault::from)?),
        None => Ok(AuditKeys::of_folder(&config.data, family(config))?),
    }
}

/// The algorithms of what lies on the disk.
#[must_use]
pub fn family(config: &Config) -> Family {
    match config.crypto.profile {
        Profile::National => Family::National,
        Profile::International | Profile::Both => Family::International,
    }
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
#[must_use]
pub fn plain_options(config: &Config) -> store::Options {
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
