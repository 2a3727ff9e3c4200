//! The published figures of SM3, SM4 and its modes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use posthouse_crypto::modes::{BadTag, Cbc, Ccm, Ctr, Gcm, Tweak, Xts};
use posthouse_crypto::sm3::{self, sm3};
use posthouse_crypto::sm4::{Kernel, Sm4};

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
fn sm4_encrypts_a_million_times_as_published() {
    std::thread::scope(|scope| {
        for kernel in Kernel::all() {
            scope.spawn(move || {
                let key = Sm4::with_kernel(kernel, &bytes(KEY));
                let mut block = [bytes(KEY)];
                for _ in 0..1_000_000 {
                    key.encrypt(&mut block);
                }
                assert_eq!(block[0], bytes("595298c7c6fd271f0402f804c33d3f66"), "{kernel:?}");
            });
        }
    });
}

#[test]
fn the_modes_of_gb_t_17964_encrypt_as_published() {
    let key = bytes("2b7e151628aed2a6abf7158809cf4f3c");
    let plain = "6bc1bee22e409f96e93d7e117393172a";
    let mut block = [bytes(plain)];
    Sm4::new(&key).encrypt(&mut block);
    assert_eq!(block[0], bytes("a51411ff04a711443891fce7ab842a29"));
    let mut data = hex(plain);
    Cbc::new(&key).encrypt(&bytes("000102030405060708090a0b0c0d0e0f"), &mut data);
    assert_eq!(data, hex("ac529af989a62fce9cddc5ffb84125ca"));
    let mut data = hex(plain);
    Ctr::new(&key, &bytes("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")).apply(&mut data);
    assert_eq!(data, hex("14ae4a72b97a93ce1216ccd998e371c1"));
}

