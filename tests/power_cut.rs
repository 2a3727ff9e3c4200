//! The power goes at any write, sync or length change, during work and during recovery: nothing
//! that was acknowledged is lost, no store is unopenable, no proposal is half there. One line
//! replays one seed: `POSTHOUSE_SEED=n cargo nextest run --test power_cut`. `POSTHOUSE_CUTS` sets
//! how many.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "power_cut/life.rs"]
mod life;

use life::{Control, Run};

/// Power cuts of one gate run.
const CUTS: u64 = 5_000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Runs seed after seed until this many cuts; the first that breaks the contract, with its reason.
fn find_broken(
    first: u64,
    cuts: u64,
    control: Control,
    sealed: bool,
) -> (u64, Option<(u64, String)>) {
    let mut done = 0;
    for seed in first.. {
        let mut run = Run::new(seed, control, sealed);
        let verdict = run.lives();
        done += run.cuts();
        if let Err(reason) = verdict {
            return (done, Some((seed, reason)));
        }
        if done >= cuts {
            break;
        }
    }
    (done, None)
}

fn nothing_is_lost(sealed: bool) {
    let (first, cuts) = match number("POSTHOUSE_SEED") {
        Some(seed) => (seed, 1),
        None => (1, number("POSTHOUSE_CUTS").unwrap_or(CUTS)),
    };
    let (done, broken) = find_broken(first, cuts, Control::None, sealed);
    if let Some((seed, reason)) = broken {
        panic!("seed {seed}: {reason}\nPOSTHOUSE_SEED={seed} cargo nextest run --test power_cut");
    }
    assert!(done >= cuts, "{done} cuts");
}

#[test]
fn nothing_acknowledged_is_lost_whenever_the_power_goes() {
    nothing_is_lost(false);
}

#[test]
fn nothing_acknowledged_is_lost_from_a_sealed_store_whenever_the_power_goes() {
    nothing_is_lost(true);
}

#[test]
fn a_sync_that_does_nothing_is_found_out() {
    for sealed in [false, true] {
        let (_, broken) = find_broken(1, 300, Control::LyingSync, sealed);
        broken.expect("300 power cuts over a disk that lies must lose something");
    }
}

#[test]
fn an_ack_before_the_sync_is_found_out() {
    for sealed in [false, true] {
        let (_, broken) = find_broken(1, 300, Control::AckBeforeSync, sealed);
        broken.expect("300 power cuts must lose something that was acknowledged too early");
    }
}
