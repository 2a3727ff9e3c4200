//! The open-loop load generator behind `scripts/bench`: one subcommand per figure. It starts the
//! server itself, on another core and in a session of its own, and prints one row per measurement.
#![forbid(unsafe_code)]
// As in the library: measuring is reading the clock, and counts of a run fit 64 bits.
#![allow(clippy::disallowed_methods, clippy::cast_possible_truncation)]
#![allow(clippy::wildcard_enum_match_arm)]

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use posthouse_load::channel::Family;
use posthouse_load::kernel;

mod cold;
mod idle;
mod rate;
mod report;
mod shake;
mod slow;
mod storm;

/// Measures a posthouse binary. Message k of a run at rate R is due at t0 + k/R and carries its due
/// time; latencies count from there, so a late generator or server hides nothing.
#[derive(Parser)]
#[command(name = "posthouse-load", version)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    what: What,
}

#[derive(Args, Clone)]
pub struct Common {
    /// The server's binary.
    #[arg(long, default_value = "target/release/posthouse")]
    server: PathBuf,
    /// An empty folder for the server's data; on a loop device the bytes written are counted.
    #[arg(long, default_value = "target/bench/data")]
    folder: PathBuf,
    /// What the clients speak.
    #[arg(long, value_enum, default_value_t = Family::Plain)]
    family: Family,
    /// Core of the server.
    #[arg(long, default_value_t = 0)]
    server_core: usize,
    /// Core of the generator.
    #[arg(long, default_value_t = 1)]
    core: usize,
    /// File that gets one JSON line per row.
    #[arg(long, default_value = "target/bench/raw.jsonl")]
    out: PathBuf,
}

#[derive(Subcommand)]
enum What {
    /// Bytes per idle connection.
    Idle(idle::Idle),
    /// Latency, CPU and bytes written per message at a rate.
    Rate(rate::Rate),
    /// Everybody comes back after a kill -9.
    Storm(storm::Storm),
    /// Cold start and idle memory.
    Cold(cold::Cold),
    /// Readers that stop reading, beside healthy ones.
    Slow(slow::Slow),
    /// New connections a second, with full and with resumed handshakes.
    Shake(shake::Shake),
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    kernel::pin(cli.common.core)?;
    // Fails only when this process leads a group already, and then it needs none.
    let _ = rustix::process::setsid();
    let descriptors = kernel::raise_descriptors();
    let common = &cli.common;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, async {
        match cli.what {
            What::Idle(what) => what.run(common, descriptors).await,
            What::Rate(what) => what.run(common).await,
            What::Storm(what) => what.run(common).await,
            What::Cold(what) => what.run(common).await,
            What::Slow(what) => what.run(common).await,
            What::Shake(what) => what.run(common).await,
        }
    })
}
