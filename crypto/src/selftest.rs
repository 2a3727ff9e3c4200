//! The self-test at start: known answers of the national algorithms, through the very code and on
//! the very kernel that will serve. HKDF and PBKDF2 are HMAC-SM3 applied again, CTR stands in GCM.
//! Who fails it must not serve.

use std::fmt;

use crate::modes::{BadTag, Cbc, Ccm, Gcm};
use crate::sm4::{self, Kernel, Sm4};
use crate::{sm2, sm3};

/// What was tested, and on what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The algorithms that gave their known answers.
    pub passed: Vec<Algorithm>,
    /// The SM4 kernel that serves, as [`sm4::kernel`] names it.
    pub kernel: &'static str,
    /// The processor's features that kernels or GHASH use here.
    pub features: Vec<&'static str>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.passed.iter().map(|algorithm| algorithm.name()).collect();
        write!(f, "{}; SM4 kernel {}", names.join(", "), self.kernel)?;
        if !self.features.is_empty() {
            write!(f, " ({})", self.features.join(" "))?;
        }
        Ok(())
    }
}

/// What has a known answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    Sm3,
    HmacSm3,
    Sm4,
    Sm4Cbc,
    Sm4Gcm,
    Sm4Ccm,
    Sm2,
}

impl Algorithm {
    pub const ALL: [Self; 7] =
        [Self::Sm3, Self::HmacSm3, Self::Sm4, Self::Sm4Cbc, Self::Sm4Gcm, Self::Sm4Ccm, Self::Sm2];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sm3 => "SM3",
            Self::HmacSm3 => "HMAC-SM3",
            Self::Sm4 => "SM4",
            Self::Sm4Cbc => "SM4-CBC",
            Self::Sm4Gcm => "SM4-GCM",
            Self::Sm4Ccm => "SM4-CCM",
            Self::Sm2 => "SM2",
        }
    }
}

/// An algorithm gave another answer than the known one: memory, processor or program is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} gave a wrong answer in its self-test (SM4 kernel {kernel})", algorithm.name())]
pub struct SelfTestFailure {
    pub algorithm: Algorithm,
    pub kernel: &'static str,
}

/// Asks every algorithm for its known answers; a few milliseconds.
///
/// # Errors
/// The first algorithm that gave a wrong one.
pub fn run() -> Result<Report, SelfTestFailure> {
    run_spoiled(None)
}

/// As [`run`], with one bit of one algorithm's input or answer turned over: the proof that a wrong
/// answer is found.
#[doc(hidden)]
pub fn run_spoiled(spoiled: Option<Algorithm>) -> Result<Report, SelfTestFailure> {
    let kernel = Kernel::best();
    for algorithm in Algorithm::ALL {
        let spoil = u8::from(spoiled == Some(algorithm));
        let passed = match algorithm {
            Algorithm::Sm3 => hash(spoil),
            Algorithm::HmacSm3 => hmac(spoil),
            Algorithm::Sm4 => blocks(kernel, spoil),
            Algorithm::Sm4Cbc => cbc(kernel, spoil),
            Algorithm::Sm4Gcm => gcm(kernel, spoil),
            Algorithm::Sm4Ccm => ccm(kernel, spoil),
            Algorithm::Sm2 => sm2::known_answer(spoil),
        };
        if !passed {
            return Err(SelfTestFailure { algorithm, kernel: kernel.name() });
        }
    }
    let passed = Algorithm::ALL.to_vec();
    Ok(Report { passed, kernel: sm4::kernel(), features: features() })
}

/// GB/T 32905-2016, A.1 and A.2.
fn hash(spoil: u8) -> bool {
    sm3::sm3(&[&[b'a' ^ spoil], b"bc"]) == HASH_OF_ABC
        && sm3::sm3(&[&b"abcd".repeat(16)]) == HASH_OF_64_BYTES
}

/// GM/T 0042-2015, the example with a key of 37 bytes that count from one.
fn hmac(spoil: u8) -> bool {
    let key: [u8; 37] = std::array::from_fn(|n| n.to_le_bytes()[0] + 1);
    sm3::hmac(&key, &[&[0xcd ^ spoil], &[0xcd; 49]]) == HMAC_OF_50_BYTES
}

/// GB/T 32907-2016, A.1, and beside the portable kernel, in so many blocks that every width of a
/// kernel has its turn.
fn blocks(kernel: Kernel, spoil: u8) -> bool {
    let key = Sm4::with_kernel(kernel, &KEY);
    // The last one is the portable kernel, which runs everywhere.
    let twin = Sm4::with_kernel(Kernel::all().last().unwrap_or(kernel), &KEY);
    (1..=100).step_by(9).all(|count| {
        // The first is the standard's; the others differ, so that mixed-up lanes show.
        let plain: Vec<[u8; 16]> = (0..count)
            .map(|n: usize| {
                let [.., low] = n.to_be_bytes();
                let mut block = KEY;
                block[0] ^= low;
                block
            })
            .collect();
        let (mut blocks, mut twins) = (plain.clone(), plain.clone());
        key.encrypt(&mut blocks);
        blocks[count - 1][0] ^= spoil;
        twin.encrypt(&mut twins);
        let encrypted = blocks[0] == BLOCK && blocks == twins;
        key.decrypt(&mut blocks);
        encrypted && blocks == plain
    })
}

