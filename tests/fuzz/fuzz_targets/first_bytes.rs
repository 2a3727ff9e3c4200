//! Fuzzes `first_bytes`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| posthouse_fuzz::targets::hello::first_bytes(bytes));
