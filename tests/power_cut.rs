//! The power goes at any write, sync or length change, during work and during recovery: nothing
//! that was acknowledged is lost, no store is unopenable, no proposal is half there. One line
//! replays one seed: `POSTHOUSE_SEED=n cargo nextest run --test power_cut`. `POSTHOUSE_CUTS` sets
//! how many.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::panic::{AssertUnwindSafe, catch_unwind};

#[path = "power_cut/life.rs"]
mod life;
#[path = "power_cut/rotation.rs"]
mod rotation;

use life::{Control, Kind, Run};

/// Power cuts of one gate run.
const CUTS: u64 = 5_000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// What seeds found.
#[derive(Default)]
struct Searched {
    cuts: u64,
    /// Rotations that came to their end.
    dropped: u64,
    /// The first seed that broke the contract, with its reason.
    broken: Option<(u64, String)>,
}

/// Runs seed after seed until this many cuts.
fn search(first: u64, cuts: u64, control: Control, kind: Kind) -> Searched {
    let mut searched = Searched::default();
    for seed in first.. {
        let mut run = Run::new(seed, control, kind);
        // A database on a disk that lies may also give up in the middle.
        let verdict = match control {
            Control::LyingSync => catch_unwind(AssertUnwindSafe(|| run.lives()))
                .unwrap_or_else(|_| Err("the database gave up".to_owned())),
            Control::None
            | Control::AckBeforeSync
            | Control::LyingSideFile
            | Control::EarlyDrop => run.lives(),
        };
        searched.cuts += run.cuts();
        searched.dropped += run.dropped();
        if let Err(reason) = verdict {
            searched.broken = Some((seed, reason));
        }
        if searched.cuts >= cuts || searched.broken.is_some() {
            break;
        }
    }
    searched
}

fn nothing_is_lost(usual: u64, kind: Kind) -> Searched {
    let (first, cuts) = match number("POSTHOUSE_SEED") {
        Some(seed) => (seed, 1),
        None => (1, number("POSTHOUSE_CUTS").unwrap_or(usual)),
    };
    let searched = search(first, cuts, Control::None, kind);
    if let Some((seed, reason)) = &searched.broken {
        panic!("seed {seed}: {reason}\nPOSTHOUSE_SEED={seed} cargo nextest run --test power_cut");
    }
    assert!(searched.cuts >= cuts, "{} cuts", searched.cuts);
    searched
}

#[test]
fn nothing_acknowledged_is_lost_whenever_the_power_goes() {
    nothing_is_lost(CUTS, Kind::Plain);
}

#[test]
fn nothing_acknowledged_is_lost_from_a_sealed_store_whenever_the_power_goes() {
    nothing_is_lost(CUTS, Kind::Sealed);
}

/// Old masters are dropped at the end of each pass: what a pass left behind would be unreadable.
#[test]
fn nothing_acknowledged_is_lost_while_the_masters_are_rotated() {
    let searched = nothing_is_lost(CUTS / 2, Kind::Rotating);
    println!("{} cuts, {} rotations", searched.cuts, searched.dropped);
    assert!(searched.dropped * 60 > searched.cuts, "{} rotations", searched.dropped);
}

#[test]
fn overwriting_a_page_that_is_durable_nowhere_else_is_found_out() {
    let found = search(1, 4_000, Control::LyingSideFile, Kind::Rotating);
    println!("{:?}", found.broken.expect("power cuts must tear a page"));
}

#[test]
fn dropping_a_master_too_early_is_found_out() {
    let found = search(1, 300, Control::EarlyDrop, Kind::Rotating);
    println!("{:?}", found.broken.expect("what only the old master opens must be lost"));
}

#[test]
fn a_sync_that_does_nothing_is_found_out() {
    for kind in [Kind::Plain, Kind::Sealed] {
        let found = search(1, 300, Control::LyingSync, kind);
        found.broken.expect("300 power cuts over a disk that lies must lose something");
    }
}

#[test]
fn an_ack_before_the_sync_is_found_out() {
    for kind in [Kind::Plain, Kind::Sealed] {
        let found = search(1, 300, Control::AckBeforeSync, kind);
        found.broken.expect("300 power cuts must lose something that was acknowledged too early");
    }
}
