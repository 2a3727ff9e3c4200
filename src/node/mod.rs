//! Composition root: builds, supervises and drains everything; the only room that knows all others.

mod backup;
pub mod banner;
mod board;
pub mod clock;
pub mod control;
mod house;
pub mod identity;
pub mod logs;
pub mod notify;
mod offline;
pub mod operator;
mod presence;
pub mod probe;
mod reload;
mod rotation;
mod serve;
#[cfg(feature = "test-peer")]
pub mod test_reader;
pub mod upkeep;

use std::path::Path;
use std::time::Duration;

pub use house::{
    House, audit_keys, build, family, key_file, key_source, plain_options, runtime, sealed_options,
};
pub use offline::{OperateFault, operate, probe_offline};

use crate::base::Language;
use crate::base::code::{self, Code};
use crate::base::limits::DRAIN_PATIENCE_MS;
use crate::config::{Inputs, Loaded};
use crate::{net, store};

/// What a process is started with.
#[derive(Debug)]
pub struct Start {
    pub loaded: Loaded,
    /// What `loaded` was made of, for the next reload.
    pub inputs: Inputs,
    /// The operator's.
    pub language: Language,
    /// The banner shows a QR code.
    pub qr: bool,
    /// A reader of the site feed that a test watches.
    #[cfg(feature = "test-peer")]
    pub test_reader: Option<test_reader::TestReader>,
    /// An algorithm that gives a wrong answer in the self-test.
    #[cfg(feature = "test-peer")]
    pub test_wrong_answer: Option<posthouse_crypto::selftest::Algorithm>,
}

/// Why the process could not start, or had to stop.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub struct Fault {
    pub code: Code,
    /// What it is about: a path, an address, the system's words.
    pub detail: String,
}

impl Fault {
    pub(crate) fn new(code: Code, detail: impl std::fmt::Display) -> Self {
        Self { code, detail: detail.to_string() }
    }

    pub(crate) fn file(path: &Path, error: &std::io::Error) -> Self {
        Self::new(code::CLI_SYSTEM, format_args!("{}: {error}", path.display()))
    }
}

impl From<store::Fault> for Fault {
    fn from(fault: store::Fault) -> Self {
        Self::new(fault.code(), fault)
    }
}

impl From<net::NetFault> for Fault {
    fn from(fault: net::NetFault) -> Self {
        Self::new(fault.code(), fault)
    }
}

/// Runs the desk until it is told to stop: SIGTERM or SIGINT drains it, SIGHUP reads the
/// configuration again.
///
/// # Errors
/// A fault of the disk or the network at the start.
pub fn run(start: Start) -> Result<(), Fault> {
    let logs = logs::start(&start.loaded.config.log);
    let runtime = runtime()?;
    let ended = runtime.block_on(serve::serve(start, logs));
    // The store is closed by now; a backup that is looked over does not keep the process.
    runtime.shutdown_timeout(Duration::from_millis(DRAIN_PATIENCE_MS));
    ended
}
