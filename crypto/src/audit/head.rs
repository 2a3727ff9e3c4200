//! A signed head: what the log was at a moment. Copied off the machine, it shows later that nothing
//! before it was taken away.

use std::fmt;

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use super::chain::MAC_BYTES;
use super::line::BadLine;
use crate::family::{Family, Secret};
use crate::keystore::{KeyStore, StoreFault};
use crate::sm2::{PublicKey, SecretKey, Signature};
use crate::token::{Token, hex};

/// Number and MAC of the last record at a time, and a digest of the lines since the head before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub family: Family,
    pub epoch: u32,
    /// Number of the last record that the head before covers.
    pub from: u64,
    pub last: u64,
    pub mac: [u8; MAC_BYTES],
    /// Of the lines of the records after `from`, as they are written; what a reader who has the
    /// public key alone compares.
    pub lines: [u8; MAC_BYTES],
    pub at_ms: u64,
}

/// What signs heads: SM2 in the national family, Ed25519 in the international one.
pub enum Signer {
    Sm2(SecretKey),
    Ed25519(Ed25519KeyPair),
    /// A key of a store, with its public half.
    Store {
        store: KeyStore,
        label: String,
        public: Vec<u8>,
    },
}

impl Head {
    /// `{"head":…,"key":"…","signature":"…"}` without a line's end.
    ///
    /// # Errors
    /// The key store does not sign, or there is no randomness.
    pub fn sign(&self, signer: &Signer) -> Result<String, StoreFault> {
        let said = self.said();
        let signature = signer.sign(&self.digest())?;
        let (key, signature) = (hex(&signer.public()), hex(&signature));
        Ok(format!(r#"{{"head":{said},"key":"{key}","signature":"{signature}"}}"#))
    }

    /// Reads a signed head. The key that signed it is given as hexadecimal digits: whose it is, the
    /// reader must know.
    ///
    /// # Errors
    /// [`BadLine`]: another form, or the signature is not over this head.
    pub fn from_text(text: &str) -> Result<(Self, String), BadLine> {
        let parse = || {
            let (said, rest) = text.strip_prefix(r#"{"head":"#)?.split_once(r#","key":""#)?;
            let (key, rest) = rest.split_once(r#"","signature":""#)?;
            let head = Self::heard(said)?;
            let signature = raw_signature(rest.strip_suffix("\"}")?)?;
            head.signed_by(key, &signature).then(|| (head, key.to_owned()))
        };
        parse().ok_or(BadLine)
    }

    /// True of a line that means to be a head.
    #[must_use]
    pub fn is_one(text: &str) -> bool {
        text.starts_with(r#"{"head":"#)
    }

    fn said(&self) -> String {
        let Self { family, epoch, from, last, mac, lines, at_ms } = self;
        let (family, mac, lines) = (family.name(), hex(mac), hex(lines));
        format!(r#"{{"family":"{family}","epoch":{epoch},"from":{from},"i":{last},"mac":"{mac}","#)
            + &format!(r#""lines":"{lines}","at_ms":{at_ms}}}"#)
    }

    fn heard(said: &str) -> Option<Self> {
        let (family, rest) = said.strip_prefix(r#"{"family":""#)?.split_once(r#"","epoch":"#)?;
        let (epoch, rest) = rest.split_once(r#","from":"#)?;
        let (from, rest) = rest.split_once(r#","i":"#)?;
        let (last, rest) = rest.split_once(r#","mac":""#)?;
        let (mac, rest) = rest.split_once(r#"","lines":""#)?;
        let (lines, at_ms) = rest.split_once(r#"","at_ms":"#)?;
        let head = Self {
            family: Family::from_name(family)?,
            epoch: epoch.parse().ok()?,
            from: from.parse().ok()?,
            last: last.parse().ok()?,
            mac: *Token::from_hex(mac)?.as_bytes(),
            lines: *Token::from_hex(lines)?.as_bytes(),
            at_ms: at_ms.strip_suffix('}')?.parse().ok()?,
        };
        (head.said() == said).then_some(head)
    }

    fn digest(&self) -> [u8; 32] {
        self.family.hash(&[b"posthouse audit head\n", self.said().as_bytes()])
    }

    fn signed_by(&self, key: &str, signature: &[u8; 64]) -> bool {
        let Some(public) = bytes(key) else { return false };
        match self.family {
            Family::National => {
                let parts = (PublicKey::from_sec1(&public), Signature::from_raw(signature));
                matches!(parts, (Ok(key), Ok(sign)) if key.verify_digest(&self.digest(), &sign))
            }
            Family::International => {
                UnparsedPublicKey::new(&ED25519, &public).verify(&self.digest(), signature).is_ok()
            }
        }
    }
}

impl Signer {
    /// The signer of a seed that a key file holds ([`crate::seal::key_file::Kind::AuditSigner`]).
    #[must_use]
    pub fn of_seed(family: Family, seed: &Secret) -> Option<Self> {
        match family {
            // About one seed in 2^32 gives no SM2 key; the next number then does.
            Family::National => (0u8..=u8::MAX).find_map(|number| {
                let secret = family.derive(seed, &[b"posthouse audit signer", &[number]]);
                SecretKey::from_bytes(&*secret).ok().map(Self::Sm2)
            }),
            Family::International => {
                let seed = family.derive(seed, &[b"posthouse audit signer", &[0]]);
                Ed25519KeyPair::from_seed_unchecked(&*seed).ok().map(Self::Ed25519)
            }
        }
    }

    /// 04 ‖ x ‖ y, or the 32 bytes of Ed25519.
    #[must_use]
    pub fn public(&self) -> Vec<u8> {
        match self {
            Self::Sm2(key) => key.public().to_sec1().to_vec(),
            Self::Ed25519(key) => key.public_key().as_ref().to_vec(),
            Self::Store { public, .. } => public.clone(),
        }
    }

    fn sign(&self, digest: &[u8; 32]) -> Result<[u8; 64], StoreFault> {
        match self {
            Self::Sm2(key) => Ok(key.sign_digest(digest)?.to_raw()),
            Self::Ed25519(key) => {
                let mut raw = [0; 64];
                raw.copy_from_slice(key.sign(digest).as_ref());
                Ok(raw)
            }
            Self::Store { store, label, .. } => store.sign(label, digest),
        }
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

fn raw_signature(text: &str) -> Option<[u8; 64]> {
    bytes(text)?.try_into().ok()
}

/// Lower-case hexadecimal digits; keys and signatures are no secrets.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let digit = |at: u8| char::from(at).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let bytes: Option<Vec<u8>> =
        pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
    bytes.filter(|bytes| hex(bytes) == text)
}
