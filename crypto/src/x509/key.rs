//! SM2 private keys as files: PKCS#8 (RFC 5958), plain or sealed by a passphrase in PBES2
//! (RFC 8018) with PBKDF2-HMAC-SM3 and SM4-CBC, and the older SEC 1 form (RFC 5915).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use x509_cert::der::asn1::{Any, BitString, ObjectIdentifier, OctetString, SetOfVec};
use x509_cert::der::{Decode, Encode, Sequence};
use x509_cert::spki::AlgorithmIdentifierOwned;
use zeroize::Zeroizing;

use super::encode::{key_algorithm, not_made};
use super::oid;
use crate::certificate::Flaw;
use crate::modes::Cbc;
use crate::sm2::SecretKey;

/// Characters of a line (RFC 7468 section 2).
const PEM_COLUMNS: usize = 64;
const PLAIN: &str = "PRIVATE KEY";
const SEALED: &str = "ENCRYPTED PRIVATE KEY";
/// What OpenSSL 3 and Tongsuo call the older form, before that everybody's name.
const SEC1: [&str; 2] = ["SM2 PRIVATE KEY", "EC PRIVATE KEY"];
/// The most rounds of a file that is read: a minute on a small board.
const ROUNDS_MOST: u32 = 10_000_000;
/// hmacWithSHA256 (RFC 8018 appendix B.1.2): OpenSSL's choice when asked for SM4 alone.
const HMAC_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.2.9");

/// RFC 5958 section 2. What may follow (attributes, the public key) is not looked at.
#[derive(Sequence)]
struct PrivateKeyInfo {
    version: u8,
    algorithm: AlgorithmIdentifierOwned,
    key: OctetString,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    attributes: Option<SetOfVec<Any>>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    public: Option<BitString>,
}

/// RFC 5915 section 3.
#[derive(Sequence)]
struct EcPrivateKey {
    version: u8,
    key: OctetString,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    curve: Option<ObjectIdentifier>,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", optional = "true")]
    public: Option<BitString>,
}

/// RFC 5958 section 3.
#[derive(Sequence)]
struct EncryptedPrivateKeyInfo {
    algorithm: AlgorithmIdentifierOwned,
    sealed: OctetString,
}

/// RFC 8018 appendix A.4.
#[derive(Sequence)]
struct Pbes2 {
    derivation: AlgorithmIdentifierOwned,
    cipher: AlgorithmIdentifierOwned,
}

/// RFC 8018 appendix A.2.
#[derive(Sequence)]
struct Pbkdf2 {
    salt: OctetString,
    rounds: u32,
    #[asn1(optional = "true")]
    length: Option<u16>,
    #[asn1(optional = "true")]
    function: Option<AlgorithmIdentifierOwned>,
}

/// Reads the first private key in a PEM file; `passphrase` opens one that is sealed.
///
/// # Errors
/// [`Flaw::NoKey`], [`Flaw::BadKey`], [`Flaw::KeySealed`] without a passphrase,
/// [`Flaw::Passphrase`] with a wrong one.
pub fn read_key(pem: &str, passphrase: Option<&[u8]>) -> Result<SecretKey, Flaw> {
    for (label, der) in sections(pem) {
        match label.as_str() {
            PLAIN => return from_pkcs8(&der),
            label if SEC1.contains(&label) => return from_ec(&der),
            SEALED => return unseal(&der, passphrase.ok_or(Flaw::KeySealed)?),
            _ => {}
        }
    }
    Err(Flaw::NoKey)
}

/// Reads a private key that rustls found in a file.
pub(crate) fn key_from_der(der: &PrivateKeyDer<'_>) -> Result<SecretKey, Flaw> {
    match der {
        PrivateKeyDer::Pkcs8(der) => from_pkcs8(der.secret_pkcs8_der()),
        PrivateKeyDer::Sec1(der) => from_ec(der.secret_sec1_der()),
        PrivateKeyDer::Pkcs1(_) | _ => Err(Flaw::BadKey { why: "it is no SM2 key".to_owned() }),
    }
}

/// The key as PKCS#8 in PEM, not encrypted.
///
/// # Errors
/// [`Flaw::NotMade`]: the encoder refused.
pub fn key_pem(key: &SecretKey) -> Result<Zeroizing<String>, Flaw> {
    Ok(Zeroizing::new(pem_of(PLAIN, &to_pkcs8(key)?)))
}

pub(crate) fn certificate_pem(der: &CertificateDer<'_>) -> String {
    pem_of("CERTIFICATE", der)
}

/// A section of a PEM file (RFC 7468).
pub(crate) fn pem_of(label: &str, der: &[u8]) -> String {
    let text = Zeroizing::new(STANDARD.encode(der));
    let mut pem = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(PEM_COLUMNS) {
        pem.extend(line.iter().map(|byte| char::from(*byte)));
        pem.push('\n');
    }
    pem.push_str(&format!("-----END {label}-----\n"));
    pem
}

/// Label and content of each section of a PEM file. Sections that are no base64 are left out;
/// line lengths and text around the sections do not matter.
pub(super) fn sections(pem: &str) -> impl Iterator<Item = (String, Zeroizing<Vec<u8>>)> + '_ {
    pem.split("-----BEGIN ").skip(1).filter_map(|rest| {
        let (label, rest) = rest.split_once("-----")?;
        let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
        Some((label.to_owned(), decode_base64(body)?))
    })
}

/// Base64 with any white space in it.
pub(super) fn decode_base64(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let solid: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    STANDARD.decode(&*Zeroizing::new(solid)).ok().map(Zeroizing::new)
}

