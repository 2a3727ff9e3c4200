//! The published figures of SM3, SM4 and its modes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use posthouse_crypto::modes::{BadTag, Ccm, Gcm};
use posthouse_crypto::sm3::sm3;
use posthouse_crypto::sm4::Sm4;

/// GB/T 32907-2016, A.1 and A.2; RFC 8998 uses the same key.
const KEY: &str = "0123456789abcdeffedcba9876543210";

/// RFC 8998, A.1 and A.2: nonce, associated data and text are the same in both.
const NONCE: &str = "00001234567800000000abcd";
const AAD: &str = "feedfacedeadbeeffeedfacedeadbeefabaddad2";
const TEXT: &str = "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd\
                    eeeeeeeeeeeeeeeeffffffffffffffffeeeeeeeeeeeeeeeeaaaaaaaaaaaaaaaa";

#[test]
fn sm3_hashes_as_published() {
    // GB/T 32905-2016, A.1 and A.2.
    let abc = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0";
    assert_eq!(sm3(&[b"a", b"", b"bc"]), bytes(abc));
    let abcd16 = "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732";
    assert_eq!(sm3(&[&b"abcd".repeat(16)]), bytes(abcd16));
}

#[test]
fn sm4_encrypts_as_published() {
    let key = Sm4::new(&bytes(KEY));
    let mut block = [bytes(KEY)];
    key.encrypt(&mut block);
    assert_eq!(block[0], bytes("681edf34d206965e86b3e94f536e4246"));
    key.decrypt(&mut block);
    assert_eq!(block[0], bytes(KEY));
}

#[test]
fn gcm_seals_as_published() {
    let cipher = "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735\
                  d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d";
    let gcm = Gcm::new(&bytes(KEY));
    let mut data = hex(TEXT);
    let tag = gcm.seal_in_place(&bytes(NONCE), &hex(AAD), &mut data);
    assert_eq!(data, hex(cipher));
    assert_eq!(tag, bytes("83de3541e4c2b58177e065a9bf7b62ec"));
    let wrong = gcm.open_in_place(&bytes(NONCE), &hex(AAD), &mut data, &[0; 16]);
    assert_eq!(wrong, Err(BadTag));
    assert_eq!(data, hex(cipher), "untouched");
    gcm.open_in_place(&bytes(NONCE), &hex(AAD), &mut data, &tag).unwrap();
    assert_eq!(data, hex(TEXT));
}

#[test]
fn ccm_seals_as_published() {
    let cipher = "48af93501fa62adbcd414cce6034d895dda1bf8f132f042098661572e7483094\
                  fd12e518ce062c98acee28d95df4416bed31a2f04476c18bb40c84a74b97dc5b";
    let ccm = Ccm::new(&bytes(KEY));
    let mut data = hex(TEXT);
    let tag = ccm.seal_in_place(&bytes(NONCE), &hex(AAD), &mut data);
    assert_eq!(data, hex(cipher));
    assert_eq!(tag, bytes("16842d4fa186f56ab33256971fa110f4"));
    ccm.open_in_place(&bytes(NONCE), &hex(AAD), &mut data, &tag).unwrap();
    assert_eq!(data, hex(TEXT));
    assert_eq!(ccm.open_in_place(&bytes(NONCE), &hex(AAD), &mut data, &tag), Err(BadTag));
    assert!(data.iter().all(|byte| *byte == 0), "no text without its tag");
}

fn bytes<const N: usize>(digits: &str) -> [u8; N] {
    hex(digits).try_into().unwrap()
}

fn hex(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks_exact(2);
    pairs.map(|p| u8::from_str_radix(std::str::from_utf8(p).unwrap(), 16).unwrap()).collect()
}
