//! Composition root: builds, supervises and drains everything; the only room that knows all others.

pub mod logs;
pub mod notify;

use crate::base::Language;
use crate::base::code::Code;
use crate::config::{Inputs, Loaded};

/// What a process is started with.
#[derive(Debug)]
pub struct Start {
    pub loaded: Loaded,
    /// What `loaded` was made of, for the next reload.
    pub inputs: Inputs,
    /// The operator's.
    pub language: Language,
}

/// Why the process could not start, or had to stop.
#[derive(Debug, thiserror::Error)]
#[error("{detail}")]
pub struct Fault {
    pub code: Code,
    /// What it is about: a path, an address, the system's words.
    pub detail: String,
}

/// Runs the desk until it is told to stop.
///
/// # Errors
/// A fault of the disk or the network at the start.
pub fn run(start: Start) -> Result<(), Fault> {
    tracing::info!(listen = %start.loaded.config.listen, "starting");
    Ok(())
}
