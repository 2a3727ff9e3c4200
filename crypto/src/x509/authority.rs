//! The site's SM2 authority: made at first start, installed by visitors who want it, and the issuer
//! of the box's national certificates. Its key never leaves the data folder.

use rustls::pki_types::CertificateDer;
use x509_cert::der::Encode;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsages};
use zeroize::Zeroizing;

use super::certified::{Certified, sm2_key};
use super::encode::{self, ToBeSigned, not_made};
use super::key::{certificate_pem, key_pem, read_key};
use super::pair::Pair;
use super::request::{Purpose, Request};
use crate::authority::{BACKDATE_S, LEAF_S, validity};
use crate::certificate::{DAY_S, Flaw, check_name, parse, read_chain};
use crate::sm2::{PublicKey, SecretKey};

/// The authority's life. GmSSL 3.1 believes no certificate of more than 3 653 days
/// (`X509_VALIDITY_MAX_DAYS`).
const AUTHORITY_S: u64 = 3_650 * DAY_S;

/// An authority: its certificate and its SM2 key.
pub struct Authority {
    name: String,
    certificate: CertificateDer<'static>,
    /// When the certificate begins and ends, in seconds since 1970.
    life_s: (u64, u64),
    key: SecretKey,
}

impl Authority {
    /// Makes a new authority, for ten years from `now_s` (seconds since 1970). `name` is what a
    /// person sees in the list of a system's authorities.
    ///
    /// # Errors
    /// [`Flaw::NotMade`]: no randomness, or a name that cannot be encoded.
    pub fn create(name: &str, now_s: u64) -> Result<Self, Flaw> {
        Self::certified(name, SecretKey::generate().map_err(not_made)?, now_s)
    }

    /// Another certificate of the same name and key, for ten years from `now_s`. What the old one
    /// issued stands under the new one too, and the other way round.
    ///
    /// # Errors
    /// As [`Authority::create`].
    pub fn renew(&self, now_s: u64) -> Result<Self, Flaw> {
        Self::certified(&self.name, self.key.clone(), now_s)
    }

    fn certified(name: &str, key: SecretKey, now_s: u64) -> Result<Self, Flaw> {
        let life_s = validity(now_s, AUTHORITY_S - BACKDATE_S);
        let own_name = encode::common_name(name)?;
        let constraints = BasicConstraints { ca: true, path_len_constraint: Some(0) };
        let body = ToBeSigned {
            version: 2,
            serial: encode::serial()?,
            algorithm: encode::signature_algorithm(),
            issuer: own_name.clone(),
            validity: encode::validity(life_s)?,
            subject: own_name,
            public: encode::public_key_info(key.public())?,
            extensions: vec![
                encode::extension(&constraints, true)?,
                encode::key_usage(&[KeyUsages::KeyCertSign, KeyUsages::CRLSign])?,
                encode::subject_key(key.public())?,
            ],
        };
        let certificate = encode::sign(&body.to_der().map_err(not_made)?, &key)?.into();
        Ok(Self { name: name.to_owned(), certificate, life_s, key })
    }