fn from_pkcs8(der: &[u8]) -> Result<SecretKey, Flaw> {
    let info = PrivateKeyInfo::from_der(der).map_err(bad_key)?;
    let curve = info.algorithm.parameters.as_ref().map(Any::decode_as::<ObjectIdentifier>);
    if info.algorithm.oid != oid::EC_PUBLIC_KEY || curve != Some(Ok(oid::SM2_CURVE)) {
        return Err(Flaw::BadKey { why: "it is no SM2 key".to_owned() });
    }
    // Wiped here, because the decoder's copy is not.
    let inner = Zeroizing::new(info.key.into_bytes().into_vec());
    from_ec(&inner)
}

fn from_ec(der: &[u8]) -> Result<SecretKey, Flaw> {
    let ec = EcPrivateKey::from_der(der).map_err(bad_key)?;
    let bytes = Zeroizing::new(ec.key.into_bytes().into_vec());
    if ec.curve.is_some_and(|curve| curve != oid::SM2_CURVE) {
        return Err(Flaw::BadKey { why: "it is no SM2 key".to_owned() });
    }
    let key = SecretKey::from_bytes(&bytes).map_err(bad_key)?;
    let told = ec.public.as_ref().and_then(BitString::as_bytes);
    if told.is_some_and(|point| point != key.public().to_sec1()) {
        return Err(Flaw::BadKey { why: "its public key is another's".to_owned() });
    }
    Ok(key)
}

fn to_pkcs8(key: &SecretKey) -> Result<Zeroizing<Vec<u8>>, Flaw> {
    let ec = EcPrivateKey {
        version: 1,
        key: OctetString::new(&key.to_bytes()[..]).map_err(not_made)?,
        // Said again here although the outer algorithm says it: GmSSL wants it.
        curve: Some(oid::SM2_CURVE),
        public: Some(BitString::from_bytes(&key.public().to_sec1()).map_err(not_made)?),
    };
    let inner = Zeroizing::new(ec.to_der().map_err(not_made)?);
    let info = PrivateKeyInfo {
        version: 0,
        algorithm: key_algorithm(),
        key: OctetString::new(&inner[..]).map_err(not_made)?,
        attributes: None,
        public: None,
    };
    Ok(Zeroizing::new(info.to_der().map_err(not_made)?))
}

fn unseal(der: &[u8], passphrase: &[u8]) -> Result<SecretKey, Flaw> {
    let info = EncryptedPrivateKeyInfo::from_der(der).map_err(bad_key)?;
    let unknown = |what: &str, oid: &ObjectIdentifier| Flaw::BadKey {
        why: format!("its {what} {oid} is not known here; PBES2 with SM4-CBC is"),
    };
    let inside = |given: &AlgorithmIdentifierOwned| given.parameters.clone().ok_or(Flaw::NoKey);
    if info.algorithm.oid != oid::PBES2 {
        return Err(unknown("encryption", &info.algorithm.oid));
    }
    let scheme: Pbes2 = inside(&info.algorithm)?.decode_as().map_err(bad_key)?;
    if scheme.derivation.oid != oid::PBKDF2 {
        return Err(unknown("key derivation", &scheme.derivation.oid));
    }
    if scheme.cipher.oid != oid::SM4_CBC {
        return Err(unknown("cipher", &scheme.cipher.oid));
    }
    let derivation: Pbkdf2 = inside(&scheme.derivation)?.decode_as().map_err(bad_key)?;
    let wrap = derive(&derivation, passphrase)?;
    let iv: OctetString = inside(&scheme.cipher)?.decode_as().map_err(bad_key)?;
    let iv = <[u8; 16]>::try_from(iv.as_bytes()).map_err(|_| Flaw::NoKey)?;
    let mut blocks = Zeroizing::new(info.sealed.into_bytes().into_vec());
    if blocks.is_empty() || blocks.len() % 16 != 0 {
        return Err(Flaw::BadKey { why: "its length is no multiple of the cipher's".to_owned() });
    }
    Cbc::new(&wrap).decrypt(&iv, &mut blocks);
    let pad = usize::from(blocks.last().copied().unwrap_or_default());
    let whole =
        (1..=16).contains(&pad) && blocks.iter().rev().take(pad).all(|b| *b as usize == pad);
    if !whole {
        return Err(Flaw::Passphrase);
    }
    from_pkcs8(&blocks[..blocks.len() - pad]).map_err(|_| Flaw::Passphrase)
}

fn derive(how: &Pbkdf2, passphrase: &[u8]) -> Result<Zeroizing<[u8; 16]>, Flaw> {
    if how.rounds == 0 || how.rounds > ROUNDS_MOST || how.length.is_some_and(|length| length != 16)
    {
        return Err(Flaw::BadKey { why: "its key derivation is out of bounds".to_owned() });
    }
    let mut wrap = Zeroizing::new([0; 16]);
    let salt = how.salt.as_bytes();
    match how.function.as_ref().map(|function| function.oid) {
        Some(oid::HMAC_SM3 | oid::HMAC_WITH_SM3) => {
            crate::sm3::pbkdf2(passphrase, salt, how.rounds, &mut wrap[..]);
        }
        Some(HMAC_SHA256) => {
            let rounds = std::num::NonZeroU32::new(how.rounds).ok_or(Flaw::NoKey)?;
            let function = ring::pbkdf2::PBKDF2_HMAC_SHA256;
            ring::pbkdf2::derive(function, rounds, salt, passphrase, &mut wrap[..]);
        }
        other => {
            let named = other.map_or_else(|| "HMAC-SHA-1".to_owned(), |oid| oid.to_string());
            let why =
                format!("its key derivation uses {named}; HMAC-SM3 and HMAC-SHA-256 are known");
            return Err(Flaw::BadKey { why });
        }
    }
    Ok(wrap)
}

fn bad_key(fault: impl std::fmt::Display) -> Flaw {
    Flaw::BadKey { why: fault.to_string() }
}
