//! The simulator: the very code that ships (desk, session, shard, store) on a simulated disk, clock
//! and network, with clients that keep the contract. One seed is one run, and replays it.
//!
//! `POSTHOUSE_SEED=7 cargo test --test simulator one_seed` replays seed 7, with
//! `POSTHOUSE_COPIES=1` the seed of a run with copies; `POSTHOUSE_SEEDS` sets how many are run,
//! `POSTHOUSE_FIRST_SEED` where they begin.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::print_stdout, clippy::wildcard_enum_match_arm, clippy::disallowed_methods)]

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

#[path = "simulator/client.rs"]
mod client;
#[path = "simulator/erase.rs"]
mod erase;
#[path = "simulator/judge.rs"]
mod judge;
#[path = "simulator/net.rs"]
mod net;
#[path = "simulator/reads.rs"]
mod reads;
#[path = "simulator/server.rs"]
mod server;
#[path = "simulator/shards.rs"]
mod shards;
#[path = "simulator/world.rs"]
mod world;

use server::{Breaks, Troubles};
use world::{Report, World};

const SEEDS: u64 = 2_000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// What a run is made of beside its seed.
#[derive(Clone, Copy, Debug, Default)]
struct Kind {
    breaks: Breaks,
    /// The data folder is put back from copies.
    copies: bool,
}

/// Runs one seed; a panic anywhere is a finding like any other.
fn run(seed: u64, kind: Kind) -> Result<Report, String> {
    let world = || match kind.copies {
        true => World::with_copies(seed, kind.breaks),
        false => World::new(seed, kind.breaks),
    };
    let result = std::panic::catch_unwind(|| world().run());
    result.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(format!("panic: {}", text.unwrap_or_default()))
    })
}

/// Runs seeds on every core until one finds something.
fn search(first: u64, count: u64, kind: Kind) -> (Report, Option<(u64, String)>) {
    let next = AtomicU64::new(first);
    let found = Mutex::new((Report::default(), None));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count || found.lock().unwrap().1.is_some() {
                        return;
                    }
                    let result = run(seed, kind);
                    let mut found = found.lock().unwrap();
                    match result {
                        Ok(report) => found.0.add(&report),
                        Err(text) => found.1 = Some((seed, text)),
                    }
                }
            });
        }
    });
    found.into_inner().unwrap()
}

/// Runs as many seeds as the environment says, else `usual`; panics with the one command that
/// replays a failure.
fn survive(usual: u64, kind: Kind) -> (Report, u64) {
    let long = std::env::var_os("POSTHOUSE_LONG").is_some();
    let count = number("POSTHOUSE_SEEDS").unwrap_or(if long { 3 * usual } else { usual });
    let first = number("POSTHOUSE_FIRST_SEED").unwrap_or(1);
    let (report, found) = search(first, count, kind);
    println!("{count} seeds: {report:?}");
    if let Some((seed, text)) = found {
        let copies = if kind.copies { "POSTHOUSE_COPIES=1 " } else { "" };
        panic!(
            "seed {seed}: {text}\n\
             replay: {copies}POSTHOUSE_SEED={seed} cargo test --test simulator one_seed"
        );
    }
    (report, count)
}

#[test]
fn nothing_acknowledged_is_lost_and_everybody_sees_one_order() {
    let (report, count) = survive(SEEDS, Kind::default());
    // A simulation in which nothing happens proves nothing.
    assert!(report.acked > count * 5, "{report:?}");
    assert!(report.crashes > count / 2, "{report:?}");
    assert!(report.retried > count, "{report:?}");
    let faults = [report.lost, report.doubled, report.partitions, report.jumps];
    assert!(faults.iter().all(|times| *times > count / 2), "{report:?}");
    let Troubles { slow_readers, refused_writes, failed_reads, snapshots, .. } = report.troubles;
    assert!(slow_readers.min(refused_writes).min(failed_reads) > count / 20, "{report:?}");
    assert!(snapshots > count, "{report:?}");
    assert!(report.troubles.resealed > count, "{report:?}");
    assert!(report.erased > count / 4, "{report:?}");
}

/// R5: what a copy lacks is given up, and nobody goes on from it.
#[test]
fn a_copy_that_is_put_back_leaves_nobody_with_another_history() {
    let (report, count) = survive(SEEDS / 8, Kind { copies: true, ..Kind::default() });
    assert!(report.restored > count / 2, "{report:?}");
    assert!(report.troubles.too_long > count, "{report:?}");
}

#[test]
fn one_seed() {
    if let Some(seed) = number("POSTHOUSE_SEED") {
        let copies = std::env::var_os("POSTHOUSE_COPIES").is_some();
        println!("{:?}", run(seed, Kind { copies, ..Kind::default() }).unwrap());
    }
}

#[test]
fn a_seed_replays_its_run() {
    for seed in 1..=3 {
        assert_eq!(run(seed, Kind::default()), run(seed, Kind::default()));
    }
}

/// Runs seeds with a rule broken until one finds what that rule protects from.
fn must_find(kind: Kind, what: &[&str]) {
    let found = (1..=200).find_map(|seed| {
        let finding = run(seed, kind).err();
        finding.filter(|text| what.iter().any(|what| text.contains(what)))
    });
    println!("found: {}", found.unwrap_or_else(|| panic!("nobody noticed: {what:?}")));
}

#[test]
fn acknowledging_before_the_sync_is_found() {
    let breaks = Breaks { lying_sync: true, ..Breaks::default() };
    must_find(Kind { breaks, copies: false }, &["was acknowledged and is lost"]);
}

#[test]
fn forgetting_what_was_accepted_is_found() {
    let breaks = Breaks { forget_priors: true, ..Breaks::default() };
    must_find(Kind { breaks, copies: false }, &["is in the log twice"]);
}

#[test]
fn keeping_the_epoch_of_a_copy_is_found() {
    let breaks = Breaks { same_files: true, ..Breaks::default() };
    must_find(Kind { breaks, copies: true }, &["has another entry at"]);
}