    /// Reads what [`Authority::create`] made.
    ///
    /// # Errors
    /// A flaw of the certificate or of the key.
    pub fn read(pem: &str, key_pem: &str) -> Result<Self, Flaw> {
        let chain = read_chain(pem)?;
        let certificate = chain.into_iter().next().ok_or(Flaw::NoCertificate)?;
        let parsed = parse(1, &certificate)?;
        let key = read_key(key_pem, None)?;
        if sm2_key(&parsed)? != *key.public() {
            return Err(Flaw::KeyMismatch);
        }
        let bad = |why: String| Flaw::BadCertificate { place: 1, why };
        let told = parsed.tbs_certificate().validity();
        let [from_s, until_s] =
            [told.not_before, told.not_after].map(|time| time.to_unix_duration().as_secs());
        let name = parsed.tbs_certificate().subject().common_name();
        let name = name.map_err(|fault| bad(fault.to_string()))?;
        let name = name.ok_or_else(|| bad("it has no common name".to_owned()))?;
        let name = name.value().into_owned();
        Ok(Self { name, certificate, life_s: (from_s, until_s), key })
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    #[must_use]
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The certificate as PEM: what visitors download.
    #[must_use]
    pub fn certificate_pem(&self) -> String {
        certificate_pem(&self.certificate)
    }

    /// The private key as PEM: to be written with mode 0600 and nowhere else.
    ///
    /// # Errors
    /// [`Flaw::NotMade`]: the encoder refused.
    pub fn key_pem(&self) -> Result<Zeroizing<String>, Flaw> {
        key_pem(&self.key)
    }

    /// Issues the double certificates of a server for `names` (host names and addresses), with new
    /// keys. The signing one serves TLS 1.3 too. `now_s` is in seconds since 1970.
    ///
    /// # Errors
    /// [`Flaw::NoNames`] without a name, [`Flaw::NotMade`] for a name that cannot be encoded.
    pub fn issue(&self, names: &[String], now_s: u64) -> Result<Pair, Flaw> {
        let first = names.first().ok_or(Flaw::NoNames)?;
        self.pair(first, names, true, now_s)
    }

    /// Issues the double certificates of a person, called `name`, who signs in with them.
    ///
    /// # Errors
    /// [`Flaw::Name`] for a name that does not fit whole, [`Flaw::NotMade`].
    pub fn issue_client(&self, name: &str, now_s: u64) -> Result<Pair, Flaw> {
        check_name(name)?;
        self.pair(name, &[], false, now_s)
    }

    fn pair(
        &self,
        subject: &str,
        names: &[String],
        server: bool,
        now_s: u64,
    ) -> Result<Pair, Flaw> {
        let one = |purpose| {
            let key = SecretKey::generate().map_err(not_made)?;
            let leaf = Leaf { subject, names, server, purpose, public: key.public() };
            let chain = vec![self.certify(&leaf, now_s)?, self.certificate.clone()];
            Certified::new(chain, key)
        };
        let (sign, encrypt) = (one(Purpose::Sign)?, one(Purpose::Encrypt)?);
        Ok(Pair { sign, encrypt })
    }

    /// Issues a certificate to a person, called `name`, whose key stays where the request was made:
    /// chain, leaf first. It is for signing unless the request says otherwise; what else the
    /// request asks for does not count.
    ///
    /// # Errors
    /// [`Flaw::Name`] for a name that does not fit whole, [`Flaw::NotMade`].
    pub fn issue_requested(
        &self,
        name: &str,
        request: &Request,
        now_s: u64,
    ) -> Result<Vec<CertificateDer<'static>>, Flaw> {
        check_name(name)?;
        let (purpose, public) = (request.purpose.unwrap_or(Purpose::Sign), &request.public);
        let leaf = Leaf { subject: name, names: &[], server: false, purpose, public };
        Ok(vec![self.certify(&leaf, now_s)?, self.certificate.clone()])
    }

    fn certify(&self, leaf: &Leaf<'_>, now_s: u64) -> Result<CertificateDer<'static>, Flaw> {
        let (from_s, until_s) = validity(now_s, LEAF_S);
        // Nobody outlives the authority; one that has ended issues what has ended, too, and the
        // site still starts.
        let until_s = until_s.min(self.life_s.1);
        let from_s = from_s.max(self.life_s.0).min(until_s.saturating_sub(DAY_S));
        let mut extensions = vec![
            encode::key_usage(leaf.purpose.usages())?,
            encode::extended_key_usage(leaf.server)?,
            encode::subject_key(leaf.public)?,
            encode::authority_key(self.key.public())?,
        ];
        if !leaf.names.is_empty() {
            extensions.push(encode::alternative_names(leaf.names)?);
        }
        let body = ToBeSigned {
            version: 2,
            serial: encode::serial()?,
            algorithm: encode::signature_algorithm(),
            issuer: encode::common_name(&self.name)?,
            validity: encode::validity((from_s, until_s))?,
            subject: encode::common_name(leaf.subject)?,
            public: encode::public_key_info(leaf.public)?,
            extensions,
        };
        let body = body.to_der().map_err(not_made)?;
        Ok(encode::sign(&body, &self.key)?.into())
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A certificate to be: without basic constraints, as GB/T 20518 wants leaves.
struct Leaf<'a> {
    subject: &'a str,
    names: &'a [String],
    server: bool,
    purpose: Purpose,
    public: &'a PublicKey,
}
