//! Every kernel that this machine can run gives the same as implementations by others (the crates
//! `sm4`, `aes-gcm`, `ccm`, `ctr` and `gmcrypto-core`), in each mode and at each length up to 600.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use aes_gcm::AesGcm;
use aes_gcm::aead::AeadInOut;
use cipher::{
    Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit, KeyIvInit, StreamCipher,
    consts::{U12, U16},
};
use posthouse_crypto::modes::{Cbc, Ccm, Ctr, Gcm, Tweak, Xts};
use posthouse_crypto::sm4::{BLOCK_BYTES, Kernel, Sm4};

const LENGTHS: std::ops::RangeInclusive<usize> = 0..=600;

#[test]
fn every_kernel_gives_the_same_blocks() {
    for kernel in Kernel::all() {
        for count in 0..=150 {
            let (ours, theirs) = keys(kernel, count);
            let plain: Vec<_> = (0..count).map(|n| noise(1_000 * count + n)).collect();
            let mut blocks = plain.clone();
            ours.encrypt(&mut blocks);
            let mut expected = plain.clone();
            theirs.encrypt_blocks(Array::cast_slice_from_core_mut(&mut expected));
            assert_eq!(blocks, expected, "{kernel:?}, {count} blocks");
            ours.decrypt(&mut blocks);
            assert_eq!(blocks, plain, "{kernel:?}, {count} blocks");
        }
    }
}

#[test]
fn the_block_cipher_traits_reach_the_kernels() {
    for kernel in Kernel::all() {
        for count in 0..40 {
            let (ours, theirs) = keys(kernel, count);
            let plain: Vec<Array<u8, U16>> = (0..count).map(|n| noise(n).into()).collect();
            let (mut a, mut b) = (plain.clone(), plain.clone());
            ours.encrypt_blocks_b2b(&plain, &mut a).unwrap();
            theirs.encrypt_blocks_b2b(&plain, &mut b).unwrap();
            assert_eq!(a, b, "{kernel:?}");
            ours.decrypt_blocks(&mut a);
            a.iter_mut().for_each(|block| ours.encrypt_block(block));
            assert_eq!(a, b, "{kernel:?}");
            a.iter_mut().for_each(|block| ours.decrypt_block(block));
            assert_eq!(a, plain, "{kernel:?}");
        }
    }
}

#[test]
fn every_kernel_seals_the_same_with_gcm() {
    for kernel in Kernel::all() {
        for length in LENGTHS.chain([1_007, 1_008, 1_009, 1_024, 1_400, 16_384, 16_401]) {
            let (ours, theirs) = keys(kernel, length);
            let (ours, theirs) = (Gcm::over(ours), AesGcm::<sm4::Sm4, U12>::from(theirs));
            let (nonce, aad, plain) = (noise::<12>(length), text(length % 67), text(length));
            let (mut data, mut expected) = (plain.clone(), plain.clone());
            let tag = ours.seal_in_place(&nonce, &aad, &mut data);
            let known = theirs
                .encrypt_inout_detached((&nonce).into(), &aad, expected.as_mut_slice().into())
                .unwrap();
            assert_eq!((data.as_slice(), tag), (expected.as_slice(), known.into()), "{length}");
            ours.open_in_place(&nonce, &aad, &mut data, &tag).unwrap();
            assert_eq!(data, plain, "{kernel:?}, {length}");
        }
    }
}

#[test]
fn every_kernel_seals_the_same_with_ccm() {
    for kernel in Kernel::all() {
        for length in LENGTHS {
            let (ours, theirs) = keys(kernel, length);
            let theirs = ccm::Ccm::<_, U16, U12>::from(theirs);
            let ours = Ccm::over(ours);
            let (nonce, aad, plain) = (noise::<12>(length), text(length % 67), text(length));
            let (mut data, mut expected) = (plain.clone(), plain.clone());
            let tag = ours.seal_in_place(&nonce, &aad, &mut data);
            let known = theirs
                .encrypt_inout_detached((&nonce).into(), &aad, expected.as_mut_slice().into())
                .unwrap();
            assert_eq!((data.as_slice(), tag), (expected.as_slice(), known.into()), "{length}");
            ours.open_in_place(&nonce, &aad, &mut data, &tag).unwrap();
            assert_eq!(data, plain, "{kernel:?}, {length}");
        }
    }
}

#[test]
fn every_kernel_gives_the_same_key_stream() {
    for kernel in Kernel::all() {
        for length in LENGTHS {
            let (ours, _) = keys(kernel, length);
            // The last counters before the wrap: all 128 bits count.
            let mut iv = [0xff; BLOCK_BYTES];
            iv[15] -= u8::try_from(length % 40).unwrap();
            let (mut data, mut expected) = (text(length), text(length));
            let mut ctr = Ctr::over(ours, &iv);
            for piece in data.chunks_mut(1 + length % 71) {
                ctr.apply(piece);
            }
            let key = noise::<BLOCK_BYTES>(length);
            ctr::Ctr128BE::<sm4::Sm4>::new(&key.into(), &iv.into()).apply_keystream(&mut expected);
            assert_eq!(data, expected, "{kernel:?}, {length}");
        }
    }
}

