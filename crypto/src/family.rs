//! The two families of algorithms, where one function serves both: SM3 and SM4 in the national
//! one, SHA-256 and AES-256 in the international one.

use std::num::NonZeroU32;

use ring::{digest, hkdf, hmac, pbkdf2};
use zeroize::Zeroizing;

use crate::sm3;

/// A secret of 256 bits that wipes itself.
pub type Secret = Zeroizing<[u8; 32]>;

/// Which algorithms a site uses at rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// SM4-GCM, SM3, SM2.
    National,
    /// AES-256-GCM, SHA-256, Ed25519.
    International,
}

impl Family {
    /// The byte that stands for it in files.
    #[must_use]
    pub fn byte(self) -> u8 {
        match self {
            Self::National => 1,
            Self::International => 2,
        }
    }

    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::National),
            2 => Some(Self::International),
            _ => None,
        }
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::National => "national",
            Self::International => "international",
        }
    }

    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::National, Self::International].into_iter().find(|family| family.name() == name)
    }

    /// SM3 or SHA-256 of the parts, one after the other.
    #[must_use]
    pub fn hash(self, parts: &[&[u8]]) -> [u8; 32] {
        match self {
            Self::National => sm3::sm3(parts),
            Self::International => {
                let mut hash = digest::Context::new(&digest::SHA256);
                parts.iter().for_each(|part| hash.update(part));
                first_32(hash.finish().as_ref())
            }
        }
    }

    /// HMAC-SM3 or HMAC-SHA-256 (RFC 2104) of the parts, one after the other.
    #[must_use]
    pub fn hmac(self, key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
        match self {
            Self::National => sm3::hmac(key, parts),
            Self::International => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, key);
                let mut mac = hmac::Context::with_key(&key);
                parts.iter().for_each(|part| mac.update(part));
                first_32(mac.sign().as_ref())
            }
        }
    }

    /// A key of 32 bytes below another: HKDF-Expand (RFC 5869, 2.3) with `info`, parts one after
    /// the other, for keys that are uniform already and need no extraction.
    #[must_use]
    pub fn derive(self, key: &[u8; 32], info: &[&[u8]]) -> Secret {
        let mut out = Secret::default();
        match self {
            Self::National => sm3::hkdf_expand(key, info, &mut *out),
            Self::International => {
                let prk = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, key);
                let filled =
                    prk.expand(info, hkdf::HKDF_SHA256).and_then(|okm| okm.fill(&mut *out));
                assert!(filled.is_ok(), "one hash is never too long for HKDF");
            }
        }
        out
    }

    /// PBKDF2 (RFC 8018, 5.2) with HMAC-SM3 or HMAC-SHA-256.
    #[must_use]
    pub fn stretch(self, passphrase: &[u8], salt: &[u8], rounds: NonZeroU32) -> Secret {
        let mut out = Secret::default();
        match self {
            Self::National => sm3::pbkdf2(passphrase, salt, rounds.get(), &mut *out),
            Self::International => {
                pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, salt, passphrase, &mut *out);
            }
        }
        out
    }
}

/// Both hashes are 32 bytes long.
fn first_32(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(bytes);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::hex;

    #[test]
    fn the_international_functions_give_the_published_values() {
        let family = Family::International;
        // RFC 4231, test case 2.
        let mac = family.hmac(b"Jefe", &[b"what do ya want ", b"for nothing?"]);
        assert!(hex(&mac).starts_with("5bdcc146bf60754e6a042426089575c7"));
        // RFC 5869, A.1: the first hash of the output.
        let prk = "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5";
        let prk = *crate::token::Token::from_hex(prk).unwrap().as_bytes();
        let info: Vec<u8> = (0xf0..=0xf9).collect();
        let okm = family.derive(&prk, &[&info[..4], &info[4..]]);
        assert!(hex(&*okm).starts_with("3cb25f25faacd57a90434f64d0362f2a"));
        // RFC 7914, 11: PBKDF2-HMAC-SHA-256 of "passwd", "salt", one round.
        let key = family.stretch(b"passwd", b"salt", NonZeroU32::MIN);
        assert!(hex(&*key).starts_with("55ac046e56e3089fec1691c22544b605"));
    }

    #[test]
    fn the_families_agree_in_nothing() {
        let rounds = NonZeroU32::MIN;
        let [n, i] = [Family::National, Family::International];
        assert_ne!(n.hash(&[b"a"]), i.hash(&[b"a"]));
        assert_ne!(n.hmac(b"k", &[b"a"]), i.hmac(b"k", &[b"a"]));
        assert_ne!(n.derive(&[1; 32], &[b"a"]), i.derive(&[1; 32], &[b"a"]));
        assert_ne!(n.stretch(b"p", b"s", rounds), i.stretch(b"p", b"s", rounds));
        for family in [n, i] {
            assert_eq!(Family::from_byte(family.byte()), Some(family));
            assert_eq!(Family::from_name(family.name()), Some(family));
        }
        assert_eq!(Family::from_byte(0), None);
    }
}
