//! SM2 certificates (GB/T 20518, GM/T 0015): the site's authority, leaves and the double
//! certificates of TLCP, signing requests, and private keys in the forms that authorities deliver.
//! Everything is read strictly and refused with the field that is wrong.

mod authority;
mod certified;
mod encode;
mod envelope;
pub(crate) mod key;
mod pair;
mod request;
#[cfg(test)]
mod tests;

pub use authority::Authority;
pub use certified::{Certified, chain_pem, signed_by};
pub(crate) use encode::public_key_der;
pub use envelope::open_envelope;
pub(crate) use key::{key_from_der, pem_of};
pub use key::{key_pem, read_key};
pub use pair::{Half, Pair, PairFlaw};
pub use request::{Purpose, Request};

/// Object identifiers in use here.
pub(crate) mod oid {
    use x509_cert::der::asn1::ObjectIdentifier;

    const fn of(text: &str) -> ObjectIdentifier {
        ObjectIdentifier::new_unwrap(text)
    }

    /// id-ecPublicKey (RFC 5480).
    pub const EC_PUBLIC_KEY: ObjectIdentifier = of("1.2.840.10045.2.1");
    /// The curve and the algorithms of GM/T 0006.
    pub const SM2_CURVE: ObjectIdentifier = of("1.2.156.10197.1.301");
    pub const SM2_WITH_SM3: ObjectIdentifier = of("1.2.156.10197.1.501");
    pub const SM4: ObjectIdentifier = of("1.2.156.10197.1.104");
    pub const SM4_ECB: ObjectIdentifier = of("1.2.156.10197.1.104.1");
    pub const SM4_CBC: ObjectIdentifier = of("1.2.156.10197.1.104.2");
    /// HMAC-SM3 by GM/T 0006, and by GM/T 0091: both are in use as PBKDF2's function.
    pub const HMAC_SM3: ObjectIdentifier = of("1.2.156.10197.1.401.2");
    pub const HMAC_WITH_SM3: ObjectIdentifier = of("1.2.156.10197.1.401.3.1");
    /// RFC 8018.
    pub const PBES2: ObjectIdentifier = of("1.2.840.113549.1.5.13");
    pub const PBKDF2: ObjectIdentifier = of("1.2.840.113549.1.5.12");
    /// RFC 5280.
    pub const COMMON_NAME: ObjectIdentifier = of("2.5.4.3");
    pub const SERVER_AUTH: ObjectIdentifier = of("1.3.6.1.5.5.7.3.1");
    pub const CLIENT_AUTH: ObjectIdentifier = of("1.3.6.1.5.5.7.3.2");
}
