//! Fuzzes `tlcp_stream`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| posthouse_fuzz::targets::tlcp::stream(bytes));
