//! Parse, dispatch, exit code.
#![forbid(unsafe_code)]

use std::process::ExitCode;

/// musl's allocator is slow under threads; this one is faster than either libc's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    posthouse::cli::run()
}
