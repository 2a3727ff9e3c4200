//! Fuzzes `private_key`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| posthouse_fuzz::targets::x509::private_key(bytes));