/// GB/T 17964-2021, the example of CBC.
fn cbc(kernel: Kernel, spoil: u8) -> bool {
    let cbc = Cbc::over(Sm4::with_kernel(kernel, &CBC_KEY));
    let iv = std::array::from_fn(|n| n.to_le_bytes()[0]);
    let mut data = CBC_PLAIN;
    cbc.encrypt(&iv, &mut data);
    data[15] ^= spoil;
    let encrypted = data == CBC_CIPHER;
    cbc.decrypt(&iv, &mut data);
    encrypted && data == CBC_PLAIN
}

/// RFC 8998, A.1; and another tag does not open.
fn gcm(kernel: Kernel, spoil: u8) -> bool {
    let gcm = Gcm::over(Sm4::with_kernel(kernel, &KEY));
    let mut data = text();
    data[63] ^= spoil;
    let tag = gcm.seal_in_place(&NONCE, &AAD, &mut data);
    let mut wrong = tag;
    wrong[15] ^= 1;
    data == GCM_CIPHER
        && tag == GCM_TAG
        && gcm.open_in_place(&NONCE, &AAD, &mut data, &wrong) == Err(BadTag)
        && gcm.open_in_place(&NONCE, &AAD, &mut data, &tag) == Ok(())
        && data == text()
}

/// RFC 8998, A.2; and another tag does not open.
fn ccm(kernel: Kernel, spoil: u8) -> bool {
    let ccm = Ccm::over(Sm4::with_kernel(kernel, &KEY));
    let mut data = text();
    data[63] ^= spoil;
    let tag = ccm.seal_in_place(&NONCE, &AAD, &mut data);
    let (mut wrong, mut copy) = (tag, data);
    wrong[15] ^= 1;
    data == CCM_CIPHER
        && tag == CCM_TAG
        && ccm.open_in_place(&NONCE, &AAD, &mut copy, &wrong) == Err(BadTag)
        && ccm.open_in_place(&NONCE, &AAD, &mut data, &tag) == Ok(())
        && data == text()
}

/// The text of both examples of RFC 8998: eight bytes of each digit.
fn text() -> [u8; 64] {
    let digits = [0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0xee, 0xaa];
    std::array::from_fn(|n| digits[n / 8])
}

/// What of the processor matters to the kernels, to GHASH and to an auditor.
fn features() -> Vec<&'static str> {
    let all: &[(&'static str, bool)] = &[
        #[cfg(target_arch = "x86_64")]
        ("aes", is_x86_feature_detected!("aes")),
        #[cfg(target_arch = "x86_64")]
        ("pclmulqdq", is_x86_feature_detected!("pclmulqdq")),
        #[cfg(target_arch = "x86_64")]
        ("ssse3", is_x86_feature_detected!("ssse3")),
        #[cfg(target_arch = "x86_64")]
        ("avx2", is_x86_feature_detected!("avx2")),
        #[cfg(target_arch = "x86_64")]
        ("gfni", is_x86_feature_detected!("gfni")),
        #[cfg(target_arch = "x86_64")]
        ("avx512bw", is_x86_feature_detected!("avx512bw")),
        #[cfg(target_arch = "aarch64")]
        ("neon", std::arch::is_aarch64_feature_detected!("neon")),
        #[cfg(target_arch = "aarch64")]
        ("aes", std::arch::is_aarch64_feature_detected!("aes")),
        #[cfg(target_arch = "aarch64")]
        ("pmull", std::arch::is_aarch64_feature_detected!("pmull")),
        #[cfg(target_arch = "aarch64")]
        ("sm4", std::arch::is_aarch64_feature_detected!("sm4")),
    ];
    all.iter().filter(|(_, present)| *present).map(|(name, _)| *name).collect()
}

const HASH_OF_ABC: [u8; 32] = [
    0x66, 0xc7, 0xf0, 0xf4, 0x62, 0xee, 0xed, 0xd9, 0xd1, 0xf2, 0xd4, 0x6b, 0xdc, 0x10, 0xe4, 0xe2,
    0x41, 0x67, 0xc4, 0x87, 0x5c, 0xf2, 0xf7, 0xa2, 0x29, 0x7d, 0xa0, 0x2b, 0x8f, 0x4b, 0xa8, 0xe0,
];

const HASH_OF_64_BYTES: [u8; 32] = [
    0xde, 0xbe, 0x9f, 0xf9, 0x22, 0x75, 0xb8, 0xa1, 0x38, 0x60, 0x48, 0x89, 0xc1, 0x8e, 0x5a, 0x4d,
    0x6f, 0xdb, 0x70, 0xe5, 0x38, 0x7e, 0x57, 0x65, 0x29, 0x3d, 0xcb, 0xa3, 0x9c, 0x0c, 0x57, 0x32,
];

