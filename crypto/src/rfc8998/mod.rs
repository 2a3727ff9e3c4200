//! TLS 1.3 with the national suites (RFC 8998) for rustls: SM4-GCM and SM4-CCM with SM3, key
//! exchange on curveSM2, signatures by SM2 and SM3.
//! Architecture invariant: a configuration made here knows nothing of the international
//! algorithms. rustls chooses suite, group and certificate one by one, so a configuration that
//! knew both could end with SM4 under an X25519 key.

mod aead;
mod config;
mod exchange;
mod hash;
pub mod names;
mod sign;
#[cfg(test)]
mod tests;
mod ticket;

pub use config::{Presented, client_config, server_config};
pub(crate) use sign::VERIFICATION;
pub use sign::certified_key;

use std::sync::Arc;

use rustls::crypto::tls13::HkdfUsingHmac;
use rustls::crypto::{CryptoProvider, ring};
use rustls::{CipherSuite, CipherSuiteCommon, SupportedCipherSuite, Tls13CipherSuite};

/// Everything that rustls needs, and nothing but the national algorithms.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider {
        cipher_suites: vec![SM4_GCM_SM3, SM4_CCM_SM3],
        kx_groups: vec![&exchange::CurveSm2],
        signature_verification_algorithms: sign::VERIFICATION,
        secure_random: ring::default_provider().secure_random,
        key_provider: &sign::Keys,
    })
}

/// TLS_SM4_GCM_SM3.
pub static SM4_GCM_SM3: SupportedCipherSuite = SupportedCipherSuite::Tls13(&Tls13CipherSuite {
    // As for AES-GCM: the bound depends on the block length alone (RFC 8446 section 5.5).
    common: common(names::SM4_GCM_SM3, 1 << 24),
    hkdf_provider: &HkdfUsingHmac(&hash::HmacSm3),
    aead_alg: &aead::Sm4Gcm,
    quic: None,
});

/// TLS_SM4_CCM_SM3.
pub static SM4_CCM_SM3: SupportedCipherSuite = SupportedCipherSuite::Tls13(&Tls13CipherSuite {
    // As for AES-CCM (RFC 9147 appendix B.1).
    common: common(names::SM4_CCM_SM3, 1 << 23),
    hkdf_provider: &HkdfUsingHmac(&hash::HmacSm3),
    aead_alg: &aead::Sm4Ccm,
    quic: None,
});

const fn common(suite: CipherSuite, confidentiality_limit: u64) -> CipherSuiteCommon {
    CipherSuiteCommon { suite, hash_provider: &hash::HashSm3, confidentiality_limit }
}
