//! Code points that rustls has no names for. They are here and nowhere else, so that one file
//! changes when it learns them.

use rustls::crypto::hash::HashAlgorithm;
use rustls::{CipherSuite, NamedGroup, SignatureAlgorithm, SignatureScheme};

/// RFC 8998 section 2.
pub const SM4_GCM_SM3: CipherSuite = CipherSuite::Unknown(0x00c6);
pub const SM4_CCM_SM3: CipherSuite = CipherSuite::Unknown(0x00c7);
pub const CURVE_SM2: NamedGroup = NamedGroup::Unknown(0x0029);
pub const SM2SIG_SM3: SignatureScheme = SignatureScheme::Unknown(0x0708);
/// The two halves of `sm2sig_sm3`.
pub const SM3: HashAlgorithm = HashAlgorithm::Unknown(0x07);
pub const SM2: SignatureAlgorithm = SignatureAlgorithm::Unknown(0x08);
/// Suites of TLCP (GB/T 38636 section 6.4.5.2.1) that some browsers list in a TLS hello as a hint.
pub const TLCP_ECC_SM4_CBC_SM3: CipherSuite = CipherSuite::Unknown(0xe013);
pub const TLCP_ECC_SM4_GCM_SM3: CipherSuite = CipherSuite::Unknown(0xe053);
