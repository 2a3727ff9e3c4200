//! Fuzzes `sm2_cipher`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| posthouse_fuzz::targets::sm2_cipher(bytes));
