//! TLCP against itself in memory, and against everything that is wrong.

mod deceit;
mod handshake;
mod hostile;
mod pair;
mod pki;
mod puppet;
mod records;
mod stream;

use std::cell::Cell;

/// A check that a test may break, to see that it is what refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    Finished,
    Mac,
}

thread_local! {
    static BROKEN: Cell<Option<Check>> = const { Cell::new(None) };
}

pub fn broken(check: Check) -> bool {
    BROKEN.get() == Some(check)
}

/// Runs `work` with a check that lets everything pass.
pub fn without<T>(check: Check, work: impl FnOnce() -> T) -> T {
    BROKEN.set(Some(check));
    let done = work();
    BROKEN.set(None);
    done
}
