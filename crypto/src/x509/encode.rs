//! Building blocks of what is signed: names, keys, times and extensions, in DER.

use std::net::IpAddr;
use std::time::Duration;

use x509_cert::SubjectPublicKeyInfo;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::der::asn1::{Any, BitString, Ia5String, OctetString};
use x509_cert::der::oid::AssociatedOid;
use x509_cert::der::{DateTime, Decode, Encode, Sequence, Tag};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectAltName,
    SubjectKeyIdentifier,
};
use x509_cert::name::{Name, RdnSequence, RelativeDistinguishedName};
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::AlgorithmIdentifierOwned;
use x509_cert::time::{Time, Validity};

use super::oid;
use crate::certificate::{COMMON_NAME_MOST, Flaw};
use crate::sm2::{DEFAULT_ID, PublicKey, SecretKey};
use crate::token::fill_random;

/// What an authority signs (RFC 5280 section 4.1), version 3.
#[derive(Sequence)]
pub(super) struct ToBeSigned {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    pub version: u8,
    pub serial: SerialNumber,
    pub algorithm: AlgorithmIdentifierOwned,
    pub issuer: Name,
    pub validity: Validity,
    pub subject: Name,
    pub public: SubjectPublicKeyInfo,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT")]
    pub extensions: Vec<Extension>,
}

/// Something signed: certificates and requests have the same outer shape.
#[derive(Sequence)]
struct Signed {
    body: Any,
    algorithm: AlgorithmIdentifierOwned,
    signature: BitString,
}

/// Signs `body` (DER) with SM2 and SM3 under the identifier that all certificates use.
pub(super) fn sign(body: &[u8], key: &SecretKey) -> Result<Vec<u8>, Flaw> {
    let signature = key.sign(DEFAULT_ID, &[body]).map_err(not_made)?.to_der();
    let signed = Signed {
        body: Any::from_der(body).map_err(not_made)?,
        algorithm: signature_algorithm(),
        signature: BitString::from_bytes(&signature).map_err(not_made)?,
    };
    signed.to_der().map_err(not_made)
}

pub(super) fn signature_algorithm() -> AlgorithmIdentifierOwned {
    AlgorithmIdentifierOwned { oid: oid::SM2_WITH_SM3, parameters: None }
}

pub(super) fn key_algorithm() -> AlgorithmIdentifierOwned {
    AlgorithmIdentifierOwned {
        oid: oid::EC_PUBLIC_KEY,
        parameters: Some(Any::from(&oid::SM2_CURVE)),
    }
}

pub(super) fn public_key_info(key: &PublicKey) -> Result<SubjectPublicKeyInfo, Flaw> {
    let point = BitString::from_bytes(&key.to_sec1()).map_err(not_made)?;
    Ok(SubjectPublicKeyInfo { algorithm: key_algorithm(), subject_public_key: point })
}

/// SubjectPublicKeyInfo, DER.
pub(crate) fn public_key_der(key: &PublicKey) -> Result<Vec<u8>, Flaw> {
    public_key_info(key)?.to_der().map_err(not_made)
}

/// A name of a common name alone, cut to the length that RFC 5280 allows.
pub(super) fn common_name(text: &str) -> Result<Name, Flaw> {
    let text: String = text.chars().take(COMMON_NAME_MOST).collect();
    let value = Any::new(Tag::Utf8String, text.into_bytes()).map_err(not_made)?;
    let mut part = RelativeDistinguishedName::default();
    part.insert(AttributeTypeAndValue { oid: oid::COMMON_NAME, value }).map_err(not_made)?;
    let mut names = RdnSequence::default();
    names.push(part);
    Name::from_der(&names.to_der().map_err(not_made)?).map_err(not_made)
}

/// From and until, in seconds since 1970.
pub(super) fn validity((from_s, until_s): (u64, u64)) -> Result<Validity, Flaw> {
    let time = |seconds| {
        let at = DateTime::from_unix_duration(Duration::from_secs(seconds)).map_err(not_made)?;
        Ok(Time::from(at))
    };
    Ok(Validity::new(time(from_s)?, time(until_s)?))
}

/// A serial number of 127 random bits.
pub(super) fn serial() -> Result<SerialNumber, Flaw> {
    let mut bytes = [0; 16];
    fill_random(&mut bytes).map_err(not_made)?;
    bytes[0] = bytes[0] & 0x7f | 0x40;
    SerialNumber::new(&bytes).map_err(not_made)
}

pub(super) fn extension<T: AssociatedOid + Encode>(
    value: &T,
    critical: bool,
) -> Result<Extension, Flaw> {
    let value = OctetString::new(value.to_der().map_err(not_made)?).map_err(not_made)?;
    Ok(Extension { extn_id: T::OID, critical, extn_value: value })
}

pub(super) fn key_usage(usages: &[KeyUsages]) -> Result<Extension, Flaw> {
    let mut flags = x509_cert::der::flagset::FlagSet::default();
    usages.iter().for_each(|usage| flags |= *usage);
    extension(&KeyUsage(flags), true)
}

pub(super) fn extended_key_usage(server: bool) -> Result<Extension, Flaw> {
    let purpose = if server { oid::SERVER_AUTH } else { oid::CLIENT_AUTH };
    extension(&ExtendedKeyUsage(vec![purpose]), false)
}

/// Twenty bytes of the key's SM3: any value that is unique will do (RFC 5280 section 4.2.1.2).
fn key_identifier(key: &PublicKey) -> Result<OctetString, Flaw> {
    OctetString::new(&crate::sm3::sm3(&[&key.to_sec1()])[..20]).map_err(not_made)
}

pub(super) fn subject_key(key: &PublicKey) -> Result<Extension, Flaw> {
    extension(&SubjectKeyIdentifier(key_identifier(key)?), false)
}

pub(super) fn authority_key(key: &PublicKey) -> Result<Extension, Flaw> {
    let key_identifier = Some(key_identifier(key)?);
    let none = AuthorityKeyIdentifier { key_identifier, ..Default::default() };
    extension(&none, false)
}

/// Host names and addresses as the extension that browsers read.
pub(super) fn alternative_names(names: &[String]) -> Result<Extension, Flaw> {
    let names: Result<Vec<_>, _> = names.iter().map(|name| general_name(name)).collect();
    extension(&SubjectAltName(names?), false)
}

fn general_name(name: &str) -> Result<GeneralName, Flaw> {
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(GeneralName::from(address));
    }
    let host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._*".contains(&byte);
    if name.is_empty() || !name.bytes().all(host) {
        return Err(Flaw::NotMade { why: format!("«{name}» is no host name and no address") });
    }
    Ok(GeneralName::DnsName(Ia5String::new(name).map_err(not_made)?))
}

pub(super) fn not_made(fault: impl std::fmt::Display) -> Flaw {
    Flaw::NotMade { why: fault.to_string() }
}
