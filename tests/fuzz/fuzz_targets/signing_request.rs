//! Fuzzes `signing_request`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| posthouse_fuzz::targets::x509::request(bytes));
