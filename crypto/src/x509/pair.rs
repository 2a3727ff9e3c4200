//! The double certificates of TLCP (GB/T 38636 section 6.4.4): one signs, the other encrypts.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::certified::Certified;
use super::key::read_key;
use crate::certificate::{DAY_S, Flaw};
use crate::sm2::SecretKey;
use crate::tlcp::{BadIdentity, Identity};

/// A signing and an encryption certificate of the same holder.
#[derive(Clone, Debug)]
pub struct Pair {
    pub sign: Certified,
    pub encrypt: Certified,
}

/// Which of the two certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    Sign,
    Encrypt,
}

impl fmt::Display for Half {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sign => "signing certificate",
            Self::Encrypt => "encryption certificate",
        })
    }
}

/// What is wrong with a pair.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PairFlaw {
    #[error("{half}: {flaw}")]
    Half { half: Half, flaw: Flaw },
    #[error("the signing and the encryption certificate are swapped")]
    Swapped,
    #[error("the keys of the signing and the encryption certificate are swapped")]
    KeysSwapped,
    #[error("the subjects differ: «{sign}» signs, «{encrypt}» encrypts")]
    Subject { sign: String, encrypt: String },
    #[error("the issuers differ: «{sign}» for signing, «{encrypt}» for encryption")]
    Issuer { sign: String, encrypt: String },
}

impl PairFlaw {
    fn of(half: Half) -> impl FnOnce(Flaw) -> Self {
        move |flaw| Self::Half { half, flaw }
    }
}

impl Pair {
    /// Reads the two chains and keys of a server from PEM and checks what TLCP needs of a pair,
    /// dates excepted.
    ///
    /// # Errors
    /// The first flaw found.
    pub fn read(sign: (&str, &str), encrypt: (&str, &str)) -> Result<Self, PairFlaw> {
        let sign_key = read_key(sign.1, None).map_err(PairFlaw::of(Half::Sign))?;
        let encrypt_key = read_key(encrypt.1, None).map_err(PairFlaw::of(Half::Encrypt))?;
        Self::with_keys((sign.0, sign_key), (encrypt.0, encrypt_key))
    }

    /// As [`Pair::read`], with keys that were read already.
    ///
    /// # Errors
    /// The first flaw found.
    pub fn with_keys(
        sign: (&str, SecretKey),
        encrypt: (&str, SecretKey),
    ) -> Result<Self, PairFlaw> {
        let swapped = || {
            Certified::read(sign.0, encrypt.1.clone()).is_ok()
                && Certified::read(encrypt.0, sign.1.clone()).is_ok()
        };
        let signing = match Certified::read(sign.0, sign.1.clone()) {
            Err(Flaw::KeyMismatch) if swapped() => return Err(PairFlaw::KeysSwapped),
            read => read.map_err(PairFlaw::of(Half::Sign))?,
        };
        let encrypting = Certified::read(encrypt.0, encrypt.1.clone());
        let encrypting = encrypting.map_err(PairFlaw::of(Half::Encrypt))?;
        let pair = Self { sign: signing, encrypt: encrypting };
        pair.check()?;
        if pair.sign.facts().names.is_empty() {
            return Err(PairFlaw::Half { half: Half::Sign, flaw: Flaw::NoNames });
        }
        Ok(pair)
    }

    /// Both keys and chains in one text, for one file that is written at once.
    ///
    /// # Errors
    /// [`Flaw::NotMade`]: the encoder refused.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, Flaw> {
        let mut text = Zeroizing::new(String::new());
        for half in [&self.sign, &self.encrypt] {
            text.push_str(&half.key_pem()?);
            text.push_str(&half.chain_pem());
        }
        Ok(text)
    }

    /// Reads what [`Pair::to_pem`] wrote.
    ///
    /// # Errors
    /// The first flaw found.
    pub fn from_pem(text: &str) -> Result<Self, PairFlaw> {
        let second = text.rfind("-----BEGIN PRIVATE KEY-----").unwrap_or_default();
        let (sign, encrypt) = text.split_at(second);
        Self::read((sign, sign), (encrypt, encrypt))
    }

    /// Whether the two belong together and each may be used as what it is: subject, issuer, key
    /// usage.
    ///
    /// # Errors
    /// The field that is wrong.
    pub fn check(&self) -> Result<(), PairFlaw> {
        let (sign, encrypt) = (&self.sign, &self.encrypt);
        let as_is = sign.usage_for(Half::Sign).and(encrypt.usage_for(Half::Encrypt));
        let crossed = sign.usage_for(Half::Encrypt).and(encrypt.usage_for(Half::Sign));
        if as_is.is_err() && crossed.is_ok() {
            return Err(PairFlaw::Swapped);
        }
        sign.usage_for(Half::Sign).map_err(PairFlaw::of(Half::Sign))?;
        encrypt.usage_for(Half::Encrypt).map_err(PairFlaw::of(Half::Encrypt))?;
        let (one, other) = (sign.facts(), encrypt.facts());
        if one.subject != other.subject {
            let (sign, encrypt) = (one.subject.clone(), other.subject.clone());
            return Err(PairFlaw::Subject { sign, encrypt });
        }
        if one.issuer != other.issuer {
            let (sign, encrypt) = (one.issuer.clone(), other.issuer.clone());
            return Err(PairFlaw::Issuer { sign, encrypt });
        }
        Ok(())
    }

    /// What TLCP presents of it. Roots are left out: a peer that believes them has them, and some
    /// refuse a list with more than they need.
    ///
    /// # Errors
    /// The chain is longer than peers read.
    pub fn identity(&self) -> Result<Arc<Identity>, BadIdentity> {
        let half = |half: &Certified| (half.leaf().to_vec(), half.key().clone());
        let between = self.sign.between().map(<[u8]>::to_vec);
        Identity::new(half(&self.sign), half(&self.encrypt), between).map(Arc::new)
    }

    /// Whether both are valid at `now_s`, in seconds since 1970.
    ///
    /// # Errors
    /// The certificate that is not.
    pub fn valid_at(&self, now_s: u64) -> Result<(), PairFlaw> {
        self.sign.facts().valid_at(now_s).map_err(PairFlaw::of(Half::Sign))?;
        self.encrypt.facts().valid_at(now_s).map_err(PairFlaw::of(Half::Encrypt))
    }

    /// Whether either has less than a third of its life left.
    #[must_use]
    pub fn renewal_due(&self, now_s: u64) -> bool {
        self.sign.facts().renewal_due(now_s) || self.encrypt.facts().renewal_due(now_s)
    }

    /// Whether every one of `names` stands in the signing certificate.
    #[must_use]
    pub fn covers(&self, names: &[String]) -> bool {
        self.sign.facts().covers(names)
    }

    /// Days until the first of the two expires; 0 when one has.
    #[must_use]
    pub fn days_left(&self, now_s: u64) -> u64 {
        let end = self.sign.facts().not_after_s.min(self.encrypt.facts().not_after_s);
        end.saturating_sub(now_s) / DAY_S
    }
}