#[test]
fn every_kernel_chains_the_same_blocks() {
    for kernel in Kernel::all() {
        for length in LENGTHS.step_by(BLOCK_BYTES).chain([1_024, 1_040, 4_096]) {
            let (ours, theirs) = keys(kernel, length);
            let cbc = Cbc::over(ours);
            let iv = noise::<BLOCK_BYTES>(length + 1);
            let (mut data, mut expected) = (text(length), text(length));
            cbc.encrypt(&iv, &mut data);
            let mut last = iv;
            for block in expected.as_chunks_mut::<BLOCK_BYTES>().0 {
                block.iter_mut().zip(last).for_each(|(byte, before)| *byte ^= before);
                theirs.encrypt_block(block.into());
                last = *block;
            }
            assert_eq!(data, expected, "{kernel:?}, {length}");
            cbc.decrypt(&iv, &mut data);
            assert_eq!(data, text(length), "{kernel:?}, {length}");
        }
    }
}

#[test]
#[should_panic(expected = "whole blocks")]
fn cbc_refuses_a_part_of_a_block() {
    Cbc::new(&[0; 16]).decrypt(&[0; 16], &mut [0; 17]);
}

#[test]
fn every_kernel_gives_the_same_data_units() {
    for length in LENGTHS.skip(BLOCK_BYTES).chain([1_023, 1_024, 1_040, 4_096]) {
        let halves = [noise(length), noise(length + 1)];
        let unit = noise::<BLOCK_BYTES>(length + 2);
        for order in [Tweak::National, Tweak::Ieee] {
            let expected = spelt_out(&halves, order, &unit, &text(length));
            for kernel in Kernel::all() {
                let [data_key, tweak_key] = halves.map(|half| Sm4::with_kernel(kernel, &half));
                let xts = Xts::over(data_key, tweak_key, order);
                let mut data = text(length);
                xts.encrypt(&unit, &mut data);
                assert_eq!(data, expected, "{kernel:?}, {order:?}, {length}");
                xts.decrypt(&unit, &mut data);
                assert_eq!(data, text(length), "{kernel:?}, {order:?}, {length}");
            }
            // This implementation by others is slow, and has the national order alone.
            if order == Tweak::National && length % 37 == 0 {
                let all: [u8; 32] = halves.as_flattened().try_into().unwrap();
                let theirs = gmcrypto_core::sm4::mode_xts::encrypt(&all, &unit, &text(length));
                assert_eq!(expected, theirs.unwrap(), "{length}");
            }
        }
    }
}

/// XTS (IEEE 1619-2007, 5.3, and GB/T 17964-2021) over the crate `sm4`, a byte at a time.
fn spelt_out(keys: &[[u8; 16]; 2], order: Tweak, unit: &[u8; 16], plain: &[u8]) -> Vec<u8> {
    let [data_key, tweak_key] = keys.map(|key| sm4::Sm4::new(&key.into()));
    let mut tweak = *unit;
    tweak_key.encrypt_block((&mut tweak).into());
    let mut run = |block: &mut [u8]| {
        let mut x: [u8; 16] = std::array::from_fn(|n| block[n] ^ tweak[n]);
        data_key.encrypt_block((&mut x).into());
        block.iter_mut().enumerate().for_each(|(n, byte)| *byte = x[n] ^ tweak[n]);
        let mut carry = 0;
        for byte in &mut tweak {
            (*byte, carry) = match order {
                Tweak::Ieee => ((*byte << 1) | carry, *byte >> 7),
                Tweak::National => ((*byte >> 1) | (carry << 7), *byte & 1),
            };
        }
        tweak[0] ^= carry * if order == Tweak::Ieee { 0x87 } else { 0xe1 };
    };
    let mut out = plain.to_vec();
    let whole = plain.len() / 16 * 16;
    out[..whole].chunks_exact_mut(16).for_each(&mut run);
    let rest = plain.len() - whole;
    if rest > 0 {
        let (before, tail) = out.split_at_mut(whole);
        let last = &mut before[whole - 16..];
        last[..rest].swap_with_slice(tail);
        run(last);
    }
    out
}

fn keys(kernel: Kernel, seed: usize) -> (Sm4, sm4::Sm4) {
    let key = noise::<BLOCK_BYTES>(seed);
    (Sm4::with_kernel(kernel, &key), sm4::Sm4::new(&key.into()))
}

fn text(length: usize) -> Vec<u8> {
    noise::<20_000>(length)[..length].to_vec()
}

/// Bytes that look random and are the same every time.
fn noise<const N: usize>(seed: usize) -> [u8; N] {
    let mut state = seed as u64 ^ 0x9e37_79b9_7f4a_7c15;
    std::array::from_fn(|_| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    })
}
