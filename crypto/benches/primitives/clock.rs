//! Time that this thread was on a processor, so that a busy machine disturbs little.

use std::time::Instant;

/// Nanoseconds of processor time of one call, over about 40 ms of calls.
pub fn nanoseconds_of(run: &mut dyn FnMut()) -> f64 {
    const ENOUGH: u128 = 40_000_000;
    let mut calls = 1u64;
    loop {
        let begin = processor_time();
        for _ in 0..calls {
            run();
        }
        let spent = processor_time() - begin;
        if spent >= ENOUGH / 4 {
            return spent as f64 / calls as f64;
        }
        calls *= if spent < ENOUGH / 64 { 8 } else { 2 };
    }
}

/// Nanoseconds, as the scheduler counts them where it tells; the yield makes it bring them up to
/// date.
fn processor_time() -> u128 {
    thread_local! { static START: Instant = Instant::now(); }
    std::thread::yield_now();
    let line = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let counted = line.split(' ').next().and_then(|word| word.parse().ok());
    counted.unwrap_or_else(|| START.with(|start| start.elapsed().as_nanos()))
}