#[test]
fn xts_encrypts_as_published() {
    // GB/T 17964-2021; the second text is the one of OpenSSL's evpciph_sm4.txt for IEEE 1619.
    let keys = bytes("2b7e151628aed2a6abf7158809cf4f3c000102030405060708090a0b0c0d0e0f");
    let unit = bytes("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
    let plain = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51\
                 30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17";
    let national = "e9538251c71d7b80bbe4483fef497bd12c5c581bd6242fc51e08964fb4f60fdb\
                    0ba42f63499279213d318d2c11f6886e903be7f93a1b3479";
    let ieee = "e9538251c71d7b80bbe4483fef497bd1b3db1a3e60408c575d63ff7db39f8326\
                0869f9e2585fec9f0b863bf8fd784b8627d16c0db6d2cfc7";
    for (order, cipher) in [(Tweak::National, national), (Tweak::Ieee, ieee)] {
        let xts = Xts::new(&keys, order);
        let mut data = hex(plain);
        xts.encrypt(&unit, &mut data);
        assert_eq!(data, hex(cipher), "{order:?}");
        xts.decrypt(&unit, &mut data);
        assert_eq!(data, hex(plain), "{order:?}");
    }
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

/// Opens with the nonce, the associated data, the text and the tag given.
type Open = fn(&[u8; 12], &[u8], &mut [u8], &[u8; 16]) -> Result<(), BadTag>;

#[test]
fn whatever_is_altered_does_not_open_and_shows_nothing() {
    let gcm: Open =
        |nonce, aad, data, tag| Gcm::new(&KEY_BYTES).open_in_place(nonce, aad, data, tag);
    let ccm: Open =
        |nonce, aad, data, tag| Ccm::new(&KEY_BYTES).open_in_place(nonce, aad, data, tag);
    let (nonce, aad, plain) = ([5; 12], [6; 20], [7; 150]);
    let mut sealed = plain;
    let tag = Gcm::new(&KEY_BYTES).seal_in_place(&nonce, &aad, &mut sealed);
    refuses_everything_else(gcm, nonce, aad, sealed, tag);
    let mut sealed = plain;
    let tag = Ccm::new(&KEY_BYTES).seal_in_place(&nonce, &aad, &mut sealed);
    refuses_everything_else(ccm, nonce, aad, sealed, tag);
}

const KEY_BYTES: [u8; 16] = [9; 16];

fn refuses_everything_else(
    open: Open,
    nonce: [u8; 12],
    aad: [u8; 20],
    sealed: [u8; 150],
    tag: [u8; 16],
) {
    let refused = |nonce: &[u8; 12], aad: &[u8], mut data: Vec<u8>, tag: &[u8; 16], what: &str| {
        let before = data.clone();
        assert_eq!(open(nonce, aad, &mut data, tag), Err(BadTag), "{what}");
        let zeroed = data.iter().all(|byte| *byte == 0);
        assert!(zeroed || data == before, "no text without its tag: {what}");
    };
    for bit in 0..128 {
        let mut wrong = tag;
        wrong[bit / 8] ^= 1 << (bit % 8);
        refused(&nonce, &aad, sealed.to_vec(), &wrong, "tag");
    }
    for kept in 0..16 {
        let mut short = [0; 16];
        short[..kept].copy_from_slice(&tag[..kept]);
        refused(&nonce, &aad, sealed.to_vec(), &short, "truncated tag");
    }
    for bit in 0..96 {
        let mut wrong = nonce;
        wrong[bit / 8] ^= 1 << (bit % 8);
        refused(&wrong, &aad, sealed.to_vec(), &tag, "nonce");
    }
    for bit in 0..160 {
        let mut wrong = aad;
        wrong[bit / 8] ^= 1 << (bit % 8);
        refused(&nonce, &wrong, sealed.to_vec(), &tag, "associated data");
    }
    for length in 0..20 {
        refused(&nonce, &aad[..length], sealed.to_vec(), &tag, "truncated associated data");
    }
    refused(&nonce, &[&aad[..], &[0]].concat(), sealed.to_vec(), &tag, "more associated data");
    for bit in 0..150 * 8 {
        let mut wrong = sealed;
        wrong[bit / 8] ^= 1 << (bit % 8);
        refused(&nonce, &aad, wrong.to_vec(), &tag, "text");
    }
    for length in 0..150 {
        refused(&nonce, &aad, sealed[..length].to_vec(), &tag, "truncated text");
    }
    refused(&nonce, &aad, [&sealed[..], &[0]].concat(), &tag, "more text");
    let mut data = sealed;
    assert_eq!(open(&nonce, &aad, &mut data, &tag), Ok(()));
    assert_eq!(data, [7; 150]);
}

#[test]
fn hashes_and_what_is_built_on_them_agree_with_others() {
    for length in 0..300usize {
        let data: Vec<u8> = (0..length).map(|n| (n * 7 + length).to_le_bytes()[0]).collect();
        assert_eq!(sm3(&[&data]), gmcrypto_core::sm3::hash(&data), "{length}");
        assert_eq!(sm3(&[&data]).to_vec(), sm_crypto::sm3::sm3_hash_raw(&data), "{length}");
        let (key, message) = data.split_at(length / 2);
        let known = gmcrypto_core::hmac::hmac_sm3(key, message);
        assert_eq!(sm3::hmac(key, &[message]), known, "{length}");
        let mut mac = sm3::Hmac::new(key);
        message.chunks(7).for_each(|piece| mac.update(piece));
        assert_eq!(mac.finish(), known, "{length}");
    }
}

#[test]
fn keys_from_passwords_agree_with_others() {
    for (rounds, length) in [(1, 1), (2, 31), (3, 32), (7, 33), (100, 100)] {
        let (mut ours, mut theirs) = (vec![0; length], vec![0; length]);
        sm3::pbkdf2(b"password", b"salt", rounds, &mut ours);
        gmcrypto_core::kdf::pbkdf2_hmac_sm3(b"password", b"salt", rounds, &mut theirs).unwrap();
        assert_eq!(ours, theirs, "{rounds} rounds");
    }
}

#[test]
fn hkdf_expands_as_rfc_5869_says() {
    // RFC 5869, 2.2 and 2.3, spelt out over an HMAC by others.
    let hmac = gmcrypto_core::hmac::hmac_sm3;
    let prk = sm3::hkdf_extract(b"", b"secret");
    assert_eq!(*prk, hmac(&[0; 32], b"secret"));
    assert_eq!(*sm3::hkdf_extract(b"salt", b"secret"), hmac(b"salt", b"secret"));
    let t1 = hmac(&*prk, b"label\x01");
    let t2 = hmac(&*prk, &[&t1[..], b"label\x02"].concat());
    let t3 = hmac(&*prk, &[&t2[..], b"label\x03"].concat());
    let known = [t1, t2, t3].concat();
    for length in 0..=96 {
        let mut out = vec![0; length];
        sm3::hkdf_expand(&prk, &[b"la", b"", b"bel"], &mut out);
        assert_eq!(out, known[..length]);
    }
}

#[test]
#[should_panic(expected = "255 hashes")]
fn hkdf_gives_no_more_than_it_may() {
    sm3::hkdf_expand(&[0; 32], &[], &mut [0; 255 * 32 + 1]);
}

#[test]
fn no_key_reaches_a_log() {
    let key = Sm4::new(&KEY_BYTES);
    let printed = [
        format!("{key:?}"),
        format!("{:?}", Gcm::over(key.clone())),
        format!("{:?}", Ccm::over(key.clone())),
        format!("{:?}", Cbc::over(key.clone())),
        format!("{:?}", Ctr::over(key.clone(), &[0; 16])),
        format!("{:?}", Xts::over(key.clone(), key, Tweak::National)),
        format!("{:?}", sm3::Hmac::new(b"key")),
    ];
    assert!(printed.iter().all(|text| text == "***"), "{printed:?}");
}

fn bytes<const N: usize>(digits: &str) -> [u8; N] {
    hex(digits).try_into().unwrap()
}

fn hex(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks_exact(2);
    pairs.map(|p| u8::from_str_radix(std::str::from_utf8(p).unwrap(), 16).unwrap()).collect()
}