const HMAC_OF_50_BYTES: [u8; 32] = [
    0x22, 0x0b, 0xf5, 0x79, 0xde, 0xd5, 0x55, 0x39, 0x3f, 0x01, 0x59, 0xf6, 0x6c, 0x99, 0x87, 0x78,
    0x22, 0xa3, 0xec, 0xf6, 0x10, 0xd1, 0x55, 0x21, 0x54, 0xb4, 0x1d, 0x44, 0xb9, 0x4d, 0xb3, 0xae,
];

/// Key and block of GB/T 32907-2016, A.1, and key of RFC 8998.
const KEY: [u8; 16] = [
    0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10,
];

const BLOCK: [u8; 16] = [
    0x68, 0x1e, 0xdf, 0x34, 0xd2, 0x06, 0x96, 0x5e, 0x86, 0xb3, 0xe9, 0x4f, 0x53, 0x6e, 0x42, 0x46,
];

const CBC_KEY: [u8; 16] = [
    0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c,
];

const CBC_PLAIN: [u8; 16] = [
    0x6b, 0xc1, 0xbe, 0xe2, 0x2e, 0x40, 0x9f, 0x96, 0xe9, 0x3d, 0x7e, 0x11, 0x73, 0x93, 0x17, 0x2a,
];

const CBC_CIPHER: [u8; 16] = [
    0xac, 0x52, 0x9a, 0xf9, 0x89, 0xa6, 0x2f, 0xce, 0x9c, 0xdd, 0xc5, 0xff, 0xb8, 0x41, 0x25, 0xca,
];

const NONCE: [u8; 12] = [0x00, 0x00, 0x12, 0x34, 0x56, 0x78, 0x00, 0x00, 0x00, 0x00, 0xab, 0xcd];

const AAD: [u8; 20] = [
    0xfe, 0xed, 0xfa, 0xce, 0xde, 0xad, 0xbe, 0xef, 0xfe, 0xed, 0xfa, 0xce, 0xde, 0xad, 0xbe, 0xef,
    0xab, 0xad, 0xda, 0xd2,
];

const GCM_CIPHER: [u8; 64] = [
    0x17, 0xf3, 0x99, 0xf0, 0x8c, 0x67, 0xd5, 0xee, 0x19, 0xd0, 0xdc, 0x99, 0x69, 0xc4, 0xbb, 0x7d,
    0x5f, 0xd4, 0x6f, 0xd3, 0x75, 0x64, 0x89, 0x06, 0x91, 0x57, 0xb2, 0x82, 0xbb, 0x20, 0x07, 0x35,
    0xd8, 0x27, 0x10, 0xca, 0x5c, 0x22, 0xf0, 0xcc, 0xfa, 0x7c, 0xbf, 0x93, 0xd4, 0x96, 0xac, 0x15,
    0xa5, 0x68, 0x34, 0xcb, 0xcf, 0x98, 0xc3, 0x97, 0xb4, 0x02, 0x4a, 0x26, 0x91, 0x23, 0x3b, 0x8d,
];

const GCM_TAG: [u8; 16] = [
    0x83, 0xde, 0x35, 0x41, 0xe4, 0xc2, 0xb5, 0x81, 0x77, 0xe0, 0x65, 0xa9, 0xbf, 0x7b, 0x62, 0xec,
];

const CCM_CIPHER: [u8; 64] = [
    0x48, 0xaf, 0x93, 0x50, 0x1f, 0xa6, 0x2a, 0xdb, 0xcd, 0x41, 0x4c, 0xce, 0x60, 0x34, 0xd8, 0x95,
    0xdd, 0xa1, 0xbf, 0x8f, 0x13, 0x2f, 0x04, 0x20, 0x98, 0x66, 0x15, 0x72, 0xe7, 0x48, 0x30, 0x94,
    0xfd, 0x12, 0xe5, 0x18, 0xce, 0x06, 0x2c, 0x98, 0xac, 0xee, 0x28, 0xd9, 0x5d, 0xf4, 0x41, 0x6b,
    0xed, 0x31, 0xa2, 0xf0, 0x44, 0x76, 0xc1, 0x8b, 0xb4, 0x0c, 0x84, 0xa7, 0x4b, 0x97, 0xdc, 0x5b,
];

const CCM_TAG: [u8; 16] = [
    0x16, 0x84, 0x2d, 0x4f, 0xa1, 0x86, 0xf5, 0x6a, 0xb3, 0x32, 0x56, 0x97, 0x1f, 0xa1, 0x10, 0xf4,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_processor_passes_and_is_named() {
        let report = run().unwrap();
        assert_eq!(report.passed, Algorithm::ALL);
        assert_eq!(report.kernel, sm4::kernel());
        let text = report.to_string();
        assert!(text.contains("SM4-GCM") && text.contains(report.kernel), "{text}");
    }

    #[test]
    fn one_wrong_bit_in_any_algorithm_is_found_and_named() {
        for algorithm in Algorithm::ALL {
            let failure = run_spoiled(Some(algorithm)).unwrap_err();
            assert_eq!(failure.algorithm, algorithm);
            assert!(failure.to_string().contains(algorithm.name()), "{failure}");
        }
    }
}
