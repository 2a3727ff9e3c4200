//! The envelope in which an authority delivers the key of an encryption certificate: sealed for the
//! signing key of the same holder (SM2EnvelopedKey, GB/T 35276 section 7.4).

use x509_cert::der::asn1::{Any, BitString};
use x509_cert::der::{Decode, Encode, Sequence};
use x509_cert::spki::AlgorithmIdentifierOwned;
use zeroize::Zeroizing;

use super::key::{decode_base64, sections};
use super::oid;
use crate::certificate::Flaw;
use crate::sm2::{Cipher, SecretKey};
use crate::sm4::Sm4;

#[derive(Sequence)]
pub(super) struct EnvelopedKey {
    pub(super) algorithm: AlgorithmIdentifierOwned,
    /// An SM4 key, encrypted for the signing key.
    pub(super) wrapped: Any,
    pub(super) public: BitString,
    /// The private key, a 256-bit number, encrypted with that SM4 key block by block.
    pub(super) private: BitString,
}

/// Opens an envelope given as DER, as base64, or in PEM under any label.
///
/// # Errors
/// [`Flaw::BadEnvelope`] with the reason.
pub fn open_envelope(file: &[u8], signing: &SecretKey) -> Result<SecretKey, Flaw> {
    let der = content(file).ok_or_else(|| bad("it is neither DER nor base64"))?;
    let envelope = EnvelopedKey::from_der(&der).map_err(bad)?;
    if ![oid::SM4, oid::SM4_ECB].contains(&envelope.algorithm.oid) {
        return Err(bad(format!("its cipher {} is not SM4", envelope.algorithm.oid)));
    }
    let wrapped = envelope.wrapped.to_der().map_err(bad)?;
    let wrapped = Cipher::from_der(&wrapped).map_err(bad)?;
    let wrap = signing.decrypt(&wrapped);
    let wrap = wrap.map_err(|_| bad("it was sealed for another signing key"))?;
    let wrap = <[u8; 16]>::try_from(&wrap[..]).map_err(|_| bad("its key is not 16 bytes long"))?;
    let wrap = Sm4::new(&Zeroizing::new(wrap));
    let mut blocks = Zeroizing::new(envelope.private.as_bytes().unwrap_or_default().to_vec());
    // Devices keep private keys in fields of 64 bytes, zeros first (GM/T 0016).
    if ![32, 64].contains(&blocks.len()) {
        return Err(bad(format!("its private key has {} bytes", blocks.len())));
    }
    wrap.decrypt(blocks.as_chunks_mut().0);
    let (front, number) = blocks.split_at(blocks.len() - 32);
    if front.iter().any(|byte| *byte != 0) {
        return Err(bad("its private key is too long"));
    }
    let key = SecretKey::from_bytes(number).map_err(bad)?;
    let told = envelope.public.as_bytes().unwrap_or_default();
    let own = key.public().to_sec1();
    // Some leave out the leading 04.
    if told != own && told != &own[1..] {
        return Err(bad("its public key is another's"));
    }
    Ok(key)
}

fn content(file: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    /// What every ASN.1 SEQUENCE begins with; no letter of base64 or PEM does.
    const SEQUENCE: u8 = 0x30;
    let text = std::str::from_utf8(file).ok().map(str::trim);
    match text {
        Some(text) if text.starts_with("-----BEGIN ") => sections(text).next().map(|(_, der)| der),
        Some(text) if text.is_ascii() && text.len() > 64 && file[0] != SEQUENCE => {
            decode_base64(text)
        }
        Some(_) | None => Some(Zeroizing::new(file.to_vec())),
    }
}

fn bad(why: impl std::fmt::Display) -> Flaw {
    Flaw::BadEnvelope { why: why.to_string() }
}
