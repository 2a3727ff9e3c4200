//! The simulator: the very code that ships (desk, session, shard, store) on a simulated disk, clock
//! and network, with clients that keep the contract. One seed is one run, and replays it.
//!
//! `POSTHOUSE_SEED=7 cargo test --test simulator one_seed` replays seed 7; `POSTHOUSE_SEEDS` sets
//! how many are run, `POSTHOUSE_FIRST_SEED` where they begin.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::print_stdout, clippy::wildcard_enum_match_arm, clippy::disallowed_methods)]

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

#[path = "simulator/client.rs"]
mod client;
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

use server::Breaks;
use world::{Report, World};

const SEEDS: u64 = 2_000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Runs one seed; a panic anywhere is a finding like any other.
fn run(seed: u64, breaks: Breaks) -> Result<Report, String> {
    let result = std::panic::catch_unwind(|| World::new(seed, breaks).run());
    result.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(format!("panic: {}", text.unwrap_or_default()))
    })
}

/// Runs seeds on every core until one finds something.
fn search(first: u64, count: u64, breaks: Breaks) -> (Report, Option<(u64, String)>) {
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
                    let result = run(seed, breaks);
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

#[test]
fn nothing_acknowledged_is_lost_and_everybody_sees_one_order() {
    let long = std::env::var_os("POSTHOUSE_LONG").is_some();
    let count = number("POSTHOUSE_SEEDS").unwrap_or(if long { 3 * SEEDS } else { SEEDS });
    let first = number("POSTHOUSE_FIRST_SEED").unwrap_or(1);
    let (report, found) = search(first, count, Breaks::default());
    println!("{count} seeds: {report:?}");
    if let Some((seed, text)) = found {
        panic!(
            "seed {seed}: {text}\n\
             replay: POSTHOUSE_SEED={seed} cargo test --test simulator one_seed"
        );
    }
    // A simulation in which nothing happens proves nothing.
    assert!(report.acked > count * 5, "{report:?}");
    assert!(report.crashes > count / 2, "{report:?}");
    assert!(report.retried > count, "{report:?}");
}

#[test]
fn one_seed() {
    if let Some(seed) = number("POSTHOUSE_SEED") {
        println!("{:?}", run(seed, Breaks::default()).unwrap());
    }
}

#[test]
fn a_seed_replays_its_run() {
    for seed in 1..=3 {
        assert_eq!(run(seed, Breaks::default()), run(seed, Breaks::default()));
    }
}

/// Runs seeds with a rule broken until one finds what that rule protects from.
fn must_find(breaks: Breaks, what: &str) {
    let found = (1..=200).find_map(|seed| run(seed, breaks).err().filter(|e| e.contains(what)));
    println!("found: {}", found.unwrap_or_else(|| panic!("nobody noticed: {what}")));
}

#[test]
fn acknowledging_before_the_sync_is_found() {
    let breaks = Breaks { lying_sync: true, ..Breaks::default() };
    must_find(breaks, "was acknowledged and is lost");
}

#[test]
fn forgetting_what_was_accepted_is_found() {
    let breaks = Breaks { forget_priors: true, ..Breaks::default() };
    must_find(breaks, "is in the log twice");
}
